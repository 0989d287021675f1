"""Measure the cost of the browser script in a page: CPU time, memory, bytes sent.

Chromium replays recorded lib-jitsi-meet events, one every ten seconds, in a page that behaves like
Jitsi Meet, with a peer connection that returns recorded reports. The page's clock is accelerated,
its work is not. The same replay without the script is subtracted.
"""

import argparse
import json
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any, NamedTuple, cast

from playwright.sync_api import Browser, CDPSession, Route, sync_playwright

sys.path.insert(0, str(Path(__file__).parent.parent))

from jmmc.settings import Settings
from jmmc.web.browser.script import SCRIPT_NAMES, Script, ScriptName, render
from tests.conftest import CHROMIUM, CHROMIUM_OPTIONS
from tests.support.recordings import reports, stats_of, v1_bodies

_PAGES = Path(__file__).parent.parent / "tests" / "e2e"
_ORIGIN = "https://meet.example.org"
_SETUP = ("bridge + simulcast + e2eping", "A")
_TICKS = 6  # Events per minute.
_ANSWER_MS = 20  # Real time in which a push gets its response, before the clock moves on.

# Eight reports with growing counters are prepared first, so that only reading them is measured.
_PLAY = """
([records, report, script]) => {
  const maps = Array.from({ length: 8 }, (_, step) => new Map(report.map((stat) => [stat.id,
    Object.fromEntries(Object.entries(stat).map(([key, value]) => [key,
      typeof value === "number" && /packets|samples|bytes|frames|Duration/i.test(key)
        ? value + 50 * step : value]))])));
  const room = jitsi.join("room", records[0].me);
  let reads = 0;
  room.pc = { peerconnection: { getStats: async () => maps[reads++ % maps.length] } };
  const track = (ssrc) => ({
    getSsrc: () => ssrc, isMuted: () => false, getVideoType: () => "camera" });
  const other = { getId: () => "b1", getTracks: () => [track(11), track(12)] };
  room.getParticipants = () => [other];
  let played = 0;
  window.tick = () => { jitsi.emitted = []; jitsi.emitStats(records[played++ % records.length]); };
  if (script) jitsi.load("/jmmc/getClient");
}
"""


class Stage:
    """A Jitsi Meet page with a collector that is online or offline."""

    def __init__(self, browser: Browser, *, script: bool, online: bool, accelerated: bool) -> None:
        self.bodies: list[bytes] = []
        self._online = online
        self.page = browser.new_page()
        if accelerated:
            self.page.clock.install()
        self.page.route(f"{_ORIGIN}/**", self._serve)
        self.page.goto(f"{_ORIGIN}/jitsi.html")
        report = next(entry["stats"] for entry in reports() if entry["who"] == "A")
        self.page.evaluate(_PLAY, [stats_of(*_SETUP), report, script])
        if script:
            self.page.wait_for_function("!!window.__jmmcReport")

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
        elif (name := path.removeprefix("/jmmc/")) in SCRIPT_NAMES:
            text = render(Settings(), cast(ScriptName, name))
            route.fulfill(body=text, content_type="application/javascript")
        elif (_PAGES / path[1:]).is_file():
            route.fulfill(path=_PAGES / path[1:])
        else:
            route.fulfill(status=404)


class Replay(NamedTuple):
    """The cost of a replayed call: CPU ms per minute, KiB of heap and of localStorage, bodies."""

    milliseconds: float
    heap: float
    stored: float
    bodies: list[bytes]


def _replay(browser: Browser, minutes: int, *, script: bool, online: bool = True) -> Replay:
    stage = Stage(browser, script=script, online=online, accelerated=True)
    page = stage.page
    cdp = page.context.new_cdp_session(page)
    cdp.send("Performance.enable")
    started = _busy_seconds(cdp)
    for minute in range(minutes):
        print(f"minute {minute + 1} of {minutes}", end="\r", file=sys.stderr, flush=True)
        for _ in range(_TICKS):
            page.evaluate("tick()")
            page.clock.run_for(60_000 // _TICKS)
            page.wait_for_timeout(_ANSWER_MS)
    spent = 1000 * (_busy_seconds(cdp) - started) / minutes
    for _ in range(3):
        cdp.send("HeapProfiler.collectGarbage")
    heap = cdp.send("Runtime.getHeapUsage")["usedSize"] / 1024
    stored = page.evaluate("JSON.stringify(localStorage).length") / 1024
    page.close()
    return Replay(spent, heap, stored, stage.bodies)


def _busy_seconds(cdp: CDPSession) -> float:
    """CPU seconds of the main thread so far."""
    metrics = cdp.send("Performance.getMetrics")["metrics"]
    return float(next(metric["value"] for metric in metrics if metric["name"] == "TaskDuration"))


def _cost(browser: Browser) -> float:
    """Microseconds per event, including its getStats() probe."""
    stage = Stage(browser, script=True, online=True, accelerated=False)
    cost: float = stage.page.evaluate(
        """async () => {
          const started = performance.now();
          for (let n = 0; n < 2000; n++) {
            tick();
            for (let turn = 0; turn < 4; turn++) await null; // the probe's result is read
          }
          return (performance.now() - started) / 2000 * 1000;
        }"""
    )
    stage.page.close()
    return cost


def _v1_rates() -> dict[str, float]:
    """Bytes per minute that the script of the Express.js middleware sent, by scenario."""
    by_scenario: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for body in v1_bodies():
        by_scenario[body["scenario"]].append(body)
    rates = {}
    for scenario, sent in by_scenario.items():
        minutes = (sent[-1]["at"] - sent[0]["at"]) / 60_000
        if minutes > 0.9:
            rates[scenario] = sum(len(body["raw"].encode()) for body in sent[1:]) / minutes
    return rates


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=int, default=60, help="length of the call, at least 6")
    minutes = parser.parse_args().minutes
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=CHROMIUM_OPTIONS, headless=True
        )
        cost = _cost(browser)
        bare, long = (_replay(browser, minutes, script=loaded) for loaded in (False, True))
        bare_early, early = (
            _replay(browser, minutes // 6, script=loaded) for loaded in (False, True)
        )
        offline = _replay(browser, minutes, script=True, online=False)
        browser.close()
    rows = {
        "main thread, ms per minute": long.milliseconds - bare.milliseconds,
        "one event with its probe, µs": cost,
        f"heap after {minutes // 6} min, KiB": early.heap - bare_early.heap,
        f"heap after {minutes} min, KiB": long.heap - bare.heap,
        f"heap after {minutes} min with the collector offline, KiB": offline.heap - bare.heap,
        f"storage after {minutes} min with the collector offline, KiB": offline.stored,
        "pushes per minute": len(long.bodies) / minutes,
        "bodies, bytes per minute": sum(map(len, long.bodies)) / minutes,
        "script, bytes gzipped": len(Script(Settings()).gzip.body),
        "part for calls, bytes gzipped": len(Script(Settings(), "getReport").gzip.body),
    }
    rows |= {f"dialect v1 bodies, {name}": rate for name, rate in _v1_rates().items()}
    print("| cost | figure |\n|---|---|")
    for name, figure in rows.items():
        print(f"| {name} | {figure:,.1f} |")


if __name__ == "__main__":
    main()
