"""The store on MongoDB: one machine, a replica set, or a cluster."""

from collections.abc import AsyncIterator, Sequence

from pymongo.asynchronous.collection import AsyncCollection

from jmmc.core.model import Condition, Erased, Push, Receipt, Refusal, Session, SessionFilter
from jmmc.stores.mongo import reading, upkeep
from jmmc.stores.mongo.appending import Appender
from jmmc.stores.mongo.connection import Connection
from jmmc.stores.mongo.documents import Document
from jmmc.stores.mongo.reports import MongoReports


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
        self.connection = Connection(
            collection, url=url, name=name, timeout=timeout, retention_days=retention_days
        )
        self._appender = Appender(self.connection)
        self.reports = MongoReports(self.connection)

    async def open(self) -> None:
        """See `Store.open`. Raises `StoreError` when no server can be reached."""
        await self.connection.open()

    async def append(self, pushes: Sequence[Push]) -> list[Receipt | Refusal]:
        """See `Store.append`."""
        return await self._appender.append(pushes)

    async def holds(self, session: str) -> bool:
        """See `Store.holds`."""
        return await reading.holds(self.connection, session)

    async def get(self, ids: Sequence[str]) -> list[Session]:
        """See `Store.get`."""
        return await reading.get_sessions(self.connection, ids)

    def sessions(self, selection: SessionFilter) -> AsyncIterator[Session]:
        """See `Store.sessions`. Documents that are no sessions are skipped and counted in the log.

        Sessions of the ancestor have no date of their own and come first, by `_id`.
        """
        return reading.read_sessions(self.connection, selection)

    async def count(self, selection: SessionFilter) -> int:
        """See `Store.count`."""
        return await reading.count_sessions(self.connection, selection)

    async def prune(self, before: int) -> int:
        """See `Store.prune`. MongoDB does it by itself, every minute: nothing is left to do."""
        return 0

    async def pack(self, before: int) -> int:
        """See `Store.pack`. MongoDB compresses what it writes: nothing is left to do."""
        return 0

    async def erase(self, selection: SessionFilter) -> Erased:
        """See `Store.erase`. At the end, also what other collectors left without a beginning."""
        sessions, samples = await upkeep.erase(self.connection, selection)
        self._appender.forget(sessions)
        return Erased(len(sessions), samples)

    async def scrub(self) -> None:
        """See `Store.scrub`. We have no file: MongoDB uses the room of what was deleted again."""

    async def check(self) -> Condition:
        """See `Store.check`."""
        return await upkeep.check(self.connection)

    async def close(self) -> None:
        """See `Store.close`."""
        self._appender.forget_all()
        await self.connection.close()
