"""What people read, on pages, in their files and in the terminal, counted by the second."""

import csv
import io
import re
from collections import Counter
from html import unescape

import pytest

from tests.oracle import cases
from tests.oracle.asking import Asked, unix
from tests.oracle.expected import by_value, peaks, totals
from tests.oracle.truth import moment

_ALL = (cases.RANDOM_SINCE, cases.RANDOM_UNTIL)
_HOUR = moment("2025-06-12T09:00:00")
_WINDOWS = [_ALL, (_HOUR - 1, _HOUR + 3601), (_HOUR + 600, _HOUR + 1111)]


def _text(markup: str) -> str:
    """The text of some markup, with single spaces."""
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", markup)).split())


def _named(window: tuple[int, int]) -> dict[str, int]:
    return {"since": window[0], "until": window[1]}


@pytest.mark.parametrize("window", _WINDOWS)
def test_the_overview_begins_with_the_totals_of_the_window(
    asked: Asked, window: tuple[int, int]
) -> None:
    page = _text(asked.text("/overview", **_named(window)))
    right = totals(cases.RANDOM, *window)
    most_people, most_connections = peaks(cases.RANDOM, *window)
    found = re.search(
        r"([\d,]+) sessions\b.*? ([\d,]+) rooms\b.*? ([\d,]+) minutes\b"
        r".*? (\d+) peak concurrent people (?:(\d+) connections)?.*? ([\d.]+) % good",
        page,
    )
    assert found, page[:3000]
    *counts, good = (group and group.replace(",", "") for group in found.groups())
    assert [int(count) for count in counts[:4]] == [
        len(right.sessions),
        len(right.rooms),
        right.minutes,
        most_people,
    ]
    assert int(counts[4] or most_people) == most_connections
    assert float(good) == pytest.approx(100 * right.good / right.known, abs=0.0501)


@pytest.mark.parametrize("dimension", ["region", "transport"])
def test_a_compared_value_is_sorted_by_its_share_also_where_that_is_zero(
    asked: Asked, dimension: str
) -> None:
    """`data-value` is what a browser sorts by; -1 stands for what is not known."""
    zeros = 0
    for window in _WINDOWS:
        page = asked.text("/compare", by=dimension, **_named(window))
        rows = re.findall(r"<tr[^>]*>(<td.*?)</tr>", page.partition('id="rows"')[2], re.DOTALL)
        found = {}
        for row in rows[: page.count("<tr")]:
            cells = re.findall(r'<td class="([^"]*)" data-value="([^"]*)"', row)
            shares = [float(value) for kind, value in cells if "with-bounds" in kind][:2]
            name = re.search(r"<a [^>]*>(.*?)</a>", row)
            if name and len(shares) == 2 and name[1] not in found:
                found[unescape(name[1])] = shares
        for value, right in by_value(cases.RANDOM, dimension, *window).items():
            share = right.poor / right.known if right.known else -1
            zeros += share == 0
            assert found[value] == pytest.approx([share, share], abs=0.0001), (window, value)
    assert zeros, "no value without problems: this test could not fail"


def test_networks_of_a_participant_are_all_that_they_had_in_the_window(asked: Asked) -> None:
    moved = 0
    for window in _WINDOWS:
        for uid in sorted(totals(cases.RANDOM, *window).people)[::6]:
            right: Counter[str] = Counter()
            for call in cases.RANDOM:
                if call.uid == uid:
                    right.update(by_value([call], "network", *window).keys())
            found = asked.api(f"participants/{uid}", **_named(window))
            assert found["networks"] == dict(right), (window, uid)
            moved += right.total() > found["sessions"]
    assert moved, "nobody moved: this test could not fail"


@pytest.mark.parametrize("window", _WINDOWS)
def test_the_list_of_sessions_as_a_file(asked: Asked, window: tuple[int, int]) -> None:
    """A row for each session that was there in the window, with its own length and seconds."""
    rows = csv.DictReader(io.StringIO(asked.text("/sessions", format="csv", **_named(window))))
    found = Counter(
        (row["room"], unix(row["began (UTC)"]), int(row["length (s)"]), _seconds(row["timeline"]))
        for row in rows
    )
    right = Counter()
    for call in totals(cases.RANDOM, *window).sessions:
        (stay,) = (stay for stay in cases.RANDOM if stay.sid == call)
        whole = totals([stay], stay.joined, stay.left)
        right[stay.room, stay.joined, stay.length, (whole.good, whole.poor, whole.unknown)] += 1
    assert found == right


def _seconds(timeline: str) -> tuple[int, int, int]:
    """Good, poor and unknown seconds of a timeline as words: `good 240 s, poor 30 s`."""
    seconds: Counter[str] = Counter()
    for grade, length in re.findall(r"([a-z]+) (\d+) s", timeline):
        seconds[grade] += int(length)
    assert seconds.keys() <= {"good", "poor", "unknown"}, timeline
    return seconds["good"], seconds["poor"], seconds["unknown"]


def test_the_report_in_the_terminal(asked: Asked) -> None:
    window = _WINDOWS[1]
    text = asked.cli("report", "--utc", "--since", window[0], "--until", window[1])
    right = totals(cases.RANDOM, *window)
    found = re.search(r"(\d+) sessions in (\d+) rooms, ([\d,]+) minutes, peak (\d+) people", text)
    assert found, text
    assert [int(group.replace(",", "")) for group in found.groups()] == [
        len(right.sessions),
        len(right.rooms),
        right.minutes,
        peaks(cases.RANDOM, *window)[0],
    ]
    shares = re.search(r"([\d.]+)% good .*? ([\d.]+)% poor +(\d+) min unknown", text)
    assert shares, text
    assert float(shares[1]) == pytest.approx(100 * right.good / right.known, abs=0.0501)
    assert float(shares[2]) == pytest.approx(100 * right.poor / right.known, abs=0.0501)
    assert 600 <= right.unknown < 3600, "said in whole minutes"
    assert int(shares[3]) == (right.unknown + 30) // 60


def test_a_share_is_rounded_once(asked: Asked) -> None:
    """11 of 7,200 s: 0.2 %, and not 0.1 % as of 0.0015."""
    call = cases.ROUNDED
    window = {"since": call.joined, "until": call.left}
    assert totals([call], call.joined, call.left).poor == 11
    assert asked.api("overview", **window)["grades"]["poor_share"] == 0.0015
    assert "0.2 % poor" in _text(asked.text("/overview", **window)).replace("\u00a0", " ")
    report = asked.cli("report", "--utc", "--since", call.joined, "--until", call.left)
    assert "0.2% poor" in report
    session = asked.session(call.room, call.uid, call.joined, call.left)["summary"]["session"]
    assert "0.2% poor" in asked.cli("show", session)


def test_minutes_are_rounded_and_not_cut(asked: Asked) -> None:
    """90 s are two minutes, as are 149 s; 89 s are one."""
    call = cases.ROUNDED
    for seconds, minutes in ((90, 2), (149, 2), (89, 1)):
        window = {"since": call.joined, "until": call.joined + seconds}
        (compared,) = asked.api("compare", by="region", **window)
        (meeting,) = asked.api("meetings", **window)
        (room,) = asked.items("rooms", **window)
        person = asked.api(f"participants/{call.uid}", **window)
        for answer in (asked.api("overview", **window), compared, meeting, room, person):
            assert answer["minutes"] == minutes
        noun = "minute" if minutes == 1 else "minutes"
        assert f" {minutes} {noun} " in _text(asked.text("/overview", **window))
        report = asked.cli("report", "--since", window["since"], "--until", window["until"])
        assert f", {minutes} {noun}, " in report


def test_a_bar_of_one_session_names_one(asked: Asked) -> None:
    """The histogram of the overview, and the networks and browsers of a participant."""
    call = cases.ROUNDED
    window = {"since": call.joined, "until": call.left}
    for path in ("/overview", f"/participants/{call.uid}"):
        bars = re.findall(r'aria-label="(1 session[^"]*)"', asked.text(path, **window))
        assert bars, path
        assert {*bars} == {"1 session"}
