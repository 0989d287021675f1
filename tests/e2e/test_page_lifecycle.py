"""Reloads, closed tabs, two tabs, other rooms, outages: no sample is lost or stored twice."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

from tests.e2e.conftest import load_script
from tests.e2e.proxy import Plan, Proxy
from tests.e2e.truth import assert_sample_for_sample
from tests.support.page_time import ANSWERED, pass_time
from tests.support.recordings import stats_of
from tests.support.servers import Serve
from tests.support.waiting import wait_until

_RECORDS = stats_of("bridge + simulcast + e2eping", "A")
_ME = _RECORDS[0]["me"]
_QUEUES_ARE_EMPTY = "!Object.keys(localStorage).some(key => key.startsWith('jmmc_queue_'))"

MakeProxy = Callable[[Plan], Proxy]
Visit = Callable[..., Page]


class Switch:
    """A plan of a connection that can be cut and restored."""

    def __init__(self) -> None:
        self.up = True

    def __call__(self, _: int) -> str:
        return "pass" if self.up else "refuse"


def _join(page: Page, conf: str, port: int) -> None:
    page.evaluate("([conf, me]) => void jitsi.join(conf, me)", [conf, _ME])
    load_script(page, port)


def _play(page: Page, records: list[dict[str, Any]]) -> None:
    page.evaluate("records => jitsi.play(records, 1050)", records)


def _wait_until_stored(page: Page) -> None:
    page.wait_for_function(_QUEUES_ARE_EMPTY, timeout=30_000)


def _sessions(serve: Serve, count: int) -> list[dict[str, Any]]:
    def find_sessions() -> list[dict[str, Any]] | None:
        sessions = serve.export()
        return sessions if len(sessions) >= count else None

    sessions: list[dict[str, Any]] = wait_until(find_sessions, pause=0.2)
    assert len(sessions) == count, sessions
    return sessions


def test_a_closed_tab_sends_its_last_sample_and_all_unconfirmed_ones(
    serve: Serve, make_proxy: MakeProxy, visit: Visit
) -> None:
    page = visit()
    _join(page, "closing", make_proxy(lambda _: "pass").port)
    _play(page, _RECORDS[:4])
    emitted = page.evaluate("jitsi.emitted")
    page.close()

    def find_ended() -> dict[str, Any] | None:
        (session,) = _sessions(serve, 1)
        return session if session["m"][-1].get("bye") else None

    session = wait_until(find_ended)
    assert session["m"][-1]["bye"] is True
    assert_sample_for_sample(session, emitted)


def test_samples_unsent_at_a_reload_are_delivered_by_the_next_page_with_their_own_time(
    serve: Serve, make_proxy: MakeProxy, visit: Visit
) -> None:
    switch = Switch()
    proxy = make_proxy(switch)
    page = visit()
    _join(page, "before", proxy.port)
    _play(page, _RECORDS[:2])
    switch.up = False
    _play(page, _RECORDS[2:6])
    emitted = page.evaluate("jitsi.emitted")
    page.reload()
    switch.up = True
    _join(page, "after", proxy.port)
    page.wait_for_function("Object.keys(localStorage).length <= 2")
    _play(page, _RECORDS[:2])
    _wait_until_stored(page)

    before, after = _sessions(serve, 2)
    assert (before["conf"], after["conf"]) == ("before", "after")
    assert before["m"][-1]["bye"] is True
    assert_sample_for_sample(before, emitted)
    assert before["uid"] == after["uid"], "the browser is the same"


def test_samples_of_a_tab_closed_during_an_outage_arrive_at_the_next_visit(
    serve: Serve, make_proxy: MakeProxy, visit: Visit
) -> None:
    switch = Switch()
    switch.up = False
    proxy = make_proxy(switch)
    page = visit()
    _join(page, "lost", proxy.port)
    _play(page, _RECORDS[:3])
    emitted = page.evaluate("jitsi.emitted")
    other = visit(beside=page)
    page.close()
    switch.up = True
    load_script(other, proxy.port)
    _wait_until_stored(other)

    (session,) = _sessions(serve, 1)
    assert_sample_for_sample(session, emitted)


def test_two_tabs_in_two_rooms_are_two_sessions(
    serve: Serve, make_proxy: MakeProxy, visit: Visit
) -> None:
    proxy = make_proxy(lambda n: "refuse" if n in (3, 4) else "pass")
    first = visit()
    second = visit(beside=first)
    _join(first, "one", proxy.port)
    _join(second, "two", proxy.port)
    for page, records in ((first, _RECORDS[:4]), (second, _RECORDS[4:8])):
        page.evaluate("records => void jitsi.play(records, 1050)", records)
    for page in (first, second):
        page.wait_for_function("jitsi.done")
    _wait_until_stored(second)

    sessions = {session["conf"]: session for session in _sessions(serve, 2)}
    assert_sample_for_sample(sessions["one"], first.evaluate("jitsi.emitted"))
    assert_sample_for_sample(sessions["two"], second.evaluate("jitsi.emitted"))


def test_each_stay_in_a_room_is_a_session_of_its_own(
    serve: Serve, make_proxy: MakeProxy, visit: Visit
) -> None:
    """A rejoin, a breakout room (its name is a String object), a room replaced without an event."""
    page = visit()
    _join(page, "main", make_proxy(lambda _: "pass").port)
    _play(page, _RECORDS[3:5])
    page.evaluate("jitsi.leave()")
    page.evaluate("me => void jitsi.join(new String('breakout'), me)", _ME)
    page.wait_for_timeout(1100)
    _play(page, _RECORDS[5:7])
    page.evaluate("me => void jitsi.join('main', me)", _ME)  # Without an event.
    page.wait_for_timeout(1100)
    _play(page, _RECORDS[7:9])
    page.evaluate("jitsi.leave()")
    _wait_until_stored(page)

    sessions = _sessions(serve, 3)
    assert [session["conf"] for session in sessions] == ["main", "breakout", "main"]
    emitted = page.evaluate("jitsi.emitted")
    for number, session in enumerate(sessions):
        assert session["m"][-1]["bye"] is True
        assert_sample_for_sample(session, emitted[2 * number : 2 * number + 2])


def test_nothing_is_collected_before_the_participant_is_admitted(
    serve: Serve, make_proxy: MakeProxy, visit: Visit
) -> None:
    """In the lobby the room exists and is not joined."""
    page = visit()
    page.evaluate("me => void jitsi.join('lobby', me, false)", _ME)
    proxy = make_proxy(lambda _: "pass")
    load_script(page, proxy.port)
    page.wait_for_timeout(2500)
    assert proxy.log == []

    page.evaluate("APP.conference._room.joined = true")
    page.wait_for_function("Object.keys(localStorage).length >= 1")
    _sessions(serve, 1)


def test_a_restarted_or_killed_server_loses_no_sample(
    serve: Serve, make_proxy: MakeProxy, visit: Visit
) -> None:
    page = visit()
    _join(page, "restarts", make_proxy(lambda _: "pass").port)
    page.evaluate("records => void jitsi.play(records, 1050)", _RECORDS[:9])
    page.wait_for_function("jitsi.emitted.length >= 3")
    assert serve.stop() == 0
    serve.start()
    page.wait_for_function("jitsi.emitted.length >= 6")
    serve.stop(9)
    serve.start()
    page.wait_for_function("jitsi.done")
    _wait_until_stored(page)

    (session,) = _sessions(serve, 1)
    assert_sample_for_sample(session, page.evaluate("jitsi.emitted"))


def test_a_server_that_lost_its_store_asks_for_a_full_sample(
    serve: Serve, make_proxy: MakeProxy, visit: Visit
) -> None:
    page = visit()
    _join(page, "forgotten", make_proxy(lambda _: "pass").port)
    _play(page, _RECORDS[:3])
    _wait_until_stored(page)
    serve.stop()
    serve.store = serve.store.replace("calls.db", "empty.db")
    serve.start()
    _play(page, _RECORDS[3:6])
    _wait_until_stored(page)

    (session,) = _sessions(serve, 1)
    full = [sample for sample in session["m"] if sample.get("full")]
    assert full, session
    assert full[0]["pid"] == _ME
    assert full[0]["d"]["ab"] is not None


def test_ten_minutes_without_a_server_lose_nothing(tmp_path: Path, visit: Visit) -> None:
    """The page's clock is sped up; the ages in a push keep the time between samples."""
    serve = Serve(tmp_path, "--push-interval", "10", "--sample-interval", "10", "--ip", "full")
    switch = Switch()
    proxy = Proxy(serve.port, switch)
    try:
        page = visit()
        page.clock.install()
        page.evaluate(ANSWERED)
        _join(page, "outage", proxy.port)
        pass_time(page, 1000)
        page.wait_for_function(_QUEUES_ARE_EMPTY)
        switch.up = False
        for number in range(60):
            page.evaluate("record => jitsi.emitStats(record)", _RECORDS[number % len(_RECORDS)])
            pass_time(page, 10_000)
        emitted = page.evaluate("jitsi.emitted")
        assert emitted[-1]["wall"] - emitted[0]["wall"] >= 590
        switch.up = True

        def is_confirmed() -> bool:
            if page.evaluate(_QUEUES_ARE_EMPTY):
                return True
            pass_time(page, 5000)
            return False

        wait_until(is_confirmed, pause=0)
        (session,) = _sessions(serve, 1)
    finally:
        proxy.close()
        serve.close()

    assert_sample_for_sample(session, emitted, sped_up=True)
