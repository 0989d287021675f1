"""Whatever the line to the collector does, what is exported is what the page emitted."""

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
_PACE = 1050  # ms between two events: over the sample interval, so that each is a sample


def _each(*actions: str) -> Plan:
    """After the first push, each action once, with a push that passes between them."""
    return lambda n: actions[n // 2] if n % 2 and n // 2 < len(actions) else "pass"


def _seeded(seed: int) -> Plan:
    chance = random.Random(seed)
    faults = ["refuse", "delay:0.9", "delay:3", "answer:500", "answer:503", "answer:429"]
    faults += ["drop_answer", "cut_answer", "cut_request"]
    drawn = [chance.choice(faults) if chance.random() < 0.7 else "pass" for _ in range(12)]
    return lambda n: drawn[n] if 0 < n < len(drawn) else "pass"


PLANS: dict[str, Plan] = {
    "a good line": lambda _: "pass",
    "refuses connections": _each("refuse", "refuse", "refuse"),
    "delays": _each("delay:0.9", "delay:3", "delay:2"),
    "answers 500": _each("answer:500", "answer:500", "answer:502"),
    "answers 503": _each("answer:503", "answer:503"),
    "answers 429": _each("answer:429", "answer:429"),
    "drops the answer after storing": _each("drop_answer", "drop_answer", "drop_answer"),
    "cuts the answer": _each("cut_answer", "cut_answer", "cut_answer"),
    "cuts the request": _each("cut_request", "cut_request", "cut_request"),
    "is down from the start": lambda n: "refuse" if n < 3 else "pass",
    **{f"anything, seed {seed}": _seeded(seed) for seed in range(6)},
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
    """All lines at once: each its own page and proxy, one collector."""
    serve = Serve(tmp_path_factory.mktemp("faults"), *RHYTHM)
    lines: dict[str, tuple[Page, Proxy, str]] = {}
    try:
        for number, (name, plan) in enumerate(PLANS.items()):
            proxy = Proxy(serve.port, plan)
            page = browser.new_context().new_page()
            lines[name] = (page, proxy, f"line{number}")
            page.goto(f"{pages.url}/jitsi.html")
            records = stats_of(*_BRIDGE)[:12]
            me = records[0]["me"]
            page.evaluate("([conf, me]) => void jitsi.join(conf, me)", [f"line{number}", me])
            load_script(page, proxy.port)
            page.evaluate("([it, pace]) => void jitsi.play(it, pace)", [records, _PACE])
        for page, _, _ in lines.values():
            page.wait_for_function("jitsi.done", timeout=60_000)
        for page, _, _ in lines.values():
            page.wait_for_function(_NOTHING_WAITS, timeout=60_000)
        sessions = {item["conf"]: item for item in serve.export()}
        yield {
            name: Played(
                sessions[conf],
                page.evaluate("jitsi.emitted"),
                page.evaluate("jitsi.errors"),
                proxy.log,
            )
            for name, (page, proxy, conf) in lines.items()
        }
    finally:
        for page, proxy, _ in lines.values():
            page.context.close()
            proxy.close()
        serve.close()


_NOTHING_WAITS = "!Object.keys(localStorage).some(key => key.startsWith('jmmc_queue_'))"


@pytest.mark.parametrize("name", PLANS)
def test_what_is_exported_is_what_the_page_emitted(played: dict[str, Played], name: str) -> None:
    it = played[name]
    # Sixteen pages in one browser on two cores: their own timers may be a second late.
    assert_sample_for_sample(it.session, it.emitted, tolerance=2)


@pytest.mark.parametrize("name", PLANS)
def test_no_exception_escapes_into_the_page(played: dict[str, Played], name: str) -> None:
    assert played[name].errors == []


@pytest.mark.parametrize("name", [name for name in PLANS if name != "a good line"])
def test_the_line_did_misbehave(played: dict[str, Played], name: str) -> None:
    assert any(action != "pass" for action in played[name].log)
