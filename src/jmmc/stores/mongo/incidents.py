"""Incidents in a sibling of the sessions' collection."""

from collections.abc import Mapping, Sequence

import msgspec
from pymongo import ASCENDING, DESCENDING, DeleteMany, ReplaceOne

from jmmc.quality.causes.recorded import Part, RecordedIncident, StoredIncident
from jmmc.quality.filters import IncidentFilter, IncidentOrder
from jmmc.stores.mongo.connection import Connection
from jmmc.stores.mongo.documents import Document

_INCIDENT = msgspec.json.Decoder(RecordedIncident)
_PARTS = msgspec.json.Decoder(tuple[Part, ...])
_ORDERS: Mapping[IncidentOrder, tuple[str, ...]] = {
    "affected": ("seconds", "began", "_id"),
    "people": ("people", "seconds", "began", "_id"),
    "newest": ("began", "_id"),
}


async def select_incidents(
    connection: Connection,
    selection: IncidentFilter,
    *,
    limit: int,
    order: IncidentOrder,
    after: tuple[int, str] | None,
) -> list[RecordedIncident]:
    """See `Reports.incidents`. The index has all that is selected and sorted by."""
    query = _query(selection)
    if after is not None:
        began, id_ = after
        query["$or"] = [{"began": {"$lt": began}}, {"began": began, "_id": {"$lt": id_}}]
    collection = connection.collection("incidents")
    with connection.operation():
        cursor = collection.find(query, {"_id": True})
        cursor = cursor.sort([(field, DESCENDING) for field in _ORDERS[order]]).limit(limit)
        ids = [document["_id"] for document in await cursor.to_list()]
    by_id = {incident.id: incident for incident in await get_incidents(connection, ids)}
    return [by_id[id_] for id_ in ids if id_ in by_id]


async def get_incidents(connection: Connection, ids: Sequence[str]) -> list[RecordedIncident]:
    """See `Reports.get_incidents`."""
    with connection.operation():
        cursor = connection.collection("incidents").find(
            {"_id": {"$in": list(ids)}}, {"whole": True}
        )
        return [_INCIDENT.decode(document["whole"]) async for document in cursor]


async def stored_incidents(connection: Connection, since: int, until: int) -> list[StoredIncident]:
    """See `Reports.stored_incidents`."""
    return await _stored(connection, {"ended": {"$gte": since}, "began": {"$lte": until}})


async def running_incidents(connection: Connection) -> list[StoredIncident]:
    """See `Reports.running_incidents`."""
    return await _stored(connection, {"running": True})


async def replace_incidents(
    connection: Connection, gone: Sequence[str], changed: Sequence[StoredIncident]
) -> None:
    """See `Reports.replace_incidents`. What is gone is deleted last: an incident may be seen twice,
    and is never missing."""
    operations: list[ReplaceOne[Document] | DeleteMany] = [
        ReplaceOne({"_id": stored.incident.id}, _document(stored), upsert=True)
        for stored in changed
    ]
    if gone:
        operations.append(DeleteMany({"_id": {"$in": list(gone)}}))
    if operations:
        with connection.operation():
            await connection.collection("incidents").bulk_write(operations)


async def _stored(connection: Connection, query: Document) -> list[StoredIncident]:
    with connection.operation():
        cursor = connection.collection("incidents").find(query, {"whole": True, "parts": True})
        cursor = cursor.sort([("began", ASCENDING), ("_id", ASCENDING)])
        return [
            StoredIncident(_INCIDENT.decode(document["whole"]), _PARTS.decode(document["parts"]))
            async for document in cursor
        ]


def _document(stored: StoredIncident) -> Document:
    incident = stored.incident
    return {
        "_id": incident.id,
        "began": incident.start,
        "ended": incident.end,
        "running": incident.running,
        "seconds": incident.seconds,
        "people": incident.people,
        "cause": incident.cause.kind,
        "value": incident.cause.value,
        "probability": incident.cause.probability,
        "whole": msgspec.json.encode(incident),
        "parts": msgspec.json.encode(stored.parts),
    }


def _query(selection: IncidentFilter) -> Document:
    query: Document = {
        "people": {"$gte": selection.min_people},
        "probability": {"$gte": selection.min_probability},
    }
    if selection.since is not None:
        query["ended"] = {"$gt": selection.since}
    if selection.until is not None:
        query["began"] = {"$lt": selection.until}
    for field in ("running", "cause", "value"):
        if (value := getattr(selection, field)) is not None:
            query[field] = value
    return query
