"""Timelines as CSV or NDJSON: the same bytes as `tables` writes, in less CPU.

Most readings are the same in a session's next row. So the text of each cell is kept, and written
anew only when its reading changed.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import Any, Literal, get_args

import msgspec

from jmmc.answers.tables import harmless
from jmmc.core.model import Session
from jmmc.core.readings import Reading
from jmmc.core.text import printable_json
from jmmc.core.timestamps import to_iso
from jmmc.quality.timeline import Rhythm, State, steps
from jmmc.quality.timeline_rows import CELLS, TIMELINE_COLUMNS, cell, changed_cells

TextFormat = Literal["csv", "ndjson"]
TEXT_FORMATS: tuple[TextFormat, ...] = get_args(TextFormat)
"""The formats that this writes."""

_IN_QUOTES = re.compile('[",\r\n]')
_KEPT = 4096  # Texts of a column: of most readings there are fewer.

_Text = Callable[[Any], str]


class TimelineText:
    """The rows of sessions, with all columns. With `for_terminal` as in `tables.table`."""

    def __init__(self, form: TextFormat, *, for_terminal: bool = False) -> None:
        self._is_csv = form == "csv"
        self._for_terminal = for_terminal
        self._head = ",".join(TIMELINE_COLUMNS) + "\r\n" if self._is_csv else ""
        self._cells = tuple(
            self._cell(name, row, is_converted) for name, _, is_converted, row in CELLS
        )
        self._names = tuple(
            "" if self._is_csv else f"{msgspec.json.encode(name).decode()}:"
            for name in TIMELINE_COLUMNS
        )

    def lines(self, session: Session, rhythm: Rhythm) -> Iterator[str]:
        """One line for each sample, as `sample_rows` has it."""
        names = self._names
        about = ",".join(
            f"{name}{self._text(value)}"
            for name, value in zip(
                names, (session.id, session.room, session.browser_id), strict=False
            )
        )
        opening, closing = ("", "\r\n") if self._is_csv else ("{", "}\n")
        quote = "" if self._is_csv else '"'
        unknown, no, yes = (self._text(value) for value in (None, False, True))
        _, _, _, time, seq, seconds, left, *_ = names
        cells = self._cells
        texts = [text(None) for text in cells]
        state: State = {}
        readings = ",".join(texts)
        for step in steps(session, rhythm):
            if step.state is not state:
                for place, value in changed_cells(state, step.state):
                    texts[place] = cells[place](value)
                state = step.state
                readings = ",".join(texts)
            sample = step.sample
            yield (
                f"{opening}{about},{time}{quote}{_iso(sample.ts)}{quote},"
                f"{seq}{unknown if sample.seq is None else sample.seq},"
                f"{seconds}{step.until - step.since},{left}{yes if sample.bye else no},"
                f"{readings}{closing}"
            )

    def content(self, lines: Iterable[str]) -> bytes:
        """The bytes that lines add to the file; before the first ones, the header."""
        if text := "".join(lines):
            text, self._head = self._head + text, ""
        # Half of a surrogate pair, which JSON allows, cannot be encoded.
        return text.encode(errors="backslashreplace")

    def end(self) -> bytes:
        """The rest of the file: its header, if it has no rows."""
        head, self._head = self._head, ""
        return head.encode()

    def _cell(self, name: str, row: Reading, is_converted: bool) -> _Text:
        """What writes the cells of a column."""
        prefix = "" if self._is_csv else f"{msgspec.json.encode(name).decode()}:"

        @lru_cache(_KEPT, typed=True)
        def text_of(value: Any) -> str:
            return prefix + self._text(cell(row, value) if is_converted else value)

        def text(value: Any) -> str:
            kind = value.__class__
            if kind is list:
                return prefix + self._text(cell(row, value))
            if kind is dict:  # No reading is one, but files of others may have anything.
                return prefix + self._text(cell(row, value) if is_converted else value)
            return text_of(value)

        return text

    def _text(self, value: Any) -> str:
        if not self._is_csv:
            return printable_json(msgspec.json.encode(value)).decode()
        match value:
            case None:
                return ""
            case bool():
                return "true" if value else "false"
            case int() | float():
                return repr(value)
            case str():
                text = harmless(value, for_terminal=self._for_terminal)
            case _:
                text = str(value)
        return '"' + text.replace('"', '""') + '"' if _IN_QUOTES.search(text) else text


def _iso(second: int) -> str:
    """`to_iso`, with what is the same for a minute made once."""
    minute = second // 60
    return f"{_minute(minute)}{second - 60 * minute:02}Z"


@lru_cache(_KEPT)
def _minute(minute: int) -> str:
    return to_iso(60 * minute)[:17]
