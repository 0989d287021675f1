"""Reads the rollups of a window: the longest that it has, and shorter ones around them."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from functools import partial
from typing import NamedTuple

import msgspec

from jmmc.core.label_values import OTHER
from jmmc.maintenance.rollups import are_current
from jmmc.quality.filters import SummaryFilter
from jmmc.quality.rollups import (
    ALL,
    DAY,
    HAS_DETAILS,
    SPAN,
    Rollup,
    whole_spans,
    windows,
)
from jmmc.stores import Reports

_TOGETHER = 24  # Rollups that are read at a time: one with many values takes milliseconds.
_SPANS_TOGETHER = 4


class StoredValue(NamedTuple):
    """A value of a dimension whose rollups answer a selection."""

    dimension: str
    value: str


async def stored_value(reports: Reports, selection: SummaryFilter) -> StoredValue | None:
    """The value whose rollups answer a selection in whole hours; None where its sessions have to.

    Rollups do where nothing but a window is selected, or one value of one dimension besides, if
    they have the details of its values. Of several values together the sessions that moved between
    them, and the most at once, are not known. Nor is what rollups have as `OTHER`.
    """
    if selection.only_window:
        return StoredValue(ALL, ALL)
    since, until = selection.window
    dimension = only_dimension(selection)
    if dimension is None or not await are_current(reports):
        return None
    found: set[str] = set()
    first, last = since - since % DAY, until + -until % DAY
    async for rollups in rollups_by_value(reports, dimension, first, last, details=False):
        for rollup in rollups:
            for value in (*rollup.values, *rollup.joins):
                if value == OTHER:
                    return None
                if selection.fits({dimension: value}):
                    found.add(value)
        if len(found) > 1:
            return None
    value = found.pop() if found else str(getattr(selection, dimension))
    return StoredValue(dimension, value)


def only_dimension(selection: SummaryFilter) -> str | None:
    """The dimension of which a selection has a value, if it selects by nothing else but a window.

    None for dimensions without `HAS_DETAILS`.
    """
    for dimension in HAS_DETAILS:
        if getattr(selection, dimension) is not None:
            rest = msgspec.structs.replace(selection, **{dimension: None})
            return dimension if rest.only_window else None
    return None


async def rollups_by_value(
    reports: Reports,
    by: str,
    since: int,
    until: int,
    *,
    value: str | None = None,
    details: bool = True,
) -> AsyncIterator[Sequence[Rollup]]:
    """Yield the rollups of a dimension that make up a window of whole hours, a few at a time.

    Spans that have no values are made up of their days. `value` and `details` as for
    `Reports.rollups`.
    """
    read = partial(reports.rollups, by, value=value, details=details)
    for length, start, end in windows(since, until):
        first, last = whole_spans(start, end) if length == DAY else (start, start)
        async for rollups in _of_length(read, length, start, first):
            yield rollups
        for part in range(first, last, SPAN * _SPANS_TOGETHER):
            part_end = min(part + SPAN * _SPANS_TOGETHER, last)
            spans = await read(SPAN, part, part_end)
            joined = [span for span in spans if span.values or span.joins]
            yield joined
            starts = {span.start for span in joined}
            for span_start in range(part, part_end, SPAN):
                if span_start not in starts:
                    async for rollups in _of_length(read, length, span_start, span_start + SPAN):
                        yield rollups
        async for rollups in _of_length(read, length, max(first, last), end):
            yield rollups


async def _of_length(
    read: Callable[[int, int, int], Awaitable[list[Rollup]]],
    length: int,
    since: int,
    until: int,
) -> AsyncIterator[Sequence[Rollup]]:
    step = length * _TOGETHER
    for part in range(since, until, step):
        yield await read(length, part, min(part + step, until))
