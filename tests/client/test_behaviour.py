"""How the script behaves: intervals, retries, bounds, and no error in the page."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from jmmc.core.version import __version__
from tests.client.conftest import Answer, MakeStage, Stage
from tests.support.recordings import stats_of

_RECORDS = stats_of("bridge + simulcast + e2eping", "A")
_ME = _RECORDS[0]["me"]
_QUEUED = "Object.keys(localStorage).filter(key => key.startsWith('jmmc_queue_')).length"


def _readings(stage: Stage) -> list[dict[str, Any]]:
    return [sample["m"] for sample in stage.samples]


def _numbers(pushes: list[dict[str, Any]]) -> list[list[int]]:
    return [[item["seq"] for item in push["samples"]] for push in pushes]


def test_joining_is_pushed_immediately_and_the_first_readings_with_the_first_event(
    make_stage: MakeStage,
) -> None:
    stage = make_stage()
    stage.join("r%c3%a9union%20a", _ME)
    stage.wait_for(1)
    push = stage.pushes[0]
    assert (push["v"], push["conf"]) == (2, "r%c3%a9union%20a")
    assert len(push["sid"]) == 32
    first = push["samples"][0]
    assert (first["seq"], first["m"]["pid"], first["m"]["n"]) == (0, _ME, 2)
    assert first["m"]["vis"] is True
    assert first["m"]["mid"]

    assert push["js"] == __version__

    stage.emit(_RECORDS[3])
    stage.wait_for(2)
    assert stage.samples[1]["seq"] == 1
    assert "js" not in stage.pushes[1]
    assert "cq" in stage.samples[1]["m"]


def test_a_sample_is_the_mean_of_its_interval(make_stage: MakeStage) -> None:
    stage = make_stage(clock=True, sample_interval=30)
    stage.join(me=_ME)
    stage.pass_time(1000)  # So that Jitsi's ticks and the script's push intervals do not coincide.
    record = _RECORDS[3]
    for quality in (10, 20, 31, 41):
        payload = {**record["payload"], "connectionQuality": quality}
        payload["packetLoss"] = {"download": quality / 10}
        payload["bandwidth"] = {"upload": 100 * quality}
        stage.emit({**record, "payload": payload})
        stage.pass_time(10_000)
    stage.pass_time(30_000)
    stage.wait_until(lambda: sum("cq" in m for m in _readings(stage)) >= 2)
    means = [m for m in _readings(stage) if "cq" in m]
    assert [m["cq"] for m in means[:2]] == [10, 31]
    assert [m["d"]["pl"] for m in means[:2]] == [1, 3.07], "percentages have two decimals"
    assert [m["u"]["bw"] for m in means[:2]] == [1000, 3070], "3,067: three significant digits"


def test_only_changes_are_sent_and_an_empty_sample_is_the_heartbeat(make_stage: MakeStage) -> None:
    stage = make_stage(clock=True, sample_interval=10, push_interval=10)
    stage.join(me=_ME)
    for _ in range(4):
        stage.emit(_RECORDS[3])
        stage.pass_time(10_000)
    stage.wait_for(5)
    assert [sample["m"] for sample in stage.samples[2:5]] == [{}, {}, {}]


def test_a_tick_that_waits_for_its_probe_is_sent_when_the_participant_leaves(
    make_stage: MakeStage,
) -> None:
    stage = make_stage()
    stage.join(me=_ME)
    stage.wait_for(1)
    stage.page.evaluate("APP.conference._room.pc = {getStats: () => new Promise(() => {})}")
    stage.emit(_RECORDS[3])
    stage.page.evaluate("jitsi.leave()")
    stage.wait_until(lambda: any(sample.get("bye") for sample in stage.samples))
    assert any("cq" in m for m in _readings(stage))


def test_alone_in_a_room_the_readings_end_and_the_session_continues(
    make_stage: MakeStage,
) -> None:
    """Jitsi raises no event then."""
    stage = make_stage(clock=True)
    stage.join(me=_ME)
    stage.emit(_RECORDS[3])
    stage.pass_time(150_000)
    stage.wait_until(lambda: stage.samples[-1]["m"] == {})
    ended = [sample["m"] for sample in stage.samples if sample["m"].get("cq", 0) is None]
    assert ended
    assert ended[0]["u"]["bw"] is None


def test_the_readings_after_an_interruption_are_null(make_stage: MakeStage) -> None:
    stage = make_stage(clock=True, sample_interval=10, push_interval=10)
    stage.join(me=_ME)
    stage.emit(_RECORDS[3])
    stage.pass_time(5000)
    stage.raise_event("conference.connectionInterrupted")
    stage.pass_time(1000)
    payload = {**_RECORDS[3]["payload"], "connectionQuality": 0, "transport": []}
    nothing = {"upload": 0, "download": 0}
    payload["bitrate"] = {**nothing, "audio": nothing, "video": nothing}
    stage.emit({**_RECORDS[3], "payload": payload})
    stage.pass_time(10_000)
    stage.raise_event("conference.connectionRestored")
    stage.emit(_RECORDS[4])
    stage.pass_time(11_000)
    stage.wait_until(lambda: any("restored" in m.get("ev", []) for m in _readings(stage)))
    cut = next(
        sample["seq"] for sample in stage.samples if "interrupted" in sample["m"].get("ev", [])
    )
    assert "rtt" not in stage.samples[cut]["m"], "it describes the time before"
    after = stage.samples[cut + 1]["m"]
    assert (after["d"]["pl"], after["rtt"], after["cq"]) == (None, None, None)
    assert "sr" not in after.get("t", {}), "the region is known without a connection"


def test_a_quality_of_zero_is_a_value(make_stage: MakeStage) -> None:
    stage = make_stage()
    stage.join(me=_ME)
    stage.emit({**_RECORDS[3], "payload": {**_RECORDS[3]["payload"], "connectionQuality": 0}})
    stage.wait_for(2)
    assert stage.samples[1]["m"]["cq"] == 0


def test_events_that_come_together_are_in_one_sample(make_stage: MakeStage) -> None:
    stage = make_stage(clock=True, push_interval=1)
    stage.join(me=_ME)
    stage.page.evaluate(
        """() => {
          const room = APP.conference._room;
          for (const kind of ["audio", "video"]) {
            const track = { isLocal: () => true, isMuted: () => true, getType: () => kind,
              getVideoType: () => undefined };
            room.emit("conference.trackMuteChanged", track);
          }
          room.emit("conference.p2pStatus", null, true);
        }"""
    )
    stage.pass_time(3000)
    stage.wait_for(2)
    events = [sample["m"]["ev"] for sample in stage.samples if "ev" in sample["m"]]
    assert [[name for name, age in sample] for sample in events] == [
        ["muted_audio", "muted_video", "p2p"]
    ]
    assert all(0 < age <= 1 for name, age in events[0])


def test_a_full_sample_is_sent_every_ten_minutes(make_stage: MakeStage) -> None:
    stage = make_stage(clock=True, push_interval=60, sample_interval=60)
    stage.join(me=_ME)
    for _ in range(66):
        stage.emit(_RECORDS[3])
        stage.pass_time(10_000)
    stage.wait_for(9)
    full = [sample for sample in stage.samples if sample.get("full")]
    assert len(full) == 1
    assert full[0]["m"]["pid"] == _ME
    assert full[0]["m"]["u"]["vb"] is not None


def test_a_resync_is_answered_with_a_full_sample_immediately(make_stage: MakeStage) -> None:
    stage = make_stage(clock=True)
    stage.reply = lambda push: (200, {}, {"ack": push["samples"][-1]["seq"], "resync": True})
    stage.join(me=_ME)
    stage.wait_for(1)
    stage.reply = Stage.confirm
    stage.wait_for(2)
    assert stage.pushes[1]["samples"][0]["full"] is True
    assert stage.pushes[1]["samples"][0]["m"]["pid"] == _ME


# The response to the second push, and whether its sample is sent again.
RETRIES: dict[str, tuple[Answer, bool]] = {
    "200": ((200, {}, {"ack": 1}), False),
    "200 that cannot be read": ((200, {}, "<html>"), True),
    "200 without a confirmation": ((200, {}, {}), True),
    "400": ((400, {}, {"error": "malformed"}), False),
    "404": ((404, {}, {}), True),
    "413 for a single sample": ((413, {}, {"error": "too_large"}), False),
    "429": ((429, {"Retry-After": "2"}, {"error": "throttled"}), True),
    "500": ((500, {}, {}), True),
    "503": ((503, {"Retry-After": "2"}, {"error": "busy"}), True),
    "503 with a date": ((503, {"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}, {}), True),
    "503 with nonsense": ((503, {"Retry-After": "soon"}, {}), True),
    "no answer": (None, True),
}


@pytest.mark.parametrize("row", RETRIES)
def test_which_responses_are_retried(make_stage: MakeStage, row: str) -> None:
    answer, is_retried = RETRIES[row]
    stage = make_stage(clock=True)
    stage.join(me=_ME)
    stage.wait_for(1)
    stage.reply = lambda push: answer
    stage.emit(_RECORDS[3])
    stage.wait_for(2)
    stage.answered()
    stage.reply = Stage.confirm
    stage.pass_time(20_000)
    resent = [number for numbers in _numbers(stage.pushes[2:]) for number in numbers]
    assert (1 in resent) == is_retried
    assert stage.page.evaluate(_QUEUED) == 0


def test_a_refused_sample_is_followed_by_a_full_sample(make_stage: MakeStage) -> None:
    stage = make_stage(clock=True)
    stage.join(me=_ME)
    stage.wait_for(1)
    stage.reply = lambda push: (400, {}, {"error": "malformed"})
    stage.emit(_RECORDS[3])
    stage.wait_for(2)
    stage.answered()
    stage.reply = Stage.confirm
    stage.pass_time(31_000)
    stage.wait_for(3)
    assert stage.pushes[2]["samples"][0]["full"] is True


_FULL: Answer = (400, {}, {"error": "session_full", "detail": "seq 3, allowed below 3"})


def _full_from(most: int, sid: str) -> Callable[[dict[str, Any]], Answer]:
    """What a collector answers whose session `sid` may have `most` samples."""

    def reply(push: dict[str, Any]) -> Answer:
        is_full = push["sid"] == sid and push["samples"][-1]["seq"] >= most
        return _FULL if is_full else Stage.confirm(push)

    return reply


def test_a_session_that_is_full_is_continued_by_a_new_session(make_stage: MakeStage) -> None:
    stage = make_stage(clock=True)
    stage.join(me=_ME)
    stage.wait_for(1)
    sid = stage.pushes[0]["sid"]
    stage.reply = _full_from(2, sid)
    stage.emit(_RECORDS[3])
    stage.wait_for(2)
    stage.pass_time(31_000)
    new = [push for push in stage.pushes if push["sid"] != sid]
    assert len({push["sid"] for push in new}) == 1
    first = new[0]["samples"][0]
    assert (first["seq"], first["m"]["pid"], first["m"]["n"]) == (0, _ME, 2)
    assert (new[0]["uid"], new[0]["conf"]) == (stage.pushes[0]["uid"], "room")
    refused = len(stage.pushes)
    stage.emit(_RECORDS[4])
    stage.pass_time(40_000)
    later = stage.pushes[refused:]
    assert {push["sid"] for push in later} == {new[0]["sid"]}, "nothing more of the full one"
    numbers = [number for numbers in _numbers([*new, *later]) for number in numbers]
    assert sorted(set(numbers)) == list(range(max(numbers) + 1))
    qualities = [sample["m"].get("cq") for push in later for sample in push["samples"]]
    assert sum(quality is not None for quality in qualities) == 1
    assert stage.page.evaluate(_QUEUED) == 0
    assert stage.logged == []


def test_what_a_session_may_still_have_is_stored_before_the_new_one_begins(
    make_stage: MakeStage,
) -> None:
    stage = make_stage(clock=True)
    stage.join(me=_ME)
    stage.wait_for(1)
    sid = stage.pushes[0]["sid"]
    stage.reply = lambda push: None
    for record in _RECORDS[3:8]:
        stage.emit(record)
        stage.pass_time(30_000)
    confirmed: set[int] = set()
    collector = _full_from(4, sid)

    def reply(push: dict[str, Any]) -> Answer:
        answer = collector(push)
        if push["sid"] == sid and answer is not None and answer[0] == 200:
            confirmed.update(sample["seq"] for sample in push["samples"])
        return answer

    stage.reply = reply
    stage.pass_time(120_000)
    assert confirmed == {1, 2, 3}
    assert len({push["sid"] for push in stage.pushes}) == 2
    assert stage.pushes[-1]["sid"] != sid
    assert stage.page.evaluate(_QUEUED) == 0


def test_a_collector_that_refuses_every_session_as_full_gets_few_pushes(
    make_stage: MakeStage,
) -> None:
    stage = make_stage(clock=True)
    stage.reply = lambda push: _FULL
    stage.join(me=_ME)
    stage.pass_time(300_000)
    assert 2 <= len(stage.pushes) <= 22


def test_a_push_that_gets_413_is_halved(make_stage: MakeStage) -> None:
    stage = make_stage(clock=True, push_interval=1)
    stage.reply = lambda push: (503, {"Retry-After": "9"}, {})
    stage.join(me=_ME)
    stage.wait_for(1)
    stage.pass_time(8500)
    stage.reply = lambda push: (413, {}, {}) if len(push["samples"]) > 2 else Stage.confirm(push)
    stage.pass_time(13_000)
    sizes = [len(push["samples"]) for push in stage.pushes[1:]]
    assert sizes[0] > 2
    assert set(sizes[-3:]) <= {1, 2}
    small = [numbers for numbers in _numbers(stage.pushes) if len(numbers) <= 2]
    accepted = [number for numbers in small for number in numbers]
    assert list(dict.fromkeys(accepted)) == sorted(set(accepted))


def test_retry_after_is_respected_and_the_online_event_ends_the_wait(
    make_stage: MakeStage,
) -> None:
    stage = make_stage(clock=True)
    stage.reply = lambda push: (503, {"Retry-After": "60"}, {})
    stage.join(me=_ME)
    stage.wait_for(1)
    stage.pass_time(55_000)
    assert len(stage.pushes) == 1
    stage.reply = Stage.confirm
    stage.page.evaluate("window.dispatchEvent(new Event('online'))")
    stage.wait_for(2)


def test_a_request_without_a_response_times_out_and_is_retried(make_stage: MakeStage) -> None:
    stage = make_stage(clock=True)
    stage.page.evaluate(
        """() => {
          const real = window.fetch;
          window.fetch = (url, options) => {
            window.fetch = real;
            return new Promise((_, fail) => options.signal.addEventListener("abort", fail));
          };
        }"""
    )
    stage.join(me=_ME)
    stage.pass_time(18_000)
    stage.wait_for(1)
    assert _numbers(stage.pushes)[0][0] == 0


def test_the_server_may_change_the_push_interval(make_stage: MakeStage) -> None:
    stage = make_stage(clock=True, push_interval=30)
    stage.reply = lambda push: (200, {}, {"ack": push["samples"][-1]["seq"], "interval": 120})
    stage.join(me=_ME)
    stage.wait_for(1)
    stage.pass_time(115_000)
    assert len(stage.pushes) == 1
    stage.pass_time(6000)
    stage.wait_for(2)


def test_ages_include_the_time_that_a_sample_waited(make_stage: MakeStage) -> None:
    stage = make_stage(clock=True)
    stage.reply = lambda push: None
    stage.join(me=_ME)
    stage.wait_for(1)
    stage.pass_time(400_000)  # The longest back-off is five minutes.
    assert len(stage.pushes) > 1
    assert stage.pushes[-1]["samples"][0]["age"] > 60


def test_the_servers_clock_is_estimated_and_sent_with_each_push(make_stage: MakeStage) -> None:
    stage = make_stage(push_interval=1)
    stage.reply = lambda push: (200, {}, {"ack": push["samples"][-1]["seq"], "now": 5_000.0})
    stage.join(me=_ME)
    stage.wait_for(2)
    assert "now" not in stage.pushes[0]
    assert 5000 <= stage.pushes[1]["now"] < 5005


def test_an_outage_of_days_keeps_a_bounded_queue(make_stage: MakeStage) -> None:
    stage = make_stage(clock=True, push_interval=3600, sample_interval=10)
    stage.reply = lambda push: (503, {"Retry-After": "300"}, {})
    stage.join(me=_ME)
    stage.wait_for(1)
    stage.page.evaluate(
        """record => {
          for (let number = 0; number < 1500; number++) {
            record.payload.connectionQuality = number % 100;
            record.payload.bandwidth = { upload: number, download: number };
            jitsi.emitStats(record);
          }
        }""",
        {**_RECORDS[3], "undefined": []},
    )
    assert stage.page.evaluate("JSON.stringify(localStorage).length") < 400_000
    stage.pass_time(30_000)
    assert stage.logged == []


def test_a_full_queue_drops_its_oldest_samples_and_then_sends_a_full_one(
    make_stage: MakeStage,
) -> None:
    stage = make_stage(clock=True, push_interval=1, sample_interval=10)
    stage.reply = lambda push: (503, {"Retry-After": "300"}, {})
    stage.join(me=_ME)
    stage.wait_for(1)
    long = "x" * 15
    stage.page.evaluate(
        """name => {
          let number = 0;
          setInterval(() => {
            const room = APP.conference._room;
            for (let event = 0; event < 15; event++) {
              const track = { isLocal: () => true, isMuted: () => true, getType: () => name,
                getVideoType: () => undefined };
              room.emit("conference.trackMuteChanged", track);
            }
            room.participants = 2 + (number++ % 7);
          }, 1000);
        }""",
        long,
    )
    stage.pass_time(900 * 1000)
    queued = stage.page.evaluate(
        "JSON.parse(Object.entries(localStorage).find(([key]) => key.startsWith('jmmc_queue_'))[1])"
    )["samples"]
    assert len(json.dumps(queued)) < 260_000
    assert queued[0]["seq"] > 0, "the oldest are gone"
    assert queued[-1]["seq"] - queued[0]["seq"] == len(queued) - 1
    assert any(item.get("full") for item in queued)


def test_stored_queues_that_are_old_or_unreadable_are_deleted(make_stage: MakeStage) -> None:
    stage = make_stage()
    sample = "{seq: 0, wall: Date.now() - %d, m: {cq: 1}}"
    stage.page.evaluate(
        "() => {"
        " const put = (sid, samples) => localStorage.setItem('jmmc_queue_' + sid,"
        "   JSON.stringify({uid: 'u', conf: 'c', samples}));"
        f" put('old', [{sample % (25 * 3600 * 1000)}]);"
        f" put('new', [{sample % 1000}]);"
        " localStorage.setItem('jmmc_queue_bad', '{');"
        " localStorage.setItem('another', 'kept'); }"
    )
    stage.load()
    stage.wait_for(1)
    stage.answered()
    assert [push["sid"] for push in stage.pushes] == ["new"]
    assert 0.9 <= stage.pushes[0]["samples"][0]["age"] < 5
    assert stage.page.evaluate("Object.keys(localStorage).sort()") == ["another"]


def test_an_adopted_queue_is_kept_when_its_own_page_has_added_to_it(make_stage: MakeStage) -> None:
    stage = make_stage()
    put = "localStorage.setItem('jmmc_queue_live', JSON.stringify({uid: 'u', conf: 'c', samples: "
    sample = "{seq: 0, wall: Date.now(), m: {}}"
    stage.page.evaluate(f"() => {put}[{sample}]}}))")
    stage.reply = lambda push: None
    stage.load()
    stage.wait_for(1)
    stage.page.evaluate(f"() => {put}[{sample}, {sample}]}}))")
    stage.reply = Stage.confirm
    stage.page.evaluate("window.dispatchEvent(new Event('online'))")
    stage.wait_for(2)
    stage.answered()
    assert stage.page.evaluate("localStorage.getItem('jmmc_queue_live')") is not None


def test_without_storage_the_script_works_while_the_page_is_open(make_stage: MakeStage) -> None:
    stage = make_stage()
    stage.page.evaluate(
        "Object.defineProperty(window, 'localStorage', "
        "{get() { throw new DOMException('no', 'SecurityError'); }})"
    )
    stage.join(me=_ME)
    stage.wait_for(1)
    stage.emit(_RECORDS[3])
    stage.wait_for(2)
    assert stage.logged == []


def test_full_storage_does_not_stop_pushes(make_stage: MakeStage) -> None:
    stage = make_stage()
    stage.page.evaluate(
        "() => { Storage.prototype.setItem ="
        " () => { throw new DOMException('', 'QuotaExceededError'); }; }"
    )
    stage.join(me=_ME)
    stage.emit(_RECORDS[3])
    stage.wait_for(2)
    assert stage.logged == []


_HOSTILE = {
    "no conference": "window.APP = {}",
    "no APP": "delete window.APP",
    "an APP that throws": "Object.defineProperty(window, 'APP', {get() { throw 1; }})",
    "a room that throws": """window.APP = {conference: {roomName: 'x', _room: new Proxy({}, {
        get() { throw new Error('no'); }})}}""",
    "a room of nothing": "window.APP = {conference: {roomName: 'x', _room: {}}}",
    "a room without a name": "jitsi.join(undefined)",
    "a room that refuses listeners": "jitsi.join('x').on = () => { throw new Error('no'); }",
    "a peer connection that fails": """jitsi.join('x').pc = {peerconnection: {
        getStats: () => Promise.reject(new Error('no'))}}""",
    "a peer connection that throws": """jitsi.join('x').pc = {peerconnection: {
        getStats() { throw new Error('no'); }}}""",
}


@pytest.mark.parametrize("page", _HOSTILE)
def test_no_odd_page_gets_an_error_from_the_script(make_stage: MakeStage, page: str) -> None:
    stage = make_stage(clock=True)
    stage.page.evaluate(f"() => {{ {_HOSTILE[page]}; }}")
    stage.load()
    for stats in (None, 5, {}, {"transport": 5, "bitrate": "x", "codec": {"me": None}}):
        # The odd pages cannot emit; their own exceptions do not count.
        stage.page.evaluate(
            "stats => { try { APP.conference._room.emit('cq.local_stats_updated', stats); }"
            " catch {} }",
            stats,
        )
    stage.pass_time(60_000)
    assert stage.logged == []


def test_a_script_loaded_twice_runs_once(make_stage: MakeStage) -> None:
    stage = make_stage(clock=True)
    stage.join(me=_ME)
    stage.load()
    stage.wait_for(1)
    stage.pass_time(20_000)
    assert _numbers(stage.pushes) == [[0]]


def test_a_disabled_script_does_nothing(make_stage: MakeStage) -> None:
    stage = make_stage(clock=True, enabled=False)
    stage.join(me=_ME)
    stage.emit(_RECORDS[3])
    stage.pass_time(60_000)
    assert stage.pushes == []
    assert stage.page.evaluate("localStorage.length") == 0
    assert stage.page.evaluate("window.__jmmc === undefined")


def test_sampling_includes_or_excludes_whole_rooms(make_stage: MakeStage) -> None:
    """Two browsers choose the same conferences, about the configured share of all."""
    chosen = []
    for _ in range(2):
        stage = make_stage(clock=True, sample_ratio=0.5)
        stage.load()
        for number in range(24):
            stage.page.evaluate("conf => void jitsi.join(conf)", f"conference{number}")
            stage.pass_time(1000)
        stage.answered()
        chosen.append({push["conf"] for push in stage.pushes})
    assert chosen[0] == chosen[1]
    assert 5 <= len(chosen[0]) <= 19


def test_a_stats_event_takes_microseconds(make_stage: MakeStage) -> None:
    """Measured: 62 µs on 2 cores; the bound leaves room for a busy machine."""
    stage = make_stage()
    stage.join(me=_ME)
    cost = stage.page.evaluate(
        """record => {
          const room = APP.conference._room;
          const stats = jitsi.revive(record);
          const started = performance.now();
          for (let n = 0; n < 2000; n++) room.emit("cq.local_stats_updated", stats);
          return (performance.now() - started) / 2000 * 1000;
        }""",
        _RECORDS[3],
    )
    print(f"{cost:.0f} µs an event")
    assert cost < 1000


def test_an_event_between_two_ticks_does_not_merge_them(make_stage: MakeStage) -> None:
    """With Jitsi's own interval of ten seconds each tick is a sample, whatever lies between."""
    stage = make_stage(clock=True, sample_interval=10, push_interval=10)
    stage.join(me=_ME)
    record = _RECORDS[3]
    for number in range(6):
        payload = {**record["payload"], "connectionQuality": number}
        stage.emit({**record, "payload": payload})
        stage.pass_time(9000)
        stage.page.evaluate(
            """() => APP.conference._room.emit("conference.trackMuteChanged",
              { isLocal: () => true, isMuted: () => true, getType: () => "audio",
                getVideoType: () => undefined })"""
        )
        stage.pass_time(1000)
    stage.wait_until(lambda: sum("cq" in m for m in _readings(stage)) >= 6)
    assert [m["cq"] for m in _readings(stage) if "cq" in m] == [0, 1, 2, 3, 4, 5]
    events = [m["ev"] for m in _readings(stage) if "ev" in m]
    assert events == [[["muted_audio", 1]]] * 5


def test_nothing_is_collected_before_a_required_consent(make_stage: MakeStage) -> None:
    stage = make_stage(clock=True, require_consent=True)
    stage.page.evaluate("localStorage.setItem('jmmc_queue_left', 'by another visit')")
    stage.join(me=_ME)
    stage.emit(_RECORDS[3])
    stage.pass_time(60_000)
    assert stage.pushes == []
    assert stage.page.evaluate("Object.keys(localStorage)") == ["jmmc_queue_left"]

    stage.page.evaluate("window.jmmc_consent = 'yes'")
    stage.pass_time(60_000)
    assert stage.pushes == [], "only true is true"
    stage.page.evaluate("window.jmmc_consent = true")
    stage.pass_time(1000)
    stage.wait_for(1)
    assert stage.samples[0]["seq"] == 0
    assert stage.page.evaluate("localStorage.getItem('jmmc_staticUserId')")


def test_withdrawn_consent_deletes_everything(make_stage: MakeStage) -> None:
    stage = make_stage(clock=True, require_consent=True)
    stage.page.evaluate("window.jmmc_consent = true")
    stage.reply = lambda push: (503, {}, {})
    stage.join(me=_ME)
    stage.wait_for(1)
    assert stage.page.evaluate(_QUEUED) == 1
    pushes_before = len(stage.pushes)

    stage.reply = stage.confirm
    stage.page.evaluate("window.jmmc_consent = false; window.dispatchEvent(new Event('pagehide'))")
    stage.emit(_RECORDS[3])
    stage.pass_time(60_000)
    assert len(stage.pushes) == pushes_before
    assert stage.page.evaluate("localStorage.length") == 0

    stage.page.evaluate("window.jmmc_consent = true; window.dispatchEvent(new Event('pageshow'))")
    stage.pass_time(1000)
    stage.wait_for(pushes_before + 1)
    first, again = stage.pushes[0], stage.pushes[-1]
    assert first["uid"] != again["uid"]
    assert first["sid"] != again["sid"]


def test_without_required_consent_its_value_is_ignored(make_stage: MakeStage) -> None:
    stage = make_stage()
    stage.page.evaluate("window.jmmc_consent = false")
    stage.join(me=_ME)
    stage.wait_for(1)
