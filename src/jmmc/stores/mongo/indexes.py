"""The indexes of every collection, built while sessions are read and written."""

import asyncio

from pymongo import ASCENDING, DESCENDING, IndexModel
from pymongo.asynchronous.collection import AsyncCollection

from jmmc.core.logging import logger
from jmmc.stores.mongo.documents import Document
from jmmc.stores.mongo.opening import sibling

_log = logger(__name__)

_INDEX_PATIENCE = (
    2.0  # Seconds; the indexes of a large collection are then built in the background.
)
_FOREVER = 2**31 - 1  # Seconds: the longest lifetime of a TTL index, 68 years.
NEWEST_FIRST = [("began", DESCENDING), ("_id", DESCENDING)]
RUNNING = {"running": True}

_REPORT_INDEXES = {
    "summaries": [
        IndexModel(NEWEST_FIRST, name="jmmc_began"),
        IndexModel([("conf", ASCENDING), *NEWEST_FIRST], name="jmmc_conf"),
        IndexModel([("uid", ASCENDING), *NEWEST_FIRST], name="jmmc_uid"),
        IndexModel([("length", DESCENDING)], name="jmmc_length"),
        IndexModel([("address", ASCENDING)], name="jmmc_address"),
        IndexModel(
            [("provider", ASCENDING)],
            name="jmmc_provider",
            partialFilterExpression={"provider": {"$gt": ""}},
        ),
        IndexModel(
            [*NEWEST_FIRST, ("last", ASCENDING)],
            name="jmmc_running",
            partialFilterExpression=RUNNING,
        ),
    ],
    "records": [IndexModel([("kind", ASCENDING)], name="jmmc_kind")],
}
"""By the name of the sibling collection."""


async def make_indexes(
    collection: AsyncCollection[Document], retention_days: int
) -> asyncio.Task[None]:
    """Build the indexes of the collection and of its siblings.

    Waits for the indexes of a small collection; those of a large one are built by the task that is
    returned. MongoDB deletes documents older than `retention_days`, none with 0.
    """
    task = asyncio.create_task(_index(collection, retention_days), name="jmmc-indexes")
    await asyncio.wait([task], timeout=_INDEX_PATIENCE)
    if task.done():
        task.result()
    else:
        _log.info("indexes_building", collection=collection.full_name)
        task.add_done_callback(_report_indexes)
    return task


async def _index(collection: AsyncCollection[Document], retention_days: int) -> None:
    """Build the indexes that do not exist. Reads and writes continue meanwhile."""
    lifetime = retention_days * 86400 or _FOREVER
    following, dirty = {"s": {"$exists": True}}, {"d": True}
    indexes = [
        IndexModel([("at", ASCENDING), ("_id", ASCENDING)], name="jmmc_at"),
        IndexModel([("conf", ASCENDING), ("at", ASCENDING)], name="jmmc_conf"),
        IndexModel([("uid", ASCENDING), ("at", ASCENDING)], name="jmmc_uid"),
        IndexModel(
            [("s", ASCENDING), ("c", ASCENDING)],
            name="jmmc_following",
            partialFilterExpression=following,
        ),
        IndexModel(
            [("d", ASCENDING), ("_id", ASCENDING)],
            name="jmmc_dirty_in_turn",
            partialFilterExpression=dirty,
        ),
    ]
    await collection.create_indexes(indexes)
    if "jmmc_dirty" in await collection.index_information():
        await collection.drop_index("jmmc_dirty")  # An earlier version made it.
    expiry = {"name": "jmmc_retention", "expireAfterSeconds": lifetime}
    if "jmmc_retention" in await collection.index_information():
        database = collection.database
        await database.command("collMod", collection.name, index=expiry)
    else:
        await collection.create_indexes([IndexModel([("at", ASCENDING)], **expiry)])
    for name, models in _REPORT_INDEXES.items():
        await sibling(collection, name).create_indexes(models)


def _report_indexes(task: "asyncio.Task[None]") -> None:
    if not task.cancelled():
        if problem := task.exception():
            _log.error("indexes_failed", why=problem)
        else:
            _log.info("indexes_built")
