"""Reads the stays of a selection from a store."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from jmmc.answers.meetings import Stay
from jmmc.quality.filters import DIMENSIONS, SummaryFilter
from jmmc.quality.grading import Grade
from jmmc.quality.segments import pieces, track_of
from jmmc.stores import Reports

_COLUMNS = tuple(name for name in Stay._fields if name != "present")
_FOREVER = 2**62


async def read_stays(reports: Reports, selection: SummaryFilter) -> Iterator[Stay]:
    """The stays that fit, by `began`, built lazily: in the thread that consumes the iterator.

    Their seconds are those in the window of the selection that fit its filters.
    """
    rows = await reports.facts(_COLUMNS, selection)
    tracks = await _tracks(reports, selection)
    stays = (_in_window(stay, tracks.get(stay.session), selection) for stay in map(_stay, rows))
    return (stay for stay in stays if stay is not None)


async def _tracks(reports: Reports, selection: SummaryFilter) -> Mapping[str, tuple[str, str]]:
    """Lane and segments of the sessions that may have time that the selection leaves out."""
    since, until = selection.since, selection.until
    columns = ("session", "lane", "segments")
    parts: list[SummaryFilter] = []
    if any(getattr(selection, dimension) is not None for dimension in DIMENSIONS):
        parts.append(selection)
    else:
        if since is not None:
            parts.append(msgspec.structs.replace(selection, until=since + 1))
        if until is not None:
            parts.append(msgspec.structs.replace(selection, since=until - 1))
    return {
        session: (lane, segments)
        for part in parts
        for session, lane, segments in await reports.facts(columns, part)
    }


def _stay(row: Sequence[Any]) -> Stay:
    return Stay(*row)


def _in_window(stay: Stay, track: tuple[str, str] | None, selection: SummaryFilter) -> Stay | None:
    """The stay with its seconds in the window; None when it has none that fits."""
    since = -_FOREVER if selection.since is None else selection.since
    until = _FOREVER if selection.until is None else selection.until
    if track is None or (track[1] == "[]" and since <= stay.began and stay.ended <= until):
        return stay
    seconds = dict.fromkeys(Grade, 0)
    present: list[tuple[int, int]] = []
    for piece in pieces(track_of(*track), since, until):
        if selection.fits(piece.values):
            seconds[piece.grade] += piece.end - piece.start
            present.append((piece.start, piece.end))
    if not present and stay.began < stay.ended:
        return None
    return stay._replace(
        good=seconds[Grade.GOOD],
        fair=seconds[Grade.FAIR],
        poor=seconds[Grade.POOR],
        unknown=seconds[Grade.UNKNOWN],
        present=tuple(present),
    )
