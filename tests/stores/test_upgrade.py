"""A file that an older version wrote is brought up to date, with all that is in it."""

import sqlite3
from pathlib import Path

import pytest

from jmmc.model import SessionFilter
from jmmc.stores.schema import APPLICATION_ID, migrations
from jmmc.stores.sqlite import SqliteStore


@pytest.mark.parametrize("version", range(1, len(migrations())))
async def test_sessions_of_an_older_file_are_there_and_will_be_judged(
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
        (session,) = [it async for it in store.sessions(SessionFilter())]
        assert session.samples[0].readings == b'{"cq":100}'
        assert await store.reports.dirty(10) == ["1" * 24]
        await store.close()
