"""The values that filters may have: found by parts of them, in any order and case."""

from collections.abc import Mapping
from heapq import nsmallest
from urllib.parse import unquote

from jmmc.answers.model import StoredValue
from jmmc.answers.window_totals import WindowReader
from jmmc.core.errors import InvalidInput
from jmmc.core.label_values import OTHER
from jmmc.privacy.pseudonyms import Pseudonyms, jitsi_room_name, stored_room_name
from jmmc.quality.filters import FILTERS, Filter, SummaryFilter
from jmmc.stores import Reports

MOST_RESOLVED = 20
"""Values that one text may stand for in a filter."""

SUGGESTED: Mapping[str, Filter] = {row.name: row for row in FILTERS if not row.choices}
"""The filters whose values are suggested, by their name outside."""


async def stored_values(
    reports: Reports, name: str, text: str, selection: SummaryFilter, *, limit: int
) -> list[StoredValue]:
    """Values of a filter that contain every part of `text`, the most frequent first.

    `name` is one of `SUGGESTED`; a selection's filter by the same field should not be given.
    """
    counts = _with_parts(await _counts(reports, SUGGESTED[name], selection), name, text)
    frequent = nsmallest(limit, counts.items(), key=lambda item: (-item[1], item[0]))
    return [StoredValue(value, sessions) for value, sessions in frequent]


async def resolved_value(
    reports: Reports, name: str, text: str, window: SummaryFilter, pseudonyms: Pseudonyms
) -> str:
    """The value of a filter that somebody means with `text`; `text` itself where none is stored.

    It may be several values of a dimension, as filters take them; of a room or participant, "" when
    several are meant. Raises `ValueError` for too many values.
    """
    row = SUGGESTED[name]
    if row.part or row.name == "code" or "|" in text:
        return text
    counts = await _counts(reports, row, window)
    if text in counts or (row.prefix and any(value.startswith(f"{text} ") for value in counts)):
        return text
    if row.field == "room":
        typed = jitsi_room_name(text)
        if pseudonyms.stored_room(typed) in counts:
            return typed
    found = [*_with_parts(counts, name, text)]
    if not found:
        return text
    if not row.dimension:
        return found[0] if len(found) == 1 else ""
    if row.prefix and (words := _common_words(text, found, counts)):
        return words
    if len(found) > MOST_RESOLVED:
        raise InvalidInput(
            "{found:,} values contain this, at most {most} may be selected: type more of it",
            field=name,
            given=text,
            found=len(found),
            most=MOST_RESOLVED,
        )
    return "|".join(sorted(found))


async def stored_room(reports: Reports, text: str, pseudonyms: Pseudonyms) -> str:
    """The stored form of a room by its name as stored, as people type it, or by its pseudonym.

    That as people type it, in Jitsi's form, is taken where no session has the text itself.
    """
    forms = dict.fromkeys((text, jitsi_room_name(text), jitsi_room_name(unquote(text))))
    for stored in map(pseudonyms.stored_room, forms):
        if await reports.summaries(SummaryFilter(room=stored, attempts=None), limit=1):
            return stored
    return pseudonyms.stored_room(stored_room_name(text))


def _common_words(text: str, found: list[str], counts: Mapping[str, int]) -> str:
    """The text as values write it, if just these begin with it as whole words; else \"\"."""
    words = found[0][: len(text)]
    if words.lower() != text.lower():
        return ""
    with_words = {value for value in counts if value == words or value.startswith(f"{words} ")}
    return words if with_words == {*found} else ""


async def _counts(reports: Reports, row: Filter, selection: SummaryFilter) -> dict[str, int]:
    if row.dimension:
        return await _counts_of_dimension(reports, row.field, selection)
    stored = await reports.count_values(row.stored or row.field, selection)
    if row.field != "device":
        return stored
    counts: dict[str, int] = {}
    for devices, sessions in stored.items():
        for device in devices.split("\n"):
            counts[device] = counts.get(device, 0) + sessions
    return counts


async def _counts_of_dimension(
    reports: Reports, dimension: str, selection: SummaryFilter
) -> dict[str, int]:
    """How many sessions had each value in the window, for however short a time.

    Of values that are beyond the bound of a dimension, sessions in which they held longest count.
    """
    totals = await WindowReader(reports).totals(selection, dimension, None)
    counts = {value: sums.sessions for value, sums in totals.values.items() if sums.sessions}
    if OTHER in counts:
        counts = await reports.count_values(dimension, selection) | counts
        del counts[OTHER]
    return counts


def _with_parts(counts: Mapping[str, int], name: str, text: str) -> dict[str, int]:
    parts = text.lower().split()
    return {
        value: sessions
        for value, sessions in counts.items()
        if value and all(part in _readable(name, value) for part in parts)
    }


def _readable(name: str, value: str) -> str:
    return (unquote(value) if name == "room" else value).lower()
