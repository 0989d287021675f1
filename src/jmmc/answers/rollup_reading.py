"""Reads the rollups of a window: the longest that it has, and shorter ones around them."""

from collections.abc import AsyncIterator, Sequence

from jmmc.quality.rollups import DAY, SPAN, Rollup, whole_spans, windows
from jmmc.stores import Reports

_TOGETHER = 24  # Rollups that are read at a time: one with many values takes milliseconds.
_SPANS_TOGETHER = 4


async def rollups_by_value(
    reports: Reports, by: str, since: int, until: int
) -> AsyncIterator[Sequence[Rollup]]:
    """Yield the rollups of a dimension that make up a window of whole hours, a few at a time.

    Spans that have no values are made up of their days.
    """
    for length, start, end in windows(since, until):
        first, last = whole_spans(start, end) if length == DAY else (start, start)
        async for rollups in _of_length(reports, by, length, start, first):
            yield rollups
        for part in range(first, last, SPAN * _SPANS_TOGETHER):
            part_end = min(part + SPAN * _SPANS_TOGETHER, last)
            spans = await reports.rollups(by, SPAN, part, part_end)
            joined = [span for span in spans if span.values or span.joins]
            yield joined
            starts = {span.start for span in joined}
            for span_start in range(part, part_end, SPAN):
                if span_start not in starts:
                    async for rollups in _of_length(
                        reports, by, length, span_start, span_start + SPAN
                    ):
                        yield rollups
        async for rollups in _of_length(reports, by, length, max(first, last), end):
            yield rollups


async def _of_length(
    reports: Reports, by: str, length: int, since: int, until: int
) -> AsyncIterator[Sequence[Rollup]]:
    step = length * _TOGETHER
    for part in range(since, until, step):
        yield await reports.rollups(by, length, part, min(part + step, until))
