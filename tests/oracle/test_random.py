"""Sixty calls at random, asked for in windows at random seconds.

Regions, paths, codecs and networks change, tabs are suspended, samples are lost, some people are
in two tabs. Half of each call is summarized while it runs. All moments are whole seconds, as the
store's are, so the figures are exact. Only seconds of which nothing is known are compared in sum:
which region they had is unknown, too.
"""

from functools import cache, partial
from random import Random
from typing import Any

import pytest

from tests.oracle import cases
from tests.oracle.asking import (
    PEAK_CONNECTIONS,
    PEAK_PEOPLE,
    Asked,
    counted,
    figure,
    iso,
    near,
    unix,
)
from tests.oracle.expected import Totals, by_value, peaks, totals
from tests.oracle.truth import Call, Held, moment

_random = Random(20)


def _window() -> tuple[int, int]:
    length = int(10 ** _random.uniform(0.5, 4.1))
    since = _random.randrange(cases.RANDOM_SINCE, cases.RANDOM_UNTIL - length)
    return since, since + length


_HOUR = moment("2025-06-12T09:00:00")
_WINDOWS = [
    (cases.RANDOM_SINCE, cases.RANDOM_UNTIL),
    (_HOUR, _HOUR + 3600),
    (_HOUR - 1, _HOUR),
    (_HOUR + 1, _HOUR + 7199),
    *(_window() for _ in range(8)),
]

_totals = cache(partial(totals, cases.RANDOM))
_peaks = cache(partial(peaks, cases.RANDOM))
_by_value = cache(partial(by_value, cases.RANDOM))


def _named(window: tuple[int, int]) -> dict[str, int]:
    return {"since": window[0], "until": window[1]}


def _of_values(compared: list[dict[str, Any]]) -> dict[str, tuple[int, int, int]]:
    """Sessions, good and poor seconds of each value that has known time."""
    return {
        item["value"]: (item["sessions"], *counted(item["grades"])[:2])
        for item in compared
        if item["grades"]["known_seconds"]
    }


def _right(values: dict[str, Totals]) -> dict[str, tuple[Any, ...]]:
    """The same; a session of which a value has no known second may count for it or not."""
    return {
        value: (_between(len(total.known_sessions), len(total.sessions)), *near(total)[:2])
        for value, total in values.items()
        if total.known
    }


def _between(low: int, high: int) -> Any:
    return pytest.approx((low + high) / 2, abs=(high - low) / 2)


class Differences:
    """What differed, by window; each test compares all windows before it fails."""

    def __init__(self) -> None:
        self._found: list[str] = []

    def compare(self, where: object, answer: object, right: object) -> None:
        if answer != right:
            self._found.append(f"{where}: {answer}, right is {right}")

    def check(self) -> None:
        if self._found:
            pytest.fail("\n".join([f"{len(self._found)} differences", *self._found]), pytrace=False)


@pytest.fixture
def differences() -> Differences:
    return Differences()


def test_totals(asked: Asked, differences: Differences) -> None:
    for window in _WINDOWS:
        overview = asked.api("overview", **_named(window))
        right = _totals(*window)
        differences.compare(window, counted(overview["grades"]), near(right))
        found = (overview["sessions"], overview["rooms"], overview["minutes"])
        rooms = len(right.rooms)
        differences.compare(window, found, (len(right.sessions), rooms, right.minutes))
    differences.check()


def test_peaks(asked: Asked, differences: Differences) -> None:
    for window in _WINDOWS:
        overview = asked.api("overview", **_named(window))
        found = (figure(overview, PEAK_PEOPLE), figure(overview, PEAK_CONNECTIONS))
        differences.compare(window, found, _peaks(*window))
    differences.check()


def test_series(asked: Asked, differences: Differences) -> None:
    for window in _WINDOWS:
        since, until = window
        overview = asked.api("overview", **_named(window))
        step = overview["step"]
        seconds = 0
        for point in overview["series"]:
            start = unix(point["start"])
            first, last = max(start, since), min(start - start % step + step, until)
            right = _totals(first, last)
            where = (window, point["start"])
            differences.compare(where, counted(point["grades"]), near(right))
            seconds += right.seconds
        differences.compare(window, seconds, _totals(since, until).seconds)
    differences.check()


@pytest.mark.parametrize(
    "dimension", ["region", "transport", "network", "codec", "browser", "bridge", "microphone"]
)
def test_comparisons(asked: Asked, differences: Differences, dimension: str) -> None:
    for window in _WINDOWS:
        compared = asked.api("compare", by=dimension, **_named(window))
        right = _right(_by_value(dimension, *window))
        differences.compare(window, _of_values(compared), right)
    differences.check()


def test_changes(asked: Asked, differences: Differences) -> None:
    """Each value before and after a moment; all of them have each session once."""
    for since, until in (_WINDOWS[0], _WINDOWS[3]):
        at = (since + 2 * until) // 3
        changed = asked.api("changes", by="region", at=iso(at), **_named((since, until)))
        for side, window in (("before_", (since, at)), ("", (at, until))):
            whole, *values = (
                {
                    "value": row["value"],
                    "sessions": row[f"{side}sessions"],
                    "grades": row[f"{side}grades"],
                }
                for row in changed
            )
            right = _totals(*window)
            found = (whole["sessions"], counted(whole["grades"]))
            differences.compare(window, found, (len(right.sessions), near(right)))
            differences.compare(window, _of_values(values), _right(_by_value("region", *window)))
    differences.check()


@pytest.mark.parametrize("region", ["r-1", "r-4"])
def test_filters(asked: Asked, differences: Differences, region: str) -> None:
    """Of one region, compared by path: each second has both."""

    def where(call: Call, held: Held) -> bool:
        return held.region == region

    for window in _WINDOWS:
        selected = {**_named(window), "region": region}
        right = by_value(cases.RANDOM, "transport", *window, where=where)
        compared = asked.api("compare", by="transport", **selected)
        differences.compare(window, _of_values(compared), _right(right))
        overview = asked.api("overview", **selected)
        total = totals(cases.RANDOM, *window, where=where)
        differences.compare(window, counted(overview["grades"])[:2], near(total)[:2])
        listed = len(asked.items("sessions", **selected))
        differences.compare(window, listed, overview["sessions"])
        differences.compare(
            window, listed, _between(len(total.known_sessions), len(total.sessions))
        )
    differences.check()


def test_lists(asked: Asked, differences: Differences) -> None:
    for window in _WINDOWS:
        sessions = asked.items("sessions", **_named(window))
        found = sorted((item["room"], item["participant_id"]) for item in sessions)
        present = sorted(
            (call.room, call.uid)
            for call in cases.RANDOM
            if call.joined < window[1] and call.left > window[0]
        )
        differences.compare(window, found, present)
        rooms = {
            room["room"]: (
                (room["sessions"], room["participants"], room["minutes"]),
                counted(room["grades"]),
            )
            for room in asked.items("rooms", **_named(window))
        }
        right = {
            room: ((len(total.sessions), len(total.people), total.minutes), near(total))
            for room, total in _by_value("room", *window).items()
        }
        differences.compare(window, rooms, right)
    differences.check()


def test_a_meeting_has_one_id_in_all_windows_and_on_its_page(
    asked: Asked, differences: Differences
) -> None:
    ids: dict[str, str] = {}  # Of a session: that of its meeting.
    wholes = asked.api("meetings", since=cases.RANDOM_SINCE, until=cases.RANDOM_UNTIL)
    for whole in wholes:
        detail = asked.api(f"meetings/{whole['id']}")
        differences.compare(whole["room"], detail["meeting"]["id"], whole["id"])
        ids |= dict.fromkeys((lane["session"]["session"] for lane in detail["lanes"]), whole["id"])
    for window in _WINDOWS:
        listed = asked.api("meetings", **_named(window))
        page = asked.text("/meetings", **_named(window))
        for meeting in listed:
            where = (window, meeting["room"])
            differences.compare(where, meeting["id"], ids.get(meeting["id"]))
            differences.compare(where, f'"/meetings/{meeting["id"]}?' in page, True)
    differences.check()


def test_sessions(asked: Asked, differences: Differences) -> None:
    """Of each call: its seconds by grade, and each spell."""
    selected = {"since": cases.RANDOM_SINCE, "until": cases.RANDOM_UNTIL}
    summaries = {
        (item["room"], item["participant_id"], unix(item["began"])): item
        for item in asked.items("sessions", **selected)
    }
    for call in cases.RANDOM:
        summary = summaries[call.room, call.uid, call.joined]
        total = totals([call], call.joined, call.left)
        seconds = [summary[name] for name in ("good", "fair", "poor", "unknown")]
        differences.compare(call, seconds, [total.good, 0, total.poor, total.unknown])
        differences.compare(call, unix(summary["ended"]), call.left)
        spells = [(unix(spell["start"]), unix(spell["end"])) for spell in summary["spells"]]
        differences.compare(call, spells, call.spells)
    differences.check()
