"""Joins that succeeded and failed, and stays that ended by a failure.

An attempt that failed is a session in which nobody was in the room. It counts in no list, no length
and no grade; it counts here, at its moment, for the values of the dimensions that it had.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple, TypeVar

from msgspec import Struct

from jmmc.core.readings import MEDIA_FAILURES, TECHNICAL_FAILURES
from jmmc.quality.intervals import Clusters, cluster_places, rate_interval
from jmmc.quality.outcomes import DROPPED, FAILED, JOINED, NO_MEDIA, REFUSED, UNTOLD
from jmmc.quality.sketch import Sketch, bucket_of
from jmmc.quality.summary import Setup

_K = TypeVar("_K")


class Joins(Struct, frozen=True, array_like=True, gc=False):
    """Counts over sessions whose script tells how joins went.

    `joined`, `failed` and `refused` count joins at the moment when they succeeded or not, `ended`
    the stays at the moment when they ended, and `dropped` those of them that a failure ended.
    """

    joined: int = 0
    failed: int = 0
    refused: int = 0
    ended: int = 0
    dropped: int = 0

    def __add__(self, other: "Joins") -> "Joins":
        return Joins(
            self.joined + other.joined,
            self.failed + other.failed,
            self.refused + other.refused,
            self.ended + other.ended,
            self.dropped + other.dropped,
        )

    @property
    def counts(self) -> tuple[int, int, int, int, int]:
        """The counts in the order of the fields."""
        return self.joined, self.failed, self.refused, self.ended, self.dropped

    @property
    def attempts(self) -> int:
        """The joins that succeeded or failed; those that somebody refused are neither."""
        return self.joined + self.failed


class JoinEvent(NamedTuple):
    """What counts at a moment (Unix seconds)."""

    at: int
    counts: Joins


_JOINED, _ENDED, _DROPPED = Joins(joined=1), Joins(ended=1), Joins(ended=1, dropped=1)
_FAILED, _REFUSED = Joins(failed=1), Joins(refused=1)
_OF_UNSUCCESSFUL = {NO_MEDIA: _FAILED, FAILED: _FAILED, REFUSED: _REFUSED}


def outcome_of(*, failure: str, drop: str, tells: bool, had_media: bool) -> str:
    """The outcome of a session by its readings `fail` and `drop`.

    `tells`: its script reports how joins went. `had_media`: media connected at some time.
    """
    if failure:
        return FAILED if failure in TECHNICAL_FAILURES else REFUSED
    if drop in MEDIA_FAILURES and not had_media:
        return NO_MEDIA
    if drop in TECHNICAL_FAILURES:
        return DROPPED
    return JOINED if tells or drop else UNTOLD


def media_came(setup: Setup, *, graded: int) -> bool:
    """Whether media connected: a step says so, or some seconds have a grade."""
    return setup.ice is not None or setup.media is not None or graded > 0


def join_events(outcome: str, began: int, ended: int, *, running: bool) -> Iterator[JoinEvent]:
    """What a session counts for, and when; a stay ends in its last second."""
    if counts := begun_as(outcome):
        yield JoinEvent(began, counts)
    if not running and (counts := ended_as(outcome)):
        yield JoinEvent(max(began, ended - 1), counts)


def begun_as(outcome: str) -> Joins | None:
    """What a session counts for when it begins; None where its script does not tell."""
    return _OF_UNSUCCESSFUL.get(outcome, _JOINED) if outcome else None


def ended_as(outcome: str) -> Joins | None:
    """What a session that is over counts for in its last second."""
    if not outcome or outcome in _OF_UNSUCCESSFUL:
        return None
    return _DROPPED if outcome == DROPPED else _ENDED


STEPS = Setup.__struct_fields__
"""The steps of a join."""

KNOWN_AFTER_JOINING = ("bridge", "transport", "codec", "microphone", "camera", "speaker")
"""Dimensions of which an attempt that failed knows nothing: by them no failure rate exists."""


class JoinOutcome(NamedTuple):
    """What one session counts for at a moment, in a form of which many are equal.

    `groups` are its `groups_of`, `failure` why it failed or ended.
    """

    counts: Joins
    groups: tuple[int, int]
    failure: str


def outcome_at(counts: Joins, groups: tuple[int, int], failure: str) -> JoinOutcome:
    """The outcome of a session that counts for `counts`."""
    reason = failure if counts.failed or counts.refused or counts.dropped else ""
    return JoinOutcome(counts, groups, reason)


class JoinSums(Struct, array_like=True, gc=False):
    """The joins and the ends of stays of some time, in a form that adds up.

    `clusters` has them by group of persons and of meetings; `failures` and `drops` count reasons.
    `setup` has the times from asking to join until the first media, `steps` those of `STEPS`; a
    rollup has steps of all sessions, and of dimensions with few values.
    """

    counts: Joins = Joins()
    clusters: Clusters = {}
    failures: dict[str, int] = {}
    drops: dict[str, int] = {}
    setup: Sketch = {}
    steps: dict[str, Sketch] = {}

    @staticmethod
    def of(outcomes: Mapping[JoinOutcome, int]) -> "JoinSums":
        """The sums of outcomes, by how many there are of each."""
        totals = [0, 0, 0, 0, 0]
        sums = JoinSums()
        for (counts, groups, failure), number in outcomes.items():
            for place, count in enumerate(counts.counts):
                totals[place] += count * number
            _add_groups(sums.clusters, counts, {groups: number})
            sums._count_reasons(counts, failure, number)
        sums.counts = Joins(*totals)
        return sums

    def add(self, counts: Joins, failure: str, groups: Mapping[tuple[int, int], int]) -> None:
        """Add sessions that count for `counts` each: how many by `groups_of` them."""
        number = sum(groups.values())
        self.counts += Joins(*(count * number for count in counts.counts))
        _add_groups(self.clusters, counts, groups)
        self._count_reasons(counts, failure, number)

    def _count_reasons(self, counts: Joins, failure: str, number: int) -> None:
        if counts.failed or counts.refused:
            self.failures[failure] = self.failures.get(failure, 0) + number
        if counts.dropped:
            self.drops[failure] = self.drops.get(failure, 0) + number

    def copy(self) -> "JoinSums":
        """The same sums, to which others may be added."""
        return JoinSums(
            self.counts,
            self.clusters.copy(),
            self.failures.copy(),
            self.drops.copy(),
            self.setup.copy(),
            {name: sketch.copy() for name, sketch in self.steps.items()},
        )

    def merge(self, other: "JoinSums") -> None:
        """Add the sums of others; these stay as they are."""
        self.counts += other.counts
        _merge(self.clusters, other.clusters)
        if other.failures:  # Of most values nothing failed.
            _merge(self.failures, other.failures)
        if other.drops:
            _merge(self.drops, other.drops)
        _merge(self.setup, other.setup)
        for name, sketch in other.steps.items():
            _merge(self.steps.setdefault(name, {}), sketch)

    @property
    def failed_interval(self) -> tuple[float, float] | None:
        """The 95 % confidence interval of the share of joins that failed; None without any."""
        return rate_interval(self.clusters, _ATTEMPTS_AT, _FAILED_AT)

    @property
    def dropped_interval(self) -> tuple[float, float] | None:
        """The same, of the share of stays that a failure ended."""
        return rate_interval(self.clusters, _ENDED_AT, _DROPPED_AT)


class JoinCounter:
    """Counts joins and ends of stays one by one, and makes their sums at the end: that is quicker.

    `with_steps` is whether the steps of joins are counted, too.
    """

    def __init__(self, *, with_steps: bool) -> None:
        self._with_steps = with_steps
        self._begun: list[_Outcome] = []
        self._ended: list[_Outcome] = []
        self._setups: list[str] = []

    def begin(self, outcome: str, failure: str, groups: tuple[int, int], setup: str) -> None:
        """Count that a session began: `setup` is the `Setup.text`, `groups` are its `groups_of`."""
        self._begun.append((outcome, failure, groups))
        if setup and outcome not in _OF_UNSUCCESSFUL:
            self._setups.append(setup)

    def end(self, outcome: str, failure: str, groups: tuple[int, int]) -> None:
        """Count that a stay ended, which had begun as a join that succeeded."""
        self._ended.append((outcome, failure, groups))

    def sums(self) -> JoinSums:
        """The sums of all that was counted."""
        sums = JoinSums()
        for counts_of, counted in ((begun_as, self._begun), (ended_as, self._ended)):
            alike: dict[tuple[str, str], dict[tuple[int, int], int]] = {}
            for (outcome, failure, groups), number in Counter(counted).items():
                alike.setdefault((outcome, failure), {})[groups] = number
            for (outcome, failure), by_groups in alike.items():
                if counts := counts_of(outcome):
                    sums.add(counts, failure, by_groups)
        if self._setups:
            columns = list(zip(*(text.split(",") for text in self._setups), strict=True))
            joins_and_media = zip(columns[_JOIN], columns[_MEDIA], strict=True)
            wholes = [int(join) + int(media) for join, media in joins_and_media if join and media]
            sums.setup = dict(Counter(map(_bucket_of, wholes)))
            if self._with_steps:
                sketches = (Counter(map(_bucket_of_text, filter(None, each))) for each in columns)
                named = zip(STEPS, map(dict, sketches), strict=True)
                sums.steps = {name: sketch for name, sketch in named if sketch}
        return sums


_Outcome = tuple[str, str, tuple[int, int]]
_JOIN, _MEDIA = STEPS.index("join"), STEPS.index("media")

# Of whole ms: the same ones come again and again.
_bucket_of = lru_cache(1 << 13)(bucket_of)


@lru_cache(1 << 13)
def _bucket_of_text(text: str) -> int:
    return bucket_of(int(text))


_ATTEMPTS_AT, _FAILED_AT, _ENDED_AT, _DROPPED_AT = range(4)  # Rows of `JoinSums.clusters`.


def _add_groups(clusters: Clusters, counts: Joins, groups: Mapping[tuple[int, int], int]) -> None:
    """Add sessions that count for `counts` each: how many by `groups_of` them."""
    counted = clusters.get
    for row, count in (
        (_ATTEMPTS_AT, counts.attempts),
        (_FAILED_AT, counts.failed),
        (_ENDED_AT, counts.ended),
        (_DROPPED_AT, counts.dropped),
    ):
        if count:
            of_persons, of_meetings = cluster_places(row, (0, 0))
            for (person, meeting), number in groups.items():
                more = count * number
                person += of_persons
                meeting += of_meetings
                clusters[person] = counted(person, 0) + more
                clusters[meeting] = counted(meeting, 0) + more


def _merge(into: dict[_K, int], more: Mapping[_K, int]) -> None:
    if not into:
        into.update(more)
        return
    counted = into.get
    for key, count in more.items():
        into[key] = counted(key, 0) + count


def added_joins(several: Iterable[Mapping[str, JoinSums]]) -> dict[str, JoinSums]:
    """The sums of each value, over several mappings."""
    found: dict[str, JoinSums] = {}
    for joins in several:
        add_joins(found, joins.items())
    return found


def add_joins(into: dict[str, JoinSums], more: Iterable[tuple[str, JoinSums]]) -> None:
    """Add sums by value; those in `more` stay as they are."""
    for value, sums in more:
        if value in into:
            into[value].merge(sums)
        else:
            into[value] = sums.copy()
