"""`jmmc sessions` and the ids, rooms and times that commands take and show."""

import asyncio
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from jmmc.core.model import Dialect, Push, Sample
from jmmc.stores.sqlite.store import SqliteStore
from tests.support.commands import jmmc

_SUMMER = int(datetime(2026, 3, 29, 1, 0, tzinfo=UTC).timestamp())  # Begins then in Paris.
_ANN = "a40bcaa8-8b36-11ec-a8a3-0242ac120002"
_BEN = "a40bcaa9-8b36-11ec-a8a3-0242ac120002"
_SESSIONS = {
    "abcd11" + "0" * 18: ("r%c3%a9union%20a", _ANN, _SUMMER - 3600),
    "abcd22" + "0" * 18: ("standup", _ANN, _SUMMER + 3600),
    "f" * 24: ("standup", _BEN, _SUMMER + 7200),
}
_DAY = ("--since", "2026-03-29", "--until", "2026-03-30")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of three sessions of ten minutes."""
    folder = tmp_path_factory.mktemp("sessions")

    async def fill() -> None:
        store = SqliteStore(folder / "jmmc.db")
        await store.open()
        for session, (room, browser_id, began) in _SESSIONS.items():
            readings = {"pid": session[:8], "br": "Firefox 133", "cq": 100, "d": {"pl": 0}}
            samples = [Sample(0, began, json.dumps(readings).encode())]
            samples += [Sample(1, began + 600, b'{"cq":100}')]
            await store.append([Push(session, room, browser_id, Dialect.V2, tuple(samples))])
        await store.close()

    asyncio.run(fill())
    assert jmmc("rebuild", folder=folder).returncode == 0
    return folder


@pytest.fixture
def in_paris(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Europe/Paris")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def _lines(folder: Path, *arguments: str, **environ: str) -> list[str]:
    done = jmmc(*arguments, folder=folder, **environ)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def _count(folder: Path, *arguments: str) -> int:
    return len(
        json.loads("\n".join(_lines(folder, "sessions", *_DAY, "--json", *arguments)))["items"]
    )


@pytest.mark.usefixtures("in_paris")
def test_times_are_local_with_their_zone_and_utc_if_asked(folder: Path) -> None:
    """Counted by hand: 00:00 UTC is 01:00 CET, 02:00 UTC is 04:00 CEST, after the hour left out."""
    head, *rows = _lines(folder, "sessions", *_DAY, "--utc")
    assert "began UTC" in head
    assert [row.split()[1:3] for row in rows] == [
        ["03-29", "03:00"],
        ["03-29", "02:00"],
        ["03-29", "00:00"],
    ]
    rows = _lines(folder, "sessions", *_DAY)[1:]
    assert [row.split()[2:4] for row in rows] == [
        ["05:00", "CEST"],
        ["04:00", "CEST"],
        ["01:00", "CET"],
    ]
    shown = _lines(folder, "show", "abcd22")
    assert shown[1].startswith("2026-03-29 04:00:00 CEST to 2026-03-29 04:10:00 CEST,")
    assert "04:00" not in _lines(folder, "show", "abcd22", "--utc")[1]


@pytest.mark.usefixtures("in_paris")
def test_times_that_are_typed_are_local_too(folder: Path) -> None:
    since = ("--since", "2026-03-29T03:30", "--until", "2026-03-30")
    rows = _lines(folder, "sessions", *since)[1:]
    assert [row.split()[0] for row in rows] == ["ffffffff", "abcd2200"]
    rows = _lines(folder, "sessions", *since, "--utc")[1:]
    assert [row.split()[0] for row in rows] == []
    exported = _lines(folder, "export", "--since", "2026-03-29T04:30")
    assert [json.loads(line)["_id"] for line in exported] == ["f" * 24]


def test_a_list_has_person_browser_and_network_beside_or_below_the_decoded_room(
    folder: Path,
) -> None:
    wide = _lines(folder, "sessions", *_DAY)
    head = "session began UTC min grade poor room person browser network region reasons"
    assert " ".join(wide[0].split()) == head
    assert wide[3].split()[-7:] == ["réunion", "a", "abcd1100", "Firefox", "133", "?", "?"]
    narrow = _lines(folder, "sessions", *_DAY, COLUMNS="80")
    assert narrow[-2].split()[-2:] == ["réunion", "a"]
    assert narrow[-1].strip() == "abcd1100 · Firefox 133 · ?"
    assert max(map(len, narrow)) <= 80


def test_a_room_is_given_as_people_read_it_or_as_it_is_stored(folder: Path) -> None:
    for room in ("réunion a", "Réunion A", "r%c3%a9union%20a"):
        assert _count(folder, "--room", room) == 1
        assert len(_lines(folder, "export", "--room", room)) == 1
    assert (
        "room réunion a: 1 sessions"
        in jmmc("forget", "--room", "réunion a", "--dry-run", folder=folder).stderr
    )


def test_the_first_characters_of_an_id_are_enough_where_they_tell(folder: Path) -> None:
    assert _lines(folder, "show", "ABCD1")[0].startswith("abcd11")
    assert _count(folder, "--participant", "a40bcaa8") == 2
    assert _count(folder, "--participant", _BEN.upper()) == 1
    assert len(_lines(folder, "export", "--participant", "a40bcaa9")) == 1
    dry = jmmc("forget", "--participant", "a40bcaa8", "--dry-run", folder=folder)
    assert f"participant {_ANN}: 2 sessions and 2 summaries" in dry.stderr
    done = jmmc("show", "abcd", folder=folder)
    assert done.returncode == 1
    first, *candidates = done.stderr.splitlines()
    assert first == "jmmc: 'abcd' is the beginning of several ids; give more of it:"
    assert [line.split()[0] for line in candidates] == [*_SESSIONS][:2]
    assert candidates[0].endswith("  réunion a")
    for command in ("sessions", "report", "export", "forget"):
        done = jmmc(command, "--participant", "a40b", folder=folder)
        assert done.returncode == 1
        assert {_ANN, _BEN} <= set(done.stderr.split())


@pytest.mark.parametrize(
    ("arguments", "code", "problem"),
    [
        (["show", "abc"], 1, "an id has 24 hex digits, its first 4 or more are enough"),
        (["show", "9999"], 1, "session 9999: not known"),
        (["sessions", "--participant", "zzzz"], 1, "participant zzzz: not known"),
        (["sessions", "--grade", "bad"], 2, "'good', 'fair', 'poor', 'unknown'"),
        (["sessions", "--rating", "6"], 2, "'1', '2', '3', '4', '5'"),
        (["sessions", "--outcome", "x"], 2, "'joined', 'dropped', 'no_media', 'failed', 'refused'"),
        (["sessions", "--cause", "moon"], 2, "'line', 'machine', 'device'"),
        (["sessions", "--cause", "line", "--failed"], 2, "leave out --failed, or these"),
        (["sessions", "--min-minutes", "long"], 1, "expected a number of minutes"),
        (["report", "--by", "moon"], 2, "'browser', 'os', 'region'"),
    ],
)
def test_a_wrong_value_is_refused_with_what_is_allowed(
    folder: Path, arguments: list[str], code: int, problem: str
) -> None:
    done = jmmc(*arguments, folder=folder)
    assert (done.returncode, problem in done.stderr) == (code, True), done.stderr


def test_an_empty_list_says_so(folder: Path) -> None:
    done = jmmc("sessions", "--since", "2000-01-01", "--until", "2000-01-02", folder=folder)
    assert (done.stdout, done.stderr) == ("", "no sessions in this period with these filters\n")
