"""Ratings of a window: their means by the values of a dimension, and how our grades agree."""

from collections.abc import Sequence
from typing import Any

import msgspec

from jmmc.answers.threads import in_background, paused
from jmmc.quality.filters import SummaryFilter
from jmmc.quality.ratings import Agreement, RatedSession, Ratings, agreement_of, ratings_of
from jmmc.stores import Reports

_SESSION = ("browser_id", "rating", "good", "fair", "poor", "grade")


async def ratings(reports: Reports, selection: SummaryFilter) -> Ratings:
    """The ratings of the selected sessions."""
    rows = await _rated(reports, ("browser_id", "rating"), selection)
    return await in_background(lambda: ratings_of(paused(rows)))


async def ratings_by(reports: Reports, by: str, selection: SummaryFilter) -> dict[str, Ratings]:
    """The same by the value of a dimension that held longest in a session."""
    rows = await _rated(reports, ("browser_id", "rating", by), selection)
    values: dict[str, list[tuple[str, int]]] = {}
    for browser_id, rating, value in rows:
        values.setdefault(value, []).append((browser_id, rating))
    return await in_background(
        lambda: {value: ratings_of(paused(rated)) for value, rated in values.items()}
    )


async def agreement(reports: Reports, selection: SummaryFilter) -> Agreement:
    """How well our grades of the selected sessions agree with their ratings."""
    rows = await _rated(reports, _SESSION, selection)
    return await in_background(lambda: agreement_of([RatedSession(*row) for row in rows]))


async def _rated(
    reports: Reports, columns: Sequence[str], selection: SummaryFilter
) -> list[tuple[Any, ...]]:
    rated = msgspec.structs.replace(selection, rated=True)
    rows: list[tuple[Any, ...]] = []
    # In no order: an index has these columns, and sorting takes longer than reading.
    async for part in reports.columns(columns, rated):
        rows += zip(*part, strict=True)
    return rows
