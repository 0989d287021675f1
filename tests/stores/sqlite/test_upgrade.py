"""A file that an older version wrote is brought up to date, with all that is in it."""

import json
import sqlite3
from pathlib import Path

import msgspec
import pytest

from jmmc.core.errors import UnusableStore
from jmmc.core.model import Dialect, Sample, Session, SessionFilter
from jmmc.quality.filters import SummaryFilter
from jmmc.quality.summarize import summarize
from jmmc.quality.thresholds import preset
from jmmc.stores.sqlite.schema import APPLICATION_ID, migrations
from jmmc.stores.sqlite.store import SqliteStore

_SESSION = Session("a" * 24, "room", "u", Dialect.V2, 900, (Sample(0, 900, b'{"cq":100}'),))
_SUMMARY = summarize(_SESSION, preset=preset("jitsi"), lifetime=75)
_COLUMNS_OF_VERSION_3 = (
    *("session", "conf", "uid", "began", "ended", "last", "running", "grade"),
    *("good", "fair", "poor", "unknown", "browser", "os", "region", "network"),
    *("transport", "codec"),
)


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


async def test_a_summary_of_an_older_file_has_no_provider_and_no_country(tmp_path: Path) -> None:
    old = json.loads(msgspec.json.encode(_SUMMARY))
    del old["provider"], old["country"]
    row = {name: old.get(name, 0) for name in _COLUMNS_OF_VERSION_3} | {"grade": "good"}
    row |= {"series": json.dumps(old["series"]), "whole": json.dumps(old)}
    connection = sqlite3.connect(tmp_path / "old.db")
    for script in migrations()[:3]:
        connection.executescript(script)
    marks = ", ".join("?" * len(row))
    connection.execute(
        f"INSERT INTO summaries ({', '.join(row)}) VALUES ({marks})", [*row.values()]
    )
    connection.commit()
    connection.executescript(f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = 3;")
    connection.close()
    store = SqliteStore(tmp_path / "old.db")
    await store.open()
    assert await store.reports.summaries(SummaryFilter(provider="", country=""), limit=5) == [
        _SUMMARY
    ]
    assert await store.reports.facts(("provider", "country"), SummaryFilter()) == [("", "")]
    await store.close()


async def test_a_migration_that_fails_leaves_the_file_at_the_version_before_it(
    tmp_path: Path,
) -> None:
    """The last one fails at its end, and is done when its obstacle is gone."""
    path = tmp_path / "old.db"
    before = len(migrations()) - 1
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
