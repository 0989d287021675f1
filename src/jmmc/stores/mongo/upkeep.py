"""Upkeep of the collection. MongoDB itself does retention and compression."""

from jmmc.core.model import Condition, SessionFilter
from jmmc.stores.mongo.connection import Connection
from jmmc.stores.mongo.documents import all_of
from jmmc.stores.mongo.selection import session_query

_ERASED = 25  # Sessions at a time.


async def erase(connection: Connection, selection: SessionFilter) -> tuple[list[str], int]:
    """See `Store.erase`. Returns the ids of the sessions, and how many samples were deleted.

    When no session is left, it deletes later documents whose first one is gone: another collector
    may have written them meanwhile.
    """
    collection, ours = connection.collection(), {"m.ts": {"$exists": True}}
    with connection.operation():
        cursor = collection.find({**session_query(selection), **ours}, {"_id": True}, limit=_ERASED)
        keys = [row["_id"] async for row in cursor]
        query = all_of(keys) if keys else {**session_query(selection), "s": {"$exists": True}}
        sizes = {"$group": {"_id": None, "samples": {"$sum": {"$size": "$m"}}}}
        totals = await collection.aggregate([{"$match": {**query, **ours}}, sizes])
        samples = sum([total["samples"] async for total in totals])
        if samples:
            await collection.delete_many({**query, **ours})
    return [str(key) for key in keys], samples


async def check(connection: Connection) -> Condition:
    """See `Store.check`."""
    with connection.operation():
        probe = connection.collection("probe")
        await probe.update_one({"_id": "probe"}, {"$currentDate": {"at": True}}, upsert=True)
        stats = await probe.database.command("dbStats")
    return Condition(size=int(stats["storageSize"] + stats["indexSize"]))
