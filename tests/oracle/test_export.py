"""Item 10: an exported row says for how long its readings are known, and the recipe uses it."""

import csv
import io
import re
import sqlite3
from contextlib import chdir
from pathlib import Path
from typing import Any

import pyarrow.csv
import pyarrow.parquet
import pytest

from tests.oracle import cases
from tests.oracle.asking import KNOWN_SECONDS, Asked, unix
from tests.oracle.expected import totals
from tests.oracle.truth import Call, moment
from tests.support.paths import ROOT

_CALL = cases.UNKNOWN_TIME
_WINDOW = {"since": _CALL.joined - 60, "until": _CALL.left + 60}
_MEAN = 295  # (550 s at 20 ms + 250 s at 900 ms) / 800 s


def _rows(asked: Asked, call: Call = _CALL) -> list[dict[str, str]]:
    text = asked.text(
        "/api/v1/export", what="timeline", format="csv", room=call.room, since=call.joined - 60
    )
    return list(csv.DictReader(io.StringIO(text)))


def _mean_rtt(rows: list[dict[str, Any]]) -> float:
    known = [row for row in rows if row["rtt_ms"] not in ("", None)]
    seconds = sum(float(row[KNOWN_SECONDS]) for row in known)
    return sum(float(row["rtt_ms"]) * float(row[KNOWN_SECONDS]) for row in known) / seconds


def test_a_mean_over_rows_is_that_of_known_time(asked: Asked) -> None:
    """954 s of which nothing is known do not count: 295 ms, not 624."""
    assert _mean_rtt(_rows(asked)) == pytest.approx(_MEAN, abs=0.5)


def test_the_command_exports_the_same(asked: Asked) -> None:
    options = ("--what", "timeline", "--format", "csv", "--room", _CALL.room)
    rows = list(csv.DictReader(io.StringIO(asked.cli("export", *options))))
    assert rows == _rows(asked)
    assert _mean_rtt(rows) == pytest.approx(_MEAN, abs=0.5)


@pytest.mark.parametrize(
    "call",
    [cases.SPELL, cases.SILENT, cases.LOST, cases.HANGS_UP, cases.UNKNOWN_TIME],
    ids=lambda call: call.room,
)
def test_the_rows_of_a_call_have_its_known_seconds(asked: Asked, call: Call) -> None:
    rows = _rows(asked, call)
    total = totals([call], call.joined, call.left)
    by_value = {"20": 0.0, "900": 0.0}
    for row in rows:
        if row["rtt_ms"]:
            by_value[f"{float(row['rtt_ms']):g}"] += float(row[KNOWN_SECONDS])
    assert by_value == {"20": total.good, "900": total.poor}


def test_the_known_seconds_of_a_row_are_before_it(asked: Asked) -> None:
    """A row has the readings of its sample, which hold for the time before it."""
    rows = _rows(asked, cases.SPELL)
    ((start, end),) = cases.SPELL.spells
    poor = [row for row in rows if row["rtt_ms"] and float(row["rtt_ms"]) == 900]
    assert [unix(row["time"]) for row in poor] == list(range(start + 10, end + 1, 10))
    assert {float(row[KNOWN_SECONDS]) for row in poor} == {10}


def test_summaries_have_the_seconds_of_the_call(asked: Asked) -> None:
    options = ("--what", "summaries", "--format", "csv", "--room", _CALL.room)
    (row,) = csv.DictReader(io.StringIO(asked.cli("export", *options)))
    total = totals([_CALL], _CALL.joined, _CALL.left)
    assert [int(row[name]) for name in ("good_s", "poor_s", "unknown_s")] == [
        total.good,
        total.poor,
        total.unknown,
    ]


def test_summaries_of_a_window_are_those_of_the_sessions_present(asked: Asked) -> None:
    """Item 4, in a file: of ten meetings of two hours, the second one is asked for."""
    window = {"since": moment("2025-06-04T09:00:00"), "until": moment("2025-06-04T10:00:00")}
    text = asked.text("/api/v1/export", what="summaries", format="csv", **window)
    assert len(list(csv.DictReader(io.StringIO(text)))) == 30


def test_the_recipe_of_the_documentation_gives_the_true_mean(
    asked: Asked, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Run the Python block of docs/how-to/export.md that uses the column, on the exported file."""
    blocks = re.findall(
        r"```python\n(.*?)```", (ROOT / "docs/how-to/export.md").read_text(), re.DOTALL
    )
    recipes = [block for block in blocks if f'"{KNOWN_SECONDS}"' in block or ".seconds" in block]
    assert recipes, "no Python recipe with the known seconds of a row"
    table = pyarrow.csv.read_csv(
        io.BytesIO(
            asked.text(
                "/api/v1/export", what="timeline", format="csv", room=_CALL.room, **_WINDOW
            ).encode()
        )
    )
    pyarrow.parquet.write_table(table, tmp_path / "calls.parquet")
    with chdir(tmp_path):
        for recipe in recipes:
            exec(recipe, {})
    assert re.search(rf"\b{_MEAN}\b", capsys.readouterr().out)


def test_the_queries_of_the_documentation_give_the_true_mean(asked: Asked) -> None:
    """Each SQL block, on a table that has the exported rows and the name of the file."""
    text = (ROOT / "docs/how-to/export.md").read_text()
    queries = re.findall(r"```sql\n(.*?)```", text, re.DOTALL)
    assert queries
    rows = [tuple(value or None for value in row.values()) for row in _rows(asked)]
    columns = ", ".join(f'"{name}" NUMERIC' for name in _rows(asked)[0])
    for query in queries:
        (file,) = re.findall(r"FROM ('[^']*')", query)
        with sqlite3.connect(":memory:") as database:
            database.execute(f"CREATE TABLE {file} ({columns})")
            places = ", ".join("?" * len(rows[0]))
            database.executemany(f"INSERT INTO {file} VALUES ({places})", rows)
            ((*_, mean),) = database.execute(query)
        assert mean == pytest.approx(_MEAN, abs=0.5)
