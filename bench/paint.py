"""Measure the dashboard in a browser: first paint, and when the last chart of a page is drawn.

Also measures the effect of clicks and keys, and the CPU that the server takes for each page.
Budgets: a first paint within 1 s, all shown within 1.5 s, an effect on the same page within 100 ms.
What exceeds its budget is marked `over`.

Uses Chromium with software rendering on the CPU that also runs the server, with a store of 100,000
sessions in 30 days and one of a single meeting of 500 people. Creates the stores with
`jmmc simulate` unless they are in --folder (some minutes). With --store, measures pages and clicks
on that store, such as one of `bench/large.py` with 1,000,000 sessions in 300 days
(--days 1 30 300). Each page is loaded with an empty cache. The first line says how busy the machine
is with other work.
"""

import argparse
import json
import os
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
_FIRST_PAINT = 1000  # Milliseconds.
_ALL_SHOWN = 1500
_EFFECT = 100
_QUIET = 300  # Milliseconds without drawing after which nothing more is drawn.
_LARGE_MEETING = 500  # Participants.
_OPENED_TIMELINES = 5
_STEP = 60  # Pixels scrolled per frame.
_FRAMES = 240

# Notes when a chart was last drawn on.
_NOTE_DRAWING = """
for (const name of ["stroke", "fill", "fillRect", "fillText"]) {
  const draw = CanvasRenderingContext2D.prototype[name];
  CanvasRenderingContext2D.prototype[name] = function (...values) {
    window.drawn = performance.now();
    return draw.apply(this, values);
  };
}
"""
_PAINTED = """
(quiet) => {
  const [page] = performance.getEntriesByType("navigation");
  const [paint] = performance.getEntriesByName("first-contentful-paint");
  const last = Math.max(window.drawn || 0, paint?.startTime, page.responseEnd);
  if (!paint || !page.loadEventEnd || performance.now() - Math.max(last, page.loadEventEnd) < quiet)
    return null;
  return [page.responseEnd, paint.startTime, last];
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
() => {
  for (const type of ["click", "mouseup"]) addEventListener(type, (event) => {
    sessionStorage.clicked = performance.timeOrigin + event.timeStamp;
  }, { capture: true });
}
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
    parser.add_argument("--store", help="URL of a store to measure instead")
    parser.add_argument("--days", type=int, nargs="+", default=[1, 7, 30], help="time ranges")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", choices=("paint", "clicks", "large-meeting"), help="one part")
    options = parser.parse_args()
    options.folder.mkdir(exist_ok=True)
    rooms = max(1, options.sessions // 20)
    large = options.store or _created(
        options.folder / f"{options.sessions}.db", options.sessions, rooms, 30 * 1440
    )
    print(f"{os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f}\n")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=CHROMIUM_OPTIONS, headless=True
        )
        if options.only != "large-meeting":
            with _serving(options.folder, large) as serve:
                pages = _Paths(_url(serve), options.days)
                if options.only in (None, "paint"):
                    _show_paints(browser, serve, pages, options.rounds)
                if options.only in (None, "clicks"):
                    _show_clicks(browser, pages, options.rounds)
                    _show_navigations(browser, pages, options.rounds)
        if options.only == "large-meeting" or not (options.only or options.store):
            path = options.folder / "large-meeting.db"
            with _serving(options.folder, _created(path, _LARGE_MEETING, 1, 60)) as serve:
                _show_large_meeting(browser, _url(serve))
        browser.close()


def _created(path: Path, sessions: int, rooms: int, minutes: int) -> str:
    url = f"sqlite:///{path}"
    if not path.exists():
        size = ["--participants", str(sessions), "--rooms", str(rooms)]
        command = [sys.executable, "-m", "jmmc", "simulate", *size, "--minutes", str(minutes)]
        subprocess.run([*command, "--store", url], check=True, stdout=sys.stderr)
    return url


@contextmanager
def _serving(folder: Path, store: str) -> Iterator[Serve]:
    serve = Serve(folder / "serving", "--max-queries-per-minute", "0", store=store, fresh=True)
    try:
        _wait_for_rollups(_url(serve))
        yield serve
    finally:
        serve.close()


def _url(serve: Serve) -> str:
    """The URL of the dashboard."""
    return f"http://127.0.0.1:{serve.port}"


def _wait_for_rollups(url: str) -> None:
    """Wait until the rollups of a new store are complete: unchanged for three seconds."""
    minutes: list[int] = [0]
    while len(minutes) < 4 or len(set(minutes[-4:])) > 1 or not minutes[-1]:
        time.sleep(1)
        minutes.append(_get(url, "/overview?since=3650d")["minutes"])


class _Paths:
    """The pages of a server: those with a time range end on the day of the newest session."""

    def __init__(self, url: str, days: Sequence[int]) -> None:
        self.url = url
        self.days = days
        newest = _get(url, "/sessions?since=3650d&limit=1")["items"][0]
        poor = _get(url, "/sessions?since=3650d&limit=1&grade=poor")["items"][0]
        self.meeting = f"/meetings/{newest['session']}"
        self.session = f"/sessions/{poor['session']}"
        self.has_charts = bool(_read(f"{url}{self.session}/curves")["times"])
        self._participant = f"/participants/{newest['participant_id']}"
        self._end = _seconds(newest["began"]) // _DAY * _DAY + _DAY

    def over(self, path: str, days: int, **query: str) -> str:
        """A page over some days."""
        window = {"since": to_iso(self._end - days * _DAY), "until": to_iso(self._end)}
        return f"{path}?{urlencode({**window, **query})}"

    def all(self) -> dict[str, str]:
        """Every page by its name, those with a time range for each range."""
        ranges = {
            f"{name}, {_range(days)}": self.over(path, days, **query)
            for days in self.days
            for name, path, query in (
                ("overview", "/overview", {}),
                ("overview of a browser", "/overview", {"browser": "Chrome 131"}),
                ("incidents", "/incidents", {}),
                ("compare networks", "/compare", {"by": "network"}),
                ("compare browsers and systems", "/compare", {"by": "browser", "crossed": "os"}),
                ("compare everything", "/compare", {}),
                ("meetings", "/meetings", {}),
                ("meetings by people", "/meetings", {"sort": "-people"}),
                ("sessions", "/sessions", {}),
                ("sessions by poor time", "/sessions", {"sort": "-poor"}),
                ("usage by day", "/usage", {"by": "day"}),
                ("ratings and grades", "/agreement", {}),
                ("participant", self._participant, {}),
            )
        }
        return {
            "now": "/",
            **ranges,
            "find: a name": "/find?q=room-12",
            "meeting": self.meeting,
            "session with problems": self.session,
            "notes": "/notes",
            "users": "/users",
            "health": "/health",
            "help": "/help",
            "API reference": "/api/v1/",
            "sign in": "/login",
        }


def _range(days: int) -> str:
    return "1 day" if days == 1 else f"{days} days"


def _show_paints(browser: Browser, serve: Serve, paths: _Paths, rounds: int) -> None:
    print(
        f"| page | response ms | first paint ms | worst of {rounds} | all shown ms | server CPU ms"
        " | |"
    )
    print("|---|---|---|---|---|---|---|")
    for name, path in paths.all().items():
        before = serve.cpu()
        timings = [_painted(browser, paths.url + path) for _ in range(rounds)]
        cpu = (serve.cpu() - before) / rounds * 1000
        response, paint, last = (statistics.median(column) for column in zip(*timings, strict=True))
        worst = max(timing[1] for timing in timings)
        over = "over" if paint > _FIRST_PAINT or last > _ALL_SHOWN else ""
        figures = (response, paint, worst, last, cpu)
        print(f"| {name} | {' | '.join(f'{ms:.0f}' for ms in figures)} | {over} |", flush=True)


def _painted(browser: Browser, url: str) -> list[float]:
    """Milliseconds from the navigation: end of response, first contentful paint, all shown."""
    with _open(browser, url) as page:
        return page.wait_for_function(_PAINTED, arg=_QUIET).json_value()


class Click(NamedTuple):
    """An interaction: the event that starts it, and a JavaScript condition for its effect."""

    name: str
    path: str
    event: str
    shown: str
    act: Callable[[Page], None]


class Navigation(NamedTuple):
    """An interaction that opens another page."""

    name: str
    path: str
    act: Callable[[Page], None]


def _point_at_chart(page: Page) -> None:
    """Open all charts without the mouse, and move it over one."""
    page.evaluate("document.querySelector('[data-charts]').open = true")
    page.locator(".curves.two .chart", has_text="Machine").wait_for()
    page.locator(".u-over").first.hover(position={"x": 200, "y": 50})


def _clicks(paths: _Paths) -> list[Click]:
    sorts = [
        Click(
            f"sort networks, {_range(days)}",
            paths.over("/compare", days, by="network"),
            "click",
            "document.querySelector('th[aria-sort]')",
            lambda page: page.get_by_role("button", name="minutes").click(),
        )
        for days in paths.days
    ]
    longest = paths.days[-1]
    return [
        *sorts,
        *(_chart_clicks(paths) if paths.has_charts else ()),
        Click(
            "suggestions for a typed letter",
            "/",
            "keydown",
            "!document.querySelector('#suggestions').hidden",
            lambda page: page.locator("#q").press("r"),
        ),
        Click(
            f"switch to dark mode, overview of {_range(longest)}",
            paths.over("/overview", longest),
            "change",
            "true",
            lambda page: page.emulate_media(color_scheme="dark"),
        ),
    ]


def _chart_clicks(paths: _Paths) -> list[Click]:
    return [
        Click(
            "open a timeline with its charts",
            paths.meeting,
            "click",
            "document.querySelector('.timeline-row canvas')",
            lambda page: page.locator(".timeline-button").first.click(),
        ),
        Click(
            "open all charts of a session",
            paths.session,
            "click",
            "document.querySelector('.curves.two canvas')",
            lambda page: page.locator("[data-charts] > summary").click(),
        ),
        Click(
            "move the cursor over charts",
            paths.session,
            "mousemove",
            "!document.querySelectorAll('.u-legend .u-value')[1].textContent.includes('p50')",
            _point_at_chart,
        ),
        Click(
            "zoom all charts to a problem",
            paths.session,
            "click",
            "!document.querySelector('.zoom-window').hidden",
            lambda page: page.locator("[data-zoom]").first.click(),
        ),
    ]


def _filter_by_browser(page: Page) -> None:
    page.locator(".filter-menu > summary").click()
    page.locator(".filter-menu input[name=browser]").fill("Chrome 131")
    page.locator(".filter-menu button.main").click()


def _brush(page: Page) -> None:
    """Draw over the middle third of the first chart."""
    chart = page.locator(".u-over").first
    box = chart.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 3, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 2 / 3, box["y"] + 20, steps=5)
    page.mouse.up()


def _navigations(paths: _Paths) -> list[Navigation]:
    ranges = [
        navigation
        for days in paths.days
        for navigation in (
            Navigation(
                f"sessions by length, {_range(days)}",
                paths.over("/sessions", days),
                lambda page: page.locator("th.c-length a").click(),
            ),
            Navigation(
                f"meetings by people, {_range(days)}",
                paths.over("/meetings", days),
                lambda page: page.locator("th.c-people a").click(),
            ),
            Navigation(
                f"sessions of a browser, {_range(days)}",
                paths.over("/sessions", days),
                _filter_by_browser,
            ),
            Navigation(
                f"brush the overview, {_range(days)}", paths.over("/overview", days), _brush
            ),
        )
    ]
    return [
        *ranges,
        Navigation(
            "another language, overview",
            paths.over("/overview", paths.days[0]),
            lambda page: (
                page.get_by_text("Menu").click()
                or page.get_by_role("link", name="Français").click()
            ),
        ),
    ]


def _show_clicks(browser: Browser, paths: _Paths, rounds: int) -> None:
    print(f"\n| effect on the page | median ms | worst of {rounds} | |")
    print("|---|---|---|---|")
    for click in _clicks(paths):
        durations = []
        for _ in range(rounds):
            with _open(browser, paths.url + click.path) as page:
                page.evaluate(_WATCH, [click.event, click.shown])
                click.act(page)
                durations.append(page.evaluate("window.shown"))
        _print_row(click.name, durations, _EFFECT)


def _show_navigations(browser: Browser, paths: _Paths, rounds: int) -> None:
    print(f"\n| click to first paint of the next page | median ms | worst of {rounds} | |")
    print("|---|---|---|---|")
    for navigation in _navigations(paths):
        durations = []
        for _ in range(rounds):
            with _open(browser, paths.url + navigation.path) as page:
                page.evaluate(_NOTE_CLICK)
                before = page.url
                navigation.act(page)
                page.wait_for_url(lambda url, before=before: url != before)
                durations.append(page.wait_for_function(_SINCE_CLICK).json_value())
        _print_row(navigation.name, durations, _FIRST_PAINT)


def _print_row(name: str, durations: Sequence[float], budget: float) -> None:
    median, worst = statistics.median(durations), max(durations)
    over = "over" if median > budget else ""
    print(f"| {name} | {median:.0f} | {worst:.0f} | {over} |", flush=True)


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
        context.add_init_script(_NOTE_DRAWING)
        page = context.new_page()
        page.goto(url)
        yield page
    finally:
        context.close()


def _get(url: str, path: str) -> Any:
    return _read(f"{url}/api/v1{path}")


def _read(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=60) as answer:
        return json.load(answer)


def _seconds(moment: str) -> int:
    return int(datetime.fromisoformat(moment).timestamp())


if __name__ == "__main__":
    main()
