"""Reads the stays of a selection from a store."""

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from jmmc.answers.meetings import Stay
from jmmc.quality.filters import DIMENSIONS, SummaryFilter
from jmmc.quality.segments import track_of
from jmmc.quality.window_sums import Cut, fitting_pieces
from jmmc.stores import Reports

STAY_COLUMNS = (*(name for name in Stay._fields if name != "present"), "lane", "segments")
"""The columns of stores of which `stay_of` makes a stay."""

_COLUMNS = STAY_COLUMNS[:-2]
_FOREVER = 2**62
_FIRST_PART = 6 * 3600  # Seconds of a window whose stays are read together.
_LONGEST_PART = 4 * 86_400
_FEW, _MANY = 1000, 8000  # Stays: the next part is longer after fewer, shorter after more.


async def read_stays(reports: Reports, selection: SummaryFilter) -> Iterator[Stay]:
    """The stays that fit, by `began`, built lazily: in the thread that consumes the iterator.

    Their seconds are those in the window of the selection that fit its filters.
    """
    rows = await reports.facts(_COLUMNS, selection)
    tracks = await _tracks(reports, selection)
    stays = (_in_window(Stay(*row), tracks.get(row[0]), selection) for row in rows)
    return (stay for stay in stays if stay is not None)


async def read_stays_by_parts(
    reports: Reports, selection: SummaryFilter
) -> AsyncIterator[tuple[Iterable[Stay], int]]:
    """The same stays for windows of any length: those that began before a moment, and the moment.

    The selection needs `since` and `until`.
    """
    since, until = selection.window
    tracks = {} if has_dimension(selection) else await _tracks(reports, selection)
    columns = STAY_COLUMNS if has_dimension(selection) else _COLUMNS
    start, length = since, _FIRST_PART
    while start < until:
        end = min(start + length, until)
        part = msgspec.structs.replace(selection, since=start, until=end)
        rows = await reports.facts(columns, part)
        yield _stays_from(rows, None if start == since else start, tracks, selection), end
        start = end
        if len(rows) < _FEW:
            length = min(2 * length, _LONGEST_PART)
        elif len(rows) > _MANY:
            length //= 2


def _stays_from(
    rows: Iterable[Sequence[Any]],
    start: int | None,
    tracks: Mapping[str, tuple[str, str]],
    selection: SummaryFilter,
) -> Iterator[Stay]:
    """The stays of these rows that began at `start` or later, or all of them."""
    began = _COLUMNS.index("began")
    for row in rows:
        if start is not None and row[began] < start:
            continue  # It was in the part before.
        if len(row) > len(_COLUMNS):
            stay = stay_of(row, selection)
        else:
            stay = _in_window(Stay(*row), tracks.get(row[0]), selection)
        if stay is not None:
            yield stay


def stay_of(row: Sequence[Any], selection: SummaryFilter) -> Stay | None:
    """The stay of a row of `STAY_COLUMNS` with its seconds that fit the selection; None without."""
    return _in_window(Stay(*row[:-2]), (row[-2], row[-1]), selection)


def has_dimension(selection: SummaryFilter) -> bool:
    """Whether only a part of a session may fit."""
    return any(getattr(selection, dimension) is not None for dimension in DIMENSIONS)


async def _tracks(reports: Reports, selection: SummaryFilter) -> Mapping[str, tuple[str, str]]:
    """Lane and segments of the sessions that may have time that the selection leaves out."""
    since, until = selection.since, selection.until
    columns = ("session", "lane", "segments")
    parts: list[SummaryFilter] = []
    if has_dimension(selection):
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
