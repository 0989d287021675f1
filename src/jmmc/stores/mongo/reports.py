"""`Reports` in MongoDB."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence, Set
from contextlib import aclosing
from typing import Any

import msgspec
from bson import ObjectId
from msgspec import Raw
from pymongo import ASCENDING, DESCENDING
from pymongo.errors import DuplicateKeyError

from jmmc.core.partitions import partition_of
from jmmc.quality.causes.recorded import RecordedIncident, StoredIncident
from jmmc.quality.day_columns import FORM, DayColumns, unpack
from jmmc.quality.day_totals import DayTotals, unpack_totals
from jmmc.quality.filters import SELDOM_KNOWN, IncidentFilter, IncidentOrder, SummaryFilter
from jmmc.quality.ordering import NEWEST_FIRST, Order
from jmmc.quality.rollups import Rollup
from jmmc.quality.summary import Decile, LiveSession, SearchHit, Summary
from jmmc.quality.usage import UsageSums
from jmmc.stores.contract import CLOCK_SKEW, EVERY_PARTITION, LEASES
from jmmc.stores.kept_days import KeptDays
from jmmc.stores.mongo import incidents, summary_writes
from jmmc.stores.mongo.connection import Connection
from jmmc.stores.mongo.documents import Document, all_of, session_id_of
from jmmc.stores.mongo.indexes import RUNNING
from jmmc.stores.mongo.selection import literal, order_key, summary_query
from jmmc.stores.mongo.summary_documents import summary_fields, summary_rows
from jmmc.stores.rollup_values import rollup_of, rollup_without_details
from jmmc.stores.searchable_names import kind_of
from jmmc.stores.summary_columns import column

_PART = 500  # Rows that arrive together: the event loop decodes them in some 3 ms,
_PART_VALUES = 5000  # or more of them, of few columns.
_LOWEST_ID = ObjectId("0" * 24)
_USAGE = msgspec.json.Decoder(UsageSums)
_SUMMARY = msgspec.json.Decoder(Summary)
_LIVE_SESSION = msgspec.json.Decoder(LiveSession)
_LIVE_SESSIONS = 500  # Read together.


class MongoReports:
    """`Reports` in siblings of the sessions' collection: summaries, rollups, names and records."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._columns = KeptDays(unpack)
        self._totals = KeptDays(unpack_totals)
        self._last_dirty = _LOWEST_ID

    async def dirty(self, limit: int, partitions: Set[int] = EVERY_PARTITION) -> list[str]:
        """See `Reports.dirty`."""
        with self._connection.operation():
            documents = await self._dirty({"$gt": self._last_dirty}, limit, partitions)
            if len(documents) < limit:
                missing = limit - len(documents)
                documents += await self._dirty({"$lte": self._last_dirty}, missing, partitions)
        self._last_dirty = documents[-1]["_id"] if documents else _LOWEST_ID
        return list(
            {
                session_id_of(document): None
                for document in documents
                if partition_of(document["conf"]) in partitions
            }
        )

    async def backlog(self) -> int:
        """See `Reports.backlog`."""
        with self._connection.operation():
            return await self._connection.collection().count_documents({"d": True})

    async def overdue(
        self,
        before: int,
        limit: int,
        partitions: Set[int] = EVERY_PARTITION,
        *,
        after: int | None = None,
    ) -> list[str]:
        """See `Reports.overdue`."""
        # Who was last there before a moment began before it, too: so the index of those that run is
        # enough. Without a condition on its first field MongoDB would read every summary.
        query: Document = {**RUNNING, "began": {"$lt": before}, "last": {"$lt": before}}
        if after is not None:
            lasts = [{"last": {"$lt": before}}, {"last": {"$gt": after}}]
            query = {**RUNNING, "began": {"$gte": 0}, "$or": lasts}
        overdue: list[str] = []
        async with aclosing(self._parts(query, {"conf": True}, _PART)) as parts:
            async for part in parts:
                ids = [row["_id"] for row in part if partition_of(row["conf"]) in partitions]
                overdue += set(ids).difference(await self._dirty_among(ids))
                if len(overdue) >= limit:
                    break
        return overdue[:limit]

    async def put_summaries(self, summaries: Sequence[Summary]) -> None:
        """See `Reports.put_summaries`."""
        self._connection.refuse_writes()
        await summary_writes.put_summaries(self._connection, summaries)

    async def summaries(
        self,
        selection: SummaryFilter,
        *,
        limit: int,
        order: Order = NEWEST_FIRST,
        after: tuple[Any, str] | None = None,
    ) -> list[Summary]:
        """See `Reports.summaries`."""
        query = await self._query(selection)
        if order.key != "began":
            return await self._sorted(query, limit, order, after)
        step, direction = ("$lt", DESCENDING) if order.falling else ("$gt", ASCENDING)
        if after is not None:
            began, session = after
            later = [{"began": {step: began}}, {"began": began, "_id": {step: session}}]
            query.setdefault("$and", []).append({"$or": later})
        with self._connection.operation():
            cursor = self._connection.collection("summaries").find(query, {"whole": True})
            cursor = cursor.sort([("began", direction), ("_id", direction)]).limit(limit)
            return [_SUMMARY.decode(document["whole"]) async for document in cursor]

    async def _sorted(
        self, query: Document, limit: int, order: Order, after: tuple[Any, str] | None
    ) -> list[Summary]:
        """Sort by a key without an index: only keys and ids, then read what is shown."""
        step, direction = ("$lt", DESCENDING) if order.falling else ("$gt", ASCENDING)
        steps: list[Document] = [{"$match": query}, {"$project": {"key": order_key(order)}}]
        if after is not None:
            key, session = after
            later = [{"key": {step: key}}, {"key": key, "_id": {step: session}}]
            steps.append({"$match": {"$or": later}})
        steps += [{"$sort": {"key": direction, "_id": direction}}, {"$limit": limit}]
        with self._connection.operation(bounded=False):
            cursor = await self._connection.collection("summaries").aggregate(steps)
            ids = [document["_id"] async for document in cursor]
        found = {summary.session: summary for summary in await self.get_summaries(ids)}
        return [found[id_] for id_ in ids if id_ in found]

    async def get_summaries(self, ids: Sequence[str]) -> list[Summary]:
        """See `Reports.get_summaries`."""
        with self._connection.operation():
            query = {"_id": {"$in": list(ids)}}
            cursor = self._connection.collection("summaries").find(query, {"whole": True})
            return [_SUMMARY.decode(document["whole"]) async for document in cursor]

    async def sessions_beginning(self, prefix: str, limit: int) -> list[str]:
        """See `Reports.sessions_beginning`."""
        with self._connection.operation():
            query = {"_id": {"$gte": prefix, "$lt": f"{prefix}g"}}
            cursor = self._connection.collection("summaries").find(query, {"_id": True})
            cursor = cursor.sort("_id", ASCENDING).limit(limit)
            return [document["_id"] async for document in cursor]

    async def live_sessions(self) -> AsyncIterator[Sequence[LiveSession]]:
        """See `Reports.live_sessions`."""
        query = {**RUNNING, "began": {"$gte": 0}}  # See `overdue`.
        async for part in self._parts(query, {"whole": True}, _LIVE_SESSIONS):
            yield await asyncio.to_thread(_live_sessions, part)

    async def facts(
        self, columns: Sequence[str], selection: SummaryFilter
    ) -> list[tuple[Any, ...]]:
        """See `Reports.facts`."""
        query, fields = await self._query(selection), summary_fields(columns)
        order = [("began", ASCENDING), ("_id", ASCENDING)]
        rows: list[tuple[Any, ...]] = []
        async with aclosing(self._parts(query, fields, _rows_of(columns), order)) as parts:
            async for part in parts:
                rows += summary_rows(columns, part)
        return rows

    async def columns(
        self, names: Sequence[str], selection: SummaryFilter
    ) -> AsyncIterator[Sequence[Sequence[Any]]]:
        """See `Reports.columns`."""
        query = await self._query(selection)
        async for part in self._parts(query, summary_fields(names), _rows_of(names)):
            yield list(zip(*summary_rows(names, part), strict=True))

    async def count_values(self, field: str, selection: SummaryFilter) -> dict[str, int]:
        """See `Reports.count_values`."""
        query = await self._query(selection)
        if within := SELDOM_KNOWN.get(field):
            query = {"$and": [query, {within: {"$gt": ""}}]}
        steps: list[Document] = [
            {"$match": query},
            {"$group": {"_id": {"$ifNull": [f"${column(field)}", ""]}, "sessions": {"$sum": 1}}},
        ]
        with self._connection.operation(bounded=False):
            cursor = await self._connection.collection("summaries").aggregate(
                steps, batchSize=_PART
            )
            return {row["_id"]: row["sessions"] async for row in cursor}

    async def deciles(self, selection: SummaryFilter) -> list[Decile]:
        """See `Reports.deciles`."""
        known = {"$add": ["$good", "$fair", "$poor"]}
        tenth = {"$floor": {"$divide": [{"$multiply": ["$good", 10]}, known]}}
        steps: list[Document] = [
            {"$match": await self._query(selection)},
            {
                "$group": {
                    "_id": {
                        "conf": "$conf",
                        "tenth": {"$cond": [{"$gt": [known, 0]}, {"$min": [9, tenth]}, None]},
                    },
                    "sessions": {"$sum": 1},
                    "fair": {"$sum": "$fair"},
                    "poor": {"$sum": "$poor"},
                }
            },
        ]
        with self._connection.operation(bounded=False):
            cursor = await self._connection.collection("summaries").aggregate(
                steps, batchSize=_PART
            )
            return [
                Decile(
                    row["_id"]["conf"],
                    None if row["_id"]["tenth"] is None else int(row["_id"]["tenth"]),
                    row["sessions"],
                    row["fair"],
                    row["poor"],
                )
                async for row in cursor
            ]

    async def count_rooms(self, selection: SummaryFilter) -> int:
        """See `Reports.count_rooms`."""
        if not selection.only_window:
            query = await self._query(selection)
            return await self._count([{"$match": query}, {"$group": {"_id": "$conf"}}])
        beginning = summary_query(msgspec.structs.replace(selection, since=None), 0)
        if selection.since is None:
            return await self._count(_each_room(beginning))
        beginning["began"] = {**beginning.get("began", {}), "$gte": selection.since}
        before = await self._query(msgspec.structs.replace(selection, until=selection.since))
        with self._connection.operation():
            rooms = await self._connection.collection("summaries").distinct("conf", before)
        also_begin = await self._count(_each_room({**beginning, "conf": {"$in": rooms}}))
        return await self._count(_each_room(beginning)) + len(rooms) - also_begin

    async def _count(self, steps: list[Document]) -> int:
        """How many documents an aggregation of summaries comes to."""
        with self._connection.operation(bounded=False):
            summaries = self._connection.collection("summaries")
            cursor = await summaries.aggregate([*steps, {"$count": "found"}])
            counts = await cursor.to_list()
        return int(counts[0]["found"]) if counts else 0

    async def erase(self, summaries: Sequence[Summary]) -> int:
        """See `Reports.erase`."""
        self._connection.refuse_writes()
        return await summary_writes.erase(self._connection, summaries)

    async def drop_names(self, former: Sequence[Summary]) -> int:
        """See `Reports.drop_names`."""
        self._connection.refuse_writes()
        return await summary_writes.drop_names(self._connection, former)

    async def prune(self, before: int) -> int:
        """See `Reports.prune`."""
        self._connection.refuse_writes()
        return await summary_writes.prune(self._connection, before)

    async def put_rollups(self, rollups: Sequence[Rollup]) -> None:
        """See `Reports.put_rollups`."""
        self._connection.refuse_writes()
        await summary_writes.put_rollups(self._connection, rollups)

    async def rollups(
        self,
        dimension: str,
        length: int,
        since: int,
        until: int,
        *,
        value: str | None = None,
        details: bool = True,
    ) -> list[Rollup]:
        """See `Reports.rollups`."""
        first, last = (f"{dimension} {length} {max(ts, 0):012}" for ts in (since, until))
        query = {"_id": {"$gte": first, "$lt": last}}
        of_stored = rollup_of if details else rollup_without_details
        with self._connection.operation():
            cursor = self._connection.collection("rollups").find(query).sort("_id", ASCENDING)
            return [
                of_stored(
                    length,
                    int(document["_id"].rpartition(" ")[2]),
                    dimension,
                    (
                        Raw(document["parts"]),
                        Raw(document.get("replicates", b"{}")),
                        Raw(document.get("joins", b"{}")),
                    ),
                    value,
                )
                async for document in cursor
            ]

    async def compress_older(self) -> tuple[int, int] | None:
        """See `Reports.compress_older`. MongoDB compresses what it writes: there is no work."""
        return None

    async def claim_columns(self, start: int, token: str) -> None:
        """See `Reports.claim_columns`."""
        self._connection.refuse_writes()
        await summary_writes.claim_columns(self._connection, start, token)

    async def put_columns(
        self, start: int, token: str, columns: DayColumns | None, totals: DayTotals | None
    ) -> bool:
        """See `Reports.put_columns`."""
        self._connection.refuse_writes()
        return await summary_writes.put_columns(self._connection, start, token, columns, totals)

    async def days_with_columns(self, since: int, until: int) -> list[int]:
        """See `Reports.days_with_columns`."""
        first, end = map(summary_writes.columns_key, (max(since, 0), max(until, 0)))
        query = {"_id": {"$gte": first, "$lt": end}, "form": FORM}
        with self._connection.operation():
            cursor = self._connection.collection("rollups").find(query, {"_id": True})
            keys = [document["_id"] async for document in cursor.sort("_id", ASCENDING)]
        return [int(key.split()[1]) for key in keys]

    async def day_columns(self, starts: Sequence[int]) -> list[DayColumns]:
        """See `Reports.day_columns`."""
        stored = await self._of_days(starts, "content")
        return await asyncio.to_thread(self._columns.unpacked, stored)

    async def day_totals(self, starts: Sequence[int]) -> list[DayTotals]:
        """See `Reports.day_totals`."""
        stored = await self._of_days(starts, "totals")
        return await asyncio.to_thread(self._totals.unpacked, stored)

    async def _of_days(self, starts: Sequence[int], field: str) -> list[tuple[int, bytes]]:
        """A field of the documents of days, by the start of the day."""
        keys = list(map(summary_writes.columns_key, starts))
        query = {"_id": {"$in": keys}, "form": FORM}
        with self._connection.operation():
            cursor = self._connection.collection("rollups").find(query, {field: True})
            return [
                (int(document["_id"].split()[1]), document[field])
                async for document in cursor.sort("_id", ASCENDING)
            ]

    async def put_usage(self, days: Sequence[UsageSums]) -> None:
        """See `Reports.put_usage`."""
        self._connection.refuse_writes()
        await summary_writes.put_usage(self._connection, days)

    async def usage(self, since: int, until: int, *, limit: int = 0) -> list[UsageSums]:
        """See `Reports.usage`."""
        query = {"start": {"$gte": since, "$lt": until}}
        order = [("start", ASCENDING), ("end", ASCENDING)]
        with self._connection.operation():
            cursor = self._connection.collection("usage").find(query, {"content": True})
            cursor = cursor.sort(order).limit(limit).batch_size(1000)
            return [_USAGE.decode(document["content"]) async for document in cursor]

    async def search(self, text: str, limit: int) -> list[SearchHit]:
        """See `Reports.search`."""
        text = text.lower()
        names = self._connection.collection("names")
        contains = [{"name": {"$regex": f"(?s){literal(part)}"}} for part in text.split()]
        begins = {"name": {"$regex": f"^{literal(text)}"}}
        at_start = {"$and": [*contains, begins]}
        inside = {"$and": [*contains, {"$nor": [begins]}]}
        hits: list[Document] = []
        with self._connection.operation():
            for query in (at_start, inside):
                if len(hits) < limit:
                    cursor = names.find(query).sort([("last", DESCENDING), ("name", ASCENDING)])
                    hits += await cursor.limit(limit - len(hits)).to_list()
        return [SearchHit(kind_of(hit["kind"]), hit["name"], hit["last"]) for hit in hits]

    async def replace_incidents(
        self, gone: Sequence[str], changed: Sequence[StoredIncident]
    ) -> None:
        """See `Reports.replace_incidents`."""
        self._connection.refuse_writes()
        await incidents.replace_incidents(self._connection, gone, changed)

    async def stored_incidents(self, since: int, until: int) -> list[StoredIncident]:
        """See `Reports.stored_incidents`."""
        return await incidents.stored_incidents(self._connection, since, until)

    async def running_incidents(self) -> list[StoredIncident]:
        """See `Reports.running_incidents`."""
        return await incidents.running_incidents(self._connection)

    async def incidents(
        self,
        selection: IncidentFilter,
        *,
        limit: int,
        order: IncidentOrder,
        after: tuple[int, str] | None = None,
    ) -> list[RecordedIncident]:
        """See `Reports.incidents`."""
        return await incidents.select_incidents(
            self._connection, selection, limit=limit, order=order, after=after
        )

    async def get_incidents(self, ids: Sequence[str]) -> list[RecordedIncident]:
        """See `Reports.get_incidents`."""
        return await incidents.get_incidents(self._connection, ids)

    async def put_record(self, kind: str, name: str, content: bytes) -> None:
        """See `Reports.put_record`."""
        self._connection.refuse_writes()
        record = {"kind": kind, "name": name, "content": content}
        with self._connection.operation():
            await self._connection.collection("records").replace_one(
                {"_id": f"{kind} {name}"}, record, upsert=True
            )

    async def replace_record(
        self, kind: str, name: str, before: bytes | None, after: bytes
    ) -> bool:
        """See `Reports.replace_record`."""
        self._connection.refuse_writes()
        records, key = self._connection.collection("records"), {"_id": f"{kind} {name}"}
        with self._connection.operation():
            if before is not None:
                change = {"$set": {"content": after}}
                result = await records.update_one({**key, "content": before}, change)
                return result.matched_count > 0
            try:
                await records.insert_one({**key, "kind": kind, "name": name, "content": after})
            except DuplicateKeyError:
                return False
        return True

    async def records(self, kind: str) -> dict[str, bytes]:
        """See `Reports.records`."""
        with self._connection.operation():
            cursor = self._connection.collection("records").find({"kind": kind})
            return {record["name"]: bytes(record["content"]) async for record in cursor}

    async def delete_record(self, kind: str, name: str) -> bool:
        """See `Reports.delete_record`."""
        self._connection.refuse_writes()
        with self._connection.operation():
            result = await self._connection.collection("records").delete_one(
                {"_id": f"{kind} {name}"}
            )
        return result.deleted_count > 0

    async def lease(self, name: str, holder: str, *, now: int, seconds: int) -> bool:
        """See `Reports.lease`."""
        self._connection.refuse_writes()
        latest = now + seconds + CLOCK_SKEW
        over = [{"until": {"$lte": now}}, {"until": {"$gt": latest}}]
        free = {"$or": [{"holder": holder}, *over]}
        taken = {"$set": {"holder": holder, "until": now + seconds}}
        with self._connection.operation():
            try:
                await self._connection.collection("records").update_one(
                    {"_id": f"{LEASES} {name}", **free}, taken, upsert=True
                )
            except DuplicateKeyError:
                return False
        return True

    async def release(self, name: str, holder: str) -> None:
        """See `Reports.release`."""
        with self._connection.operation():
            await self._connection.collection("records").delete_one(
                {"_id": f"{LEASES} {name}", "holder": holder}
            )

    async def _dirty(self, keys: Document, limit: int, partitions: Set[int]) -> list[Document]:
        # Documents of an earlier version have no partition, like those of the middleware.
        query = {"d": True, "p": {"$in": [None, *sorted(partitions)]}, "_id": keys}
        fields = {"s": True, "conf": True}
        cursor = self._connection.collection().find(query, fields, limit=limit)
        return await cursor.sort("_id", ASCENDING).to_list()

    async def _dirty_among(self, sessions: Sequence[str]) -> list[str]:
        query = {**all_of([ObjectId(session) for session in sessions]), "d": True}
        with self._connection.operation():
            documents = await self._connection.collection().find(query, {"s": True}).to_list()
        return [session_id_of(document) for document in documents]

    async def _parts(
        self,
        query: Document,
        fields: dict[str, bool],
        size: int,
        order: Sequence[tuple[str, int]] = (),
    ) -> AsyncGenerator[list[Document], None]:
        """Documents of summaries, `size` at a time."""
        summaries = self._connection.collection("summaries")
        cursor = summaries.find(query, fields, sort=order or None, batch_size=size)
        while True:
            with self._connection.operation(bounded=False):
                part = await cursor.to_list(size)
            if not part:
                return
            yield part

    async def _query(self, selection: SummaryFilter) -> Document:
        longest = None
        if selection.since is not None:
            with self._connection.operation():
                longest = await self._connection.collection("summaries").find_one(
                    {}, {"length": True}, sort=[("length", DESCENDING)]
                )
        return summary_query(selection, longest["length"] if longest else 0)


def _rows_of(columns: Sequence[str]) -> int:
    """How many rows of these columns arrive together."""
    return max(_PART, _PART_VALUES // len(columns))


def _each_room(query: Document) -> list[Document]:
    """Find each room with such a session once, by one key of the index `ROOMS`."""
    return [
        {"$match": {"conf": {"$gte": ""}, **query}},
        {"$sort": {"conf": ASCENDING, "began": DESCENDING}},
        {"$group": {"_id": "$conf", "began": {"$first": "$began"}}},
    ]


def _live_sessions(documents: Sequence[Document]) -> list[LiveSession]:
    return [_LIVE_SESSION.decode(document["whole"]) for document in documents]
