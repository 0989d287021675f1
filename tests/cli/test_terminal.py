"""What commands print to a terminal: nothing that a browser chose may command it."""

import asyncio
import io
import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from pyarrow import parquet

from jmmc.cli.terminal import minutes_text
from jmmc.core.model import Dialect, Push, Sample
from jmmc.core.text import counted
from jmmc.stores.sqlite.store import SqliteStore
from tests.support.builders import UID
from tests.support.commands import jmmc

_NAME = "a\x1b]0;owned\x07\x9b2J\r\n\u202eb\u200b\x85c"
_WINDOW = ["--since", "2023-01-01", "--until", "2024-01-01"]
_SESSION = "1" * 24


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The URL of a store in which every text is a name that commands a terminal."""
    file = tmp_path_factory.mktemp("store") / "calls.db"

    async def fill() -> None:
        store = SqliteStore(file)
        await store.open()
        readings = {"br": _NAME, "os": _NAME, "t": {"sr": _NAME, "net": _NAME}}
        readings["d"] = {"pl": 30}
        first = Sample(0, 1_700_000_000, json.dumps(readings, ensure_ascii=False).encode())
        samples = (first, Sample(1, 1_700_000_030, b"{}"))
        await store.append([Push(_SESSION, _NAME, UID, Dialect.V2, samples)])
        await store.close()

    asyncio.run(fill())
    url = f"sqlite:///{file}"
    assert jmmc("rebuild", "--store", url).returncode == 0
    return url


def _on_terminal(*command: str) -> str:
    """What a command writes to a terminal, without the line ends."""
    ours, terminal = pty.openpty()
    environ = {**os.environ, "COLUMNS": "400", "LINES": "50", "NO_COLOR": "1", "TERM": "dumb"}
    with subprocess.Popen(
        [sys.executable, "-m", "jmmc", *command],
        stdout=terminal,
        stderr=subprocess.STDOUT,
        env=environ,
    ) as process:
        os.close(terminal)
        written = bytearray()
        try:
            while part := os.read(ours, 65_536):
                written += part
        except OSError:  # The other end is closed.
            pass
        os.close(ours)
    assert process.returncode == 0, written
    return written.decode()


@pytest.mark.parametrize(
    "command",
    [
        ["export"],
        ["export", "--what", "timeline"],
        ["export", "--what", "timeline", "--format", "csv"],
        ["export", "--what", "summaries", "--format", "csv"],
        ["sessions", *_WINDOW],
        ["sessions", *_WINDOW, "--json"],
        ["show", _SESSION],
        ["show", _SESSION, "--json"],
        ["report", *_WINDOW, "--by", "region"],
        ["report", *_WINDOW, "--by", "region", "--json"],
        ["forget", "--room", "nobody", "--yes", "--json"],
    ],
    ids=" ".join,
)
def test_no_text_of_a_browser_commands_the_terminal(store: str, command: list[str]) -> None:
    written = _on_terminal(*command, "--store", store)
    lines = written.replace("\r\n", "\n").replace("\r\r\n", "\n").split("\n")
    for line in lines:
        assert all(char.isprintable() or char == "\r" for char in line), repr(line)
        assert "\r" not in line.rstrip("\r"), repr(line)
    if "forget" not in command:
        assert "x1b]0;owned" in written or "u001b]0;owned" in written


def test_json_keeps_every_text(store: str) -> None:
    exported = json.loads(jmmc("export", "--store", store).stdout)
    assert exported["conf"] == _NAME
    assert exported["m"][0]["br"] == _NAME
    assert json.loads(_on_terminal("show", _SESSION, "--json", "--store", store))


def test_parquet_is_not_written_to_a_terminal(store: str) -> None:
    with pytest.raises(AssertionError, match="not for a terminal"):
        _on_terminal("export", "--what", "timeline", "--format", "parquet", "--store", store)


@pytest.mark.parametrize("what", ["timeline", "summaries"])
@pytest.mark.parametrize("file_format", ["csv", "parquet"])
def test_an_empty_export_has_the_columns_of_a_full_one(
    store: str, tmp_path: Path, what: str, file_format: str
) -> None:
    columns = []
    for until in ("2024-01-01", "2000-01-01"):
        file = tmp_path / f"{until}.{file_format}"
        command = ["export", "--store", store, "--what", what]
        command += ["--format", file_format, "--until", until, "-o", str(file)]
        assert jmmc(*command).returncode == 0
        content = file.read_bytes()
        if file_format == "csv":
            columns.append(content.partition(b"\r\n")[0])
        else:
            columns.append(parquet.read_schema(io.BytesIO(content)))
    assert columns[0] == columns[1]
    assert len(columns[0]) > 20


def test_minutes_below_ten_have_a_place_after_the_point() -> None:
    assert [minutes_text(seconds) for seconds in (0, 30, 150, 594, 599, 75 * 60, 100_000 * 60)] == [
        *("0.0", "0.5", "2.5", "9.9", "10"),
        *("75", "100,000"),
    ]


def test_one_of_a_thing_is_not_plural() -> None:
    assert counted(1, "session") == "1 session"
    assert counted(0, "session") == "0 sessions"
    assert counted(1, "person", "people") == "1 person"
    assert counted(1200, "person", "people") == "1,200 people"
