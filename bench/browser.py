"""What the browser script costs the page that loads it: time, memory, bytes on the wire.

A real Chromium plays the recorded events of lib-jitsi-meet, one every ten seconds, to a page that
behaves as Jitsi Meet does, with a peer connection that answers recorded reports. Time is sped up,
the work is not. The same is played without the script, and taken off.
"""

import argparse
import json
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any, NamedTuple

from playwright.sync_api import Browser, CDPSession, Route, sync_playwright

sys.path.insert(0, str(Path(__file__).parent.parent))

from jmmc.settings import Settings
from jmmc.web.browser.script import Script, render
from tests.conftest import CHROMIUM, CHROMIUM_OPTIONS
from tests.support.recordings import reports, stats_of, v1_bodies

_PAGES = Path(__file__).parent.parent / "tests" / "e2e"
_ORIGIN = "https://meet.example.org"
_SETUP = ("bridge + simulcast + e2eping", "A")
_TICKS = 6  # a minute

# Eight reports whose counters grow, made beforehand: only reading them is the script's work.
_PLAY = """
([records, report, script]) => {
  const maps = Array.from({ length: 8 }, (_, step) => new Map(report.map((it) => [it.id,
    Object.fromEntries(Object.entries(it).map(([key, value]) => [key,
      typeof value === "number" && /packets|samples|bytes|frames|Duration/i.test(key)
        ? value + 50 * step : value]))])));
  const room = jitsi.join("room", records[0].me);
  let asked = 0;
  room.pc = { peerconnection: { getStats: async () => maps[asked++ % maps.length] } };
  let played = 0;
  window.tick = () => { jitsi.emitted = []; jitsi.emitStats(records[played++ % records.length]); };
  if (script) jitsi.load("/jmmc/getClient");
}
"""


class Stage:
    """A page of Jitsi Meet with a collector that answers, or does not."""

    def __init__(self, browser: Browser, *, script: bool, online: bool, sped_up: bool) -> None:
        self.bodies: list[bytes] = []
        self._online = online
        self.page = browser.new_page()
        if sped_up:
            self.page.clock.install()
        self.page.route(f"{_ORIGIN}/**", self._serve)
        self.page.goto(f"{_ORIGIN}/jitsi.html")
        report = next(item["stats"] for item in reports() if item["who"] == "A")
        self.page.evaluate(_PLAY, [stats_of(*_SETUP), report, script])
        if script:
            self.page.wait_for_function("!!window.__jmmc")

    def _serve(self, route: Route) -> None:
        path = route.request.url.removeprefix(_ORIGIN)
        if path == "/jmmc/push":
            body = route.request.post_data_buffer or b""
            self.bodies.append(body)
            if self._online:
                ack = json.loads(body)["samples"][-1]["seq"]
                route.fulfill(body=json.dumps({"ack": ack, "now": 1_700_000_000.5}))
            else:
                route.abort()
        elif path == "/jmmc/getClient":
            route.fulfill(body=render(Settings()), content_type="application/javascript")
        elif (_PAGES / path[1:]).is_file():
            route.fulfill(path=_PAGES / path[1:])
        else:
            route.fulfill(status=404)


class Played(NamedTuple):
    """What a call of some minutes came to: ms a minute, KiB of heap and of storage, bodies."""

    milliseconds: float
    heap: float
    stored: float
    bodies: list[bytes]


def _play(browser: Browser, minutes: int, *, script: bool, online: bool = True) -> Played:
    stage = Stage(browser, script=script, online=online, sped_up=True)
    page = stage.page
    cdp = page.context.new_cdp_session(page)
    cdp.send("Performance.enable")
    started = _busy_seconds(cdp)
    for minute in range(minutes):
        print(f"minute {minute + 1} of {minutes}", end="\r", file=sys.stderr, flush=True)
        for _ in range(_TICKS):
            page.evaluate("tick()")
            page.clock.run_for(60_000 // _TICKS)
    spent = 1000 * (_busy_seconds(cdp) - started) / minutes
    for _ in range(3):
        cdp.send("HeapProfiler.collectGarbage")
    heap = cdp.send("Runtime.getHeapUsage")["usedSize"] / 1024
    stored = page.evaluate("JSON.stringify(localStorage).length") / 1024
    page.close()
    return Played(spent, heap, stored, stage.bodies)


def _busy_seconds(cdp: CDPSession) -> float:
    """How long the main thread has been at work so far."""
    metrics = cdp.send("Performance.getMetrics")["metrics"]
    return float(next(metric["value"] for metric in metrics if metric["name"] == "TaskDuration"))


def _cost(browser: Browser) -> float:
    """Microseconds that one event takes, its probe included."""
    stage = Stage(browser, script=True, online=True, sped_up=False)
    cost: float = stage.page.evaluate(
        """async () => {
          const started = performance.now();
          for (let n = 0; n < 2000; n++) {
            tick();
            for (let turn = 0; turn < 4; turn++) await null; // the probe's answer is taken in
          }
          return (performance.now() - started) / 2000 * 1000;
        }"""
    )
    stage.page.close()
    return cost


def _ancestor() -> dict[str, float]:
    """Bytes a minute that the ancestor's script sent, by recorded scenario."""
    by_scenario: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for v1_body in v1_bodies():
        by_scenario[v1_body["scenario"]].append(v1_body)
    found = {}
    for scenario, sent in by_scenario.items():
        minutes = (sent[-1]["at"] - sent[0]["at"]) / 60_000
        if minutes > 0.9:
            found[scenario] = sum(len(item["raw"].encode()) for item in sent[1:]) / minutes
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=int, default=60, help="of a call; 6 at least")
    minutes = parser.parse_args().minutes
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=CHROMIUM_OPTIONS, headless=True
        )
        cost = _cost(browser)
        bare, long = (_play(browser, minutes, script=number) for number in (False, True))
        bare_early, early = (
            _play(browser, minutes // 6, script=number) for number in (False, True)
        )
        away = _play(browser, minutes, script=True, online=False)
        browser.close()
    rows = {
        "main thread, ms a minute": long.milliseconds - bare.milliseconds,
        "one event with its probe, µs": cost,
        f"heap after {minutes // 6} min, KiB": early.heap - bare_early.heap,
        f"heap after {minutes} min, KiB": long.heap - bare.heap,
        f"heap after {minutes} min without a collector, KiB": away.heap - bare.heap,
        f"storage after {minutes} min without a collector, KiB": away.stored,
        "pushes a minute": len(long.bodies) / minutes,
        "bodies, bytes a minute": sum(map(len, long.bodies)) / minutes,
        "script, bytes gzipped": len(Script(Settings()).gzip.body),
    }
    rows |= {f"the ancestor's bodies: {name}": value for name, value in _ancestor().items()}
    print("| what | figure |\n|---|---|")
    for name, figure in rows.items():
        print(f"| {name} | {figure:,.1f} |")


if __name__ == "__main__":
    main()
