"""The store on MongoDB: one machine, a replica set, or a cluster."""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pymongo
from bson import ObjectId
from pymongo import ASCENDING, AsyncMongoClient, IndexModel, UpdateOne, WriteConcern
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import (
    BulkWriteError,
    ConfigurationError,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
)

from jmmc.core.errors import StoreError, UnusableStore
from jmmc.core.logging import logger
from jmmc.core.model import (
    Condition,
    Dialect,
    Erased,
    Push,
    Receipt,
    Refusal,
    Session,
    SessionFilter,
)
from jmmc.core.tasks import stop
from jmmc.stores.mongo.documents import Document, all_of, is_session, session_of
from jmmc.stores.mongo.reports import REPORT_INDEXES, MongoReports
from jmmc.stores.mongo.writes import V1_HEAD, V2_HEAD, Head, Write, WritePlan, document_ids

_log = logger(__name__)

_OLDEST = (4, 2)  # The first release that has every command we send.
_HEADS = 100_000  # Sessions remembered; each is about 300 bytes. A forgotten one costs a query.
_ROUNDS = 5  # Tries of a batch against other collectors that write to the same sessions.
_DUPLICATE_KEY = 11000
_BAD_VALUE = 2  # What `$pull` says of what is no array.
_NOT_ALLOWED = frozenset({13, 18})  # Unauthorized, AuthenticationFailed
_INDEX_PATIENCE = 2.0  # Seconds; a large collection's indexes go on being built behind our back.
_PARTING = 1.0  # Seconds that a server has to hear that we go.
_FOR_EVER = 2**31 - 1  # Seconds: the longest that a TTL index knows, 68 years.
_READ_SESSIONS = 25  # At a time: a day in a room is some 3,000 samples.
_LONG = 8  # Documents of a session: to read more would keep pushes waiting.
_COMPRESSED = {"wiredTiger": {"configString": "block_compressor=zstd"}}
_NOT_MADE_SO = frozenset({2, 48, 72})  # BadValue, NamespaceExists, InvalidOptions


class MongoStore:
    """`Store` on a collection of a running `AsyncMongoClient`, or on the one that a URL names.

    `timeout` (seconds) bounds every operation. Documents older than `retention_days` are
    removed by MongoDB; 0 keeps them for ever. A collection of the host's stays the host's: its
    client is not closed here. Its write concern is respected when it has one, else a write is
    confirmed by the majority, from their journals.
    """

    def __init__(
        self,
        collection: AsyncCollection[Document] | None = None,
        *,
        url: str = "",
        name: str = "metrics-collector",
        timeout: float = 5.0,
        retention_days: int = 0,
    ) -> None:
        if collection is not None and not isinstance(collection, AsyncCollection):
            raise TypeError("MongoStore takes a collection of a pymongo.AsyncMongoClient")
        self._given = collection
        self._url = url
        self._name = name
        self._timeout = timeout
        self._retention_days = retention_days
        self._client: AsyncMongoClient[Document] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._sessions: AsyncCollection[Document] | None = None
        self._indexing: asyncio.Task[None] | None = None
        self._heads: OrderedDict[str, Head] = OrderedDict()
        self.reports = MongoReports(self)

    async def open(self) -> None:
        """See `Store.open`. Raises `StoreError` when no server can be reached."""
        if self._sessions is not None and self._loop is asyncio.get_running_loop():
            return
        client: AsyncMongoClient[Document] | None = None
        with self.guarded(bounded=False):  # Each step has a limit of its own, indexes have none.
            collection = self._given
            if collection is None:
                client = _connect(self._url, self._timeout)
                collection = _database(client)[self._name]
            try:
                with self.guarded():
                    await self._inspect(collection)
                for item in (collection, _beside(collection, "summaries")):
                    with self.guarded():
                        await _make(item)
                self._indexing = await self._make_indexes(collection)
            except BaseException:
                if client is not None:
                    await _part(client)
                raise
        if not collection.write_concern.document:
            durable = WriteConcern("majority", j=True)
            collection = collection.with_options(write_concern=durable)
        self._client, self._sessions = client, collection
        self._loop = asyncio.get_running_loop()

    async def append(self, pushes: Sequence[Push]) -> list[Receipt | Refusal]:
        """See `Store.append`."""
        answers: list[Receipt | Refusal | None] = [None] * len(pushes)
        waiting = list(range(len(pushes)))
        try:
            for attempt in range(_ROUNDS):
                if not waiting:
                    break
                waiting = await self._round(pushes, waiting, answers, first=attempt == 0)
        except BaseException:
            # What was stored of the batch is not known: nothing remembered may be relied on.
            for push in pushes:
                self._heads.pop(push.session, None)
            raise
        if waiting:
            raise StoreError("other collectors keep writing to the same sessions")
        while len(self._heads) > _HEADS:
            self._heads.popitem(last=False)
        return [answer for answer in answers if answer is not None]

    async def holds(self, session: str) -> bool:
        """See `Store.holds`."""
        with self.guarded():
            found = await self.collection().find_one(
                {"_id": ObjectId(session), "s": None}, {"_id": True}
            )
        return found is not None

    async def get(self, ids: Sequence[str]) -> list[Session]:
        """See `Store.get`."""
        keys = [ObjectId(item) for item in ids]
        with self.guarded():
            found = await self.collection().find({"_id": {"$in": keys}, "s": None}).to_list()
        whole = {item.id: item for item in await self._whole(found)}
        return [whole[item] for item in ids if item in whole]

    async def sessions(self, selection: SessionFilter) -> AsyncIterator[Session]:
        """See `Store.sessions`. Documents that are no sessions are skipped and counted in the log.

        Sessions of the ancestor have no date of their own and come first, by `_id`.
        """
        skipped = 0
        page: list[Document] = []
        cursor = self.collection().find(_query(selection), batch_size=_READ_SESSIONS)
        cursor = cursor.sort([("at", ASCENDING), ("_id", ASCENDING)])
        with self.guarded(bounded=False):
            try:
                async for document in cursor:
                    if not is_session(document):
                        skipped += 1
                        continue
                    page.append(document)
                    if len(page) == _READ_SESSIONS:
                        for session in await self._whole(page):
                            yield session
                        page = []
                for session in await self._whole(page):
                    yield session
            finally:
                await cursor.close()
        if skipped:
            _log.warning("no_sessions_skipped", collection=self._name, documents=skipped)

    async def count(self, selection: SessionFilter) -> int:
        """See `Store.count`."""
        with self.guarded(bounded=False):
            return await self.collection().count_documents(_query(selection))

    async def prune(self, before: int) -> int:
        """See `Store.prune`. MongoDB does it by itself, every minute: nothing is left to do."""
        return 0

    async def pack(self, before: int) -> int:
        """See `Store.pack`. MongoDB compresses what it writes: nothing is left to do."""
        return 0

    async def erase(self, selection: SessionFilter) -> Erased:
        """See `Store.erase`. At the end, also what other collectors left without a beginning."""
        sessions, ours = self.collection(), {"m.ts": {"$exists": True}}
        with self.guarded():
            found = sessions.find(
                {**_query(selection), **ours}, {"_id": True}, limit=_READ_SESSIONS
            )
            keys = [row["_id"] async for row in found]
            which = all_of(keys) if keys else {**_query(selection), "s": {"$exists": True}}
            sizes = {"$group": {"_id": None, "samples": {"$sum": {"$size": "$m"}}}}
            summed = await sessions.aggregate([{"$match": {**which, **ours}}, sizes])
            samples = sum([item["samples"] async for item in summed])
            if samples:
                await sessions.delete_many({**which, **ours})
        for key in keys:
            self._heads.pop(str(key), None)
        return Erased(len(keys), samples)

    async def scrub(self) -> None:
        """See `Store.scrub`. We have no file: MongoDB uses the room of what was deleted again."""

    async def check(self) -> Condition:
        """See `Store.check`."""
        with self.guarded():
            probe = self.collection("probe")
            await probe.update_one({"_id": "probe"}, {"$currentDate": {"at": True}}, upsert=True)
            told = await probe.database.command("dbStats")
        return Condition(size=int(told["storageSize"] + told["indexSize"]))

    async def close(self) -> None:
        """See `Store.close`."""
        indexing, self._indexing = self._indexing, None
        client, self._client = self._client, None
        self._sessions = None
        self._heads.clear()
        if indexing is not None and self._loop is asyncio.get_running_loop():
            await stop(indexing)
        if client is not None and self._loop is asyncio.get_running_loop():
            await _part(client)

    # --- writing ---

    async def _round(
        self,
        pushes: Sequence[Push],
        waiting: Sequence[int],
        answers: list[Receipt | Refusal | None],
        *,
        first: bool,
    ) -> list[int]:
        """Try to store the waiting pushes; the indices of those that met another collector's."""
        with self.guarded():
            collection = self.collection()
            placing = WritePlan(self._heads, guess=first)
            if stale := placing.stale([pushes[item] for item in waiting]):
                placing.learn(stale, await self._read_heads(collection, stale))
            for index in waiting:
                answers[index] = placing.place(index, pushes[index])
            writes = placing.writes()
            if not writes:
                return []
            operations = [UpdateOne(write.filter, write.update, write.upsert) for write in writes]
            outcome: Mapping[str, Any]
            try:
                outcome = (await collection.bulk_write(operations, ordered=False)).bulk_api_result
            except BulkWriteError as error:
                outcome = error.details
        again = _lost_races(outcome, writes)
        upserted = [item["index"] for item in outcome["upserted"]]
        for number in upserted:
            if writes[number].expected:
                # Somebody has deleted the session: what comes now begins with a hole, and what we
                # remember of where its documents are is not true any more.
                self._heads.pop(writes[number].session, None)
                for index in writes[number].indices:
                    if isinstance(answer := answers[index], Receipt) and answer.ack is not None:
                        answers[index] = Receipt(answer.ack, hole=True)
        for number in again:
            self._heads.pop(writes[number].session, None)
        return sorted({index for number in again for index in writes[number].indices})

    async def _read_heads(
        self, collection: AsyncCollection[Document], stale: Mapping[str, Sequence[Push]]
    ) -> list[Document]:
        v1 = {key: pushes for key, pushes in stale.items() if pushes[0].dialect is Dialect.V1}
        v2 = {key: pushes for key, pushes in stale.items() if key not in v1}
        found: list[Document] = []
        if v2:
            found += await collection.find({"_id": {"$in": document_ids(v2)}}, V2_HEAD).to_list()
        if v1:
            query = all_of([ObjectId(item) for item in v1])
            found += await collection.find(query, V1_HEAD).to_list()
        return found

    # --- reading ---

    async def _whole(self, firsts: Sequence[Document]) -> list[Session]:
        """The sessions of their first documents, with the elements of the following ones."""
        if not firsts:
            return []
        following: dict[ObjectId, list[Document]] = {}
        keys = [item["_id"] for item in firsts]
        more = self.collection().find({"s": {"$in": keys}}).sort("c", ASCENDING)
        async for document in more:
            if is_session(document):
                following.setdefault(document["s"], []).append(document)
        whole: list[Session] = []
        for first in filter(is_session, firsts):
            documents = [first, *following.get(first["_id"], ())]
            long = len(documents) > _LONG
            whole.append(
                await asyncio.to_thread(session_of, documents) if long else session_of(documents)
            )
        return whole

    # --- opening ---

    def collection(self, name: str = "") -> AsyncCollection[Document]:
        """The collection of the sessions, or the one beside it of that name."""
        if self._sessions is None:
            raise StoreError("the store is not open")
        return _beside(self._sessions, name) if name else self._sessions

    async def _inspect(self, collection: AsyncCollection[Document]) -> None:
        client = collection.database.client
        version = (await client.server_info())["versionArray"]
        if tuple(version[:2]) < _OLDEST:
            told, oldest = ".".join(map(str, version[:3])), ".".join(map(str, _OLDEST))
            raise UnusableStore(f"MongoDB {told} is too old: {oldest} or newer is needed")
        listed = await collection.database.list_collections(filter={"name": collection.name})
        async for item in listed:
            if item["type"] != "collection" or item["options"].get("capped"):
                kind = "capped" if item["options"].get("capped") else item["type"]
                raise UnusableStore(
                    f"{collection.full_name}: a plain collection is needed ({kind})"
                )
        document = await collection.find_one()
        if document is not None and not is_session(document):
            _log.warning("no_sessions_found", collection=collection.full_name)

    async def _make_indexes(self, collection: AsyncCollection[Document]) -> asyncio.Task[None]:
        """Wait for the indexes of a small collection; those of a large one may take their time."""
        task = asyncio.create_task(self._index(collection), name="jmmc-indexes")
        await asyncio.wait([task], timeout=_INDEX_PATIENCE)
        if task.done():
            task.result()
        else:
            _log.info("indexes_building", collection=collection.full_name)
            task.add_done_callback(_report_indexes)
        return task

    async def _index(self, collection: AsyncCollection[Document]) -> None:
        """MongoDB builds indexes beside reads and writes; for those that exist this is free."""
        lifetime = self._retention_days * 86400 or _FOR_EVER
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
            await collection.drop_index("jmmc_dirty")  # Of an earlier version.
        expiry = {"name": "jmmc_retention", "expireAfterSeconds": lifetime}
        if "jmmc_retention" in await collection.index_information():
            database = collection.database
            await database.command("collMod", collection.name, index=expiry)
        else:
            await collection.create_indexes([IndexModel([("at", ASCENDING)], **expiry)])
        for name, models in REPORT_INDEXES.items():
            await _beside(collection, name).create_indexes(models)

    @contextmanager
    def guarded(self, *, bounded: bool = True) -> Iterator[None]:
        """The driver's errors leave as ours; a bounded operation takes `timeout` at the most."""
        try:
            with pymongo.timeout(self._timeout if bounded else None):
                yield
        except ConfigurationError as error:
            raise UnusableStore(f"MongoDB: {error}") from error
        except ServerSelectionTimeoutError as error:
            why = str(error).partition(", Timeout:")[0]
            raise StoreError(f"MongoDB: no server that takes writes: {_plain(why)}") from error
        except OperationFailure as error:
            if error.code in _NOT_ALLOWED:
                raise UnusableStore(f"MongoDB does not let this user: {_words(error)}") from error
            raise StoreError(f"MongoDB: {_words(error)}") from error
        except PyMongoError as error:
            raise StoreError(f"MongoDB: {_plain(str(error))}") from error


def _plain(words: str) -> str:
    """A message of the driver without what is for its makers."""
    return words.partition(" (configured timeouts:")[0]


def _beside(collection: AsyncCollection[Document], name: str) -> AsyncCollection[Document]:
    return collection.database.get_collection(
        f"{collection.name}.{name}", write_concern=collection.write_concern
    )


async def _make(collection: AsyncCollection[Document]) -> None:
    """Make a collection, compressed better than by default; one that exists stays as it is."""
    try:
        await collection.database.command("create", collection.name, storageEngine=_COMPRESSED)
    except OperationFailure as error:  # Servers that store in another way refuse the option.
        if error.code not in _NOT_MADE_SO:
            raise


def _connect(url: str, timeout: float) -> AsyncMongoClient[Document]:
    milliseconds = int(timeout * 1000)
    ours: dict[str, Any] = {
        "appName": "jmmc",
        "serverSelectionTimeoutMS": milliseconds,
        "connectTimeoutMS": milliseconds,
    }
    told = url.partition("?")[2].lower()
    defaults = {name: our for name, our in ours.items() if f"{name.lower()}=" not in told}
    try:
        return AsyncMongoClient(url, tz_aware=False, **defaults)
    except ValueError as error:
        raise UnusableStore(f"MongoDB: {error}") from error


async def _part(client: AsyncMongoClient[Document]) -> None:
    """Close a client. Its goodbye to a server that hangs would take until that counts as down."""
    with pymongo.timeout(_PARTING):
        closing = asyncio.create_task(client.close(), name="jmmc-parting")
    await asyncio.wait([closing], timeout=5 * _PARTING)
    await stop(closing)


def _database(client: AsyncMongoClient[Document]) -> Any:
    try:
        return client.get_default_database()
    except ConfigurationError:
        message = "the URL names no database: mongodb://host/database"
        raise UnusableStore(message) from None


def _query(selection: SessionFilter) -> Document:
    """A session's own document. The ancestor's have no `at`: their `_id` tells the second."""
    query: Document = {"s": None}
    if selection.room is not None:
        query["conf"] = selection.room
    if selection.browser_id is not None:
        query["uid"] = selection.browser_id
    moments: Document = {}
    keys: Document = {}
    for operator, second in (("$gte", selection.since), ("$lt", selection.until)):
        if second is not None:
            second = min(max(second, 0), 2**32 - 1)
            moments[operator] = datetime.fromtimestamp(second, UTC)
            keys[operator] = ObjectId(second.to_bytes(4, "big").hex() + "0" * 16)
    if moments:
        query["$or"] = [{"at": moments}, {"at": None, "_id": keys}]
    return query


def _lost_races(outcome: Mapping[str, Any], writes: Sequence[Write]) -> set[int]:
    """The writes that met another collector's; raises for any other failure."""
    failures = outcome["writeErrors"]
    for concern in outcome["writeConcernErrors"]:
        raise StoreError(f"MongoDB did not confirm: {concern.get('errmsg')}")
    for failure in failures:
        needed = writes[failure["index"]].needed
        if failure["code"] != (_BAD_VALUE if needed else _DUPLICATE_KEY):
            kind = UnusableStore if failure["code"] in _NOT_ALLOWED else StoreError
            raise kind(f"MongoDB: {failure['errmsg']}")
    again = {failure["index"] for failure in failures}
    if outcome["nMatched"] + len(outcome["upserted"]) + len(failures) < len(writes):
        # Documents are gone, and nobody says which: none of those that are needed counts.
        again.update(number for number, write in enumerate(writes) if write.needed)
    return again


def _words(error: OperationFailure) -> str:
    details: Mapping[str, Any] = error.details or {}
    return str(details.get("errmsg") or error)


def _report_indexes(task: "asyncio.Task[None]") -> None:
    if not task.cancelled():
        if problem := task.exception():
            _log.error("indexes_failed", why=problem)
        else:
            _log.info("indexes_built")
