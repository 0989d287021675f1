"""Upkeep of the collection. Retention and compression are MongoDB's own."""

from jmmc.core.model import Condition, SessionFilter
from jmmc.stores.mongo.connection import Connection
from jmmc.stores.mongo.documents import all_of
from jmmc.stores.mongo.selection import session_query

_ERASED = 25  # Sessions at a time.


async def erase(connection: Connection, selection: SessionFilter) -> tuple[list[str], int]:
    """See `Store.erase`. At the end, also what other collectors left without a beginning."""
    sessions, ours = connection.collection(), {"m.ts": {"$exists": True}}
    with connection.guarded():
        found = sessions.find({**session_query(selection), **ours}, {"_id": True}, limit=_ERASED)
        keys = [row["_id"] async for row in found]
        which = all_of(keys) if keys else {**session_query(selection), "s": {"$exists": True}}
        sizes = {"$group": {"_id": None, "samples": {"$sum": {"$size": "$m"}}}}
        summed = await sessions.aggregate([{"$match": {**which, **ours}}, sizes])
        samples = sum([item["samples"] async for item in summed])
        if samples:
            await sessions.delete_many({**which, **ours})
    return [str(key) for key in keys], samples


async def check(connection: Connection) -> Condition:
    """See `Store.check`."""
    with connection.guarded():
        probe = connection.collection("probe")
        await probe.update_one({"_id": "probe"}, {"$currentDate": {"at": True}}, upsert=True)
        told = await probe.database.command("dbStats")
    return Condition(size=int(told["storageSize"] + told["indexSize"]))
