"""The connection to MongoDB and the collections of one store."""

import asyncio
from contextlib import AbstractContextManager

from pymongo import AsyncMongoClient, WriteConcern
from pymongo.asynchronous.collection import AsyncCollection

from jmmc.core.errors import StoreError
from jmmc.core.tasks import stop
from jmmc.stores.mongo.documents import Document
from jmmc.stores.mongo.errors import bounded_operation
from jmmc.stores.mongo.indexes import make_indexes
from jmmc.stores.mongo.opening import close_client, connect, create, database_of, inspect, sibling


class Connection:
    """The collection of the sessions, its sibling collections, and the client that they belong to.

    `given` is a collection of the host's. Without it the client is made from `url`, and closed by
    `close`. A connection belongs to the event loop that opened it.
    """

    def __init__(
        self,
        given: AsyncCollection[Document] | None,
        *,
        url: str,
        name: str,
        timeout: float,
        retention_days: int,
    ) -> None:
        self.name = name
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
                    await inspect(collection)
                for new in (collection, sibling(collection, "summaries")):
                    with self.operation():
                        await create(new)
                self.indexing = await make_indexes(collection, self._retention_days)
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

    def collection(self, name: str = "") -> AsyncCollection[Document]:
        """The collection of the sessions, or its sibling of that name."""
        if self._sessions is None:
            raise StoreError("the store is not open")
        return sibling(self._sessions, name) if name else self._sessions

    def operation(self, *, bounded: bool = True) -> AbstractContextManager[None]:
        """Raise errors of the driver as `StoreError`; stop a bounded operation after `timeout`."""
        return bounded_operation(self.timeout if bounded else None)
