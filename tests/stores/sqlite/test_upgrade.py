"""A file that an older version wrote is brought up to date, with all that is in it."""

import json
import sqlite3
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec
import pytest

from jmmc.core.errors import UnusableStore
from jmmc.core.model import Dialect, Erased, Sample, Session, SessionFilter
from jmmc.quality.filters import SummaryFilter
from jmmc.quality.summarize import summarize
from jmmc.quality.thresholds import preset
from jmmc.stores.sqlite import schema
from jmmc.stores.sqlite.archive import packed
from jmmc.stores.sqlite.schema import APPLICATION_ID, migrations
from jmmc.stores.sqlite.store import SqliteStore
from tests.support.builders import RHYTHM, push

_SESSION = Session("a" * 24, "room", "u", Dialect.V2, 900, (Sample(0, 900, b'{"cq":100}'),))
_SUMMARY = summarize(_SESSION, preset=preset("jitsi"), rhythm=RHYTHM)


@pytest.mark.parametrize("version", range(1, len(migrations())))
async def test_sessions_of_an_older_file_are_kept_and_will_be_summarized(
    tmp_path: Path, version: int
) -> None:
    connection = sqlite3.connect(tmp_path / "old.db")
    for script in migrations()[:version]:
        connection.executescript(script)
    connection.executescript(
        f"""
        INSERT INTO sessions VALUES (1, '{"1" * 24}', 'room', '{"0" * 32}', 2, 1700000000);
        INSERT INTO samples VALUES (1, 0, 1700000000, 1, '{{"cq":100}}');
        PRAGMA application_id = {APPLICATION_ID};
        PRAGMA user_version = {version};
        """
    )
    connection.close()
    store = SqliteStore(tmp_path / "old.db")
    for _ in range(2):  # The second time there is nothing to do.
        await store.open()
        (session,) = [session async for session in store.sessions(SessionFilter())]
        assert session.samples[0].readings == b'{"cq":100}'
        assert await store.reports.dirty(10) == ["1" * 24]
        await store.close()


def _store_of_version(version: int, path: Path, old: dict[str, Any]) -> SqliteStore:
    """A store with a file of an earlier version, which has one summary; `old` is all of it."""
    connection = sqlite3.connect(path)
    for script in migrations()[:version]:
        connection.executescript(script)
    names = [row[1] for row in connection.execute("PRAGMA table_info(summaries)")]
    row = {name: old.get(name, "") for name in names}
    row |= {"series": "[[900,30,0,0,0]]", "whole": json.dumps(old), "grade": "good"}
    marks = ", ".join("?" * len(row))
    connection.execute(
        f"INSERT INTO summaries ({', '.join(row)}) VALUES ({marks})", [*row.values()]
    )
    connection.commit()
    connection.executescript(
        f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {version};"
    )
    connection.close()
    return SqliteStore(path)


async def test_a_summary_of_an_older_file_has_no_provider_and_no_country(tmp_path: Path) -> None:
    old = json.loads(msgspec.json.encode(_SUMMARY))
    del old["provider"], old["country"]
    del old["segments"]
    store = _store_of_version(3, tmp_path / "old.db", old)
    await store.open()
    assert await store.reports.summaries(SummaryFilter(provider="", country=""), limit=5) == [
        _SUMMARY
    ]
    assert await store.reports.facts(("provider", "country"), SummaryFilter()) == [("", "")]
    await store.close()


async def test_a_summary_of_an_older_file_has_the_meeting_of_the_whole(tmp_path: Path) -> None:
    old = json.loads(msgspec.json.encode(_SUMMARY)) | {"meeting": "8b4139fa"}
    store = _store_of_version(7, tmp_path / "old.db", old)
    await store.open()
    await store.reports.put_summaries([msgspec.structs.replace(_SUMMARY, session="b" * 24)])
    found = await store.reports.facts(("session", "jitsi_meeting_id"), SummaryFilter())
    assert dict(found) == {"a" * 24: "8b4139fa", "b" * 24: ""}
    await store.close()


async def test_the_key_of_a_deleted_session_is_not_used_again_in_an_older_file(
    tmp_path: Path,
) -> None:
    connection = sqlite3.connect(tmp_path / "old.db")
    for script in migrations()[:6]:
        connection.executescript(script)
    packed_samples = packed([(0, 1_700_000_000, 1, '{"cq":90}')])
    connection.execute("INSERT INTO sessions VALUES (1, ?, 'r', 'u', 2, 1700000000)", ["1" * 24])
    connection.execute("INSERT INTO packed VALUES (1, 1, 1700000000, ?)", [packed_samples])
    connection.execute("INSERT INTO sessions VALUES (7, ?, 'r', 'u', 2, 1700000001)", ["7" * 24])
    connection.execute("INSERT INTO samples VALUES (7, 0, 1700000001, 1, '{}')")
    connection.execute("DELETE FROM dirty")
    connection.commit()
    connection.executescript(f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = 6;")
    connection.close()
    store = SqliteStore(tmp_path / "old.db")
    await store.open()
    first, _ = [session async for session in store.sessions(SessionFilter())]
    assert (first.id, first.samples[0].readings) == ("1" * 24, b'{"cq":90}')
    assert await store.erase(SessionFilter(since=1_700_000_001)) == Erased(1, 1)
    late = push(1, session=first.id, room="r", browser_id="u")
    await store.append([push(0, session="8" * 24, opens=True), late])
    stored = await store.get([first.id, "8" * 24])
    assert [len(session.samples) for session in stored] == [2, 1]
    keys = await store.connections.read("SELECT id FROM sessions ORDER BY id", [])
    assert keys == [(1,), (8,)], "not 7, the key of the session that was deleted"
    assert await store.connections.read("PRAGMA foreign_key_check", []) == []
    await store.close()


def test_each_migration_has_the_number_of_the_version_that_it_makes() -> None:
    names = sorted(path.name for path in files(schema).iterdir() if path.name.endswith(".sql"))
    assert [int(name[:4]) for name in names] == [*range(1, len(names) + 1)]


async def test_a_migration_that_fails_leaves_the_file_at_the_version_before_it(
    tmp_path: Path,
) -> None:
    """The sixth one fails at its end, and is done when its obstacle is gone."""
    path = tmp_path / "old.db"
    before = 5
    connection = sqlite3.connect(path, isolation_level=None)
    for script in migrations()[:before]:
        connection.executescript(script)
    connection.executescript(
        f"""
        PRAGMA application_id = {APPLICATION_ID};
        PRAGMA user_version = {before};
        CREATE TRIGGER samples_of_packed_sessions AFTER INSERT ON samples BEGIN SELECT 1; END;
        """
    )
    store = SqliteStore(path)
    with pytest.raises(UnusableStore, match="samples_of_packed_sessions already exists"):
        await store.open()
    tables = "SELECT count(*) FROM sqlite_schema WHERE name = 'packed'"
    assert connection.execute("PRAGMA user_version").fetchone() == (before,)
    assert connection.execute(tables).fetchone() == (0,), "half a step"
    connection.execute("DROP TRIGGER samples_of_packed_sessions")
    connection.close()
    await store.open()
    assert await store.count(SessionFilter()) == 0
    await store.close()


def test_a_new_file_is_made_whole_or_not_at_all(tmp_path: Path) -> None:
    """The first start fails in a late migration, and is repeated."""
    connection = sqlite3.connect(tmp_path / "new.db", isolation_level=None)

    def refuse(action: int, name: str | None, *_: str | None) -> int:
        is_late = action == sqlite3.SQLITE_CREATE_TABLE and name == "day_columns"
        return sqlite3.SQLITE_DENY if is_late else sqlite3.SQLITE_OK

    connection.set_authorizer(refuse)
    with pytest.raises(sqlite3.DatabaseError, match="not authorized"):
        schema.migrate(connection)
    connection.set_authorizer(None)
    assert connection.execute("SELECT count(*) FROM sqlite_schema").fetchone() == (0,)
    assert connection.execute("PRAGMA user_version").fetchone() == (0,)
    schema.migrate(connection)
    assert connection.execute("PRAGMA user_version").fetchone() == (len(migrations()),)
    assert connection.execute("SELECT count(*) FROM day_columns").fetchone() == (0,)
    connection.close()


def test_a_file_of_this_version_is_opened_while_another_process_writes(tmp_path: Path) -> None:
    path = tmp_path / "new.db"
    writing, opening = (sqlite3.connect(path, isolation_level=None, timeout=0) for _ in range(2))
    schema.migrate(writing)
    writing.execute("BEGIN IMMEDIATE")
    schema.migrate(opening)
    assert opening.execute("SELECT count(*) FROM sessions").fetchone() == (0,)
    writing.close()
    opening.close()


async def test_a_summary_of_an_older_file_has_its_grade_spans_and_no_segments(
    tmp_path: Path,
) -> None:
    """Its rows have sums of five minutes where today's have spans."""
    store = _store_of_version(7, tmp_path / "old.db", json.loads(msgspec.json.encode(_SUMMARY)))
    await store.open()
    lane = msgspec.json.encode(_SUMMARY.grade_spans).decode()
    assert await store.reports.facts(("lane", "segments"), SummaryFilter()) == [(lane, "[]")]
    (part,) = [part async for part in store.reports.columns(("lane", "segments"), SummaryFilter())]
    assert [list(column) for column in part] == [[lane], ["[]"]]
    await store.close()
