"""The half of the MongoDB store that keeps what was made of the samples."""

import re
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from typing import Any

import msgspec
from bson import ObjectId
from pymongo import ASCENDING, DESCENDING, ReplaceOne, UpdateOne
from pymongo.errors import DuplicateKeyError

from jmmc.quality.filters import DIMENSIONS, SummaryFilter
from jmmc.quality.rollups import ALL, DAY, HOUR, Rollup, Sums
from jmmc.quality.summary import Decile, LiveSession, SearchHit, Summary
from jmmc.stores.mongo.connection import Connection
from jmmc.stores.mongo.documents import Document, all_of, whose
from jmmc.stores.mongo.indexes import NEWEST_FIRST, RUNNING
from jmmc.stores.mongo.selection import literal, summary_query
from jmmc.stores.mongo.summary_documents import summary_document, summary_fields, summary_rows
from jmmc.stores.search_names import NAMED, kind_of, names_of, stored_kind
from jmmc.stores.summary_columns import column

_PRUNED = 500  # Summaries in one step.
_PIECE = 1000  # Summaries read together: their rows take the event loop some 5 ms.
_FIRST = ObjectId("0" * 24)
_PARTS = msgspec.json.Decoder(dict[str, tuple[Sums, ...]])
_SUMMARY = msgspec.json.Decoder(Summary)
_PRESENCE = msgspec.json.Decoder(LiveSession)
_PRESENT = 500  # People read together.


class MongoReports:
    """`Reports` in collections beside that of the sessions: summaries, rollups, names, records."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._turn = _FIRST

    async def dirty(self, limit: int) -> list[str]:
        """See `Reports.dirty`."""
        with self._connection.guarded():
            found = await self._dirty({"$gt": self._turn}, limit)
            if len(found) < limit:
                found += await self._dirty({"$lte": self._turn}, limit - len(found))
        self._turn = found[-1]["_id"] if found else _FIRST
        return list({whose(row): None for row in found})

    async def backlog(self) -> int:
        """See `Reports.backlog`."""
        with self._connection.guarded():
            return await self._connection.collection().count_documents({"d": True})

    async def overdue(self, before: int, limit: int) -> list[str]:
        """See `Reports.overdue`."""
        query = {"running": True, "last": {"$lt": before}}
        over: list[str] = []
        async with aclosing(self._pieces(query, {"_id": True}, _PIECE)) as pieces:
            async for piece in pieces:
                ids = [item["_id"] for item in piece]
                over += set(ids).difference(await self._dirty_of(ids))
                if len(over) >= limit:
                    break
        return over[:limit]

    async def put_summaries(self, summaries: Sequence[Summary]) -> None:
        """See `Reports.put_summaries`."""
        if not summaries:
            return
        latest: dict[tuple[str, str], int] = {}
        for summary in summaries:
            for kind, text in names_of(summary):
                name = (stored_kind(kind), text)
                latest[name] = max(summary.last, latest.get(name, 0))
        with self._connection.guarded():
            await self._connection.collection("summaries").bulk_write(
                [
                    ReplaceOne({"_id": summary.session}, summary_document(summary), upsert=True)
                    for summary in summaries
                ],
                ordered=False,
            )
            await self._connection.collection("names").bulk_write(
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
            await self._clean({summary.session: summary.samples for summary in summaries})

    async def summaries(
        self, selection: SummaryFilter, *, limit: int, after: tuple[int, str] | None = None
    ) -> list[Summary]:
        """See `Reports.summaries`."""
        query = await self._query(selection)
        if after is not None:
            began, session = after
            lower = [{"began": {"$lt": began}}, {"began": began, "_id": {"$lt": session}}]
            query.setdefault("$and", []).append({"$or": lower})
        with self._connection.guarded():
            found = self._connection.collection("summaries").find(query, {"whole": True})
            found = found.sort(NEWEST_FIRST).limit(limit)
            return [_SUMMARY.decode(row["whole"]) async for row in found]

    async def get_summaries(self, ids: Sequence[str]) -> list[Summary]:
        """See `Reports.get_summaries`."""
        with self._connection.guarded():
            query = {"_id": {"$in": list(ids)}}
            found = self._connection.collection("summaries").find(query, {"whole": True})
            return [_SUMMARY.decode(row["whole"]) async for row in found]

    async def live_sessions(self) -> AsyncIterator[Sequence[LiveSession]]:
        """See `Reports.live_sessions`."""
        async for found in self._pieces(RUNNING, {"whole": True}, _PRESENT):
            yield [_PRESENCE.decode(row["whole"]) for row in found]

    async def facts(
        self, columns: Sequence[str], selection: SummaryFilter
    ) -> list[tuple[Any, ...]]:
        """See `Reports.facts`."""
        with self._connection.guarded(bounded=False):
            found = self._connection.collection("summaries").find(
                await self._query(selection), summary_fields(columns)
            )
            up = [("began", ASCENDING), ("_id", ASCENDING)]
            return summary_rows(columns, await found.sort(up).batch_size(10_000).to_list())

    async def columns(
        self, names: Sequence[str], selection: SummaryFilter
    ) -> AsyncIterator[Sequence[Sequence[Any]]]:
        """See `Reports.columns`."""
        query = await self._query(selection)
        async for found in self._pieces(query, summary_fields(names), _PIECE):
            yield list(zip(*summary_rows(names, found), strict=True))

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
        with self._connection.guarded(bounded=False):
            found = await self._connection.collection("summaries").aggregate(steps)
            rows = await found.to_list()
        return [
            Decile(
                row["_id"]["conf"],
                None if row["_id"]["tenth"] is None else int(row["_id"]["tenth"]),
                row["sessions"],
                row["fair"],
                row["poor"],
            )
            for row in rows
        ]

    async def count_rooms(self, selection: SummaryFilter) -> int:
        """See `Reports.count_rooms`."""
        steps: list[Document] = [
            {"$match": await self._query(selection)},
            {"$group": {"_id": "$conf"}},
            {"$count": "rooms"},
        ]
        with self._connection.guarded(bounded=False):
            found = await self._connection.collection("summaries").aggregate(steps)
            counted = await found.to_list()
        return int(counted[0]["rooms"]) if counted else 0

    async def erase(self, summaries: Sequence[Summary]) -> int:
        """See `Reports.erase`."""
        kept, gone = self._connection.collection("summaries"), 0
        names = {
            (kind, name): {column(NAMED[kind]): getattr(summary, NAMED[kind])}
            for summary in summaries
            for kind, name in names_of(summary)
        }
        with self._connection.guarded():
            await kept.delete_many({"_id": {"$in": [summary.session for summary in summaries]}})
            for (kind, name), query in names.items():
                if await kept.find_one(query, {"_id": True}) is None:
                    done = await self._connection.collection("names").delete_one(
                        {"_id": f"{stored_kind(kind)} {name}"}
                    )
                    gone += done.deleted_count
        return gone

    async def prune(self, before: int) -> int:
        """See `Reports.prune`."""
        with self._connection.guarded(bounded=False):
            kept = self._connection.collection("summaries")
            old = {name: {"$lt": before} for name in ("began", "last", "ended")}
            found = kept.find(old, {"_id": True}, limit=_PRUNED)
            ids = [row["_id"] async for row in found]
            if ids:
                await kept.delete_many({"_id": {"$in": ids}})
                return len(ids)
            await self._connection.collection("names").delete_many({"last": {"$lt": before}})
            for dimension in (ALL, *DIMENSIONS):
                for length in (HOUR, DAY):
                    begin = f"{dimension} {length} "
                    query = {"_id": {"$gte": begin, "$lt": f"{begin}{before:012}"}}
                    await self._connection.collection("rollups").delete_many(query)
        return 0

    async def put_rollups(self, rollups: Sequence[Rollup]) -> None:
        """See `Reports.put_rollups`."""
        if not rollups:
            return
        operations = []
        for rollup in rollups:
            key = f"{rollup.dimension} {rollup.length} {rollup.start:012}"
            parts = msgspec.json.encode(rollup.values)
            operations.append(ReplaceOne({"_id": key}, {"parts": parts}, upsert=True))
        with self._connection.guarded():
            await self._connection.collection("rollups").bulk_write(operations, ordered=False)

    async def rollups(self, dimension: str, length: int, since: int, until: int) -> list[Rollup]:
        """See `Reports.rollups`."""
        first, last = (f"{dimension} {length} {max(item, 0):012}" for item in (since, until))
        query = {"_id": {"$gte": first, "$lt": last}}
        with self._connection.guarded():
            found = self._connection.collection("rollups").find(query).sort("_id", ASCENDING)
            return [
                Rollup(
                    length,
                    int(row["_id"].rpartition(" ")[2]),
                    dimension,
                    _PARTS.decode(row["parts"]),
                )
                async for row in found
            ]

    async def search(self, text: str, limit: int) -> list[SearchHit]:
        """See `Reports.search`."""
        text = text.lower()
        names = self._connection.collection("names")
        begins = f"^{literal(text)}"
        beginning = {"name": {"$regex": begins}}
        inside = {"name": {"$regex": f"(?s).{literal(text)}", "$not": re.compile(begins)}}
        rows: list[Document] = []
        with self._connection.guarded():
            for query in (beginning, inside):
                if len(rows) < limit:
                    found = names.find(query).sort([("last", DESCENDING), ("name", ASCENDING)])
                    rows += await found.limit(limit - len(rows)).to_list()
        return [SearchHit(kind_of(row["kind"]), row["name"], row["last"]) for row in rows]

    async def put_record(self, kind: str, name: str, content: bytes) -> None:
        """See `Reports.put_record`."""
        record = {"kind": kind, "name": name, "content": content}
        with self._connection.guarded():
            await self._connection.collection("records").replace_one(
                {"_id": f"{kind} {name}"}, record, upsert=True
            )

    async def records(self, kind: str) -> dict[str, bytes]:
        """See `Reports.records`."""
        with self._connection.guarded():
            found = self._connection.collection("records").find({"kind": kind})
            return {row["name"]: bytes(row["content"]) async for row in found}

    async def delete_record(self, kind: str, name: str) -> bool:
        """See `Reports.delete_record`."""
        with self._connection.guarded():
            done = await self._connection.collection("records").delete_one(
                {"_id": f"{kind} {name}"}
            )
        return done.deleted_count > 0

    async def lease(self, name: str, holder: str, *, now: int, seconds: int) -> bool:
        """See `Reports.lease`."""
        free = {"$or": [{"holder": holder}, {"until": {"$lte": now}}]}
        taken = {"$set": {"holder": holder, "until": now + seconds}}
        with self._connection.guarded():
            try:
                await self._connection.collection("records").update_one(
                    {"_id": f"lease {name}", **free}, taken, upsert=True
                )
            except DuplicateKeyError:
                return False
        return True

    async def _dirty(self, keys: Document, limit: int) -> list[Document]:
        found = self._connection.collection().find(
            {"d": True, "_id": keys}, {"s": True}, limit=limit
        )
        return await found.sort("_id", ASCENDING).to_list()

    async def _dirty_of(self, sessions: Sequence[str]) -> list[str]:
        query = {**all_of([ObjectId(session) for session in sessions]), "d": True}
        with self._connection.guarded():
            found = await self._connection.collection().find(query, {"s": True}).to_list()
        return [whose(row) for row in found]

    async def _clean(self, samples: dict[str, int]) -> None:
        """Sessions that have just as many samples are not dirty any more; guarded by the size."""
        sessions = self._connection.collection()
        sizes = {"d": True, "s": True, "n": {"$size": "$m"}}
        query = {**all_of([ObjectId(sample) for sample in samples]), "m": {"$type": "array"}}
        documents: dict[str, list[Document]] = {}
        async for item in sessions.find(query, sizes):
            documents.setdefault(whose(item), []).append(item)
        operations = [
            UpdateOne({"_id": it["_id"], "m": {"$size": it["n"]}}, {"$unset": {"d": ""}})
            for session, document in documents.items()
            if sum(item["n"] for item in document) == samples[session]
            for it in document
            if it.get("d")
        ]
        if operations:
            await sessions.bulk_write(operations, ordered=False)

    async def _pieces(
        self, query: Document, fields: dict[str, bool], size: int
    ) -> AsyncGenerator[list[Document], None]:
        """Documents of summaries, `size` at a time."""
        found = self._connection.collection("summaries").find(query, fields, batch_size=size)
        while True:
            with self._connection.guarded(bounded=False):
                piece = await found.to_list(size)
            if not piece:
                return
            yield piece

    async def _query(self, selection: SummaryFilter) -> Document:
        longest = None
        if selection.since is not None:
            with self._connection.guarded():
                longest = await self._connection.collection("summaries").find_one(
                    {}, {"length": True}, sort=[("length", DESCENDING)]
                )
        return summary_query(selection, longest["length"] if longest else 0)
