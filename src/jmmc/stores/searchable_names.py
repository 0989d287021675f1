"""The names by which a session is found: of its room, participant, address, provider, person, and
its support code."""

from collections.abc import Iterator
from urllib.parse import unquote

from jmmc.quality.summary import Summary

NAMED = {
    "room": "room",
    "participant": "browser_id",
    "address": "address",
    "provider": "provider",
    "name": "name_key",
    "code": "code",
}
"""The field of a summary, by kind of name."""


def stored_kind(kind: str) -> str:
    """The kind of a name as it is stored: a room is stored as a conference."""
    return "conference" if kind == "room" else kind


def kind_of(stored: str) -> str:
    """The kind that was stored as `stored`: the inverse of `stored_kind`."""
    return "room" if stored == "conference" else stored


def names_of(summary: Summary) -> Iterator[tuple[str, str]]:
    """Kind and name of each, in lower case, as people type it."""
    yield "room", unquote(summary.room).lower()
    yield "participant", summary.browser_id.lower()
    if summary.address:
        yield "address", summary.address.lower()
    if summary.provider:
        yield "provider", summary.provider.lower()
    if summary.name:
        yield "name", summary.name_key
    if summary.code:
        yield "code", summary.code.lower()
