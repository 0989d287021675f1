"""How many persons had the values of dimensions, counted from the sessions of a window."""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import msgspec

from jmmc.answers.model import Outlier
from jmmc.answers.threads import in_background
from jmmc.core.computing import paused
from jmmc.core.tasks import prefetch
from jmmc.quality.filters import SummaryFilter
from jmmc.quality.segments import track_of
from jmmc.stores import Reports

MOST_SESSIONS = 20_000
"""Of a window; persons do not add up over rollups, so that each session is read."""

_Persons = Mapping[tuple[str, str], set[str]]


async def with_people(
    reports: Reports, outliers: Sequence[Outlier], selection: SummaryFilter
) -> list[Outlier]:
    """With the persons of each."""
    if not outliers:
        return []
    persons: _Persons = {(row.dimension, row.value): set() for row in outliers}
    dimensions = sorted({row.dimension for row in outliers})
    names = ("browser_id", "segments", *dimensions)
    async for columns in prefetch(reports.columns(names, selection)):
        rows = zip(*columns, strict=True)
        await in_background(partial(_add, persons, dimensions, rows))
    return [
        msgspec.structs.replace(row, people=len(persons[row.dimension, row.value]))
        for row in outliers
    ]


def _add(persons: _Persons, dimensions: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    for browser_id, segments, *values in paused(rows):
        pairs = list(zip(dimensions, values, strict=True))
        if segments != "[]":
            pairs += [
                (dimension, segment.values[dimension])
                for segment in track_of("[]", segments).segments
                for dimension in dimensions
                if dimension in segment.values
            ]
        for pair in pairs:
            if pair in persons:
                persons[pair].add(browser_id)
