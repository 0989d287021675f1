"""The connection to MongoDB and the collections of one store."""

import asyncio
from contextlib import AbstractContextManager

from pymongo import AsyncMongoClient, WriteConcern
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import OperationFailure

from jmmc.core.errors import StoreError
from jmmc.core.tasks import stop
from jmmc.stores.mongo.documents import Document
from jmmc.stores.mongo.errors import RETRYABLE_WRITES_REFUSED, bounded_operation
from jmmc.stores.mongo.features import OptionalFeatures
from jmmc.stores.mongo.indexes import RETENTION, make_indexes
from jmmc.stores.mongo.opening import (
    SCHEMA,
    close_client,
    connect,
    create,
    database_of,
    inspect,
    note_version,
    refuse_newer,
    sibling,
    try_writes,
)

_COMPRESSED_SIBLINGS = ("summaries", "rollups", "incidents")  # The others are small.


class Connection:
    """The collection of the sessions, its sibling collections, and the client that they belong to.

    `given` is a collection of the host's. Without it the client is made from `url`, and closed by
    `close`. A connection belongs to the event loop that opened it. `retention_days` None leaves the
    retention of the collection as it is. With `read_only` nothing is created, indexed or written.
    """

    def __init__(
        self,
        given: AsyncCollection[Document] | None,
        *,
        url: str,
        name: str,
        timeout: float,
        retention_days: int | None,
        read_only: bool = False,
    ) -> None:
        self.name = name
        self.read_only = read_only
        self.features = OptionalFeatures()
        self.timeout = timeout
        self.client: AsyncMongoClient[Document] | None = None
        self.indexing: asyncio.Task[None] | None = None
        self._given = given
        self._url = url
        self._retention_days = retention_days
        self._loop: asyncio.AbstractEventLoop | None = None
        self._sessions: AsyncCollection[Document] | None = None

    async def open(self) -> None:
        """See `MongoStore.open`."""
        if self._sessions is not None and self._loop is asyncio.get_running_loop():
            return
        client: AsyncMongoClient[Document] | None = None
        # Each step has its own time limit; building indexes has none.
        with self.operation(bounded=False):
            collection = self._given
            if collection is None:
                client = connect(self._url, self.timeout)
                collection = database_of(client)[self.name]
            try:
                with self.operation():
                    await inspect(collection, self.features)
                    version = await refuse_newer(collection, self.features)
                if not self.read_only:
                    if not await self._takes_writes(collection) and client is not None:
                        await close_client(client)
                        client = connect(self._url, self.timeout, retryable_writes=False)
                        collection = database_of(client)[self.name]
                        with self.operation():
                            await try_writes(collection)
                    if version < SCHEMA:
                        with self.operation():
                            await note_version(collection)
                    self.indexing = await self._prepare(collection)
            except BaseException:
                if client is not None:
                    await close_client(client)
                raise
        if not collection.write_concern.document:
            durable = WriteConcern("majority", j=True)
            collection = collection.with_options(write_concern=durable)
        self.client, self._sessions = client, collection
        self._loop = asyncio.get_running_loop()

    async def close(self) -> None:
        """Stop building indexes, and close a client that was made here."""
        indexing, self.indexing = self.indexing, None
        client, self.client = self.client, None
        self._sessions = None
        if indexing is not None and self._loop is asyncio.get_running_loop():
            await stop(indexing)
        if client is not None and self._loop is asyncio.get_running_loop():
            await close_client(client)

    @property
    def expires(self) -> bool:
        """Whether MongoDB deletes old documents itself, by an index on their time."""
        return RETENTION not in self.features.refused

    def collection(self, name: str = "") -> AsyncCollection[Document]:
        """The collection of the sessions, or its sibling of that name."""
        if self._sessions is None:
            raise StoreError("the store is not open")
        return sibling(self._sessions, name) if name else self._sessions

    def refuse_writes(self) -> None:
        """Raise `StoreError` if the store was opened for reading only."""
        if self.read_only:
            raise StoreError(f"{self.name}: opened for reading only")

    def operation(self, *, bounded: bool = True) -> AbstractContextManager[None]:
        """Raise errors of the driver as `StoreError`; stop a bounded operation after `timeout`."""
        role = "read" if self.read_only else "readWrite"
        return bounded_operation(self.timeout if bounded else None, role)

    async def _takes_writes(self, collection: AsyncCollection[Document]) -> bool:
        """Whether the client can write; False if it has to do so without retryable writes.

        Raises `UnusableStore` when the user may not write.
        """
        with self.operation():
            try:
                await try_writes(collection)
            except OperationFailure as error:
                if error.code != RETRYABLE_WRITES_REFUSED or self._given is not None:
                    raise
                return False
        return True

    async def _prepare(self, collection: AsyncCollection[Document]) -> asyncio.Task[None]:
        """Create what is missing; the task that builds the indexes."""
        for new in (collection, *(sibling(collection, name) for name in _COMPRESSED_SIBLINGS)):
            with self.operation():
                await create(new, self.features)
        return await make_indexes(collection, self._retention_days, self.features)
