"""Measure the size of a sample on disk, for a simulated day of calls pushed in order of time.

Compares SQLite, MongoDB, and the schema of the Express.js middleware (one growing document per
session). Prints a Markdown table with the sizes of files and pages after a checkpoint;
`summaries` are derived data, without the incidents, and the last column is everything, for a minute
of a participant. After it come the bytes of an incident with its indexes.
"""

import argparse
import asyncio
import sqlite3
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).parent.parent))

import pymongo
from bson import ObjectId
from pymongo import UpdateOne

from jmmc.core.model import Dialect, Push
from jmmc.maintenance.summarizer import Summarizer
from jmmc.quality.thresholds import preset
from jmmc.simulation.scenario import Scenario, SimulatedSession, simulate
from jmmc.stores import Store
from jmmc.stores.mongo.documents import element
from jmmc.stores.mongo.store import MongoStore
from jmmc.stores.sqlite.store import SqliteStore
from tests.support.builders import RHYTHM
from tests.support.mongod import Mongod

_START = 1_789_948_800  # A Monday, 00:00 UTC
_BATCH = 32  # Pushes per commit.
_CHECKPOINT = 200  # Commits; MongoDB itself makes a checkpoint every minute.
_CASES = ("sqlite", "mongod", "middleware")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=2000)
    parser.add_argument("--only", nargs="+", choices=_CASES)
    parser.add_argument("--folder", default=None, help="where to create the stores")
    options = parser.parse_args()
    scenario = Scenario(options.sessions, max(1, options.sessions // 20), 1440, 7, _START)
    lives = list(simulate(scenario))
    samples = sum(len(life.session.samples) for life in lives)
    minutes = sum(life.ended - life.began for life in lives) / 60
    readings = sum(len(sample.readings) for life in lives for sample in life.session.samples)
    print(f"{len(lives):,} sessions, {samples:,} samples, {readings / samples:.0f} bytes of JSON")
    print("each. Bytes per sample:\n")
    print("| store | data | indexes and sessions | total | summaries | incidents | all, a minute |")
    print("|---|---|---|---|---|---|---|", flush=True)
    cases = options.only or _CASES
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        if "sqlite" in cases:
            for name, sizes in asyncio.run(_on_sqlite(lives, Path(folder))).items():
                _show(name, samples, minutes, sizes)
        mongod = Mongod(Path(folder) / "mongod")
        mongod.start()
        try:
            if "mongod" in cases:
                _show("MongoDB", samples, minutes, asyncio.run(_on_mongod(lives, mongod)))
            if "middleware" in cases:
                sizes = _as_middleware(lives, mongod)
                _show("MongoDB, Express.js middleware", samples, minutes, sizes)
        finally:
            mongod.stop()


class _Sizes(NamedTuple):
    """Bytes of samples, of sessions with their indexes, and of derived data."""

    data: int
    rest: int
    summaries: int
    incidents: int = 0
    found: int = 0  # Incidents.


def _show(name: str, samples: int, minutes: float, sizes: _Sizes) -> None:
    data, rest, summaries, incidents, found = sizes
    parts = (data, rest, data + rest, summaries, incidents)
    each = [f"{size / samples:.1f}" for size in parts]
    each.append(f"{(data + rest + summaries + incidents) / minutes:.0f}")
    print(f"| {name} | {' | '.join(each)} |", flush=True)
    if found:
        print(f"{name}: {found:,} incidents of {incidents / found:.0f} bytes", file=sys.stderr)


async def _on_sqlite(lives: list[SimulatedSession], folder: Path) -> dict[str, _Sizes]:
    path = folder / "calls.db"
    store = SqliteStore(path)
    await store.open()
    for pushes in _batches(lives):
        await store.append(pushes)
    await _summarize(store)
    recent = await _parts(store)
    while await store.pack(2**31):
        pass
    archived = await _parts(store)
    await store.close()
    return {"SQLite, last 25 hours": recent, "SQLite, archived": archived}


async def _parts(store: SqliteStore) -> _Sizes:
    await store.wipe_deleted()
    with sqlite3.connect(store.path) as connection:
        sizes = connection.execute("SELECT name, sum(pgsize) FROM dbstat GROUP BY name").fetchall()
        (found,) = connection.execute("SELECT count(*) FROM incidents").fetchone()
    connection.close()
    parts = [0, 0, 0, 0]
    for name, size in sizes:
        if name in ("samples", "packed"):
            parts[0] += size
        elif name.removeprefix("sqlite_autoindex_").startswith("sessions"):
            parts[1] += size
        elif name.removeprefix("sqlite_autoindex_").startswith("incidents"):
            parts[3] += size
        else:
            parts[2] += size
    return _Sizes(*parts, found)


async def _on_mongod(lives: list[SimulatedSession], mongod: Mongod) -> _Sizes:
    store = MongoStore(url=mongod.url, timeout=60)
    await store.open()
    with mongod.client() as client:
        for number, pushes in enumerate(_batches(lives)):
            await store.append(pushes)
            _checkpoint(client, number)
        _checkpoint(client)
        data, indexes = _sizes(client, "metrics-collector")
        await _summarize(store)
        _checkpoint(client)
        of_incidents = "metrics-collector.incidents"
        derived = {
            name: sum(_sizes(client, name))
            for name in client.jmmc.list_collection_names()
            if name.startswith("metrics-collector.")
        }
        incidents = derived.pop(of_incidents)
        found = client.jmmc[of_incidents].count_documents({})
    await store.close()
    return _Sizes(data, indexes, sum(derived.values()), incidents, found)


def _as_middleware(lives: list[SimulatedSession], mongod: Mongod) -> _Sizes:
    with mongod.client() as client:
        for number, pushes in enumerate(_batches(lives)):
            client.jmmc.middleware.bulk_write(list(map(_middleware_update, pushes)), ordered=False)
            _checkpoint(client, number)
        _checkpoint(client)
        return _Sizes(*_sizes(client, "middleware"), 0)


def _middleware_update(push: Push) -> UpdateOne:
    update = {
        "$push": {"m": element(push.samples[0])},
        "$setOnInsert": {"conf": push.room, "uid": push.browser_id},
    }
    return UpdateOne({"_id": ObjectId(push.session)}, update, upsert=True)


def _batches(lives: list[SimulatedSession]) -> Iterator[list[Push]]:
    """All samples in order of time, each as a push, in batches of `_BATCH`."""
    pushes = [
        (
            sample.ts,
            Push(
                life.session.id, life.session.room, life.session.browser_id, Dialect.V2, (sample,)
            ),
        )
        for life in lives
        for sample in life.session.samples
    ]
    pushes.sort(key=lambda push: push[0])
    for start in range(0, len(pushes), _BATCH):
        yield [push for _, push in pushes[start : start + _BATCH]]


async def _summarize(store: Store) -> None:
    now = float(_START + 3 * 86_400)
    summarizer = Summarizer(
        store, preset=preset("jitsi"), rhythm=RHYTHM, clock=lambda: now, holder="bench"
    )
    while await summarizer.step():
        pass
    async for _ in summarizer.incidents.find_noted():
        pass


def _checkpoint(client: pymongo.MongoClient[Any], number: int = 0) -> None:
    if number % _CHECKPOINT == 0:
        client.admin.command("fsync")


def _sizes(client: pymongo.MongoClient[Any], collection: str) -> tuple[int, int]:
    """Bytes of a collection's file, and of the files of its indexes."""
    stats = client.jmmc.command("collStats", collection)
    return stats["storageSize"], stats["totalIndexSize"]


if __name__ == "__main__":
    main()
