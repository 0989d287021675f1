"""Rows into files: NDJSON, CSV, Parquet. Each writer takes rows and gives bytes, bit by bit."""

import csv
import io
import re
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import msgspec

from jmmc.answers.export import MOMENTS, text_of
from jmmc.core.errors import JmmcError
from jmmc.core.extras import install_hint
from jmmc.core.readings import COLUMNS
from jmmc.quality.summary import DIMENSIONS

FORMATS = ("ndjson", "csv", "parquet")
MEDIA_TYPES = {
    "ndjson": "application/x-ndjson",
    "csv": "text/csv; charset=utf-8",
    "parquet": "application/vnd.apache.parquet",
}
_GROUP = 20_000  # Rows in memory before Parquet writes them: 50 MB.
# Where a spreadsheet begins a cell: at the start, and after what it may take for a separator.
_FORMULA = re.compile(r"(^|[;\t\r\n])(?=[\s\"]*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20])")

Row = Mapping[str, Any]


class Table(Protocol):
    """A file of rows in the making."""

    def add(self, rows: Sequence[Row]) -> bytes:
        """What these rows add to the file; may be nothing yet."""
        ...

    def end(self) -> bytes:
        """The rest of the file."""
        ...


class MissingLibrary(JmmcError):
    """A format needs an extra that is not installed."""


def table(form: str) -> Table:
    """A writer of this format. Raises `MissingLibrary`."""
    makers: dict[str, type[NdjsonTable] | type[CsvTable] | type[ParquetTable]] = {
        "ndjson": NdjsonTable,
        "csv": CsvTable,
        "parquet": ParquetTable,
    }
    return makers[form]()


class NdjsonTable:
    """One JSON object a line."""

    def add(self, rows: Sequence[Row]) -> bytes:
        """See `Table`."""
        encode = msgspec.json.encode
        lines = ({name: text_of(name, value) for name, value in row.items()} for row in rows)
        return b"".join(encode(line) + b"\n" for line in lines)

    def end(self) -> bytes:
        """See `Table`."""
        return b""


class CsvTable:
    """Comma-separated, with a header. A text that a spreadsheet would run is quoted with '."""

    def __init__(self) -> None:
        self._text = io.StringIO(newline="")
        self._writer = csv.writer(self._text)
        self._begun = False

    def add(self, rows: Sequence[Row]) -> bytes:
        """See `Table`."""
        if rows and not self._begun:
            self._writer.writerow(rows[0])
            self._begun = True
        self._writer.writerows(
            [_cell(text_of(name, value)) for name, value in row.items()] for row in rows
        )
        content = self._text.getvalue()
        self._text.seek(0)
        self._text.truncate()
        return content.encode()

    def end(self) -> bytes:
        """See `Table`."""
        return b""


class ParquetTable:
    """Columns with types, compressed with zstd."""

    def __init__(self) -> None:
        try:
            import pyarrow
            import pyarrow.parquet
        except ImportError as error:
            raise MissingLibrary(f"Parquet needs PyArrow; {install_hint('parquet')}") from error
        self._arrow: Any = pyarrow
        self._sink = io.BytesIO()
        self._file: Any = pyarrow.PythonFile(_Forward(self._sink), mode="w")
        self._writer: Any = None
        self._rows: list[Row] = []

    def add(self, rows: Sequence[Row]) -> bytes:
        """See `Table`."""
        self._rows += rows
        if len(self._rows) >= _GROUP:
            self._write()
        return self._take()

    def end(self) -> bytes:
        """See `Table`."""
        if self._rows or self._writer is None:
            self._write()
        self._writer.close()
        return self._take()

    def _write(self) -> None:
        arrow = self._arrow
        names = list(self._rows[0]) if self._rows else ["session"]
        schema = arrow.schema([(name, self._type(name)) for name in names])
        columns = [
            arrow.array(
                [_typed(schema.field(name).type, row[name]) for row in self._rows], value.type
            )
            for name, value in zip(names, schema, strict=True)
        ]
        if self._writer is None:
            self._writer = arrow.parquet.ParquetWriter(self._file, schema, compression="zstd")
        self._writer.write_table(arrow.table(columns, schema=schema))
        self._rows = []

    def _take(self) -> bytes:
        content = self._sink.getvalue()
        self._sink.seek(0)
        self._sink.truncate()
        return content

    def _type(self, name: str) -> Any:
        arrow = self._arrow
        if name in MOMENTS:
            return arrow.timestamp("s", tz="UTC")
        if name in ("left", "running", "transport_p2p", "page_visible", "interrupted"):
            return arrow.bool_()
        if name in _COUNTS:
            return arrow.int64()
        if name in _TEXTS:
            return arrow.string()
        return arrow.float64()


class _Forward(io.RawIOBase):
    """A file that only goes forward, and remembers how far it came: its content is taken away."""

    def __init__(self, sink: io.BytesIO) -> None:
        self._sink = sink
        self._at = 0

    def writable(self) -> bool:
        """It is."""
        return True

    def write(self, content: Any) -> int:
        """Append."""
        written = self._sink.write(content)
        self._at += written
        return written

    def tell(self) -> int:
        """Bytes so far, those taken away too."""
        return self._at


_COUNTS = frozenset(
    {
        *("seq", "samples", "holes", "good_s", "fair_s", "poor_s", "unknown_s"),
        *("sessions", "rooms", "meetings", "minutes", "people", "good", "fair", "poor"),
        *("grades_known_seconds", "grades_unknown_seconds", "unknown"),
    }
)
_NUMBERS = ("kbps", "percent", "ms", "fps", "px", "port", "quality", "participants")
_TEXTS = frozenset(
    {
        *(column for column in COLUMNS if not column.endswith(_NUMBERS)),
        *("session", "room", "participant_id", "formula", "grade", "reasons", "address"),
        *DIMENSIONS,
        *("id", "value", "kind", "name", "meeting", "endpoint_id", "jitsi_meeting_id"),
    }
)


def _cell(value: Any) -> Any:
    if isinstance(value, str):
        return _FORMULA.sub(r"\1'", value)
    if isinstance(value, bool):
        return str(value).lower()
    return value


def _typed(kind: Any, value: Any) -> Any:
    """A stored value that does not fit its column is a text or nothing, never an error."""
    if value is None:
        return None
    name = str(kind)
    if name == "string":
        return str(value)
    if name == "bool":
        return bool(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if name.startswith(("int", "timestamp")) else float(value)
