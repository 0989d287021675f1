"""Columns of days: their sums are those of the seconds of the sessions, whatever is selected."""

import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jmmc.quality.column_sums import ColumnSums, has_columns
from jmmc.quality.day_columns import DayColumns, columns_of, pack, unpack
from jmmc.quality.filters import DIMENSIONS, SummaryFilter
from jmmc.quality.grading import Grade
from jmmc.quality.intervals import Replicates, groups_of
from jmmc.quality.joins import JoinSums
from jmmc.quality.quality_steps import QualitySteps
from jmmc.quality.rollups import DAY, HOUR, Fact
from jmmc.quality.segments import Segment, Track
from jmmc.quality.summary import Setup

_DAY = 20_000 * DAY
_STEP = 2 * HOUR
_WHOLE = SummaryFilter(since=_DAY, until=_DAY + 2 * DAY)


class _Second(NamedTuple):
    """What a session had in one second."""

    grade: Grade
    region: str
    transport: str


class _Life(NamedTuple):
    """A session: who, where, since when (seconds of the day), what in each second, and how."""

    person: str
    room: str
    began: int
    seconds: Sequence[_Second]
    outcome: str

    @property
    def ended(self) -> int:
        return self.began + len(self.seconds)


def _draw(chance: random.Random) -> list[_Life]:
    lives = []
    for _ in range(9):
        region, transport, grade = chance.choice("eu"), chance.choice("tr"), Grade.GOOD
        seconds = []
        for _ in range(chance.choice((0, 1, 50, 1500, 5000))):
            if chance.random() < 0.002:
                region, transport = chance.choice("eu"), chance.choice("tr")
            if chance.random() < 0.005:
                grade = chance.choice(list(Grade))
            seconds.append(_Second(grade, region, transport))
        outcome = chance.choice(("joined", "joined", "dropped", "no_media", ""))
        began = chance.randrange(0, 9 * HOUR)
        lives.append(
            _Life(f"p{chance.randrange(5)}", f"r{chance.randrange(3)}", began, seconds, outcome)
        )
    lives.append(_Life("p9", "r9", chance.randrange(0, 9 * HOUR), (), "failed"))
    return sorted(lives, key=lambda life: life.began)


def _runs(life: _Life, of: Callable[[_Second], object]) -> list[tuple[int, int, _Second]]:
    """The times in which nothing of this changed, and what held."""
    runs: list[tuple[int, int, _Second]] = []
    for at, second in enumerate(life.seconds, _DAY + life.began):
        if runs and of(runs[-1][2]) == of(second):
            runs[-1] = runs[-1][0], at + 1, second
        else:
            runs.append((at, at + 1, second))
    return runs


def _fact(life: _Life) -> Fact:
    spans = [(start, end, int(of.grade)) for start, end, of in _runs(life, lambda of: of.grade)]
    moves = _runs(life, lambda of: of[1:])
    segments = [
        Segment(start, end, {"region": of.region, "transport": of.transport})
        for start, end, of in moves
    ]
    first = life.seconds[0] if life.seconds else _Second(Grade.UNKNOWN, "e", "t")
    whole = {**dict.fromkeys(DIMENSIONS, ""), "region": first.region, "transport": first.transport}
    return Fact(
        _DAY + life.began,
        _DAY + life.ended,
        False,
        life.outcome,
        life.person,
        life.room,
        tuple(whole.values()),
        Track(spans, segments if len(segments) > 1 else []),
        "ice_failed" if life.outcome in ("dropped", "failed") else "",
        Setup(join=300, media=200) if life.outcome in ("joined", "dropped") else Setup(),
    )


def _columns(lives: Iterable[_Life]) -> DayColumns:
    sessions = [(f"{number:024x}", _fact(life)) for number, life in enumerate(lives)]
    columns = columns_of(sessions, _DAY)
    assert columns is not None
    assert unpack(pack(columns)) == columns
    return columns


_NOBODY = _Second(Grade.UNKNOWN, "e", "t")  # What a session without a second has.


class _Truth:
    """What the seconds tell of the sessions that begin and end in a window, on a transport."""

    def __init__(self, lives: Sequence[_Life], window: tuple[int, int], transport: str) -> None:
        self.fits = ("t", "r") if not transport else (transport,)
        self.seconds: dict[str, Counter[Grade]] = defaultdict(Counter)
        self.sessions: dict[str, set[int]] = defaultdict(set)
        self.by_hour: Counter[tuple[int, Grade]] = Counter()
        self.steps: dict[int, Replicates] = defaultdict(Replicates)
        self.deciles = [0] * 10
        self.rooms: dict[str, list[int]] = {}
        self.joins: Counter[tuple[str, str]] = Counter()
        self.failed: list[int] = []
        self.dropped: list[int] = []
        self.there: dict[int, list[str]] = defaultdict(list)
        for number, life in enumerate(lives):
            if window[0] <= life.began < window[1] and life.ended <= window[1]:
                self._count_joins(life)
                if life.outcome != "failed":
                    self._count(number, life)

    @property
    def most(self) -> tuple[int, int]:
        there = self.there.values()
        people = max((len(set(persons)) for persons in there), default=0)
        return people, max(map(len, there), default=0)

    def _count_joins(self, life: _Life) -> None:
        first, last = (life.seconds[0], life.seconds[-1]) if life.seconds else (_NOBODY, _NOBODY)
        names = {
            **{"": (), "joined": ("joined", "ended")},
            **{"failed": ("failed",), "no_media": ("failed",)},
        }
        for name in names.get(life.outcome, ("joined", "ended", "dropped")):
            at = first if name in ("joined", "failed") else last
            if at.transport in self.fits:
                self.joins[at.region, name] += 1
        had = {second.transport for second in life.seconds or (_NOBODY,)}
        if life.outcome in ("failed", "no_media") and had.intersection(self.fits):
            self.failed.append(_DAY + life.began)
        if life.outcome == "dropped" and last.transport in self.fits:
            self.dropped.append(_DAY + max(life.began, life.ended - 1))

    def _count(self, number: int, life: _Life) -> None:
        grades: Counter[Grade] = Counter()
        groups = groups_of(life.person, life.room, _DAY + life.began)
        for at, (grade, region, transport) in enumerate(life.seconds, life.began):
            if transport in self.fits:
                grades[grade] += 1
                self.seconds[region][grade] += 1
                self.sessions[region].add(number)
                self.by_hour[at // HOUR, grade] += 1
                self.there[at].append(life.person)
                if grade is not Grade.UNKNOWN:
                    step = self.steps[_DAY + at - (_DAY + at) % _STEP]
                    step.add(groups, 1, grade is Grade.FAIR, grade is Grade.POOR)
        if not life.seconds and "t" in self.fits:
            self.sessions["e"].add(number)
        elif not grades:
            return
        bad = self.rooms.setdefault(life.room, [0, 0])
        bad[0] += grades[Grade.FAIR]
        bad[1] += grades[Grade.POOR]
        if known := grades[Grade.GOOD] + grades[Grade.FAIR] + grades[Grade.POOR]:
            self.deciles[min(9, grades[Grade.GOOD] * 10 // known)] += 1


@settings(max_examples=12, deadline=None)
@given(
    st.integers(0, 2**32).map(random.Random),
    st.integers(0, 4 * HOUR),
    st.integers(5 * HOUR, 12 * HOUR),
    st.sampled_from(("", "t", "r")),
)
def test_the_sums_of_columns_are_those_of_the_seconds(
    chance: random.Random, since: int, until: int, transport: str
) -> None:
    lives = _draw(chance)
    truth = _Truth(lives, (since, until), transport)
    selection = SummaryFilter(since=_DAY + since, until=_DAY + until, transport=transport or None)
    steps = QualitySteps(_STEP)
    over_time = ColumnSums(selection, steps=steps, spread=True)
    by_region = ColumnSums(selection, ("region",), joins=True)
    by_pair = ColumnSums(selection, ("transport", "region"))
    together = ColumnSums(selection, joins=True)
    for sums in (over_time, by_region, by_pair, together):
        sums.add(_columns(lives))
    found = {value: part for (value,), part in by_region.values().items()}
    assert {value: part.sessions for value, part in found.items()} == {
        value: len(numbers) for value, numbers in truth.sessions.items()
    }
    grades = (Grade.GOOD, Grade.FAIR, Grade.POOR, Grade.UNKNOWN)
    for value, part in found.items():
        counted = [truth.seconds[value][grade] for grade in grades]
        assert [part.good, part.fair, part.poor, part.unknown] == counted
        if transport:
            assert by_pair.values()[transport, value] == part
    assert sum(part.sessions for part in over_time.parts()) == len(
        set().union(*truth.sessions.values())
    )
    assert {
        ((part.start - _DAY) // HOUR, grade): seconds
        for part in over_time.parts()
        for grade, seconds in zip(
            grades, (part.good, part.fair, part.poor, part.unknown), strict=True
        )
        if seconds
    } == truth.by_hour
    assert dict(steps.steps()) == truth.steps
    assert (over_time.deciles, over_time.rooms) == (truth.deciles, truth.rooms)
    assert over_time.peak(()) == truth.most
    assert (sorted(over_time.failed), sorted(over_time.dropped)) == (
        sorted(truth.failed),
        sorted(truth.dropped),
    )
    for name in ("joined", "failed", "ended", "dropped"):
        of_all = together.joins().get((), JoinSums())
        assert getattr(of_all.counts, name) == sum(
            number for (_, counted), number in truth.joins.items() if counted == name
        )
    assert {
        (value, name): getattr(joins.counts, name)
        for (value,), joins in by_region.joins().items()
        for name in ("joined", "failed", "ended", "dropped")
        if getattr(joins.counts, name)
    } == truth.joins


def test_a_session_that_is_too_long_or_has_a_hole_is_apart() -> None:
    long = _fact(_Life("p", "r", 0, (), "joined"))
    long = msgspec.structs.replace(long, ended=_DAY + 3 * DAY)
    hole = msgspec.structs.replace(
        long, ended=_DAY + 30, track=Track([(_DAY, _DAY + 10, 1), (_DAY + 20, _DAY + 30, 1)], [])
    )
    whole = _fact(_Life("p", "r", 0, [_Second(Grade.GOOD, "e", "t")] * 30, "joined"))
    columns = columns_of([("long", long), ("hole", hole), ("whole", whole)], _DAY)
    assert columns is not None
    assert (columns.apart, len(columns.began)) == (("long", "hole"), 1)


def test_columns_have_only_the_sessions_that_began_on_the_day() -> None:
    before = _fact(_Life("p", "r", -1, [_Second(Grade.GOOD, "e", "t")] * 30, "joined"))
    after = _fact(_Life("p", "r", DAY, (), "joined"))
    columns = columns_of([("a", before), ("b", after)], _DAY)
    assert columns is not None
    assert (columns.apart, len(columns.began)) == ((), 0)


@pytest.mark.parametrize(
    ("more", "answered"),
    [
        ({}, True),
        ({"browser": "Chrome", "region": "eu|us"}, True),
        ({"room": "staff"}, False),
        ({"running": True}, False),
        ({"attempts": True}, False),
    ],
)
def test_columns_answer_filters_by_dimensions_only(more: dict[str, object], answered: bool) -> None:
    assert has_columns(msgspec.structs.replace(_WHOLE, **more)) is answered
