"""Upkeep of the collection. MongoDB itself does retention and compression."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from msgspec.structs import replace
from pymongo.errors import OperationFailure

from jmmc.core.errors import UnusableStore
from jmmc.core.model import Condition, SessionFilter
from jmmc.core.parts import parts_of
from jmmc.stores.mongo.connection import Connection
from jmmc.stores.mongo.documents import all_of
from jmmc.stores.mongo.errors import refusal_of
from jmmc.stores.mongo.opening import change_nothing, write_probe
from jmmc.stores.mongo.selection import session_query

_ERASED = 25  # Sessions at a time.
_LOOKED_UP = 1000  # Sessions at a time.
_PRUNED = 500  # Documents at a time.
_SIBLINGS = ("", "summaries", "names", "rollups", "incidents", "records", "usage")


async def erase(connection: Connection, selection: SessionFilter) -> tuple[list[str], int]:
    """See `Store.erase`. Returns the ids of the sessions, and how many samples were deleted.

    When no session is left, it deletes later documents whose first one is gone, however new they
    are: another collector may have written them meanwhile. It notices that, and stores what follows
    as a new beginning.
    """
    collection, ours = connection.collection(), {"m.ts": {"$exists": True}}
    with connection.operation():
        cursor = collection.find({**session_query(selection), **ours}, {"_id": True}, limit=_ERASED)
        keys = [row["_id"] async for row in cursor]
        query = all_of(keys) if keys else await _later_documents(connection, selection)
        sizes = {"$group": {"_id": None, "samples": {"$sum": {"$size": "$m"}}}}
        totals = await collection.aggregate([{"$match": {**query, **ours}}, sizes])
        samples = sum([total["samples"] async for total in totals])
        if samples:
            await collection.delete_many({**query, **ours})
    return [str(key) for key in keys], samples


async def _later_documents(connection: Connection, selection: SessionFilter) -> dict[str, Any]:
    """The query for documents that follow the first one of selected sessions, or a missing one."""
    collection, later = connection.collection(), {"s": {"$exists": True}}
    of_subject = {**session_query(replace(selection, since=None, until=None)), **later}
    found = await collection.aggregate([{"$match": of_subject}, {"$group": {"_id": "$s"}}])
    sessions = [row["_id"] async for row in found]
    missing: list[Any] = []
    for part in parts_of(sessions, _LOOKED_UP):
        cursor = collection.find({"_id": {"$in": part}}, {"_id": True})
        present = {row["_id"] async for row in cursor}
        missing += [session for session in part if session not in present]
    return {"$or": [{**session_query(selection), **later}, {"s": {"$in": missing[:_ERASED]}}]}


async def prune(connection: Connection, before: int) -> int:
    """Delete documents with a time before `before`, as the index of MongoDB would."""
    collection = connection.collection()
    old = {"at": {"$lt": datetime.fromtimestamp(before, UTC)}}
    with connection.operation():
        keys = [row["_id"] async for row in collection.find(old, {"_id": True}, limit=_PRUNED)]
        if keys:
            await collection.delete_many({"_id": {"$in": keys}, **old})
    return len(keys)


async def check(connection: Connection) -> Condition:
    """See `Store.check`."""
    with connection.operation():
        await write_probe(connection.collection("probe"))
        stats = await _stats(connection)
    if stats is None:
        return Condition()
    return Condition(size=int(stats.get("storageSize", 0) + stats.get("indexSize", 0)))


async def free_bytes(connection: Connection) -> int | None:
    """The free space of the database's disk; None where the server does not tell."""
    with connection.operation():
        stats = await _stats(connection)
    return None if stats is None else free_in(stats)


def free_in(stats: Mapping[str, Any]) -> int | None:
    """The free bytes that an answer to dbStats tells; the least of the shards of a cluster."""
    shards = stats.get("raw")
    servers = list(shards.values()) if isinstance(shards, Mapping) else [stats]
    known = [
        int(server["fsTotalSize"] - server["fsUsedSize"])
        for server in servers
        if server.get("fsTotalSize") and "fsUsedSize" in server
    ]
    return min(known, default=None)


async def _stats(connection: Connection) -> Mapping[str, Any] | None:
    """The answer to dbStats; None where the server refuses it."""
    stats: Mapping[str, Any] | None = None

    async def measure() -> None:
        nonlocal stats
        stats = await connection.collection().database.command("dbStats")

    await connection.features.attempt("the size of the database", measure())
    return stats


async def missing_rights(connection: Connection) -> list[str]:
    """What the user may not do and serving needs, one sentence for each collection."""
    missing = []
    for name in _SIBLINGS:
        with connection.operation():
            try:
                await connection.collection(name).find_one({}, {"_id": True})
                await change_nothing(connection.collection(name))
            except OperationFailure as error:
                problem = refusal_of(error)
                if not isinstance(problem, UnusableStore):
                    raise
                missing.append(str(problem))
    return missing
