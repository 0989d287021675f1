"""Confidence intervals of shares of time, from sums that add up over hours and days.

The moments of a call are not independent, nor are the calls of one person or those in one meeting.
The variance of a share is estimated between random groups of persons, and between random groups of
meetings: a group has all sessions of its persons, so what these have in common is between groups.

Of `bad` seconds of `known` ones in each of R groups, with p = Σ bad / Σ known:

* Variance: the delete-a-group jackknife, V = (R - 1)/R Σ (p without the group - p)². The larger
  one, of groups of persons and of groups of meetings, counts.
* Effective number of clusters: c = (1 - 1/R) / (q - 1/R) with q = Σ known² / (Σ known)²; it is that
  of as many equally long clusters. The smaller one counts.
* Effective number of clusters with bad time: m = 1 / (Σ e⁴ / (Σ e²)² - 3/(R + 2)), where
  e = bad - p known, at most R: 3/(R + 2) is expected when the groups are normally distributed.
* Effective sample size: n = p(1 - p)/V, but at most c + m² (3/2 + c/50). Where few clusters have
  bad time V is unreliable, and it is 0 where none has: then a cluster counts as one observation.
* Interval: that of Wilson (1927) with n. Where the bound counts, no variance is estimated, and z is
  that of the normal distribution. Student's t of R - 1 degrees of freedom suits a V of normally
  distributed groups. Where few clusters have bad time these are far from that, and V/p hardly
  varies. So instead of z there is z + (t - z)(m - 1)/8, at most t.

Sources: Wolter, Introduction to Variance Estimation (2007), chapters 2 and 4, of random groups and
the jackknife; Kott, Journal of Official Statistics 17 (2001), of the delete-a-group jackknife; Korn
and Graubard, Survey Methodology 24 (1998), of intervals of small shares by an effective sample size
with t; Cameron, Gelbach and Miller, JBES 29 (2011), of clusters of two kinds. Their sum of both
variances less that of the intersection needs sums by session; the larger of both is nearly as good
(`bench/coverage.py`). Samples as those of that script, with other seeds, also chose the 16 groups,
the bound of n and the 8.
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from hashlib import blake2b
from itertools import repeat
from math import inf, sqrt
from operator import add, mul
from typing import NamedTuple

from msgspec import Struct, field

from jmmc.quality.grading import Grade

GROUPS = 16
"""Groups of persons, and groups of meetings."""

T = 2.13145
"""Student's t, 97.5 %, of 15 degrees of freedom."""

_Z = 1.95996  # Of the normal distribution, 97.5 %.
_WITH_BAD_TIME, _PER_CLUSTER = 1.5, 0.02  # Of the bound of n.
_NORMAL_GROUPS = 8  # More clusters with bad time than one, until t counts.
_NORMAL = 3 / (GROUPS + 2)
_REPEATS = 5.5  # Who fails to join tries again. With 4, 1,000 joins of which 2 % fail cover 89 %.
_REPEATS_OF_NONE = 3.0  # With 2.5, samples without any failed one cover 81 %.
_FEWEST = 1e-5  # Least excess of q over 1/R, which chance can make 0.
_KEPT = 4096  # Groups that are remembered: an answer asks for those of its ends several times.
_DAY = 86_400
_FAIR, _POOR = GROUPS, 2 * GROUPS
_MEETINGS = 3 * GROUPS
_LENGTH = 6 * GROUPS


Clusters = dict[int, int]
"""Counts of events in rows: each by group of persons, then by group of meetings."""


def groups_of(browser_id: str, room: str, began: int) -> tuple[int, int]:
    """The group of the person and that of the meeting of a session, each below `GROUPS`.

    The sessions in a room that began on the same day (UTC) are a meeting.
    """
    return group_of(browser_id), _group_of_meeting(began // _DAY, room)


@lru_cache(_KEPT)
def _group_of_meeting(day: int, room: str) -> int:
    return group_of(f"{day} {room}")


@lru_cache(_KEPT)
def group_of(name: str) -> int:
    """The random group of a person or a meeting, below `GROUPS`."""
    # A CRC spreads names in sequence too evenly: that looks like countless clusters.
    return blake2b(name.encode("utf-8", "surrogatepass"), digest_size=1).digest()[0] % GROUPS


class Estimate(NamedTuple):
    """A share, and the size of the sample of independent observations that is as exact.

    `affected` is in how many groups of persons, or of meetings if that is less, there is bad time.
    `quantile` is that of its 95 % interval, between the normal distribution's and Student's.
    """

    share: float
    size: float
    affected: int = 0
    quantile: float = T


class Replicates(Struct):
    """Known, fair and poor seconds by group of persons, then the same by group of meetings."""

    sums: list[int] = field(default_factory=lambda: [0] * _LENGTH)

    def add(self, groups: tuple[int, int], known: int, fair: int, poor: int) -> None:
        """Add the seconds of a session, or of a part of one, in `groups_of` the session."""
        sums, (person, meeting) = self.sums, groups
        meeting += _MEETINGS
        sums[person] += known
        sums[meeting] += known
        if fair:
            sums[person + _FAIR] += fair
            sums[meeting + _FAIR] += fair
        if poor:
            sums[person + _POOR] += poor
            sums[meeting + _POOR] += poor

    def add_pairs(self, known: Sequence[int], fair: Sequence[int], poor: Sequence[int]) -> None:
        """Add seconds by pair of groups: those of the first group of persons, of the second, …"""
        sums = self.sums
        for first, seconds in ((0, known), (_FAIR, fair), (_POOR, poor)):
            for group in range(GROUPS):
                sums[first + group] += sum(seconds[group * GROUPS : (group + 1) * GROUPS])
                sums[first + group + _MEETINGS] += sum(seconds[group::GROUPS])

    def add_packed(self, packed: Sequence[int]) -> None:
        """Add what `pack` returned."""
        if len(packed) == _LENGTH:
            self.sums = list(map(add, self.sums, packed))
            return
        sums, numbers = self.sums, iter(packed)
        for place, seconds in zip(numbers, numbers, strict=True):
            sums[place] += seconds

    def merge(self, other: "Replicates") -> None:
        """Add the sums of others; these stay as they are."""
        self.sums = list(map(add, self.sums, other.sums))

    @staticmethod
    def total_of(several: Iterable["Replicates"]) -> "Replicates":
        """The sums of all of them."""
        columns = zip(*(replicates.sums for replicates in several), strict=True)
        return Replicates([*map(sum, columns)] or [0] * _LENGTH)

    def totals(self, grade: Grade) -> tuple[int, int]:
        """The known seconds, and those that have `grade` (`FAIR` or `POOR`) or a worse one."""
        sums = self.sums
        bad = sum(sums[(_FAIR if grade is Grade.FAIR else _POOR) : _MEETINGS])
        return sum(sums[:_FAIR]), bad

    def pack(self) -> tuple[int, ...]:
        """The form in which sums are stored: all 96, or fewer numbers as pairs of place and sum."""
        pairs = [(place, seconds) for place, seconds in enumerate(self.sums) if seconds]
        if 2 * len(pairs) < _LENGTH:
            return tuple(number for pair in pairs for number in pair)
        return tuple(self.sums)


def interval(replicates: Replicates, grade: Grade) -> tuple[float, float] | None:
    """The 95 % confidence interval of the share of known time that has `grade` or a worse one.

    `grade` is `FAIR` or `POOR`. None when nothing is known.
    """
    found = estimate(replicates, grade)
    return None if found is None else interval_of(found)


def estimate(replicates: Replicates, grade: Grade) -> Estimate | None:
    """The share whose interval `interval` returns, and its effective sample size."""
    sums = replicates.sums
    bads = sums[_POOR:_MEETINGS], sums[_MEETINGS + _POOR :]
    if grade is Grade.FAIR:
        fairs = sums[_FAIR:_POOR], sums[_MEETINGS + _FAIR : _MEETINGS + _POOR]
        bads = list(map(add, bads[0], fairs[0])), list(map(add, bads[1], fairs[1]))
    knowns = sums[:_FAIR], sums[_MEETINGS : _MEETINGS + _FAIR]
    return _estimate(knowns, bads) if any(knowns[0]) else None


def cluster_places(row: int, groups: tuple[int, int]) -> tuple[int, int]:
    """Where `Clusters` count what belongs to the `groups_of` a session, in a row."""
    person, meeting = groups
    return row * 2 * GROUPS + person, (row * 2 + 1) * GROUPS + meeting


def rate_interval(clusters: Clusters, row: int, row_of_bad: int) -> tuple[float, float] | None:
    """The 95 % confidence interval of a share of counted events; None without any.

    `row` of the clusters has all of them, `row_of_bad` those whose share it is. The sample size is
    never more than the number of events. How often a person has bad ones is not known where few
    are bad: events then count as if a person had `_REPEATS`, or `_REPEATS_OF_NONE` without any.
    """
    knowns, bads = _row_of(clusters, row), _row_of(clusters, row_of_bad)
    events = sum(knowns[0])
    if not events:
        return None
    repeats = _REPEATS if any(bads[0]) else _REPEATS_OF_NONE
    return interval_of(_estimate(knowns, bads, most_clusters=events / repeats, most=events))


def _row_of(clusters: Clusters, row: int) -> tuple[list[int], list[int]]:
    first = row * 2 * GROUPS
    counts = [*map(clusters.get, range(first, first + 2 * GROUPS), repeat(0))]
    return counts[:GROUPS], counts[GROUPS:]


def interval_of(found: Estimate) -> tuple[float, float]:
    """The 95 % confidence interval of an estimate."""
    return wilson(found.share, found.size, found.quantile)


def _estimate(
    knowns: tuple[Sequence[int], Sequence[int]],
    bads: tuple[Sequence[int], Sequence[int]],
    *,
    most_clusters: float = inf,
    most: float = inf,
) -> Estimate:
    """The share of `bads`, each by group of persons and by group of meetings."""
    known, bad = sum(knowns[0]), sum(bads[0])
    persons = _between(knowns[0], bads[0], known, bad)
    meetings = _between(knowns[1], bads[1], known, bad)
    variance = max(persons[0], meetings[0])
    clusters = min(persons[1], meetings[1], most_clusters)
    share = bad / known
    affected = min(sum(map(bool, bads[0])), sum(map(bool, bads[1])))
    if not variance:
        return Estimate(share, min(clusters, most), affected, _Z)
    with_bad_time = min(persons[2], meetings[2])
    bound = min(clusters + with_bad_time**2 * (_WITH_BAD_TIME + clusters * _PER_CLUSTER), most)
    size = share * (1 - share) / variance
    if size > bound:
        return Estimate(share, bound, affected, _Z)
    normal = min(1.0, (with_bad_time - 1) / _NORMAL_GROUPS)
    return Estimate(share, size, affected, _Z + (T - _Z) * normal)


def _between(
    knowns: Sequence[int], bads: Sequence[int], known: int, bad: int
) -> tuple[float, float, float]:
    """The variance, the effective number of clusters, and that of those with bad time."""
    lengths = sum(map(mul, knowns, knowns))
    excess = max(lengths / (known * known) - 1 / GROUPS, _FEWEST)
    clusters = (1 - 1 / GROUPS) / excess
    if not 0 < bad < known:
        return 0.0, clusters, 1.0
    share = bad / known
    variance = second = fourth = 0.0
    for known_of_group, bad_of_group in zip(knowns, bads, strict=True):
        if known_of_group:
            residual = bad_of_group - share * known_of_group
            square = residual * residual
            second += square
            fourth += square * square
            if others := known - known_of_group:
                variance += square / (others * others)
    concentration = fourth / (second * second) if second else 1.0
    affected = 1 / max(concentration - _NORMAL, 1 / GROUPS)
    return variance * (GROUPS - 1) / GROUPS, clusters, affected


def wilson(share: float, size: float, t: float) -> tuple[float, float]:
    """The interval of Wilson for a share of a sample of this size; `t` is Student's."""
    square = t * t / size
    middle = share + square / 2
    half = t * sqrt(share * (1 - share) / size + square / (4 * size))
    low, high = (middle - half) / (1 + square), (middle + half) / (1 + square)
    return max(0.0, low), min(1.0, high)
