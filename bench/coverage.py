"""Measure how often 95 % confidence intervals of poor and of bad (fair or poor) time are right.

    python bench/coverage.py                        every life, 40, 200 and 1,000 sessions
    python bench/coverage.py --only meetings all    some lives
    python bench/coverage.py --only parts --sizes 40 --rates 0.01 --replications 20000   one cell

Draws sessions from lives in which the share is known, at four base rates of poor time; as much time
again is fair. Prints for each life, number of sessions and rate the coverage in percent for poor
and for bad time, and in brackets the median width, where 1 is the width of the range that has 95 %
of the shares of such samples. `sessions` is Wilson's interval over the number of sessions.

The share is that of the population: expected bad seconds by expected known seconds.
"""

import argparse
import random
import sys
from collections.abc import Callable, Iterator, Sequence
from math import sqrt
from pathlib import Path
from statistics import NormalDist, median, quantiles
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parent.parent))

from jmmc.quality.grading import Grade
from jmmc.quality.intervals import Replicates, groups_of, interval

SIZES = (40, 200, 1000)
RATES = (0.01, 0.03, 0.1, 0.25)
_MEAN = 1800  # Seconds of a session.
_SPREAD = 1.2  # Standard deviation of the logarithm of lengths that vary.
_MEETING = 5  # Mean sessions of a meeting, and of a person.
_OUTAGES = 0.03  # Meetings that fail as a whole, where people have problems of their own too.
_WHOLE_OR_PART = 0.75  # Mean part of a session with problems, half of which are poor throughout.


class Session(NamedTuple):
    """A session: who, in which meeting, its seconds, and the parts of these that are poor, bad."""

    person: int
    meeting: int
    known: float
    poor: float
    bad: float


Draw = Callable[[random.Random, int, float], list[Session]]


class Life(NamedTuple):
    """A kind of life: draws sessions, given their number and a rate; the shares of that rate."""

    name: str
    draw: Draw
    shares: Callable[[float], tuple[float, float]]


def draw_whole(rng: random.Random, count: int, rate: float) -> list[Session]:
    """Independent sessions, poor, fair or good throughout."""
    return [Session(number, number, _MEAN, *_grade(rng, rate)) for number in range(count)]


def draw_parts(rng: random.Random, count: int, rate: float) -> list[Session]:
    """Independent sessions, each with bad parts."""
    return [Session(number, number, _MEAN, *_parts(rng, rate)) for number in range(count)]


def draw_lengths(rng: random.Random, count: int, rate: float) -> list[Session]:
    """Independent sessions of which some are much longer."""
    return [
        Session(number, number, _MEAN * rng.lognormvariate(0, _SPREAD), *_grade(rng, rate))
        for number in range(count)
    ]


def draw_long_worse(rng: random.Random, count: int, rate: float) -> list[Session]:
    """The same; those longer than the median have four times the problems of the others."""
    of_long = NormalDist().cdf(_SPREAD)  # Their part of all time.
    long, short = (1.6, 0.4) if rate < 0.2 else (1.05, 0.4)
    mean = long * of_long + short * (1 - of_long)
    sessions = []
    for number in range(count):
        length = rng.lognormvariate(0, _SPREAD)
        grade = _grade(rng, rate * (long if length > 1 else short) / mean)
        sessions.append(Session(number, number, _MEAN * length, *grade))
    return sessions


def draw_persons(rng: random.Random, count: int, rate: float) -> list[Session]:
    """Persons with several sessions; the rate of a person varies (correlation 0.4)."""
    sessions: list[Session] = []
    for person, number in enumerate(_clusters(rng, count, least=1)):
        own = _beta(rng, 2 * rate, 0.4) / 2
        for _ in range(number):
            sessions.append(Session(person, len(sessions), _MEAN, *_grade(rng, own)))
    return sessions


def draw_meetings(rng: random.Random, count: int, rate: float) -> list[Session]:
    """Meetings of two and more, poor, fair or good as a whole."""
    sessions: list[Session] = []
    for meeting, number in enumerate(_clusters(rng, count, least=2)):
        grade = _grade(rng, rate)
        for _ in range(number):
            sessions.append(Session(len(sessions), meeting, _MEAN, *grade))
    return sessions


def draw_all(rng: random.Random, count: int, rate: float) -> list[Session]:
    """Persons with problems of their own, in meetings of varied lengths, some of which fail."""
    people = max(2, count // _MEETING)
    activity = [rng.lognormvariate(0, 0.7) for _ in range(people)]
    rates = [_beta(rng, 2 * rate, 0.3) / 2 for _ in range(people)]
    sessions: list[Session] = []
    for meeting, number in enumerate(_clusters(rng, count, least=2)):
        length, fails = _MEAN * rng.lognormvariate(0, _SPREAD), rng.random() < _OUTAGES
        for person in rng.choices(range(people), activity, k=number):
            poor, bad = _grade(rng, rates[person])
            part = 1.0 if rng.random() < 0.5 else rng.random()
            parts = (1.0, 1.0) if fails else (part * poor, part * bad)
            sessions.append(Session(person, meeting, length * rng.betavariate(4, 1), *parts))
    return sessions


def draw_both(rng: random.Random, count: int, rate: float) -> list[Session]:
    """Half of the problems are of whole meetings, half of persons (correlation 0.6)."""
    people = max(2, count // _MEETING)
    rates = [_beta(rng, rate, 0.6) / 2 for _ in range(people)]
    sessions: list[Session] = []
    for meeting, number in enumerate(_clusters(rng, count, least=2)):
        whole = _grade(rng, rate / 2)
        for _ in range(number):
            person = rng.randrange(people)
            own = _grade(rng, rates[person])
            grade = max(whole[0], own[0]), max(whole[1], own[1])
            sessions.append(Session(person, meeting, _MEAN, *grade))
    return sessions


def draw_unrelated(rng: random.Random, count: int, rate: float) -> list[Session]:
    """Persons and meetings that have nothing to do with problems, in parts of sessions."""
    people = max(2, count // _MEETING)
    return [
        Session(rng.randrange(people), meeting, _MEAN, *_parts(rng, rate))
        for meeting, number in enumerate(_clusters(rng, count, least=2))
        for _ in range(number)
    ]


def _equal(rate: float) -> tuple[float, float]:
    return rate, 2 * rate


def _shares_of_all(rate: float) -> tuple[float, float]:
    own = (1 - _OUTAGES) * _WHOLE_OR_PART
    return _OUTAGES + own * rate, _OUTAGES + own * 2 * rate


def _shares_of_both(rate: float) -> tuple[float, float]:
    return 1 - (1 - rate / 2) ** 2, 1 - (1 - rate) ** 2


LIVES = {
    "whole": Life("1 independent, whole sessions", draw_whole, _equal),
    "parts": Life("2 independent, parts of sessions", draw_parts, _equal),
    "lengths": Life("3 lengths vary", draw_lengths, _equal),
    "long": Life("4 lengths vary, longer is worse", draw_long_worse, _equal),
    "persons": Life("5 the same person calls often", draw_persons, _equal),
    "meetings": Life("6 whole meetings fail", draw_meetings, _equal),
    "all": Life("7 all together", draw_all, _shares_of_all),
    "both": Life("8 persons and meetings, strongly", draw_both, _shares_of_both),
    "unrelated": Life("9 as 2, several a person and meeting", draw_unrelated, _equal),
}


def _grade(rng: random.Random, rate: float) -> tuple[float, float]:
    draw = rng.random()
    return float(draw < rate), float(draw < 2 * rate)


def _parts(rng: random.Random, rate: float) -> tuple[float, float]:
    bad = _beta(rng, 2 * rate, 0.3)
    return bad * rng.random(), bad


def _beta(rng: random.Random, mean: float, correlation: float) -> float:
    strength = 1 / correlation - 1
    return rng.betavariate(mean * strength, (1 - mean) * strength)


def _clusters(rng: random.Random, count: int, *, least: int) -> Iterator[int]:
    """Sizes of clusters, geometric from `least` on, which sum up to `count`."""
    while count > 0:
        number = least
        while rng.random() > 1 / (_MEETING - least + 1):
            number += 1
        yield min(number, count)
        count -= number


class Cell:
    """The intervals of one life, number of sessions, rate and grade."""

    def __init__(self, share: float) -> None:
        self._share = share
        self._shares: list[float] = []
        self._widths: list[float] = []
        self._covered = 0
        self._covered_by_sessions = 0

    def add(self, replicates: Replicates, grade: Grade, bad: int, known: int, count: int) -> None:
        found = interval(replicates, grade)
        assert found is not None
        low, high = found
        self._covered += low <= self._share <= high
        self._shares.append(bad / known)
        self._widths.append(high - low)
        low, high = _wilson(bad / known, count)
        self._covered_by_sessions += low <= self._share <= high

    @property
    def coverage(self) -> float:
        """Percent."""
        return 100 * self._covered / len(self._shares)

    @property
    def coverage_by_sessions(self) -> float:
        """Percent, of Wilson's interval over sessions."""
        return 100 * self._covered_by_sessions / len(self._shares)

    @property
    def width(self) -> float:
        """The median, where 1 is the width of the range that has 95 % of the shares."""
        ranked = quantiles(self._shares, n=40)
        return median(self._widths) / max(ranked[-1] - ranked[0], 1e-4)


def _wilson(share: float, n: int) -> tuple[float, float]:
    square = 1.96**2 / n
    middle = share + square / 2
    half = 1.96 * sqrt(share * (1 - share) / n + square / (4 * n))
    return (middle - half) / (1 + square), (middle + half) / (1 + square)


def measure(life: Life, count: int, rate: float, replications: int, seed: str) -> tuple[Cell, Cell]:
    """The intervals of poor and of bad time in as many samples of a life."""
    rng = random.Random(seed)
    poor_cell, bad_cell = (Cell(share) for share in life.shares(rate))
    for replication in range(replications):
        replicates, known, poor, bad = Replicates(), 0, 0, 0
        for session in life.draw(rng, count, rate):
            name = f"{replication} {session.meeting}"
            groups = groups_of(f"{replication} {session.person}", name, 0)
            seconds = max(1, round(session.known))
            poor_seconds = round(session.poor * seconds)
            bad_seconds = round(session.bad * seconds)
            replicates.add(groups, seconds, bad_seconds - poor_seconds, poor_seconds)
            known, poor, bad = known + seconds, poor + poor_seconds, bad + bad_seconds
        poor_cell.add(replicates, Grade.POOR, poor, known, count)
        bad_cell.add(replicates, Grade.FAIR, bad, known, count)
    return poor_cell, bad_cell


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", choices=LIVES, default=list(LIVES), metavar="LIFE")
    parser.add_argument("--sizes", nargs="+", type=int, default=SIZES, help="sessions in a sample")
    parser.add_argument("--rates", nargs="+", type=float, default=RATES, help="of poor time")
    parser.add_argument("--replications", type=int, default=1000, help="samples of each")
    parser.add_argument("--seed", default="1")
    options = parser.parse_args()
    head = " | ".join(f"{rate:.0%} poor / bad" for rate in options.rates)
    print(f"| life | sessions | {head} |\n|---|---|{'---|' * len(options.rates)}")
    totals = []
    for key in options.only:
        cells: list[Cell] = []
        for count in options.sizes:
            row = [
                measure(
                    LIVES[key],
                    count,
                    rate,
                    options.replications,
                    f"{options.seed} {key} {count} {rate}",
                )
                for rate in options.rates
            ]
            shown = " | ".join(f"{_shown(poor)} / {_shown(bad)}" for poor, bad in row)
            print(f"| {LIVES[key].name} | {count:,} | {shown} |", flush=True)
            cells += [cell for pair in row for cell in pair]
        totals.append(_total(LIVES[key].name, cells))
    print("\n| life | coverage, % | with sessions, % | width |\n|---|---|---|---|")
    print("\n".join(totals))


def _shown(cell: Cell) -> str:
    return f"{cell.coverage:.1f} ({cell.width:.1f})"


def _total(name: str, cells: Sequence[Cell]) -> str:
    coverages = [cell.coverage for cell in cells]
    by_sessions = [cell.coverage_by_sessions for cell in cells]
    return (
        f"| {name} | {min(coverages):.1f} to {max(coverages):.1f}"
        f" | {min(by_sessions):.1f} to {max(by_sessions):.1f}"
        f" | {median(cell.width for cell in cells):.2f} |"
    )


if __name__ == "__main__":
    main()
