"""What a report says: figures of a week or a month, beside the one before."""

from collections.abc import Sequence
from datetime import tzinfo
from typing import NamedTuple

from jmmc.answers.model import FEW, Comparison, JoinReasons, Usage
from jmmc.answers.queries import Queries
from jmmc.core.calendar import Bounds, Calendar, Period
from jmmc.quality.causes.recorded import RecordedIncident
from jmmc.quality.filters import IncidentFilter, SummaryFilter

_BEFORE = 8  # Periods of the chart, with the one that is reported.
_WORST = 3  # Values of each dimension.
_DIMENSIONS = ("region", "network", "browser")
_READ_INCIDENTS, _WORST_INCIDENTS = 50, 5
_LEAST_KNOWN = 3600  # Person-seconds below which a verdict says nothing.
GOOD, FAIR = 0.05, 0.15
"""Shares of poor time up to which the quality of a period is called good, and fair."""


class Worst(NamedTuple):
    """A value of a dimension that was significantly worse than everybody else together."""

    dimension: str
    compared: Comparison


class ReportContent(NamedTuple):
    """The figures of a report; `before` is None where the period before is not wholly covered.

    `incidents` are those of several people that hurt most. `history` has the latest periods up to
    the reported one, those that are wholly covered.
    """

    period: Period
    bounds: Bounds
    usage: Usage | None
    before: Usage | None
    history: Sequence[Usage]
    worst: Sequence[Worst]
    reasons: JoinReasons
    incidents: Sequence[RecordedIncident]

    @property
    def verdict(self) -> str:
        """One of `good`, `fair`, `poor`, `unknown`, and `nothing` without any call."""
        if self.usage is None or not (self.usage.minutes or self.usage.grades.known_seconds):
            return "nothing"
        grades = self.usage.grades
        if grades.poor_share is None or grades.known_seconds < _LEAST_KNOWN:
            return "unknown"
        if grades.poor_share <= GOOD:
            return "good"
        return "fair" if grades.poor_share <= FAIR else "poor"

    @property
    def trend(self) -> str:
        """Whether poor time is `better`, `worse` or the `same` as before, or `unknown`.

        It is the same unless the two confidence intervals are apart.
        """
        if self.verdict in ("nothing", "unknown") or self.before is None or self.usage is None:
            return "unknown"
        if self.before.grades.poor_share is None:
            return "unknown"
        low, high = self.usage.poor_interval
        low_before, high_before = self.before.poor_interval
        if high < low_before:
            return "better"
        return "worse" if low > high_before else "same"


async def read_content(
    queries: Queries, period: Period, bounds: Bounds, zone: tzinfo
) -> ReportContent:
    """The figures of a period. Raises `StoreError`."""
    since = Calendar(period, zone).latest(_BEFORE, bounds[1])
    rows = await queries.usage(period, SummaryFilter(since=since, until=bounds[1]), zone)
    usage = next((row for row in rows if row.start == bounds[0]), None)
    before = next((row for row in rows if row.end == bounds[0] and not row.partial), None)
    window = SummaryFilter(since=bounds[0], until=bounds[1])
    worst: list[Worst] = []
    for dimension in _DIMENSIONS:
        worst += _worst(dimension, await queries.compare(dimension, window))
    incidents = await queries.incidents(
        IncidentFilter(since=bounds[0], until=bounds[1]), limit=_READ_INCIDENTS
    )
    of_several = [incident for incident in incidents.items if incident.people > 1]
    return ReportContent(
        period,
        bounds,
        usage,
        before,
        [row for row in rows if not row.partial or row is usage],
        worst,
        (await queries.overview(window)).join_reasons,
        of_several[:_WORST_INCIDENTS],
    )


def _worst(dimension: str, compared: Sequence[Comparison]) -> list[Worst]:
    """The values whose share of poor time is, by its interval, above that of all others."""
    poor = {row.value: _poor_seconds(row) for row in compared}
    all_poor, all_known = sum(poor.values()), sum(row.grades.known_seconds for row in compared)
    found = []
    for row in compared:
        others = all_known - row.grades.known_seconds
        if not row.value or row.sessions < FEW or not others:
            continue
        if row.poor_interval[0] > (all_poor - poor[row.value]) / others:
            found.append(Worst(dimension, row))
    found.sort(key=lambda worst: worst.compared.poor_interval[0], reverse=True)
    return found[:_WORST]


def _poor_seconds(row: Comparison) -> float:
    return (row.grades.poor_share or 0.0) * row.grades.known_seconds
