"""Ratings of a window: their means by the values of a dimension, and how our grades agree."""

from collections.abc import Sequence
from typing import Any

import msgspec

from jmmc.answers.threads import in_background
from jmmc.answers.total_reading import Part, stored_totals
from jmmc.core.computing import paused
from jmmc.quality.day_totals import add_rated
from jmmc.quality.filters import SummaryFilter
from jmmc.quality.people import digest_of
from jmmc.quality.ratings import (
    Agreement,
    RatedSession,
    Ratings,
    RatingSums,
    add_ratings,
    agreement_of,
    ratings_of_people,
)
from jmmc.quality.rollups import ALL
from jmmc.stores import Reports

_EVER = 2**62
_SESSION = ("browser_id", "rating", "good", "fair", "poor", "grade")


async def ratings(reports: Reports, selection: SummaryFilter) -> Ratings:
    """The ratings of the selected sessions."""
    return (await ratings_by(reports, ALL, selection)).get(ALL, Ratings())


async def ratings_by(reports: Reports, by: str, selection: SummaryFilter) -> dict[str, Ratings]:
    """The same by the value of a dimension that held longest in a session, or of all (`ALL`).

    Of days that are over, they come from the totals of the day.
    """
    stored = await stored_totals(reports, selection)
    days = () if stored is None else stored.days
    names = ("began", "browser_id", "rating", *([by] if by else ()))
    rest = [Part(selection, -_EVER, _EVER)] if stored is None else stored.rest
    of_rest = [(part, await _rated(reports, names, part.selection)) for part in rest]

    def by_value() -> dict[str, Ratings]:
        values: dict[str, list[tuple[object, int]]] = {}
        for part, rows in of_rest:
            for began, browser_id, rating, *more in paused(rows):
                if part.has(began):
                    person = digest_of(browser_id) if days else browser_id
                    values.setdefault(more[0] if by else ALL, []).append((person, rating))
        sums: dict[str, RatingSums] = {}
        for value, rated in values.items():
            add_ratings(sums.setdefault(value, {}), rated)
        for day in paused(days, every=1):
            add_rated(sums, day, by)
        return {value: ratings_of_people(of_value) for value, of_value in paused(sums.items())}

    return await in_background(by_value)


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
