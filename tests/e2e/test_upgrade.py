"""A store that the first version wrote is upgraded by starting the server, and a newer one refused.

`tests/data/README.md` says what is in it, counted by hand.
"""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pymongo
import pytest
from bson import json_util

from jmmc import UnusableStore, open_store
from jmmc.stores.mongo.opening import SCHEMA
from tests.support.mongod import Mongod
from tests.support.paths import ROOT
from tests.support.servers import Serve, get_json
from tests.support.waiting import wait_until

DATA = ROOT / "tests" / "data"
_WINDOW = "since=2026-11-24T00:00:00Z&until=2026-11-25T00:00:00Z"


@pytest.fixture(params=["sqlite", "mongod"])
def old_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a store as the first version left it."""
    if request.param == "sqlite":
        yield f"sqlite:///{shutil.copy(DATA / 'first-schema.db', tmp_path / 'old.db')}"
        return
    mongod: Mongod = request.getfixturevalue("mongod")
    lines = (DATA / "first-schema.ndjson").read_text().splitlines()
    with mongod.client() as client:
        client["upgrade"]["metrics-collector"].insert_many(map(json_util.loads, lines))
        yield mongod.url.replace("/jmmc?", "/upgrade?")
        client.drop_database("upgrade")


def test_a_store_of_the_first_version_answers_after_the_server_is_started(
    old_store: str, tmp_path: Path
) -> None:
    server = Serve(tmp_path / "server", "--spool-dir", "", store=old_store)
    try:
        api = f"http://127.0.0.1:{server.port}/api/v1"

        def overview() -> Any:
            return get_json(f"{api}/overview?{_WINDOW}")

        wait_until(lambda: overview()["grades"]["known_seconds"] == 1860, overview, pause=0.1)
        answer = overview()
        assert (answer["sessions"], answer["rooms"], answer["minutes"]) == (4, 2, 31)
        assert (answer["peak_people"], answer["grades"]["unknown_seconds"]) == (3, 0)
        assert answer["grades"]["poor_share"] == round(120 / 1860, 4)

        sessions = {
            row["session"][0]: row for row in get_json(f"{api}/sessions?{_WINDOW}")["items"]
        }
        counts = {name: (row["samples"], row["poor"]) for name, row in sessions.items()}
        assert counts == {"a": (61, 0), "b": (61, 120), "c": (37, 0), "d": (11, 0)}
        (spell,) = sessions["b"]["spells"]
        assert (spell["start"], spell["end"]) == ("2026-11-24T10:04:00Z", "2026-11-24T10:06:00Z")
        assert len(get_json(f"{api}/meetings?{_WINDOW}")) == 2
    finally:
        server.close()


async def test_a_store_of_a_newer_version_is_refused_for_reading_and_writing(
    old_store: str, tmp_path: Path
) -> None:
    if old_store.startswith("sqlite"):
        with closing(sqlite3.connect(tmp_path / "old.db")) as connection:
            connection.execute("PRAGMA user_version = 999")
    else:
        with pymongo.MongoClient[dict[str, Any]](old_store) as client:
            probe = client["upgrade"]["metrics-collector.probe"]
            probe.insert_one({"_id": "schema", "version": 999})
    for read_only in (False, True):
        store = open_store(old_store, read_only=read_only)
        with pytest.raises(UnusableStore, match=r"newer version \(schema 999;") as refused:
            await store.open()
        assert "install that version again, or restore the" in str(refused.value)
        await store.close()


async def test_mongodb_has_the_version_of_the_newest_program_that_wrote_it(mongod: Mongod) -> None:
    url = mongod.url.replace("/jmmc?", "/upgrade?")
    with mongod.client() as client:
        for _ in range(2):
            store = open_store(url)
            await store.open()
            await store.close()
            noted = client["upgrade"]["metrics-collector.probe"].find_one({"_id": "schema"})
            assert noted == {"_id": "schema", "version": SCHEMA}
        client.drop_database("upgrade")
