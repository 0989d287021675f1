"""Comparisons of values, from the sums of a window: in order, with marks beyond chance."""

from collections.abc import Hashable, Mapping, Sequence
from heapq import nlargest
from typing import Generic, NamedTuple, TypeVar

import msgspec

from jmmc.answers.column_reading import PairTotals
from jmmc.answers.joins import rates_of
from jmmc.answers.model import FEW, Change, Comparison, Grades, JoinRates, Outlier
from jmmc.answers.session_rows import Moments
from jmmc.core.computing import paused
from jmmc.core.label_values import OTHER
from jmmc.core.rounding import whole_minutes
from jmmc.quality.differences import (
    NO_DIFFERENCE,
    Difference,
    Mark,
    changes,
    from_the_rest,
    from_the_rests,
)
from jmmc.quality.filters import SummaryFilter
from jmmc.quality.grading import Grade
from jmmc.quality.intervals import Replicates
from jmmc.quality.joins import JoinSums
from jmmc.quality.quality_steps import QualitySteps, merged
from jmmc.quality.rollups import Sums, joined_replicates, total
from jmmc.quality.window_sums import Row

MOST_COMPARED = 2000
"""Values of a comparison; the rest is `other`."""

MOST_TESTED = 500
"""Values of a dimension of which the most used are tested against the rest."""

_K = TypeVar("_K", bound=Hashable)

_NO_REPLICATES, _NO_JOINS = Replicates(), JoinSums()
_PLACES = {Mark.WORSE: 0, Mark.UNCLEAR: 1, Mark.BETTER: 2, Mark.FEW: 3}


class WindowTotals(NamedTuple):
    """The sums of a window by five minutes and by value.

    `steps` has the shares of bad time over time. `edges`: the sessions at its ends, when the rest
    came from rollups, and `drops` the stays that were dropped in each of these; else `deciles` and
    `rooms`. `joins` by value, and `moments`, where the same sessions told of them: with `edges`,
    those of both ends.
    """

    parts: Sequence[Sums]
    values: Mapping[str, Sums]
    replicates: Mapping[str, Replicates]
    steps: QualitySteps
    deciles: Sequence[int] = ()
    rooms: Mapping[str, Sequence[int]] = {}
    edges: Mapping[str, Row] | None = None
    drops: Mapping[int, int] = {}
    joins: Mapping[str, JoinSums] | None = None
    moments: Moments | None = None


def compared(
    totals: WindowTotals, joins: Mapping[str, JoinSums], selection: SummaryFilter, by: str
) -> list[Comparison]:
    """The values of a dimension: those worse than the rest first, by the size of the difference."""
    rows = [
        Comparison.of(
            value,
            sums,
            totals.replicates.get(value, _NO_REPLICATES),
            rates_of(joins.get(value, _NO_JOINS), selection, by),
        )
        for value, sums in paused(totals.values.items())
    ]
    known = {row.value: row for row in rows if row.sessions or row.minutes or row.joins.are_known}
    return with_differences(known, totals.replicates)


def with_differences(
    rows: Mapping[_K, Comparison], replicates: Mapping[_K, Replicates]
) -> list[Comparison]:
    """The rows with their differences from the rest, in order.

    First those that are worse, then those whose difference may be due to chance, both by the size
    of the difference; then those that are better, and those with too few sessions by minutes.
    """
    tested = _tested({key: (row.sessions, row.minutes) for key, row in rows.items()})
    bad, poor = (
        from_the_rest(replicates, grade, tested.__contains__) for grade in (Grade.FAIR, Grade.POOR)
    )
    different = [
        msgspec.structs.replace(
            row,
            bad_difference=bad.get(key, NO_DIFFERENCE),
            poor_difference=poor.get(key, NO_DIFFERENCE),
        )
        for key, row in paused(rows.items())
    ]
    return sorted(different, key=_order)


def crossed_rows(pairs: PairTotals, selection: SummaryFilter, *by: str) -> list[Comparison]:
    """The pairs of values of the dimensions `by`, in the same order.

    At most the `MOST_COMPARED` with the most time, then with the most joins.
    """
    joins = pairs.joins
    sums = with_joined(pairs.values, joins)
    used = nlargest(
        MOST_COMPARED,
        sums,
        key=lambda pair: (
            sums[pair].seconds,
            joins.get(pair, _NO_JOINS).counts.attempts,
            pair,
        ),
    )
    rows = {
        pair: msgspec.structs.replace(
            Comparison.of(
                pair[0],
                sums[pair],
                pairs.replicates.get(pair, _NO_REPLICATES),
                rates_of(joins.get(pair, _NO_JOINS), selection, *by),
            ),
            crossed=pair[1],
        )
        for pair in paused(used)
    }
    return with_differences(rows, pairs.replicates)


def outliers(dimensions: Mapping[str, WindowTotals], most: int) -> list[Outlier]:
    """The values of all dimensions that are worse than the rest, by the size of the difference.

    When there are fewer than `most`, the largest differences that may be due to chance follow.
    """
    tested = {
        name: _tested(
            {value: (sums.sessions, sums.seconds) for value, sums in totals.values.items()}
        )
        for name, totals in dimensions.items()
    }
    replicates = {name: totals.replicates for name, totals in dimensions.items()}
    bad, poor = (
        from_the_rests(replicates, grade, lambda name, value: value in tested[name])
        for grade in (Grade.FAIR, Grade.POOR)
    )
    found = [
        _outlier(name, value, totals.values[value], bad[name][value], poor[name][value])
        for name, totals in dimensions.items()
        for value in tested[name] & bad[name].keys()
        if value and value != OTHER and (bad[name][value].share or 0) > 0
    ]
    found = [row for row in found if row.bad_difference.mark in (Mark.WORSE, Mark.UNCLEAR)]
    return sorted(found, key=_order)[:most]


def _outlier(dimension: str, value: str, sums: Sums, bad: Difference, poor: Difference) -> Outlier:
    grades = Grades.of(sums.good, sums.fair, sums.poor, sums.unknown)
    return Outlier(
        dimension, value, sums.sessions, None, whole_minutes(sums.seconds), grades, bad, poor
    )


class Side(NamedTuple, Generic[_K]):
    """One of two periods that are compared: sums by key, which is a value or a pair of values.

    `whole` has each session once, however many values it had.
    """

    whole: Sums
    values: Mapping[_K, Sums]
    replicates: Mapping[_K, Replicates]
    joins: Mapping[_K, JoinSums]
    all_joins: JoinSums


def changed(
    by: Sequence[str], before: Side[_K], after: Side[_K], selection: SummaryFilter
) -> list[Change]:
    """All sessions before and after a moment, then the values or pairs of the dimensions `by`.

    In the order of `with_differences`, by how much worse they became.
    """
    tested = _tested(
        {
            key: (min(sums.sessions, before.values[key].sessions), sums.seconds)
            for key, sums in after.values.items()
            if key in before.values
        }
    )
    bad, poor = (
        changes(before.replicates, after.replicates, grade, tested.__contains__)
        for grade in (Grade.FAIR, Grade.POOR)
    )
    nothing = total((), 0)
    rows = []
    for key in paused(
        before.values.keys() | after.values.keys() | before.joins.keys() | after.joins.keys()
    ):
        value, crossed = key if isinstance(key, tuple) else (key, "")
        rows.append(
            _change(
                (by[0], str(value), str(crossed)),
                [side.values.get(key, nothing) for side in (before, after)],
                [
                    rates_of(side.joins.get(key, _NO_JOINS), selection, *by)
                    for side in (before, after)
                ],
                (bad.get(key, NO_DIFFERENCE), poor.get(key, NO_DIFFERENCE)),
            )
        )
    whole = _whole_change(before, after, selection)
    return [whole, *sorted(rows, key=_order)[:MOST_COMPARED]]


def _whole_change(before: Side[_K], after: Side[_K], selection: SummaryFilter) -> Change:
    sums = [side.whole for side in (before, after)]
    enough = min(of_side.sessions for of_side in sums) >= FEW
    bad, poor = (
        changes(
            {"": merged(before.replicates)}, {"": merged(after.replicates)}, grade, lambda _: enough
        ).get("", NO_DIFFERENCE)
        for grade in (Grade.FAIR, Grade.POOR)
    )
    joins = [rates_of(side.all_joins, selection) for side in (before, after)]
    return _change(("", "", ""), sums, joins, (bad, poor))


def _change(
    names: tuple[str, str, str],
    sums: Sequence[Sums],
    joins: Sequence[JoinRates],
    differences: tuple[Difference, Difference],
) -> Change:
    """The change of a value, with the sums and the joins of both periods."""
    (before, after), (before_joins, after_joins) = sums, joins
    dimension, value, crossed = names
    first, second = (Grades.of(of.good, of.fair, of.poor, of.unknown) for of in sums)
    return Change(
        dimension,
        value,
        before.sessions,
        first,
        after.sessions,
        whole_minutes(after.seconds),
        second,
        *differences,
        before_joins,
        after_joins,
        crossed,
    )


def with_values(totals: WindowTotals, joins: Mapping[str, JoinSums]) -> WindowTotals:
    """With values of which only joins are known: there everybody failed, or left before."""
    return totals._replace(values=with_joined(totals.values, joins))


def with_joined(values: Mapping[_K, Sums], joins: Mapping[_K, JoinSums]) -> Mapping[_K, Sums]:
    """With empty sums of the keys of which only joins are known."""
    return {**{key: total((), 0) for key in joins}, **values}


def shortened(
    totals: WindowTotals, joins: Mapping[str, JoinSums]
) -> tuple[WindowTotals, Mapping[str, JoinSums]]:
    """With the `MOST_COMPARED` most used values; the sums of the others are those of `OTHER`."""
    values = totals.values
    if len(values) <= MOST_COMPARED:
        return totals, joins
    used = sorted(values, key=lambda value: (-values[value].seconds, value))
    kept = {value: values[value] for value in used[:MOST_COMPARED]}
    rest = [values[value] for value in used[MOST_COMPARED:]]
    kept[OTHER] = total([*rest, *filter(None, [kept.get(OTHER)])], 0)
    replicates = joined_replicates(totals.replicates, kept)
    kept_joins = {value: of_value for value, of_value in joins.items() if value in kept}
    others = kept_joins.setdefault(OTHER, JoinSums())
    for value, of_value in joins.items():
        if value not in kept_joins:
            others.merge(of_value)
    return totals._replace(values=kept, replicates=replicates), kept_joins


def _tested(sizes: Mapping[_K, tuple[int, int]]) -> set[_K]:
    """The keys with enough sessions, at most the `MOST_TESTED` with the most time."""
    enough = [key for key, (sessions, _) in sizes.items() if sessions >= FEW]
    return set(nlargest(MOST_TESTED, enough, key=lambda key: sizes[key][1]))


def _order(row: Comparison | Outlier | Change) -> tuple[int, float, int, str]:
    difference = row.bad_difference
    return (
        _PLACES[difference.mark],
        -(difference.share or 0.0),
        -row.minutes,
        row.value,
    )
