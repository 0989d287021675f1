"""Totals of days: of a long window they are those of its sessions, counted by hand."""

import random
from collections.abc import Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from jmmc.quality.day_totals import (
    DayTotals,
    UsedRoom,
    add_rated,
    failed_times_of,
    pack_totals,
    rooms_of,
    tenths_of,
    totals_of,
    unpack_totals,
    worst_times,
)
from jmmc.quality.filters import DIMENSIONS
from jmmc.quality.meetings import EMPTY_FOR
from jmmc.quality.people import digest_of
from jmmc.quality.ratings import Ratings, RatingSums, ratings_of_people
from jmmc.quality.rollups import DAY, Fact
from jmmc.quality.segments import Segment, Track

_DAY = 20_000 * DAY
_NEXT = _DAY + DAY


def _row(began: int, seconds: int, room: str = "a", **more: Any) -> tuple[Any, ...]:
    bad = {"good": 0, "fair": 0, "poor": 0, "outcome": "joined", **more}
    grades = (bad["good"], bad["fair"], bad["poor"])
    return began, began + seconds, bad["outcome"], room, *grades


def _rated(person: str, rating: int, region: str = "") -> tuple[Any, ...]:
    values = {"region": region}
    return person, rating, *(values.get(name, "") for name in DIMENSIONS)


def test_a_room_is_used_until_it_was_empty_for_ten_minutes_also_over_midnight() -> None:
    first = totals_of(
        [
            _row(_DAY + 100, 50, poor=7),
            _row(_DAY, 1000, fair=3),  # It goes on after the one that began later.
            _row(_DAY + 1599, 10, poor=1),  # 599 seconds after the end of it.
            _row(_DAY + 1609 + 600, 10),
            _row(_NEXT - 20, 30, "b", fair=5),
            _row(_NEXT - 10, 0, "c", outcome="failed"),
        ],
        (),
        _DAY,
    )
    second = totals_of(
        [
            _row(_NEXT + 609, 5, "b", poor=2),
            _row(_NEXT + 1300, 5, "b", poor=4),
            _row(_NEXT + 1301, 1),
        ],
        (),
        _NEXT,
    )
    assert [*worst_times([first, second])] == [
        UsedRoom(3 * 3 + 8 * 10, "a", _DAY, _DAY + 1609),
        UsedRoom(40, "b", _NEXT + 1300, _NEXT + 1305),
        UsedRoom(3 * 5 + 20, "b", _NEXT - 20, _NEXT + 614),
    ]
    assert rooms_of([first, second]) == {"a", "b"}, "nobody was in the room of an attempt"


def test_sessions_are_counted_by_the_tenth_of_their_known_time_that_was_good() -> None:
    rows = [
        _row(_DAY, 100, good=100),
        _row(_DAY, 100, good=90, fair=5, poor=5),
        _row(_DAY, 100, good=89, fair=11),
        _row(_DAY, 100, poor=40),
        _row(_DAY, 100),  # Nothing is known of it.
    ]
    totals = totals_of(rows, (), _DAY)
    assert tenths_of([totals, totals]) == [2, 0, 0, 0, 0, 0, 0, 0, 2, 4]


def test_attempts_that_failed_count_but_not_those_that_were_refused() -> None:
    rows = [
        _row(_DAY + at, 0, outcome=outcome)
        for at, outcome in enumerate(("failed", "refused", "no_media", "dropped", "joined"))
    ]
    assert failed_times_of([totals_of(rows, (), _DAY)]) == [_DAY, _DAY + 2]


def test_ratings_are_those_of_persons_by_the_value_of_a_dimension() -> None:
    first = totals_of((), [_rated("anna", 5, "eu"), _rated("ben", 1, "us")], _DAY)
    second = totals_of((), [_rated("anna", 4, "us"), _rated("carl", 2)], _NEXT)
    together: dict[str, RatingSums] = {}
    by_region: dict[str, RatingSums] = {}
    for day in (first, second):
        add_rated(together, day)
        add_rated(by_region, day, "region")
    assert ratings_of_people(together[""]) == Ratings(4, 3, 3.0)
    assert {value: ratings_of_people(sums) for value, sums in by_region.items()} == {
        "eu": Ratings(1, 1, 5.0),
        "us": Ratings(2, 2, 2.5),
        "": Ratings(1, 1, 2.0),
    }
    assert set(together[""]) == {digest_of(name) for name in ("anna", "ben", "carl")}


def _fact(room: str, region: str, *moved_to: str, outcome: str = "joined") -> Fact:
    """A session in a room that was in these regions, ten seconds each."""
    regions = (region, *moved_to) if moved_to else ()
    segments = [
        Segment(_DAY + 10 * place, _DAY + 10 * place + 10, {"region": name})
        for place, name in enumerate(regions)
    ]
    values = {"region": region, "network": f"{room}'s"}
    return Fact(
        _DAY,
        _DAY + 10 * len(regions or "1"),
        False,
        outcome,
        "anna",
        room,
        tuple(values.get(name, "") for name in DIMENSIONS),
        Track([], segments),
    )


def _totals_of_facts(facts: Sequence[Fact]) -> DayTotals:
    rows = [_row(_DAY, 10, fact.room, outcome=fact.outcome) for fact in facts]
    totals = unpack_totals(pack_totals(totals_of(rows, (), _DAY, facts)))
    assert totals is not None
    return totals


def test_a_room_has_the_values_that_any_session_in_it_had_at_any_time() -> None:
    facts = [
        _fact("a", "eu"),
        _fact("b", "eu", "us", "eu"),
        _fact("c", "us"),
        _fact("d", "ap", outcome="failed"),  # Nobody was in that room.
        _fact("a", "sa"),
        *(_fact(f"room {number}", "sa") for number in range(20)),
    ]
    totals = _totals_of_facts(facts)

    def rooms(dimension: str, *values: str) -> set[str] | None:
        found = totals.rooms_with(dimension, values.__contains__)
        return None if found is None else set(found)

    assert rooms("region", "eu") == {"a", "b"}
    assert rooms("region", "us", "eu") == {"a", "b", "c"}
    assert rooms("region", "sa") == {"a", *(f"room {number}" for number in range(20))}
    assert rooms("region", "ap") == set()
    assert rooms("browser", "") == {fact.room for fact in facts if fact.room != "d"}
    assert rooms("network", "a's") is None, "networks are too many"


def test_a_dimension_with_too_many_values_has_no_rooms() -> None:
    """8 KB of bits: 257 rooms with a value each of their own are too many, 256 are not."""
    few, many = ([_fact(f"{n}", f"r{n}") for n in range(number)] for number in (256, 257))
    found = _totals_of_facts(few).rooms_with("region", lambda value: value == "r255")
    assert found is not None
    assert [*found] == ["255"]
    assert _totals_of_facts(many).rooms_with("region", lambda _: True) is None


def test_the_stored_form_is_read_as_it_was() -> None:
    totals = totals_of([_row(_DAY + 70_000, 90_000, fair=70_000)], [_rated("anna", 5)], _DAY)
    assert unpack_totals(pack_totals(totals)) == totals
    assert unpack_totals(pack_totals(None)) is None
    empty = totals_of((), (), _DAY)
    assert unpack_totals(pack_totals(empty)) == empty
    assert [*worst_times([empty])] == []


@given(st.integers(0, 2**32))
@settings(max_examples=100, deadline=None)
def test_times_are_those_of_all_days_together_however_long_sessions_are(seed: int) -> None:
    chance = random.Random(seed)
    rows = [
        _row(
            _DAY + chance.choice((0, DAY, 2 * DAY)) + chance.choice((*range(0, 3000, 97), 86_000)),
            chance.choice((0, 10, 599, 700, 80_000, 100_000, 172_000)),
            chance.choice("ab"),
            poor=chance.randrange(3),
        )
        for _ in range(chance.randrange(12))
    ]
    parts = [
        totals_of([row for row in rows if day <= row[0] < day + DAY], (), day)
        for day in range(_DAY, _DAY + 3 * DAY, DAY)
    ]
    expected = []
    for room in "ab":
        of_room = sorted(
            (began, ended, poor) for began, ended, _, at, _, _, poor in rows if at == room
        )
        while of_room:
            began, ended, bad = of_room.pop(0)
            while of_room and of_room[0][0] - ended < EMPTY_FOR:
                _, end, poor = of_room.pop(0)
                ended, bad = max(ended, end), bad + poor
            if bad:
                expected.append(UsedRoom(10 * bad, room, began, ended))
    assert [*worst_times(parts)] == sorted(expected, reverse=True)
