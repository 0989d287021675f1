"""The indexes of every collection, built while sessions are read and written."""

import asyncio
from collections.abc import Set
from typing import Any

from pymongo import ASCENDING, DESCENDING, IndexModel
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import OperationFailure

from jmmc.core.logging import logger
from jmmc.stores.mongo.documents import Document
from jmmc.stores.mongo.errors import INDEX_CONFLICTS, is_temporary
from jmmc.stores.mongo.features import OptionalFeatures
from jmmc.stores.mongo.opening import sibling

_log = logger(__name__)

_INDEX_PATIENCE = (
    2.0  # Seconds; the indexes of a large collection are then built in the background.
)
_FOREVER = 2**31 - 1  # Seconds: the longest lifetime of a TTL index, 68 years.
RETENTION = "retention by MongoDB itself"
_RETENTION_INDEX = "jmmc_retention"
_FORMER_INDEXES = {"jmmc_dirty", "jmmc_dirty_in_turn"}  # Of earlier versions.
_FORMER_REPORT_INDEXES = {"summaries": {"jmmc_conf"}}
NEWEST_FIRST = [("began", DESCENDING), ("_id", DESCENDING)]
ROOMS = [("conf", ASCENDING), *NEWEST_FIRST, ("outcome", ASCENDING)]
"""The index that has the sessions of a room, and of each room whether it has any of a time."""
RUNNING = {"running": True}

_INCIDENT_FIELDS = ("ended", "began", "seconds", "people", "probability", "cause", "value")
_INCIDENT_INDEXES = {
    name: (
        *first,
        *(field for field in (*_INCIDENT_FIELDS, "running", "_id") if field not in first),
    )
    for name, first in {
        "jmmc_ended": ("ended",),
        "jmmc_began": ("began", "_id"),
        "jmmc_affected": ("seconds", "began", "_id"),
        "jmmc_people": ("people", "seconds", "began", "_id"),
    }.items()
}
"""Each has all that incidents are selected by: one for a short time, and one for each order."""

_REPORT_INDEXES = {
    "summaries": [
        IndexModel(NEWEST_FIRST, name="jmmc_began"),
        IndexModel(ROOMS, name="jmmc_room"),
        IndexModel([("uid", ASCENDING), *NEWEST_FIRST], name="jmmc_uid"),
        IndexModel(
            [("outcome", ASCENDING), *NEWEST_FIRST],
            name="jmmc_outcome",
            partialFilterExpression={"outcome": {"$gt": ""}},
        ),
        IndexModel([("length", DESCENDING)], name="jmmc_length"),
        IndexModel([("address", ASCENDING)], name="jmmc_address"),
        IndexModel(
            [("provider", ASCENDING)],
            name="jmmc_provider",
            partialFilterExpression={"provider": {"$gt": ""}},
        ),
        IndexModel(
            [("name_key", ASCENDING), *NEWEST_FIRST],
            name="jmmc_name",
            partialFilterExpression={"name_key": {"$gt": ""}},
        ),
        IndexModel(
            [("code", ASCENDING)],
            name="jmmc_code",
            partialFilterExpression={"code": {"$gt": ""}},
        ),
        IndexModel(
            [*NEWEST_FIRST, ("devices_key", ASCENDING)],
            name="jmmc_device",
            partialFilterExpression={"devices_key": {"$gt": ""}},
        ),
        IndexModel(
            [("rating", ASCENDING), *NEWEST_FIRST],
            name="jmmc_rated",
            partialFilterExpression={"rating": {"$gt": 0}},
        ),
        IndexModel(
            [*NEWEST_FIRST, ("last", ASCENDING)],
            name="jmmc_running",
            partialFilterExpression=RUNNING,
        ),
    ],
    "incidents": [
        *(
            IndexModel([(field, DESCENDING) for field in fields], name=name)
            for name, fields in _INCIDENT_INDEXES.items()
        ),
        IndexModel([("ended", DESCENDING)], name="jmmc_running", partialFilterExpression=RUNNING),
    ],
    "usage": [IndexModel([("start", ASCENDING), ("end", ASCENDING)], name="jmmc_start")],
    "records": [IndexModel([("kind", ASCENDING)], name="jmmc_kind")],
}
"""By the name of the sibling collection."""


async def make_indexes(
    collection: AsyncCollection[Document], retention_days: int | None, features: OptionalFeatures
) -> asyncio.Task[None]:
    """Build the indexes of the collection and of its siblings.

    Waits for the indexes of a small collection; those of a large one are built by the task that is
    returned. MongoDB deletes documents older than `retention_days`, none with 0; with None its
    retention stays as it is. What the server refuses is left out.
    """
    task = asyncio.create_task(_index(collection, retention_days, features), name="jmmc-indexes")
    await asyncio.wait([task], timeout=_INDEX_PATIENCE)
    if task.done():
        task.result()
    else:
        _log.info("indexes_building", collection=collection.full_name)
        task.add_done_callback(_report_indexes)
    return task


async def _index(
    collection: AsyncCollection[Document], retention_days: int | None, features: OptionalFeatures
) -> None:
    """Build the indexes that do not exist. Reads and writes continue meanwhile."""
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
            [("p", ASCENDING), ("_id", ASCENDING)],
            name="jmmc_dirty_by_partition",
            partialFilterExpression=dirty,
        ),
    ]
    await _create(collection, indexes, features)
    present = await _drop_former(collection, _FORMER_INDEXES, features)
    listed = present is not None
    present = present or {}
    if retention_days is not None:
        lifetime = retention_days * 86400 or _FOREVER
        current = present.get(_RETENTION_INDEX, {}).get("expireAfterSeconds")
        if not listed or current != lifetime:
            exists = _RETENTION_INDEX in present if listed else None
            await _expire(collection, lifetime, features, exists=exists)
    for name, models in _REPORT_INDEXES.items():
        await _create(sibling(collection, name), models, features)
    for name, former in _FORMER_REPORT_INDEXES.items():
        await _drop_former(sibling(collection, name), former, features)


async def _drop_former(
    collection: AsyncCollection[Document], former: Set[str], features: OptionalFeatures
) -> dict[str, Any] | None:
    """Drop indexes of earlier versions; the indexes that there were, None if they are not told."""
    present: dict[str, Any] = {}

    async def look() -> None:
        present.update(await collection.index_information())

    if not await features.attempt(f"listing the indexes of {collection.name}", look()):
        return None
    for name in former & present.keys():
        await features.attempt(f"dropping the index {name}", collection.drop_index(name))
    return present


async def _create(
    collection: AsyncCollection[Document], models: list[IndexModel], features: OptionalFeatures
) -> None:
    """Create indexes: together, or each on its own where the server refuses one of them."""
    try:
        await collection.create_indexes(models)
    except OperationFailure as error:
        if is_temporary(error):
            raise
        for model in models:
            await _create_one(collection, model, features)


async def _create_one(
    collection: AsyncCollection[Document], model: IndexModel, features: OptionalFeatures
) -> None:
    """Create an index; over all documents where the server refuses it over a part of them."""
    name = f"the index {model.document['name']} of {collection.name}"
    partial = "partialFilterExpression" in model.document
    try:
        if await features.attempt(name, collection.create_indexes([model])):
            return
    except OperationFailure as error:
        if not (partial and error.code in INDEX_CONFLICTS):  # It may be there, over all.
            raise
    if partial:
        whole = IndexModel(model.document["key"], name=model.document["name"])
        await features.attempt(f"{name} over all", collection.create_indexes([whole]))


async def _expire(
    collection: AsyncCollection[Document],
    lifetime: int,
    features: OptionalFeatures,
    *,
    exists: bool | None,
) -> None:
    """Have MongoDB delete documents after `lifetime` seconds, by an index that may exist.

    The role `readWrite` may not change the index that does this, but may drop it and make another.
    """
    expiry = {"name": _RETENTION_INDEX, "expireAfterSeconds": lifetime}
    if exists is not False:
        change = collection.database.command("collMod", collection.name, index=expiry)
        if await features.attempt("changing the retention in place", change):
            return
        replacing = "replacing the index of the retention"
        if (
            not await features.attempt(replacing, collection.drop_index(_RETENTION_INDEX))
            and exists
        ):
            features.do_without(RETENTION, features.refused[replacing])
            return
    index = IndexModel([("at", ASCENDING)], **expiry)
    await features.attempt(RETENTION, collection.create_indexes([index]))


def _report_indexes(task: "asyncio.Task[None]") -> None:
    if not task.cancelled():
        if problem := task.exception():
            _log.error("indexes_failed", why=problem)
        else:
            _log.info("indexes_built")
