"""Whatever faults the connection has, the export equals what the page emitted."""

import random
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from playwright.sync_api import Browser, Page

from tests.e2e.conftest import RHYTHM, load_script
from tests.e2e.proxy import Plan, Proxy
from tests.e2e.truth import assert_sample_for_sample
from tests.support.recordings import stats_of
from tests.support.servers import Pages, Serve

_BRIDGE = ("bridge + simulcast + e2eping", "A")
_EVENT_INTERVAL = 1050  # ms; longer than the sample interval, so that each event is a sample


def _each(*actions: str) -> Plan:
    """After the first push, each fault once, with a push that passes between two faults."""
    return lambda n: actions[n // 2] if n % 2 and n // 2 < len(actions) else "pass"


def _seeded(seed: int) -> Plan:
    rng = random.Random(seed)
    faults = ["refuse", "delay:0.9", "delay:3", "answer:500", "answer:503", "answer:429"]
    faults += ["drop_answer", "cut_answer", "cut_request"]
    drawn = [rng.choice(faults) if rng.random() < 0.7 else "pass" for _ in range(12)]
    return lambda n: drawn[n] if 0 < n < len(drawn) else "pass"


PLANS: dict[str, Plan] = {
    "no faults": lambda _: "pass",
    "refuses connections": _each("refuse", "refuse", "refuse"),
    "delays": _each("delay:0.9", "delay:3", "delay:2"),
    "answers 500": _each("answer:500", "answer:500", "answer:502"),
    "answers 503": _each("answer:503", "answer:503"),
    "answers 429": _each("answer:429", "answer:429"),
    "drops the answer after storing": _each("drop_answer", "drop_answer", "drop_answer"),
    "cuts the answer": _each("cut_answer", "cut_answer", "cut_answer"),
    "cuts the request": _each("cut_request", "cut_request", "cut_request"),
    "is down from the start": lambda n: "refuse" if n < 3 else "pass",
    **{f"anything, seed {seed}": _seeded(seed) for seed in range(2)},
}


class Played(NamedTuple):
    session: dict[str, Any]
    emitted: list[dict[str, Any]]
    errors: list[str]
    log: list[str]


@pytest.fixture(scope="module")
def played(
    browser: Browser, pages: Pages, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Played]]:
    """Play all plans at the same time: a page and a proxy each, and one collector."""
    serve = Serve(tmp_path_factory.mktemp("faults"), *RHYTHM)
    connections: dict[str, tuple[Page, Proxy, str]] = {}
    try:
        for number, (name, plan) in enumerate(PLANS.items()):
            proxy = Proxy(serve.port, plan)
            page = browser.new_context().new_page()
            connections[name] = (page, proxy, f"room{number}")
            page.goto(f"{pages.url}/jitsi.html")
            records = stats_of(*_BRIDGE)[:12]
            me = records[0]["me"]
            page.evaluate("([conf, me]) => void jitsi.join(conf, me)", [f"room{number}", me])
            load_script(page, proxy.port)
            page.evaluate(
                "([records, pace]) => void jitsi.play(records, pace)", [records, _EVENT_INTERVAL]
            )
        for page, _, _ in connections.values():
            page.wait_for_function("jitsi.done", timeout=60_000)
        for page, _, _ in connections.values():
            page.wait_for_function(_QUEUES_ARE_EMPTY, timeout=60_000)
        sessions = {session["conf"]: session for session in serve.export()}
        yield {
            name: Played(
                sessions[conf],
                page.evaluate("jitsi.emitted"),
                page.evaluate("jitsi.errors"),
                proxy.log,
            )
            for name, (page, proxy, conf) in connections.items()
        }
    finally:
        for page, proxy, _ in connections.values():
            page.context.close()
            proxy.close()
        serve.close()


_QUEUES_ARE_EMPTY = "!Object.keys(localStorage).some(key => key.startsWith('jmmc_queue_'))"


@pytest.mark.parametrize("name", PLANS)
def test_the_export_equals_what_the_page_emitted(played: dict[str, Played], name: str) -> None:
    result = played[name]
    # Twelve pages in one browser on two cores: their timers may be a second late.
    assert_sample_for_sample(result.session, result.emitted, tolerance=2)


@pytest.mark.parametrize("name", PLANS)
def test_no_exception_escapes_into_the_page(played: dict[str, Played], name: str) -> None:
    assert played[name].errors == []


@pytest.mark.parametrize("name", [name for name in PLANS if name != "no faults"])
def test_each_faulty_connection_had_its_faults(played: dict[str, Played], name: str) -> None:
    assert any(action != "pass" for action in played[name].log)
