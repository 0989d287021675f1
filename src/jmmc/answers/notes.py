"""Notes: what admins wrote to a moment or a span of time, such as "upgraded bridge 2".

They are records of a store: few, small, and read as a whole. Age deletes none.
"""

import secrets
from collections.abc import Iterable

import msgspec
from msgspec import Struct

from jmmc.answers.details import NotFoundError
from jmmc.core.errors import JmmcError, Typed, Worded
from jmmc.core.fields import Moment
from jmmc.core.text import is_visible
from jmmc.stores import Reports
from jmmc.stores.copy import NOTE_RECORDS

LONGEST_TEXT = 200
"""Maximum length of a text in characters."""

MOST = 1000
"""Maximum number of notes of a store."""

_ID_BYTES = 4


class Note(Struct, frozen=True):
    """A text to a moment, or to a span of time where `until` is set; `by` may be empty."""

    id: str
    at: Moment
    until: Moment | None
    text: str
    by: str

    @property
    def end(self) -> int:
        """The end of the span; of a moment, the moment."""
        return self.at if self.until is None else self.until


class NoteError(Worded, JmmcError):
    """A note cannot be added; `field` is the part of it that is not allowed, "" for none."""

    def __init__(self, sentence: str, field: str = "", **values: object) -> None:
        super().__init__(sentence, **values)
        self.field = field


async def add_note(
    reports: Reports, text: str, at: int, until: int | None = None, *, by: str = ""
) -> Note:
    """Store a note to a moment, or to a span from `at` to `until` (Unix seconds).

    Raises `NoteError` with what is allowed.
    """
    text = text.strip()
    if not (0 < len(text) <= LONGEST_TEXT and is_visible(text)):
        raise NoteError(
            "the text of a note has 1 to {longest} printable characters, in one line (got {text})",
            "text",
            longest=LONGEST_TEXT,
            text=repr(text[: LONGEST_TEXT + 1]),
        )
    if until is not None and until <= at:
        raise NoteError("the end of a note must be later than its beginning", "until")
    if len(await reports.records(NOTE_RECORDS)) >= MOST:
        raise NoteError(
            "there are {most:,} notes, the most that are kept: remove some first", most=MOST
        )
    note = Note(secrets.token_hex(_ID_BYTES), at, until, text, by)
    await reports.put_record(NOTE_RECORDS, note.id, msgspec.json.encode(note))
    return note


async def notes(reports: Reports, since: int | None = None, until: int | None = None) -> list[Note]:
    """The notes that touch a window (Unix seconds; None for no limit), the earliest first."""
    records = (await reports.records(NOTE_RECORDS)).values()
    stored = (msgspec.json.decode(record, type=Note) for record in records)
    return sorted(_within(stored, since, until), key=lambda note: (note.at, note.id))


async def remove_note(reports: Reports, id_: str) -> None:
    """Delete a note. Raises `NotFoundError`."""
    if not await reports.delete_record(NOTE_RECORDS, id_):
        raise NotFoundError("there is no note {id}", id=Typed(id_))


def _within(stored: Iterable[Note], since: int | None, until: int | None) -> Iterable[Note]:
    for note in stored:
        if (since is None or note.end >= since) and (until is None or note.at <= until):
            yield note
