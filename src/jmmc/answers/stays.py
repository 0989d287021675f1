"""Reads the stays of a selection from a store."""

from collections.abc import Iterator

from jmmc.answers.meetings import Stay
from jmmc.quality.filters import SummaryFilter
from jmmc.stores import Reports


async def read_stays(reports: Reports, selection: SummaryFilter) -> Iterator[Stay]:
    """The stays that fit, by `began`, built lazily: in the thread that consumes the iterator."""
    return map(Stay._make, await reports.facts(Stay._fields, selection))
