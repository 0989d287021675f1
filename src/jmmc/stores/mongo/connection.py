"""The connection to MongoDB and the collections of one store."""

import asyncio
from contextlib import AbstractContextManager

from pymongo import AsyncMongoClient, WriteConcern
from pymongo.asynchronous.collection import AsyncCollection

from jmmc.core.errors import StoreError
from jmmc.core.logging import logger
from jmmc.core.tasks import stop
from jmmc.stores.mongo.documents import Document
from jmmc.stores.mongo.errors import guarded
from jmmc.stores.mongo.indexes import make_indexes
from jmmc.stores.mongo.opening import beside, close_client, connect, create, database_of, inspect

_log = logger(__name__)


class Connection:
    """The collection of the sessions, those beside it, and the client that they belong to.

    `given` is a collection of the host's; without it the client is made from `url`, and is closed
    here.
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
        with self.guarded(bounded=False):  # Each step has a limit of its own, indexes have none.
            collection = self._given
            if collection is None:
                client = connect(self._url, self.timeout)
                collection = database_of(client)[self.name]
            try:
                with self.guarded():
                    await inspect(collection)
                for item in (collection, beside(collection, "summaries")):
                    with self.guarded():
                        await create(item)
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
        """The collection of the sessions, or the one beside it of that name."""
        if self._sessions is None:
            raise StoreError("the store is not open")
        return beside(self._sessions, name) if name else self._sessions

    def guarded(self, *, bounded: bool = True) -> AbstractContextManager[None]:
        """The driver's errors leave as ours; a bounded operation takes `timeout` at the most."""
        return guarded(self.timeout if bounded else None)
