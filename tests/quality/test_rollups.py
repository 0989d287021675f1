"""Sums over sessions: of five minutes, of hours, of days, and of a window to the second."""

import random
from collections import Counter
from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jmmc.quality import rollups
from jmmc.quality.filters import DIMENSIONS, SummaryFilter
from jmmc.quality.grading import Grade
from jmmc.quality.intervals import Replicates, groups_of
from jmmc.quality.peaks import Presence, PresentSessions, peak, peaks
from jmmc.quality.quality_steps import QualitySteps
from jmmc.quality.rollups import (
    ALL,
    BUCKET,
    DAY,
    HOUR,
    Fact,
    Rollup,
    Sums,
    by_value,
    day_of,
    hour_of,
    most_values,
    replicates_of,
    total,
    weights,
    windows,
)
from jmmc.quality.segments import Segment, Track, pieces
from jmmc.quality.window_sums import Row, WindowSums

_HOUR = 100 * HOUR  # The hour that is looked at.
_UNKNOWN = dict.fromkeys(DIMENSIONS, "")
_REGION = DIMENSIONS.index("region")
_BAD, _GOOD, _FAIR = Grade.POOR, Grade.GOOD, Grade.FAIR

_Span = tuple[int, int, Grade]


def _fact(*spans: _Span, who: str = "", moves: tuple[Segment, ...] = (), **values: str) -> Fact:
    """A session with these spans, in seconds from the hour on."""
    moved = [(_HOUR + start, _HOUR + end, int(grade)) for start, end, grade in spans]
    segments = [Segment(_HOUR + part.start, _HOUR + part.end, part.values) for part in moves]
    ends = (moved[0][0], moved[-1][1])
    own = tuple({**_UNKNOWN, **values}.values())
    return Fact(*ends, False, "", who, "room", own, Track(moved, segments))


def _hour(*facts: Fact) -> dict[str, dict[str, tuple[Sums, ...]]]:
    rollups = hour_of(facts, _HOUR)
    assert {(rollup.length, rollup.start) for rollup in rollups} == {(HOUR, _HOUR)}
    assert [rollup.dimension for rollup in rollups] == [ALL, *DIMENSIONS]
    return {rollup.dimension: rollup.values for rollup in rollups}


_EARLY = _fact((10, 200, _GOOD), (200, 350, _BAD), who="a", region="eu")
_LATE = _fact((301, 400, _GOOD), who="b", region="us")
_TWIN = _fact((310, 330, _FAIR), who="b", region="eu")


def test_an_hour_counts_sessions_where_they_began_and_seconds_where_they_were() -> None:
    found = _hour(_EARLY, _LATE, _TWIN)
    assert found[ALL] == {
        ALL: (
            Sums(_HOUR, 1, 190, 0, 100, 0, people=1, connections=1),
            Sums(_HOUR + 300, 2, 99, 20, 50, 0, people=2, connections=3),
        )
    }
    assert found["region"] == {
        "eu": (
            Sums(_HOUR, 1, 190, 0, 100, 0, people=1, connections=1),
            Sums(_HOUR + 300, 1, 0, 20, 50, 0, people=2, connections=2),
        ),
        "us": (Sums(_HOUR + 300, 1, 99, 0, 0, 0, people=1, connections=1),),
    }
    assert list(found["browser"]) == [""], "what is not known is a value too"


def test_a_dimension_has_the_unknown_time_before_its_first_value_too() -> None:
    """20 s without a name, 30 s with one; the session that changes has both."""
    silent = _fact((0, 20, _GOOD), who="a")
    named = _fact((100, 130, _BAD), who="b", microphone="Headset")
    moves = (
        Segment(200, 240, {"camera": "Webcam"}),
        Segment(240, 250, {"camera": "Phone"}),
    )
    changed = _fact((200, 250, _FAIR), who="c", moves=moves, camera="Webcam")
    found = _hour(silent, named, changed)
    assert found["microphone"] == {
        "": (Sums(_HOUR, 2, 20, 50, 0, 0),),
        "Headset": (Sums(_HOUR, 1, 0, 0, 30, 0),),
    }
    assert found["camera"] == {
        "": (Sums(_HOUR, 2, 20, 0, 30, 0),),
        "Phone": (Sums(_HOUR, 1, 0, 10, 0, 0),),
        "Webcam": (Sums(_HOUR, 1, 0, 40, 0, 0),),
    }
    assert found["speaker"] == {"": (Sums(_HOUR, 3, 20, 50, 30, 0),)}


def test_an_hour_has_only_the_time_in_it() -> None:
    before = _fact((-100, 20, _GOOD), who="a")
    behind = _fact((HOUR - 1, HOUR + 300, _FAIR), who="b")
    outside = _fact((HOUR, HOUR + 300, _BAD), who="c")
    assert _hour(before, behind, outside)[ALL] == {
        ALL: (
            Sums(_HOUR, 0, 20, 0, 0, 0, people=1, connections=1),
            Sums(_HOUR + HOUR - 300, 1, 0, 1, 0, 0, people=1, connections=1),
        )
    }


def test_a_session_without_any_time_is_counted() -> None:
    assert _hour(_fact((5, 5, _GOOD), region="eu"))["region"] == {
        "eu": (Sums(_HOUR, 1, 0, 0, 0, 0),)
    }


def test_each_second_counts_for_the_region_in_which_it_was() -> None:
    """Cut off in eu from 600 to 900, then moved to us."""
    moves = (Segment(0, 900, {"region": "eu"}), Segment(900, 1500, {"region": "us"}))
    spans = ((0, 600, _GOOD), (600, 900, _BAD), (900, 1500, _GOOD))
    found = _hour(_fact(*spans, moves=moves, region="eu", browser="Chrome 131"))
    eu, us = (total(found["region"][value], 0) for value in ("eu", "us"))
    assert eu == Sums(0, 1, 600, 0, 300, 0, 1, 1)
    assert us == Sums(0, 1, 600, 0, 0, 0, 1, 1)
    assert total(found["browser"]["Chrome 131"], 0) == Sums(0, 1, 1200, 0, 300, 0, 1, 1)
    assert total(found["network"][""], 0).people == 0, "networks are many: not known"


def test_who_comes_back_to_a_region_counts_in_it_once() -> None:
    moves = tuple(
        Segment(at, at + 400, {"region": value})
        for at, value in ((0, "eu"), (400, "us"), (800, "eu"))
    )
    found = _hour(_fact((0, 1200, _GOOD), moves=moves, region="eu"))["region"]
    assert [total(found[value], 0).sessions for value in ("eu", "us")] == [1, 1]
    assert [total(found[value], 0).good for value in ("eu", "us")] == [800, 400]


def test_a_day_is_the_sum_of_its_hours_by_value_and_of_peaks_the_highest() -> None:
    other = Sums(_HOUR + HOUR, 10, 20, 30, 40, 50, 7, 9)
    later = [
        Rollup(HOUR, _HOUR + HOUR, "region", {"us": (other,), "ap": (other,)}),
        Rollup(HOUR, _HOUR + HOUR, "browser", {"us": (other,)}),
    ]
    day = _HOUR - _HOUR % DAY
    hours = hour_of([_EARLY, _LATE, _TWIN], _HOUR)
    found = day_of([*hours, *later], day, "region")
    assert (found.length, found.start, found.dimension) == (DAY, day, "region")
    assert found.values == {
        "eu": (Sums(day, 2, 190, 20, 150, 0, 2, 2),),
        "us": (Sums(day, 11, 119, 30, 40, 50, 7, 9),),
        "ap": (Sums(day, 10, 20, 30, 40, 50, 7, 9),),
    }
    assert found.replicates == hours[1 + _REGION].replicates
    assert found.replicates.keys() == {"eu", "us"}


def test_sums_of_several_rollups_are_collected_by_value() -> None:
    first, second = Sums(0, 1, 2, 3, 4, 5), Sums(300, 6, 7, 8, 9, 10)
    rollups = [
        Rollup(HOUR, 0, ALL, {"a": (first,)}),
        Rollup(HOUR, HOUR, ALL, {"b": (first,), "a": (second,)}),
    ]
    assert by_value(rollups) == {"a": [first, second], "b": [first]}
    assert by_value(rollups, 300, 600) == {"a": [second]}
    assert second.seconds == 7 + 8 + 9 + 10


_SECONDS = 1200  # From the hour on; what happens is drawn by the second.
_Life = tuple[int, list[tuple[Grade, str]]]
_LIVES = st.integers(0, 2**32).map(random.Random)


def _draw(chance: random.Random) -> list[_Life]:
    """Sessions: when each began, and its grade and region in each second."""
    lives = []
    for _ in range(8):
        began, seconds, region = chance.randrange(-300, _SECONDS), [], chance.choice("eu")
        grade = _GOOD
        for _ in range(chance.choice((0, 1, 40, 700))):
            grade = chance.choice(list(Grade)) if chance.random() < 0.02 else grade
            region = chance.choice("eu") if chance.random() < 0.01 else region
            seconds.append((grade, region))
        lives.append((began, seconds))
    return lives


def _row(number: int, life: _Life) -> Row:
    began, seconds = life
    at = _HOUR + began
    spans: list[list[int]] = []
    moves: list[Segment] = []
    for second, (grade, region) in enumerate(seconds, at):
        if spans and spans[-1][2] == grade:
            spans[-1][1] = second + 1
        else:
            spans.append([second, second + 1, grade])
        if moves and moves[-1].values["region"] == region:
            moves[-1] = Segment(moves[-1].start, second + 1, moves[-1].values)
        else:
            moves.append(Segment(second, second + 1, {"region": region}))
    counted = Counter(grade for grade, _ in seconds)
    regions = [region for _, region in seconds] or ["e"]
    return Row(
        str(number),
        at,
        at + len(seconds),
        f"person {number // 2}",
        f"room {number % 3}",
        *(counted[grade] for grade in (_GOOD, _FAIR, _BAD, Grade.UNKNOWN)),
        msgspec.json.encode(spans).decode(),
        msgspec.json.encode(moves if len(moves) > 1 else []).decode(),
        max(set(regions), key=regions.count),
    )


@given(_LIVES, st.integers(-100, 1300), st.integers(1, 900))
def test_the_sums_of_a_window_are_those_of_its_seconds(
    chance: random.Random, since: int, length: int
) -> None:
    lives, until = _draw(chance), since + length
    sums = WindowSums(SummaryFilter(since=_HOUR + since, until=_HOUR + until), by="region")
    sums.add(_row(number, life) for number, life in enumerate(lives))
    seconds: dict[str, Counter[Grade]] = {}
    sessions: dict[str, set[int]] = {}
    by_part: Counter[tuple[int, Grade]] = Counter()
    present: dict[int, list[int]] = {}
    inside = set()
    for number, (began, life) in enumerate(lives):
        if not life and since <= began < until:
            inside.add(number)
            sessions.setdefault("e", set()).add(number)
        for second, (grade, region) in enumerate(life, began):
            if since <= second < until:
                inside.add(number)
                seconds.setdefault(region, Counter())[grade] += 1
                sessions.setdefault(region, set()).add(number)
                by_part[second // BUCKET * BUCKET, grade] += 1
                present.setdefault(second, []).append(number)
    found = sums.values()
    order = (_GOOD, _FAIR, _BAD, Grade.UNKNOWN)
    assert {
        value: [part.good, part.fair, part.poor, part.unknown] for value, part in found.items()
    } == {value: [seconds.get(value, Counter())[grade] for grade in order] for value in sessions}
    assert {value: part.sessions for value, part in found.items()} == {
        value: len(numbers) for value, numbers in sessions.items()
    }
    parts = {part.start - _HOUR: part for part in sums.parts()}
    assert sum(part.sessions for part in parts.values()) == len(inside)
    for start, part in parts.items():
        assert [part.good, part.fair, part.poor, part.unknown] == [
            by_part[start, grade] for grade in order
        ]
        at_once = [present.get(second, []) for second in range(start, start + BUCKET)]
        assert part.connections == max(map(len, at_once))
        assert part.people == max(len({number // 2 for number in numbers}) for numbers in at_once)
    assert {start for start, _ in by_part} <= set(parts)


@given(_LIVES, st.integers(-100, 1300), st.integers(1, 900), st.sampled_from(("", "e")))
def test_known_time_is_in_the_step_of_its_second(
    chance: random.Random, since: int, length: int, region: str
) -> None:
    lives, until = _draw(chance), since + length
    selection = SummaryFilter(since=_HOUR - 500, until=_HOUR + 2500, region=region or None)
    for seconds in (BUCKET, DAY):
        steps = QualitySteps(seconds)
        window = (_HOUR + since, _HOUR + until)
        sums = WindowSums(selection, part=window, spread=False, steps=steps)
        rows = [_row(number, life) for number, life in enumerate(lives)]
        sums.add(row for row in rows if not region or region in _regions(row))
        truth: dict[int, Replicates] = {}
        for row, (began, life) in zip(rows, lives, strict=True):
            groups = groups_of(row.browser_id, row.room, row.began)
            for second, (grade, where) in enumerate(life, began):
                known = grade is not Grade.UNKNOWN and region in ("", where)
                if since <= second < until and known:
                    at = _HOUR + second
                    of_step = truth.setdefault(at - at % seconds, Replicates())
                    of_step.add(groups, 1, int(grade is _FAIR), int(grade is _BAD))
        assert dict(steps.steps()) == truth


def _ends(selection: SummaryFilter, rows: Sequence[Row], first: int, last: int) -> list[WindowSums]:
    """The sums of a window before `first` and from `last` on, in seconds from the hour on."""
    assert selection.since is not None
    assert selection.until is not None
    ever, ends = 2**40, []
    for part, entered in (
        ((selection.since, _HOUR + first), (-ever, _HOUR + first)),
        ((_HOUR + last, selection.until), (_HOUR + last, ever)),
    ):
        side = WindowSums(
            selection,
            by="" if selection.region else "region",
            part=part,
            entered=entered,
            spread=False,
        )
        side.add(row for row in rows if selection.region in (None, *_regions(row)))
        ends.append(side)
    return ends


def _regions(row: Row) -> set[str]:
    return {row.value, *(part["region"] for _, _, part in msgspec.json.decode(row.segments))}


@given(_LIVES, st.integers(0, 600), st.integers(600, 1200))
def test_the_sums_of_neighbouring_parts_and_a_rollup_are_those_of_the_window(
    chance: random.Random, since: int, until: int
) -> None:
    """As an answer is put together: both ends from sessions, the middle from rollups."""
    rows = [_row(number, life) for number, life in enumerate(_draw(chance))]
    selection = SummaryFilter(since=_HOUR + since, until=_HOUR + until)
    first, last = since + -since % BUCKET, until - until % BUCKET
    whole = WindowSums(selection, by="region")
    whole.add(rows)
    parts = _ends(selection, rows, first, last)
    facts = [
        Fact(
            row.began,
            row.ended,
            False,
            "",
            row.browser_id,
            row.room,
            tuple({**_UNKNOWN, "region": row.value}.values()),
            Track(
                msgspec.json.decode(row.lane), msgspec.json.decode(row.segments, type=list[Segment])
            ),
        )
        for row in rows
    ]
    middle = hour_of(facts, _HOUR)
    values = [side.values() for side in parts]
    inner = by_value([middle[1 + _REGION]], _HOUR + first, _HOUR + last)
    for value in {*whole.values(), *inner}:
        pieces_of_value = [*inner.get(value, []), *(of[value] for of in values if value in of)]
        joined = total(pieces_of_value, 0)
        assert msgspec.structs.replace(joined, people=0, connections=0) == msgspec.structs.replace(
            whole.values().get(value, Sums(0, 0, 0, 0, 0, 0)), start=0
        )
        of_value = msgspec.structs.replace(selection, region=value)
        filtered = WindowSums(of_value)
        filtered.add(row for row in rows if value in _regions(row))
        ends = [part for side in _ends(of_value, rows, first, last) for part in side.parts()]
        assert total([*inner.get(value, []), *ends], 0) == total(filtered.parts(), 0)
    replicates = [side.replicates for side in parts]
    if (first, last) == (0, HOUR):
        replicates.append(replicates_of([middle[1 + _REGION]]))
        for value, expected in whole.replicates.items():
            added = Replicates()
            for of in replicates:
                if value in of:
                    added.add_packed(of[value].pack())
            assert added == expected
    both = [*parts[0].parts(), *by_value([middle[0]], _HOUR + first, _HOUR + last).get(ALL, [])]
    assert total([*both, *parts[1].parts()], 0) == total(whole.parts(), 0)


def test_of_a_session_that_moved_only_the_time_counts_that_fits_the_filter() -> None:
    moves = [
        Segment(_HOUR, _HOUR + 300, {"region": "eu"}),
        Segment(_HOUR + 300, _HOUR + 500, {"region": "us"}),
    ]
    lane = [[_HOUR, _HOUR + 250, 1], [_HOUR + 250, _HOUR + 500, 3]]
    row = Row(
        "s",
        _HOUR,
        _HOUR + 500,
        "p",
        "room",
        250,
        0,
        250,
        0,
        *(msgspec.json.encode(x).decode() for x in (lane, moves)),
    )
    sums = WindowSums(SummaryFilter(since=_HOUR, until=_HOUR + HOUR, region="us"))
    sums.add([row])
    assert total(sums.parts(), 0) == Sums(0, 1, 0, 0, 200, 0, people=1, connections=1)
    assert (sums.rooms, sums.deciles[0]) == ({"room": [0, 200]}, 1)


def test_ten_people_who_are_there_all_the_time_are_ten_also_in_a_second_of_five_minutes() -> None:
    rows = [
        Row(
            str(n),
            _HOUR,
            _HOUR + 1200,
            str(n),
            "room",
            1200,
            0,
            0,
            0,
            f"[[{_HOUR},{_HOUR + 1200},1]]",
            "[]",
        )
        for n in range(10)
    ]
    sums = WindowSums(SummaryFilter(since=_HOUR + 299, until=_HOUR + 900))
    sums.add(rows)
    assert [(part.good, part.people) for part in sums.parts()] == [(10, 10), (3000, 10), (3000, 10)]


def test_a_person_in_two_tabs_is_one_of_the_people_at_once() -> None:
    tabs = [Presence(0, 10, "a"), Presence(5, 20, "a"), Presence(10, 30, "b"), Presence(7, 7, "c")]
    assert peak(tabs) == (2, 2)
    assert peaks(tabs, 0, 30, 10) == {0: (1, 2), 10: (2, 2), 20: (1, 1)}
    assert peaks(tabs, 7, 9, 10) == {0: (1, 2)}
    assert peak([]) == (0, 0)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 300), st.integers(0, 40), st.integers(0, 99)), max_size=90)
)
def test_the_peak_of_many_sessions_is_that_of_their_busiest_second(
    lives: list[tuple[int, int, int]],
) -> None:
    spans = [(began, began + length, person) for began, length, person in sorted(lives)]
    there: dict[int, list[int]] = {}
    for began, ended, person in spans:
        for at in range(began, ended):
            there.setdefault(at, []).append(person)
    most = (
        max((len(set(people)) for people in there.values()), default=0),
        max(map(len, there.values()), default=0),
    )
    assert peak(spans) == most
    sessions = PresentSessions()
    for number in range(2):  # As of two days: the others may be any of these people.
        ours = spans[number : len(spans) // 2 : 2]
        overlapping = {
            first[2]
            for place, first in enumerate(spans[: len(spans) // 2])
            for second in spans[:place]
            if first[2] == second[2] and first[0] < second[1] and second[0] < first[1]
        }
        sessions.add(*([span[column] for span in ours] for column in range(3)), overlapping)
    others = spans[len(spans) // 2 :]
    for span in others[::2]:
        sessions.add_span(span)
    assert sessions.peak(others[1::2]) == most


def test_pieces_are_cut_at_the_window_and_where_a_dimension_changed() -> None:
    track = Track(
        [(0, 100, 1), (100, 200, 3)],
        [Segment(0, 50, {"region": "eu"}), Segment(50, 200, {"region": "us"})],
    )
    assert [(*piece[:3], piece.values["region"]) for piece in pieces(track, 10, 150)] == [
        (10, 50, 1, "eu"),
        (50, 100, 1, "us"),
        (100, 150, 3, "us"),
    ]


@pytest.mark.parametrize("since", [DAY - 5, DAY - 1])
def test_a_window_over_midnight_without_a_whole_day_is_read_by_hours(since: int) -> None:
    assert list(windows(since, DAY + 7)) == [(HOUR, since, DAY + 7)]


def _invented(values: int, network: str, seconds: int) -> list[Fact]:
    return [
        _fact((0, seconds, _GOOD), browser=f"Invented {number}", network=network)
        for number in range(values)
    ]


def test_invented_values_of_one_network_take_the_place_of_no_real_one() -> None:
    real = [
        _fact((0, 10, _GOOD), browser=f"Real {number}", network=f"203.0.{number}.0/24")
        for number in range(300)
    ]
    found = _hour(*_invented(5000, "198.18.0.0/24", 300), *real)
    browsers = found["browser"]
    assert {f"Real {number}" for number in range(300)} <= set(browsers)
    assert len(browsers) == most_values("browser") + 1
    assert browsers["other"] == (Sums(_HOUR, 4800, 4800 * 300, 0, 0, 0),)
    sums = total([part for parts in browsers.values() for part in parts], 0)
    everybody = total(found[ALL][ALL], 0)
    assert (sums.sessions, sums.good) == (everybody.sessions, everybody.good)


def test_values_that_are_joined_early_have_the_sums_of_those_joined_at_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = [
        _fact((0, 10, _GOOD), (10, 30, _BAD), browser=f"Real {number % 7}", network=f"{number}")
        for number in range(700)
    ]
    facts = [*_invented(1500, "198.18.0.0/24", 300), *real, *_invented(1600, "198.18.0.0/24", 20)]
    early = _hour(*facts)
    monkeypatch.setattr(rollups, "_FACTS_BETWEEN_LOOKS", 10_000)
    assert early == _hour(*facts)


def test_up_to_its_bound_a_dimension_has_all_of_its_values() -> None:
    facts = _invented(most_values("browser"), "198.18.0.0/24", 60)
    assert set(_hour(*facts)["browser"]) == {
        fact.values[DIMENSIONS.index("browser")] for fact in facts
    }


def test_each_network_has_one_vote() -> None:
    votes = weights([("a", "one", 10), ("b", "one", 30), ("b", "two", 1), ("a", "three", 0)])
    assert votes == {"a": 0.25, "b": 1.75}


def test_a_day_has_a_bounded_number_of_values_and_all_of_their_seconds() -> None:
    hours = [
        Rollup(
            HOUR,
            hour * HOUR,
            "network",
            {f"{hour}-{n}": (Sums(hour * HOUR, 1, n, 0, 0, 0),) for n in range(5000)},
        )
        for hour in range(6)
    ]
    day = day_of(hours, 0, "network")
    assert len(day.values) <= 20_001
    assert len(msgspec.json.encode(day.values)) < 2**21
    sums = total([part for parts in day.values.values() for part in parts], 0)
    assert (sums.sessions, sums.good) == (30_000, 6 * sum(range(5000)))
    assert "0-4999" in day.values
