"""What a person waits for: the first paint of every page, and the frame after a click or a key.

A real Chromium without a graphics processor, which paints with the processor that also serves, on
a store with 100,000 sessions of 30 days and on one meeting of 500 people. Makes the stores with
`jmmc simulate`, if they are not in --folder yet (some minutes). Each page is loaded by a browser
that has seen nothing.
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
_HALL = 500  # People in the large meeting.
_OPENED = 5  # Lanes of it.
_STEP = 60  # Pixels a frame.
_FRAMES = 240

_PAINTED = """
() => {
  const [page] = performance.getEntriesByType("navigation");
  const [paint] = performance.getEntriesByName("first-contentful-paint");
  return paint && page.loadEventEnd ? [page.responseEnd, paint.startTime, page.loadEventEnd] : null;
}
"""
# From the moment at which the browser took the event to the end of the frame that shows its effect.
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
    long.push(...list.getEntries().map((it) => it.duration));
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
    parser.add_argument("--only", choices=("paint", "clicks", "hall"), help="a part of it")
    options = parser.parse_args()
    options.folder.mkdir(exist_ok=True)
    rooms = max(1, options.sessions // 20)
    large = _made(options.folder / f"{options.sessions}.db", options.sessions, rooms, 30 * 1440)
    hall = _made(options.folder / "hall.db", _HALL, 1, 60)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=CHROMIUM_OPTIONS, headless=True
        )
        with _served(options.folder, large) as there:
            if options.only in (None, "paint"):
                _show_paints(browser, there, options.rounds)
            if options.only in (None, "clicks"):
                _show_clicks(browser, there, options.rounds)
        with _served(options.folder, hall) as there:
            if options.only in (None, "hall"):
                _show_hall(browser, there)
        browser.close()


def _made(path: Path, sessions: int, rooms: int, minutes: int) -> str:
    url = f"sqlite:///{path}"
    if not path.exists():
        size = ["--participants", str(sessions), "--rooms", str(rooms)]
        command = [sys.executable, "-m", "jmmc", "simulate", *size, "--minutes", str(minutes)]
        subprocess.run([*command, "--store", url], check=True, stdout=sys.stderr)
    return url


@contextmanager
def _served(folder: Path, store: str) -> Iterator[str]:
    """The address of a server on a store."""
    serve = Serve(folder / "serving", "--max-queries-per-minute", "0", store=store)
    try:
        there = f"http://127.0.0.1:{serve.port}"
        _wait_for_sums(there)
        yield there
    finally:
        serve.close()


def _wait_for_sums(there: str) -> None:
    """A store that was just made gets its sums of hours first: no more for three seconds."""
    seen: list[int] = [0]
    while len(seen) < 4 or len(set(seen[-4:])) > 1 or not seen[-1]:
        time.sleep(1)
        seen.append(_ask(there, "/overview?since=3650d")["minutes"])


def _show_paints(browser: Browser, there: str, rounds: int) -> None:
    print(f"| ms until | the answer is there | the first paint | worst of {rounds} | all is done |")
    print("|---|---|---|---|---|")
    for name, path in _paths(there).items():
        seen = [_painted(browser, there + path) for _ in range(rounds)]
        server, paint, done = (statistics.median(item) for item in zip(*seen, strict=True))
        worst = max(item[1] for item in seen)
        print(f"| {name} | {server:.0f} | {paint:.0f} | {worst:.0f} | {done:.0f} |", flush=True)


def _paths(there: str) -> dict[str, str]:
    """Every page; those that have a window, over each of `_WINDOWS` before the newest session."""
    newest = _ask(there, "/sessions?since=3650d&limit=1")["items"][0]
    end = _seconds(newest["began"]) // _DAY * _DAY + _DAY
    paths = {"now": "/"}
    for window, days in _WINDOWS.items():
        asked = urlencode({"since": to_iso(end - days * _DAY), "until": to_iso(end)})
        paths |= {
            f"overview, {window}": f"/overview?{asked}",
            f"overview of a browser, {window}": f"/overview?{asked}&browser=Chrome+131",
            f"compare networks, {window}": f"/compare?by=network&{asked}",
            f"find: sessions, {window}": f"/find?{asked}",
            f"participant, {window}": f"/participants/{newest['participant_id']}?{asked}",
        }
    return paths | {
        "find: a name": "/find?q=room-12",
        "meeting": f"/meetings/{newest['session']}",
        "session": f"/sessions/{newest['session']}",
        "health": "/health",
        "login": "/login",
    }


def _painted(browser: Browser, url: str) -> list[float]:
    """Milliseconds from the click on a link: whole answer, first contentful paint, end of load."""
    with _open(browser, url) as page:
        return page.wait_for_function(_PAINTED).json_value()


class Click(NamedTuple):
    """What is done on a page, by which event it begins, and when its effect is shown."""

    name: str
    path: str
    event: str
    shown: str
    act: Callable[[Page], None]


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
            "open a lane with its curves",
            paths["meeting"],
            "click",
            "document.querySelector('.timeline-row canvas')",
            lambda page: page.locator(".timeline-button").first.click(),
        ),
        Click(
            "move the cursor over curves",
            paths["session"],
            "mousemove",
            "/\\d/.test(document.querySelector('.u-legend .u-value').textContent)",
            lambda page: page.locator(".u-over").first.hover(position={"x": 200, "y": 50}),
        ),
        Click(
            "names for a typed letter",
            paths["now"],
            "keydown",
            "!document.querySelector('#suggestions').hidden",
            lambda page: page.locator("#q").press("r"),
        ),
        Click(
            "from light to dark, overview of a month",
            paths["overview, month"],
            "change",
            "true",
            lambda page: page.emulate_media(color_scheme="dark"),
        ),
    ]


def _show_clicks(browser: Browser, there: str, rounds: int) -> None:
    paths = _paths(there)
    print(f"\n| ms until the frame that shows it | median | worst of {rounds} |")
    print("|---|---|---|")
    for click in _clicks(paths):
        seen = []
        for _ in range(rounds):
            with _open(browser, there + click.path) as page:
                page.evaluate(_WATCH, [click.event, click.shown])
                click.act(page)
                seen.append(page.evaluate("window.shown"))
        _row(click.name, seen)
    for name in ("overview, day", "overview, month"):
        seen = []
        for _ in range(rounds):
            with _open(browser, there + paths[name]) as page:
                page.evaluate(_NOTE_CLICK)
                page.get_by_role("link", name="Français").click()
                page.wait_for_url("**lang=fr**")
                seen.append(page.wait_for_function(_SINCE_CLICK).json_value())
        _row(f"another language: {name}", seen)


def _row(name: str, seen: Sequence[float]) -> None:
    print(f"| {name} | {statistics.median(seen):.0f} | {max(seen):.0f} |", flush=True)


def _show_hall(browser: Browser, there: str) -> None:
    """Frames of the large meeting."""
    newest = _ask(there, "/sessions?since=3650d&limit=1")["items"][0]
    url = f"{there}/meetings/{newest['session']}"
    print(f"\n| {_HALL} people, ms a frame | median | 95 % | worst | long tasks, the longest |")
    print("|---|---|---|---|---|")
    with _open(browser, url) as page:
        _show_frames(page, "at rest", lambda: page.wait_for_timeout(2000))
        _show_frames(page, "scrolled", lambda: page.evaluate(_SCROLL, [_STEP, _FRAMES]))
        timelines = page.locator(".timeline-button")

        def open_lanes() -> None:
            for number in range(_OPENED):
                timelines.nth(number).click()
                page.locator(".timeline-row .curves canvas").nth(number).wait_for()

        _show_frames(page, f"{_OPENED} lanes opened", open_lanes)
        box = page.locator(".u-over").first.bounding_box()
        assert box is not None
        page.mouse.move(box["x"] + 5, box["y"] + 20)
        right = box["x"] + box["width"] - 5
        _show_frames(
            page,
            f"cursor over {page.locator('.u-over').count()} curves",
            lambda: page.mouse.move(right, box["y"] + 20, steps=_FRAMES),
        )
        _show_frames(page, "scrolled again", lambda: page.evaluate(_SCROLL, [_STEP, _FRAMES]))
        nodes = page.evaluate("document.querySelectorAll('*').length")
        print(f"\nnodes of the page: {nodes:,}, of its source: {len(page.content()):,} characters")


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
    """A page in a browser that has seen nothing."""
    context = browser.new_context(locale="en-GB", viewport={"width": 1440, "height": 900})
    try:
        page = context.new_page()
        page.goto(url)
        yield page
    finally:
        context.close()


def _ask(there: str, path: str) -> Any:
    with urllib.request.urlopen(f"{there}/api/v1{path}", timeout=60) as answer:
        return json.load(answer)


def _seconds(moment: str) -> int:
    return int(datetime.fromisoformat(moment).timestamp())


if __name__ == "__main__":
    main()
