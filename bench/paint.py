"""Measure the dashboard in a browser: first paint of every page, and response to clicks and keys.

Uses Chromium with software rendering on the CPU that also runs the server, with a store of 100,000
sessions in 30 days and one of a single meeting of 500 people. Creates the stores with
`jmmc simulate` unless they are in --folder (some minutes). Each page is loaded with an empty cache.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode

from playwright.sync_api import Browser, Page, sync_playwright

sys.path.insert(0, str(Path(__file__).parent.parent))

from jmmc.core.timestamps import to_iso
from tests.conftest import CHROMIUM, CHROMIUM_OPTIONS
from tests.support.servers import Serve

_DAY = 86_400
_WINDOWS = {"day": 1, "week": 7, "month": 30}
_LARGE_MEETING = 500  # Participants.
_OPENED_TIMELINES = 5
_STEP = 60  # Pixels scrolled per frame.
_FRAMES = 240

_PAINTED = """
() => {
  const [page] = performance.getEntriesByType("navigation");
  const [paint] = performance.getEntriesByName("first-contentful-paint");
  return paint && page.loadEventEnd ? [page.responseEnd, paint.startTime, page.loadEventEnd] : null;
}
"""
# From the event's timestamp to the end of the frame that shows its effect.
_WATCH = """
([type, shown]) => {
  const done = new Function(`return ${shown}`);
  const target = type === "change" ? matchMedia("(prefers-color-scheme: dark)") : window;
  window.shown = new Promise((resolve) => target.addEventListener(type, (event) => {
    const look = () => {
      if (!done()) { requestAnimationFrame(look); return; }
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = () => resolve(performance.now() - event.timeStamp);
      port2.postMessage(null);
    };
    requestAnimationFrame(look);
  }, { capture: true, once: true }));
}
"""
_NOTE_CLICK = """
() => addEventListener("click", (event) => {
  sessionStorage.clicked = performance.timeOrigin + event.timeStamp;
}, { capture: true })
"""
_SINCE_CLICK = """
() => {
  const [paint] = performance.getEntriesByName("first-contentful-paint");
  return paint && performance.timeOrigin + paint.startTime - sessionStorage.clicked;
}
"""
_WATCH_FRAMES = """
() => {
  const long = [], frames = [];
  const observer = new PerformanceObserver((list) => {
    long.push(...list.getEntries().map((entry) => entry.duration));
  });
  observer.observe({ type: "longtask" });
  let last, on = true;
  const frame = (now) => {
    if (last) frames.push(now - last);
    last = now;
    if (on) requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
  window.stopFrames = () => { on = false; observer.disconnect(); return [frames, long]; };
}
"""
_SCROLL = """
([step, frames]) => new Promise((resolve) => {
  let way = step;
  const next = () => {
    if (scrollY + innerHeight >= document.documentElement.scrollHeight - 1) way = -step;
    scrollBy({ top: way, behavior: "instant" });
    if (--frames) requestAnimationFrame(next); else resolve();
  };
  requestAnimationFrame(next);
})
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("/tmp/jmmc-bench"))
    parser.add_argument("--sessions", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", choices=("paint", "clicks", "large-meeting"), help="one part")
    options = parser.parse_args()
    options.folder.mkdir(exist_ok=True)
    rooms = max(1, options.sessions // 20)
    large = _created(options.folder / f"{options.sessions}.db", options.sessions, rooms, 30 * 1440)
    large_meeting = _created(options.folder / "large-meeting.db", _LARGE_MEETING, 1, 60)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=CHROMIUM_OPTIONS, headless=True
        )
        with _serving(options.folder, large) as url:
            if options.only in (None, "paint"):
                _show_paints(browser, url, options.rounds)
            if options.only in (None, "clicks"):
                _show_clicks(browser, url, options.rounds)
        with _serving(options.folder, large_meeting) as url:
            if options.only in (None, "large-meeting"):
                _show_large_meeting(browser, url)
        browser.close()


def _created(path: Path, sessions: int, rooms: int, minutes: int) -> str:
    url = f"sqlite:///{path}"
    if not path.exists():
        size = ["--participants", str(sessions), "--rooms", str(rooms)]
        command = [sys.executable, "-m", "jmmc", "simulate", *size, "--minutes", str(minutes)]
        subprocess.run([*command, "--store", url], check=True, stdout=sys.stderr)
    return url


@contextmanager
def _serving(folder: Path, store: str) -> Iterator[str]:
    """Serve a store; the URL of its dashboard."""
    serve = Serve(folder / "serving", "--max-queries-per-minute", "0", store=store)
    try:
        url = f"http://127.0.0.1:{serve.port}"
        _wait_for_rollups(url)
        yield url
    finally:
        serve.close()


def _wait_for_rollups(url: str) -> None:
    """Wait until the rollups of a new store are complete: unchanged for three seconds."""
    minutes: list[int] = [0]
    while len(minutes) < 4 or len(set(minutes[-4:])) > 1 or not minutes[-1]:
        time.sleep(1)
        minutes.append(_get(url, "/overview?since=3650d")["minutes"])


def _show_paints(browser: Browser, url: str, rounds: int) -> None:
    print(f"| page | response ms | first paint ms | worst of {rounds} | load ms |")
    print("|---|---|---|---|---|")
    for name, path in _paths(url).items():
        timings = [_painted(browser, url + path) for _ in range(rounds)]
        response, paint, load = (statistics.median(column) for column in zip(*timings, strict=True))
        worst = max(timing[1] for timing in timings)
        print(f"| {name} | {response:.0f} | {paint:.0f} | {worst:.0f} | {load:.0f} |", flush=True)


def _paths(url: str) -> dict[str, str]:
    """Every page; those with a time window, with each of `_WINDOWS` before the newest session."""
    newest = _get(url, "/sessions?since=3650d&limit=1")["items"][0]
    end = _seconds(newest["began"]) // _DAY * _DAY + _DAY
    poor = _get(url, "/sessions?since=3650d&limit=1&grade=poor")["items"][0]
    paths = {"now": "/"}
    for window, days in _WINDOWS.items():
        query = urlencode({"since": to_iso(end - days * _DAY), "until": to_iso(end)})
        paths |= {
            f"overview, {window}": f"/overview?{query}",
            f"overview of a browser, {window}": f"/overview?{query}&browser=Chrome+131",
            f"compare networks, {window}": f"/compare?by=network&{query}",
            f"compare everything, {window}": f"/compare?{query}",
            f"find: sessions, {window}": f"/find?{query}",
            f"participant, {window}": f"/participants/{newest['participant_id']}?{query}",
        }
    return paths | {
        "find: a name": "/find?q=room-12",
        "meeting": f"/meetings/{newest['session']}",
        "session": f"/sessions/{newest['session']}",
        "session with problems": f"/sessions/{poor['session']}",
        "health": "/health",
        "login": "/login",
    }


def _painted(browser: Browser, url: str) -> list[float]:
    """Milliseconds from the navigation: end of response, first contentful paint, end of load."""
    with _open(browser, url) as page:
        return page.wait_for_function(_PAINTED).json_value()


class Click(NamedTuple):
    """An interaction: the event that starts it, and a JavaScript condition for its effect."""

    name: str
    path: str
    event: str
    shown: str
    act: Callable[[Page], None]


def _point_at_chart(page: Page) -> None:
    """Open all charts without the mouse, and move it over one."""
    page.evaluate("document.querySelector('[data-charts]').open = true")
    page.locator(".curves.two .chart", has_text="Machine").wait_for()
    page.locator(".u-over").first.hover(position={"x": 200, "y": 50})


def _clicks(paths: dict[str, str]) -> list[Click]:
    sorts = [
        Click(
            f"sort networks, {window}",
            paths[f"compare networks, {window}"],
            "click",
            "document.querySelector('th[aria-sort]')",
            lambda page: page.get_by_role("button", name="minutes").click(),
        )
        for window in _WINDOWS
    ]
    return [
        *sorts,
        Click(
            "open a timeline with its charts",
            paths["meeting"],
            "click",
            "document.querySelector('.timeline-row canvas')",
            lambda page: page.locator(".timeline-button").first.click(),
        ),
        Click(
            "open all charts of a session",
            paths["session with problems"],
            "click",
            "document.querySelector('.curves.two canvas')",
            lambda page: page.locator("[data-charts] > summary").click(),
        ),
        Click(
            "move the cursor over charts",
            paths["session with problems"],
            "mousemove",
            "!document.querySelectorAll('.u-legend .u-value')[1].textContent.includes('p50')",
            _point_at_chart,
        ),
        Click(
            "zoom all charts to a problem",
            paths["session with problems"],
            "click",
            "!document.querySelector('.zoom-window').hidden",
            lambda page: page.locator("[data-zoom]").first.click(),
        ),
        Click(
            "suggestions for a typed letter",
            paths["now"],
            "keydown",
            "!document.querySelector('#suggestions').hidden",
            lambda page: page.locator("#q").press("r"),
        ),
        Click(
            "switch to dark mode, overview of a month",
            paths["overview, month"],
            "change",
            "true",
            lambda page: page.emulate_media(color_scheme="dark"),
        ),
    ]


def _show_clicks(browser: Browser, url: str, rounds: int) -> None:
    paths = _paths(url)
    print(f"\n| interaction | median ms | worst of {rounds} |")
    print("|---|---|---|")
    for click in _clicks(paths):
        durations = []
        for _ in range(rounds):
            with _open(browser, url + click.path) as page:
                page.evaluate(_WATCH, [click.event, click.shown])
                click.act(page)
                durations.append(page.evaluate("window.shown"))
        _print_row(click.name, durations)
    for name in ("overview, day", "overview, month"):
        durations = []
        for _ in range(rounds):
            with _open(browser, url + paths[name]) as page:
                page.evaluate(_NOTE_CLICK)
                page.get_by_role("link", name="Français").click()
                page.wait_for_url("**lang=fr**")
                durations.append(page.wait_for_function(_SINCE_CLICK).json_value())
        _print_row(f"switch language: {name}", durations)


def _print_row(name: str, durations: Sequence[float]) -> None:
    median, worst = statistics.median(durations), max(durations)
    print(f"| {name} | {median:.0f} | {worst:.0f} |", flush=True)


def _show_large_meeting(browser: Browser, url: str) -> None:
    """Measure the frame times of the large meeting's page."""
    newest = _get(url, "/sessions?since=3650d&limit=1")["items"][0]
    meeting = f"{url}/meetings/{newest['session']}"
    print(
        f"\n| {_LARGE_MEETING} people, ms per frame | median | p95 | worst | long tasks, longest |"
    )
    print("|---|---|---|---|---|")
    with _open(browser, meeting) as page:
        _show_frames(page, "idle", lambda: page.wait_for_timeout(2000))
        _show_frames(page, "scrolled", lambda: page.evaluate(_SCROLL, [_STEP, _FRAMES]))
        timelines = page.locator(".timeline-button")

        def open_timelines() -> None:
            for number in range(_OPENED_TIMELINES):
                timelines.nth(number).click()
                page.locator(".timeline-row .curves canvas").nth(number).wait_for()

        _show_frames(page, f"{_OPENED_TIMELINES} timelines opened", open_timelines)
        box = page.locator(".u-over").first.bounding_box()
        assert box is not None
        page.mouse.move(box["x"] + 5, box["y"] + 20)
        right = box["x"] + box["width"] - 5
        _show_frames(
            page,
            f"cursor over {page.locator('.u-over').count()} charts",
            lambda: page.mouse.move(right, box["y"] + 20, steps=_FRAMES),
        )
        _show_frames(page, "scrolled again", lambda: page.evaluate(_SCROLL, [_STEP, _FRAMES]))
        nodes = page.evaluate("document.querySelectorAll('*').length")
        print(f"\nDOM nodes: {nodes:,}; HTML: {len(page.content()):,} characters")


def _show_frames(page: Page, name: str, act: Callable[[], Any]) -> None:
    page.evaluate(_WATCH_FRAMES)
    act()
    frames, long = page.evaluate("window.stopFrames()")
    frames.sort()
    print(
        f"| {name} | {statistics.median(frames):.0f} | {frames[int(len(frames) * 0.95)]:.0f}"
        f" | {frames[-1]:.0f} | {len(long)}, {max(long, default=0):.0f} |",
        flush=True,
    )


@contextmanager
def _open(browser: Browser, url: str) -> Iterator[Page]:
    """Open a page in a new browser context, with an empty cache."""
    context = browser.new_context(locale="en-GB", viewport={"width": 1440, "height": 900})
    try:
        page = context.new_page()
        page.goto(url)
        yield page
    finally:
        context.close()


def _get(url: str, path: str) -> Any:
    with urllib.request.urlopen(f"{url}/api/v1{path}", timeout=60) as answer:
        return json.load(answer)


def _seconds(moment: str) -> int:
    return int(datetime.fromisoformat(moment).timestamp())


if __name__ == "__main__":
    main()
