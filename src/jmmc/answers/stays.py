"""Reads the stays of a selection from a store."""

from collections.abc import Iterator, Mapping

import msgspec

from jmmc.answers.meetings import Stay
from jmmc.quality.filters import DIMENSIONS, SummaryFilter
from jmmc.quality.segments import track_of
from jmmc.quality.window_sums import Cut, fitting_pieces
from jmmc.stores import Reports

_COLUMNS = tuple(name for name in Stay._fields if name != "present")
_FOREVER = 2**62


async def read_stays(reports: Reports, selection: SummaryFilter) -> Iterator[Stay]:
    """The stays that fit, by `began`, built lazily: in the thread that consumes the iterator.

    Their seconds are those in the window of the selection that fit its filters.
    """
    rows = await reports.facts(_COLUMNS, selection)
    tracks = await _tracks(reports, selection)
    stays = (_in_window(Stay(*row), tracks.get(row[0]), selection) for row in rows)
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


def _in_window(stay: Stay, track: tuple[str, str] | None, selection: SummaryFilter) -> Stay | None:
    """The stay with its seconds in the window; None when it has none that fits."""
    since = -_FOREVER if selection.since is None else selection.since
    until = _FOREVER if selection.until is None else selection.until
    if track is None or (track[1] == "[]" and since <= stay.began and stay.ended <= until):
        return stay
    fitting = fitting_pieces(track_of(*track), since, until, selection)
    if not fitting and stay.began < stay.ended:
        return None
    present = tuple((piece.start, piece.end) for piece in fitting)
    return stay._replace(**Cut.of(fitting)._asdict(), present=present)
