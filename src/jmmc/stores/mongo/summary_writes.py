"""Writes summaries, their names, and rollups, and deletes them."""

import asyncio
from collections.abc import Collection, Mapping, Sequence

import msgspec
from bson import ObjectId
from pymongo import DESCENDING, ReplaceOne, UpdateOne

from jmmc.quality.day_columns import FORM, DayColumns, pack
from jmmc.quality.day_totals import DayTotals, pack_totals
from jmmc.quality.filters import DIMENSIONS
from jmmc.quality.rollups import ALL, DAY, HOUR, SPAN, Rollup
from jmmc.quality.summary import Summary
from jmmc.quality.usage import UsageSums
from jmmc.stores.mongo.connection import Connection
from jmmc.stores.mongo.documents import Document, all_of, session_id_of
from jmmc.stores.mongo.summary_documents import summary_document
from jmmc.stores.searchable_names import NAMED, names_of, stored_kind
from jmmc.stores.summary_columns import column

_PRUNED = 500  # Summaries at a time.
_LARGEST_COLUMNS = 15 << 20  # Bytes: a document has at most 16 MiB.


async def put_summaries(connection: Connection, summaries: Sequence[Summary]) -> None:
    """See `Reports.put_summaries`."""
    if not summaries:
        return
    latest: dict[tuple[str, str], int] = {}
    for summary in summaries:
        for kind, text in names_of(summary):
            name = (stored_kind(kind), text)
            latest[name] = max(summary.last, latest.get(name, 0))
    ids = [summary.session for summary in summaries]
    with connection.operation():
        days = {summary.began - summary.began % DAY for summary in summaries}
        days |= await _days_of(connection, ids)
        await _drop_columns(connection, days)
        await connection.collection("summaries").bulk_write(
            [
                ReplaceOne({"_id": summary.session}, summary_document(summary), upsert=True)
                for summary in summaries
            ],
            ordered=False,
        )
        await connection.collection("names").bulk_write(
            [
                UpdateOne(
                    {"_id": f"{kind} {name}"},
                    {"$max": {"last": last}, "$set": {"kind": kind, "name": name}},
                    upsert=True,
                )
                for (kind, name), last in latest.items()
            ],
            ordered=False,
        )
        await _drop_columns(connection, days)  # Those that were claimed meanwhile.
        await _mark_clean(connection, {summary.session: summary.samples for summary in summaries})


async def erase(connection: Connection, summaries: Sequence[Summary]) -> int:
    """See `Reports.erase`."""
    ids = [summary.session for summary in summaries]
    with connection.operation():
        days = await _days_of(connection, ids)
        await _drop_columns(connection, days)
        await connection.collection("summaries").delete_many({"_id": {"$in": ids}})
        await _drop_columns(connection, days)  # Those that were claimed meanwhile.
    return await drop_names(connection, summaries)


async def drop_names(connection: Connection, summaries: Sequence[Summary]) -> int:
    """See `Reports.drop_names`."""
    stored, deleted = connection.collection("summaries"), 0
    known = connection.collection("names")
    names = {
        (kind, name): ({column(NAMED[kind]): getattr(summary, NAMED[kind])}, summary.last)
        for summary in sorted(summaries, key=lambda summary: summary.last)
        for kind, name in names_of(summary)
    }
    with connection.operation():
        for (kind, name), (query, last) in names.items():
            key = {"_id": f"{stored_kind(kind)} {name}"}
            if await stored.find_one(query, {"_id": True}) is None:
                deleted += (await known.delete_one(key)).deleted_count
            elif await known.find_one({**key, "last": {"$lte": last}}, {"_id": True}):
                newest = stored.find(query, {"last": True}).sort("last", DESCENDING).limit(1)
                async for document in newest:
                    await known.update_one(key, {"$set": {"last": document["last"]}})
    return deleted


async def prune(connection: Connection, before: int) -> int:
    """See `Reports.prune`."""
    with connection.operation(bounded=False):
        old_columns = {"_id": {"$gte": columns_key(0), "$lt": columns_key(before)}}
        await connection.collection("rollups").delete_many(old_columns)
        stored = connection.collection("summaries")
        old = {name: {"$lt": before} for name in ("began", "last", "ended")}
        ids = [row["_id"] async for row in stored.find(old, {"_id": True}, limit=_PRUNED)]
        if ids:
            await stored.delete_many({"_id": {"$in": ids}})
            return len(ids)
        await connection.collection("names").delete_many({"last": {"$lt": before}})
        await connection.collection("incidents").delete_many({"ended": {"$lt": before}})
        for dimension in (ALL, *DIMENSIONS):
            for length in (HOUR, DAY, SPAN):
                prefix = f"{dimension} {length} "
                query = {"_id": {"$gte": prefix, "$lt": f"{prefix}{before:012}"}}
                await connection.collection("rollups").delete_many(query)
    return 0


async def put_rollups(connection: Connection, rollups: Sequence[Rollup]) -> None:
    """See `Reports.put_rollups`."""
    if not rollups:
        return
    operations = []
    for rollup in rollups:
        key = f"{rollup.dimension} {rollup.length} {rollup.start:012}"
        document = {
            "parts": msgspec.json.encode(rollup.values),
            "replicates": msgspec.json.encode(rollup.replicates),
            "joins": msgspec.json.encode(rollup.joins),
        }
        operations.append(ReplaceOne({"_id": key}, document, upsert=True))
    with connection.operation():
        await connection.collection("rollups").bulk_write(operations, ordered=False)


def columns_key(start: int) -> str:
    """The `_id` of a day's columns. They are among the rollups, to which every user has rights."""
    return f"columns {start:012}"


async def claim_columns(connection: Connection, start: int, token: str) -> None:
    """See `Reports.claim_columns`."""
    claim = {"form": token, "content": b""}
    with connection.operation():
        await connection.collection("rollups").replace_one(
            {"_id": columns_key(start)}, claim, upsert=True
        )


async def put_columns(
    connection: Connection,
    start: int,
    token: str,
    columns: DayColumns | None,
    totals: DayTotals | None,
) -> bool:
    """See `Reports.put_columns`."""
    packed, of_totals = await asyncio.to_thread(lambda: (pack(columns), pack_totals(totals)))
    if len(packed) + len(of_totals) > _LARGEST_COLUMNS:
        packed, of_totals = pack(None), pack_totals(None)
    with connection.operation():
        stored = await connection.collection("rollups").replace_one(
            {"_id": columns_key(start), "form": token},
            {"form": FORM, "totals": of_totals, "content": packed},
        )
    return stored.matched_count > 0


async def _days_of(connection: Connection, ids: Sequence[str]) -> set[int]:
    """The days in which these sessions began, by their summaries so far."""
    found = connection.collection("summaries").find({"_id": {"$in": ids}}, {"began": True})
    return {document["began"] - document["began"] % DAY async for document in found}


async def _drop_columns(connection: Connection, days: Collection[int]) -> None:
    keys = [columns_key(day) for day in sorted(days)]
    await connection.collection("rollups").delete_many({"_id": {"$in": keys}})


async def put_usage(connection: Connection, days: Sequence[UsageSums]) -> None:
    """See `Reports.put_usage`."""
    operations = [
        ReplaceOne(
            {"_id": f"{day.start} {day.end}"},
            {"start": day.start, "end": day.end, "content": msgspec.json.encode(day)},
            upsert=True,
        )
        for day in days
    ]
    if operations:
        with connection.operation():
            await connection.collection("usage").bulk_write(operations, ordered=False)


async def _mark_clean(connection: Connection, covered: Mapping[str, int]) -> None:
    """Mark sessions that have exactly as many samples as their summary covers as not dirty.

    A document that has grown meanwhile does not match its size, and stays dirty.
    """
    sessions = connection.collection()
    sizes = {"d": True, "s": True, "n": {"$size": "$m"}}
    query = {**all_of([ObjectId(session) for session in covered]), "m": {"$type": "array"}}
    by_session: dict[str, list[Document]] = {}
    async for document in sessions.find(query, sizes):
        by_session.setdefault(session_id_of(document), []).append(document)
    operations = [
        UpdateOne({"_id": document["_id"], "m": {"$size": document["n"]}}, {"$unset": {"d": ""}})
        for session, documents in by_session.items()
        if sum(document["n"] for document in documents) == covered[session]
        for document in documents
        if document.get("d")
    ]
    if operations:
        await sessions.bulk_write(operations, ordered=False)
