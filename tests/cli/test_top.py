"""`jmmc top`: over a store and over a server, on a terminal and once."""

import asyncio
import fcntl
import io
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from jmmc.cli.top_view import Screen, draw
from jmmc.settings import Settings
from jmmc.stores.sqlite.store import SqliteStore
from jmmc.web.site import create_app
from tests.support.commands import jmmc
from tests.support.servers import serving
from tests.support.troubles import person


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A store with two running meetings of three people with four connections, and a failed join.

    One has problems since a minute, of ten; one had them for the first half, in the worse of two
    tabs; one has none.
    """
    file = tmp_path_factory.mktemp("top") / "calls.db"
    end = int(time.time()) - 5
    began, there = end - 600, (end - 600, end)

    async def fill() -> None:
        store = SqliteStore(file)
        await store.open()
        summaries = [
            person(1, (end - 60, end), there=there, running=True, room="r%c3%a9union", name="Ann"),
            person(2, there=there, running=True, room="r%c3%a9union"),
            person(3, (began, began + 300), there=there, running=True, room="stand-up"),
            person(4, there=there, running=True, room="stand-up", browser_id="uid-3"),
            person(5, (end - 60, end), there=there, room="over"),
            person(
                6, there=(end - 9, end - 4), room="stand-up", outcome="failed", failure="ice_failed"
            ),
        ]
        await store.reports.put_summaries(summaries)
        await store.close()

    asyncio.run(fill())
    return f"sqlite:///{file}"


def test_the_store_and_its_server_give_the_same_document(url: str) -> None:
    from_store = json.loads(jmmc("top", "--json", "--store", url).stdout)
    with serving(create_app(Settings.of(store=url))) as server:
        done = jmmc("top", "--json", "--url", server)
        from_server = json.loads(done.stdout)
    for document in (from_store, from_server):
        live = document["live"]
        assert [live[name] for name in ("people", "poor", "good", "connections")] == [3, 1, 2, 4]
        found = [
            (item["endpoint_id"], item["grade_now"], item["affected_share"])
            for item in document["participants"]
        ]
        assert found == [("e1", "poor", 0.1), ("e3", "good", 0.5), ("e2", "good", 0.0)]
        assert document["alerts"] == []
        assert document["last_sample"] == max(item["last"] for item in document["participants"])
        del live["at"]
        del live["last_hour"][-1]  # It grows between the two.
    assert from_store == from_server


@pytest.mark.parametrize("width", [60, 120])
def test_the_present_state_is_printed_once(url: str, width: int) -> None:
    lines = jmmc("top", "--once", "--store", url, COLUMNS=str(width)).stdout.splitlines()
    assert max(map(len, lines)) <= width
    connections = ", 4 connections" if width == 120 else ""
    assert lines[1].startswith(f"3 people in 2 meetings{connections}   33.3% affected of 3   ○ 1")
    joins = "joins of the last 10 min: 1 of 1 failed (100.0%), 0 of 0 stays dropped"
    assert lines[3] == (joins if width > len(joins) else f"{joins[: width - 1]}…")
    rows = [line.split() for line in lines]
    assert ["réunion", "10", "2", "1", "of", "2", "○○○○○●●●●●", "packet", "loss"] in rows
    assert ["stand-up", "10", "2", "0", "of", "2", "●●●●●●●●●●"] not in rows, "a person counts once"
    people = [row for row in rows if "good" in row or "poor" in row]
    assert [row[0] for row in people][-3:] == ["Ann", "e3", "e2"]
    assert people[-3][:6] == ["Ann", "(e1)", "○", "poor", "10.0%", "10"]
    assert ("n1" in people[-3]) == (width == 120)
    assert any(row[:1] == ["join"] and row[3:5] == ["failed:", "media"] for row in rows)


def test_what_may_be_over_is_marked(url: str) -> None:
    document = json.loads(jmmc("top", "--json", "--store", url).stdout)

    def lines(at: str) -> list[str]:
        document["live"]["at"] = at
        console = Console(width=100, file=io.StringIO(), record=True)
        console.print(draw(document, "store", Screen(100, None)))
        return console.export_text().splitlines()

    last = datetime.fromisoformat(document["last_sample"])
    assert "newest sample" not in lines((last + timedelta(seconds=119)).isoformat())[1]
    old = lines((last + timedelta(seconds=185)).isoformat())
    assert old[1] == "the newest sample is 3 minutes old: does the collector run?"
    document["last_sample"] = None
    assert "newest sample" not in lines((last + timedelta(days=1)).isoformat())[1]


@pytest.mark.parametrize(
    ("arguments", "code", "problem"),
    [
        (["--store", "sqlite:///none.db"], 1, "none.db: no such file"),
        (["--url", "http://127.0.0.1:9"], 1, "http://127.0.0.1:9: no answer"),
        (["--url", "localhost"], 2, "expected an http or https URL"),
        (["--token", "x"], 2, "--token is for --url"),
        (["--interval", "0"], 2, "x>=1"),
    ],
)
def test_a_source_that_cannot_be_read_is_refused_with_the_reason(
    tmp_path: Path, arguments: list[str], code: int, problem: str
) -> None:
    done = jmmc("top", "--once", *arguments, folder=tmp_path)
    assert (done.returncode, problem in done.stderr) == (code, True), done.stderr
    assert list(tmp_path.iterdir()) == []


class _Terminal:
    """A terminal of some size in which a command runs."""

    def __init__(self, *command: str, size: tuple[int, int]) -> None:
        self.ours, terminal = pty.openpty()
        self.resize(*size)
        self.former = termios.tcgetattr(self.ours)
        environ = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
        environ.pop("LINES", None)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "jmmc", *command],
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
            env={**environ, "TERM": "xterm", "TZ": "UTC"},
            start_new_session=True,
        )
        os.close(terminal)

    def resize(self, rows: int, columns: int) -> None:
        size = struct.pack("HHHH", rows, columns, 0, 0)
        fcntl.ioctl(self.ours, termios.TIOCSWINSZ, size)

    def press(self, key: str) -> None:
        os.write(self.ours, key.encode())

    def read_until(self, text: str) -> list[str]:
        """The lines written until one has `text`, without escape sequences."""
        written = b""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            written += os.read(self.ours, 65_536)
            plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", written.decode(errors="ignore"))
            if text in plain:
                return plain.splitlines()
        raise AssertionError(plain)


@pytest.fixture
def terminal(url: str) -> Iterator[_Terminal]:
    terminal = _Terminal("top", "--store", url, size=(30, 120))
    yield terminal
    terminal.process.kill()
    terminal.process.wait()
    os.close(terminal.ours)


def test_top_follows_keys_and_the_size_of_its_terminal(terminal: _Terminal) -> None:
    def screen(text: str) -> Any:
        lines = terminal.read_until(text)
        assert lines[-1].rstrip().endswith("r refresh"), lines[-1]
        return lines

    first = screen("r refresh")
    assert "by problems  every 5 s" in first[0]
    assert len(first) <= 30
    terminal.press("s")
    assert "by people" in " ".join(terminal.read_until("by people"))
    terminal.read_until("r refresh")
    terminal.press("p")
    terminal.read_until("paused")
    terminal.read_until("r refresh")
    terminal.resize(14, 60)
    narrow = screen("r refresh")
    assert len(narrow) <= 14
    narrow[0] = narrow[0].lstrip()  # The end of the last line from before.
    assert max(map(len, narrow)) <= 60
    terminal.press("q")
    assert terminal.process.wait(30) == 0
    assert termios.tcgetattr(terminal.ours) == terminal.former
