"""Sums over sessions: of five minutes, of hours, of days, and of those that a filter selects."""

import msgspec
import pytest

from jmmc.quality.filters import DIMENSIONS
from jmmc.quality.rollups import (
    ALL,
    DAY,
    HOUR,
    TOTALS_COLUMNS,
    Fact,
    FilteredTotals,
    Rollup,
    Sums,
    by_value,
    day_of,
    hour_of,
    windows,
)
from jmmc.quality.summary import Slice

_HOUR = 100 * HOUR  # The hour that is looked at; 300 s before and behind it are others.
_UNKNOWN = dict.fromkeys(DIMENSIONS, "")
_REGION = DIMENSIONS.index("region")


def _series(*slices: Slice) -> str:
    return msgspec.json.encode(slices).decode()


def _fact(began: int, *series: Slice, **values: str) -> Fact:
    moved = _series(*(_moved(point) for point in series))
    return Fact(_HOUR + began, tuple({**_UNKNOWN, **values}.values()), moved)


def _moved(span: Slice) -> Slice:
    return msgspec.structs.replace(span, start=_HOUR + span.start)


def _hour(*facts: Fact) -> dict[str, dict[str, tuple[Sums, ...]]]:
    rollups = hour_of(facts, _HOUR)
    assert {(rollup.length, rollup.start) for rollup in rollups} == {(HOUR, _HOUR)}
    assert [rollup.dimension for rollup in rollups] == [ALL, *DIMENSIONS]
    return {rollup.dimension: rollup.values for rollup in rollups}


_EARLY = _fact(10, Slice(0, 200, 50, 30, 10), Slice(300, 1, 2, 3, 4), region="eu")
_LATE = _fact(301, Slice(300, 100, 20, 30, 40), region="us")
_SAME = _fact(599, Slice(300, 1000, 2000, 3000, 4000), region="eu")


def test_an_hour_counts_sessions_where_they_began_and_seconds_where_they_were() -> None:
    found = _hour(_EARLY, _LATE, _SAME)
    assert found[ALL] == {
        ALL: (
            Sums(_HOUR, 1, 200, 50, 30, 10),
            Sums(_HOUR + 300, 2, 1101, 2022, 3033, 4044),
        )
    }
    assert found["region"] == {
        "eu": (
            Sums(_HOUR, 1, 200, 50, 30, 10),
            Sums(_HOUR + 300, 1, 1001, 2002, 3003, 4004),
        ),
        "us": (Sums(_HOUR + 300, 1, 100, 20, 30, 40),),
    }
    assert list(found["browser"]) == [""], "what is not known is a value too"


def test_an_hour_has_only_slices_that_begin_in_it() -> None:
    before = _fact(-1, Slice(-300, 1, 0, 0, 0), Slice(0, 20, 0, 0, 0))
    last = _fact(HOUR - 1, Slice(HOUR - 300, 0, 1, 0, 0), Slice(HOUR, 0, 300, 0, 0))
    behind = _fact(HOUR, Slice(HOUR, 0, 0, 300, 0))
    first = _fact(0)
    assert _hour(before, last, behind, first)[ALL] == {
        ALL: (Sums(_HOUR, 1, 20, 0, 0, 0), Sums(_HOUR + HOUR - 300, 1, 0, 1, 0, 0))
    }


def test_a_session_without_known_time_is_counted_and_one_of_another_hour_makes_no_value() -> None:
    found = _hour(_fact(0, region="eu"), _fact(2 * HOUR, region="us"))
    assert found["region"] == {"eu": (Sums(_HOUR, 1, 0, 0, 0, 0),)}


def test_a_day_is_the_sum_of_its_hours_by_value() -> None:
    other = Sums(_HOUR + HOUR, 10, 20, 30, 40, 50)
    later = [
        Rollup(HOUR, _HOUR + HOUR, "region", {"us": (other,), "ap": (other,)}),
        Rollup(HOUR, _HOUR + HOUR, "browser", {"us": (other,)}),
    ]
    day = _HOUR - _HOUR % DAY
    assert day_of([*hour_of([_EARLY, _LATE, _SAME], _HOUR), *later], day, "region") == Rollup(
        DAY,
        day,
        "region",
        {
            "eu": (Sums(day, 2, 1201, 2052, 3033, 4014),),
            "us": (Sums(day, 11, 120, 50, 70, 90),),
            "ap": (Sums(day, 10, 20, 30, 40, 50),),
        },
    )


def test_sums_of_several_rollups_are_collected_by_value() -> None:
    first, second = Sums(0, 1, 2, 3, 4, 5), Sums(300, 6, 7, 8, 9, 10)
    rollups = [
        Rollup(HOUR, 0, ALL, {"a": (first,)}),
        Rollup(HOUR, HOUR, ALL, {"b": (first,), "a": (second,)}),
    ]
    assert by_value(rollups) == {"a": [first, second], "b": [first]}
    assert second.seconds == 7 + 8 + 9 + 10


def _filtered_totals(since: int, until: int, *rows: tuple[int, int, str, Fact]) -> FilteredTotals:
    """Of sessions: when they began and ended, their room, their slices and region."""
    sessions = [
        (began, ended, conf, *_sums(fact), fact.series, fact.values[_REGION])
        for began, ended, conf, fact in rows
    ]
    totals = FilteredTotals(since, until)
    totals.add(list(zip(*sessions, strict=True)))
    return totals


def _sums(fact: Fact) -> list[int]:
    slices = msgspec.json.decode(fact.series)
    return [sum(item[number] for item in slices) for number in (1, 2, 3, 4)]


def test_filtered_totals_equal_rollups() -> None:
    facts = (("a", _EARLY), ("b", _LATE), ("a", _SAME))
    rows = [(summary.began, _HOUR + 600, conf, summary) for conf, summary in facts]
    totals = _filtered_totals(_HOUR, _HOUR + HOUR, *rows)
    found = _hour(_EARLY, _LATE, _SAME)
    assert totals.parts == list(found[ALL][ALL])
    assert totals.values == {
        "eu": Sums(_HOUR, 2, 1201, 2052, 3033, 4014),
        "us": Sums(_HOUR, 1, 100, 20, 30, 40),
    }
    assert totals.rooms == {"a": [2052, 3033], "b": [20, 30]}
    assert totals.deciles == [0, 1, 0, 0, 0, 0, 1, 1, 0, 0]


def test_sessions_are_counted_by_tenths_of_good_time() -> None:
    shares = (0, 9, 10, 19, 55, 99, 100, 100)
    facts = [_fact(0, Slice(0, good, 100 - good, 0, 7)) for good in shares]
    totals = _filtered_totals(
        _HOUR, _HOUR + HOUR, *((_HOUR, _HOUR + 300, "a", fact) for fact in facts)
    )
    assert totals.deciles == [2, 2, 0, 0, 0, 1, 0, 0, 0, 3]


def test_filtered_totals_take_sessions_in_pieces_and_without_a_dimension() -> None:
    whole = _filtered_totals(_HOUR, _HOUR + HOUR, (_HOUR + 10, _HOUR + 600, "a", _EARLY))
    pieces = FilteredTotals(_HOUR, _HOUR + HOUR)
    pieces.add([[] for _ in TOTALS_COLUMNS])
    pieces.add([[item] for item in (_HOUR + 10, _HOUR + 600, "a", *_sums(_EARLY), _EARLY.series)])
    assert pieces.parts == whole.parts
    assert pieces.values == {ALL: whole.values["eu"]}
    assert (pieces.rooms, pieces.deciles) == (whole.rooms, whole.deciles)


def test_a_window_includes_the_five_minutes_of_its_start_and_excludes_its_end() -> None:
    slices = [Slice(300 * n, 10**n, 2 * 10**n, 3 * 10**n, 4 * 10**n) for n in range(3)]
    rows = [
        (_HOUR + began, _HOUR + 900, "room", _fact(began, *slices, region="eu"))
        for began in (-1, 0, 599, 600)
    ]
    totals = _filtered_totals(_HOUR + 299, _HOUR + 600, *rows)
    assert totals.parts == [
        Sums(_HOUR, 1, 4, 8, 12, 16),
        Sums(_HOUR + 300, 1, 40, 80, 120, 160),
    ]
    assert totals.values == {"eu": Sums(_HOUR, 2, 44, 88, 132, 176)}
    assert totals.rooms == {"room": [888, 1332]}, "a room is as bad as it was, also before"


def test_a_session_that_ends_with_the_window_is_wholly_in_it() -> None:
    """And one that ends a second later is not: of that only the slices in the window count."""
    for ended, seconds in ((600, 999), (601, 300)):
        fact = _fact(0, Slice(300, 300, 0, 0, 0))
        totals = FilteredTotals(_HOUR, _HOUR + 600)
        totals.add([[item] for item in (_HOUR, _HOUR + ended, "room", 999, 0, 0, 0, fact.series)])
        assert totals.values == {ALL: Sums(_HOUR, 1, seconds, 0, 0, 0)}


def test_a_session_that_only_began_in_the_window_is_in_its_five_minutes() -> None:
    totals = _filtered_totals(_HOUR, _HOUR + 600, (_HOUR + 450, _HOUR + 450, "room", _fact(450)))
    assert totals.parts == [Sums(_HOUR + 300, 1, 0, 0, 0, 0)]
    assert totals.deciles == [0] * 10, "nothing is known of it"


@pytest.mark.parametrize("since", [DAY - 5, DAY - 1])
def test_a_window_over_midnight_without_a_whole_day_is_read_by_hours(since: int) -> None:
    assert list(windows(since, DAY + 7)) == [(HOUR, since, DAY + 7)]
