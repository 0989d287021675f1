"""Writers of NDJSON, CSV and Parquet: each takes rows and returns the bytes that they add."""

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache, partial
from typing import Any, NamedTuple, Protocol

import msgspec

from jmmc.answers.column_types import ColumnKind, Columns, Row
from jmmc.core.errors import JmmcError
from jmmc.core.install_hints import install_hint
from jmmc.core.text import printable, printable_json, without_controls
from jmmc.core.timestamps import to_iso

FORMATS = ("ndjson", "csv", "parquet")
MEDIA_TYPES = {
    "ndjson": "application/x-ndjson",
    "csv": "text/csv; charset=utf-8",
    "parquet": "application/vnd.apache.parquet",
}
_GROUP = 20_000  # Rows in memory before Parquet writes them: 50 MB.
# Where a spreadsheet begins a cell: at the start, and after what it may take for a separator.
_FORMULA = re.compile(r"(^|[;\t\r\n])(?=[\s\"]*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20])")
_WRITTEN_AS_THEY_ARE = frozenset((int, float, type(None)))  # The most, in time series.


class Table(Protocol):
    """A file of rows that is being written."""

    def add(self, rows: Sequence[Row]) -> bytes:
        """The bytes that these rows add to the file; may be empty."""
        ...

    def end(self) -> bytes:
        """The rest of the file."""
        ...


class MissingLibrary(JmmcError):
    """A format needs an extra that is not installed."""


def table(form: str, columns: Columns, *, for_terminal: bool = False) -> Table:
    """A writer of rows that have these columns, or some of them. Raises `MissingLibrary`.

    A file without rows has all columns. With `for_terminal`, nothing in a CSV cell leaves its line.
    """
    match form:
        case "csv":
            return CsvTable(columns, for_terminal=for_terminal)
        case "parquet":
            return ParquetTable(columns)
    return NdjsonTable(columns)


class NdjsonTable:
    """One JSON object a line; what is not printable in texts is escaped."""

    def __init__(self, columns: Columns) -> None:
        self._moments = _moments(columns)

    def add(self, rows: Sequence[Row]) -> bytes:
        """See `Table`."""
        encode = msgspec.json.encode
        lines = (encode(_readable(row, self._moments)) + b"\n" for row in rows)
        return printable_json(b"".join(lines))

    def end(self) -> bytes:
        """See `Table`."""
        return b""


def harmless(text: str, *, for_terminal: bool = False) -> str:
    """A text that no spreadsheet executes, without control characters."""
    text = _FORMULA.sub(r"\1'", text)
    return printable(text, keep="") if for_terminal else without_controls(text)


class CsvTable:
    """Comma-separated, with a header. A ' precedes text that a spreadsheet would execute.

    Control characters and invisible ones are written as their codes, such as `\\x1b`. With
    `for_terminal` those that end a line are too.
    """

    def __init__(self, columns: Columns, *, for_terminal: bool = False) -> None:
        self._columns = columns
        # Of rows in sequence most texts are the same.
        self._harmless = lru_cache(4096)(partial(harmless, for_terminal=for_terminal))
        self._moments = _moments(columns)
        self._text = io.StringIO(newline="")
        self._writer = csv.writer(self._text)
        self._begun = False

    def add(self, rows: Sequence[Row]) -> bytes:
        """See `Table`."""
        if rows:
            self._begin(rows[0])
        cell = self._cell
        self._writer.writerows(
            [
                value if value.__class__ in _WRITTEN_AS_THEY_ARE else cell(value)
                for value in _readable(row, self._moments).values()
            ]
            for row in rows
        )
        return self._take()

    def end(self) -> bytes:
        """See `Table`."""
        self._begin(self._columns)
        return self._take()

    def _begin(self, names: Iterable[str]) -> None:
        if not self._begun:
            self._writer.writerow(names)
            self._begun = True

    def _take(self) -> bytes:
        content = self._text.getvalue()
        self._text.seek(0)
        self._text.truncate()
        # Half of a surrogate pair, which JSON allows, cannot be encoded.
        return content.encode(errors="backslashreplace")

    def _cell(self, value: Any) -> Any:
        if isinstance(value, str):
            return self._harmless(value)
        if isinstance(value, bool):
            return str(value).lower()
        return value


class Runs(NamedTuple):
    """Values that are repeated, each up to before the row of its end."""

    ends: Sequence[int]
    values: Sequence[Any]


def arrow_table(columns: Columns, rows: Sequence[Row]) -> Any:
    """Rows as a `pyarrow.Table` with these columns. Raises `MissingLibrary`."""
    schema = _arrow_schema(columns)
    arrays = [
        _arrow().array([stored_value(kind, row[name]) for row in rows], schema.field(name).type)
        for name, kind in columns.items()
    ]
    return _arrow().table(arrays, schema=schema)


def arrow_table_of_runs(columns: Columns, runs: Mapping[str, Runs | Sequence[Any]]) -> Any:
    """The `pyarrow.Table` of columns that are given by their runs, or by all of their values."""
    arrow, schema = _arrow(), _arrow_schema(columns)
    arrays = []
    for name in columns:
        of_column, type_ = runs[name], schema.field(name).type
        if isinstance(of_column, Runs):
            ends = arrow.array(of_column.ends, arrow.int32())
            values = arrow.array(of_column.values, type_)
            encoded = arrow.RunEndEncodedArray.from_arrays(ends, values)
            arrays.append(arrow.compute.run_end_decode(encoded))
        else:
            arrays.append(arrow.array(of_column, type_))
    return arrow.table(arrays, schema=schema)


def _arrow_schema(columns: Columns) -> Any:
    arrow = _arrow()
    types = {
        ColumnKind.MOMENT: arrow.timestamp("s", tz="UTC"),
        ColumnKind.FLAG: arrow.bool_(),
        ColumnKind.INTEGER: arrow.int64(),
        ColumnKind.NUMBER: arrow.float64(),
        ColumnKind.TEXT: arrow.string(),
    }
    return arrow.schema([(name, types[kind]) for name, kind in columns.items()])


def _arrow() -> Any:
    try:
        import pyarrow
        import pyarrow.compute
        import pyarrow.parquet
    except ImportError as error:
        raise MissingLibrary(f"Parquet needs PyArrow; {install_hint('parquet')}") from error
    return pyarrow


class ParquetTable:
    """Columns with types, compressed with zstd."""

    def __init__(self, columns: Columns) -> None:
        self._columns = columns
        self._file = ParquetFile()
        self._rows: list[Row] = []

    def add(self, rows: Sequence[Row]) -> bytes:
        """See `Table`."""
        self._rows += rows
        if len(self._rows) >= _GROUP:
            self._write()
        return self._file.take()

    def end(self) -> bytes:
        """See `Table`."""
        if self._rows or not self._file.is_begun:
            self._write()
        return self._file.end()

    def _write(self) -> None:
        names = list(self._rows[0] if self._rows else self._columns)
        self._file.write(arrow_table({name: self._columns[name] for name in names}, self._rows))
        self._rows = []


class ParquetFile:
    """A Parquet file whose bytes are taken away while it is written. Raises `MissingLibrary`."""

    def __init__(self) -> None:
        self._arrow: Any = _arrow()
        self._sink = io.BytesIO()
        self._file: Any = self._arrow.PythonFile(_Forward(self._sink), mode="w")
        self._writer: Any = None

    @property
    def is_begun(self) -> bool:
        """Whether something was written."""
        return self._writer is not None

    def write(self, rows: Any) -> None:
        """Write a `pyarrow.Table`. All have the columns of the first one."""
        if self._writer is None:
            writer = self._arrow.parquet.ParquetWriter
            self._writer = writer(self._file, rows.schema, compression="zstd")
        self._writer.write_table(rows)

    def take(self) -> bytes:
        """The bytes that were written since the last time."""
        content = self._sink.getvalue()
        self._sink.seek(0)
        self._sink.truncate()
        return content

    def end(self) -> bytes:
        """The rest of the file, of which something was written."""
        self._writer.close()
        return self.take()


class _Forward(io.RawIOBase):
    """A file that cannot seek; it knows its position although its content is taken away."""

    def __init__(self, sink: io.BytesIO) -> None:
        self._sink = sink
        self._at = 0

    def writable(self) -> bool:
        """Always true."""
        return True

    def write(self, content: Any) -> int:
        """Append."""
        written = self._sink.write(content)
        self._at += written
        return written

    def tell(self) -> int:
        """Bytes written so far, including those that were taken away."""
        return self._at


def _moments(columns: Columns) -> frozenset[str]:
    return frozenset(name for name, kind in columns.items() if kind is ColumnKind.MOMENT)


def _readable(row: Row, moments: frozenset[str]) -> dict[str, Any]:
    """A row as text files have it: moments in ISO 8601."""
    return {
        name: to_iso(value) if name in moments and value is not None else value
        for name, value in row.items()
    }


def stored_value(kind: ColumnKind, value: Any) -> Any:
    """A value as its column's type; a value that does not fit is a text or None, never an error."""
    if value is None:
        return None
    if kind is ColumnKind.TEXT:
        return str(value)
    if kind is ColumnKind.FLAG:
        return bool(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if kind is ColumnKind.NUMBER else int(value)
