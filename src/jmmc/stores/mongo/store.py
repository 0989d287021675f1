"""`Store` on MongoDB: one machine, a replica set, or a cluster."""

from collections.abc import AsyncGenerator, Sequence

from pymongo.asynchronous.collection import AsyncCollection

from jmmc.core.model import (
    Condition,
    Disk,
    Erased,
    Progress,
    Push,
    Receipt,
    Refusal,
    Sample,
    Session,
    SessionFilter,
)
from jmmc.stores.mongo import reading, upkeep
from jmmc.stores.mongo.appending import Appender
from jmmc.stores.mongo.connection import Connection
from jmmc.stores.mongo.documents import Document
from jmmc.stores.mongo.reports import MongoReports


class MongoStore:
    """`Store` on a collection of the host's `AsyncMongoClient`, or on collection `name` of `url`.

    `timeout` (seconds) bounds every operation. MongoDB deletes documents older than
    `retention_days`; 0 keeps them, None leaves its retention as it is. With `read_only` nothing is
    created or indexed, and the role `read` is enough. The host's client is not closed here. A write
    concern of the collection or in the URL is respected; without one, a write is confirmed when the
    majority has it in its journals.
    """

    def __init__(
        self,
        collection: AsyncCollection[Document] | None = None,
        *,
        url: str = "",
        name: str = "metrics-collector",
        timeout: float = 5.0,
        retention_days: int | None = 0,
        read_only: bool = False,
    ) -> None:
        if collection is not None and not isinstance(collection, AsyncCollection):
            raise TypeError("MongoStore takes a collection of a pymongo.AsyncMongoClient")
        self.connection = Connection(
            collection,
            url=url,
            name=name,
            timeout=timeout,
            retention_days=retention_days,
            read_only=read_only,
        )
        self._appender = Appender(self.connection)
        self.reports = MongoReports(self.connection)

    async def open(self) -> None:
        """See `Store.open`. Raises `StoreError` when no server can be reached."""
        await self.connection.open()

    async def append(self, pushes: Sequence[Push]) -> list[Receipt | Refusal]:
        """See `Store.append`."""
        self.connection.refuse_writes()
        return await self._appender.append(pushes)

    async def holds(self, session: str) -> bool:
        """See `Store.holds`."""
        return await reading.holds(self.connection, session)

    async def get(self, ids: Sequence[str]) -> list[Session]:
        """See `Store.get`."""
        return await reading.get_sessions(self.connection, ids)

    async def lengths(self, ids: Sequence[str]) -> dict[str, int]:
        """See `Store.lengths`."""
        return await reading.lengths(self.connection, ids)

    async def samples_after(self, known: Sequence[Progress]) -> dict[str, tuple[Sample, ...]]:
        """See `Store.samples_after`."""
        return await reading.samples_after(self.connection, known)

    def sessions(self, selection: SessionFilter) -> AsyncGenerator[Session]:
        """See `Store.sessions`. Other documents are skipped, and counted in the log.

        Sessions of the Express.js middleware have no date of their own: they come first, by `_id`.
        """
        return reading.read_sessions(self.connection, selection)

    async def count(self, selection: SessionFilter) -> int:
        """See `Store.count`."""
        return await reading.count_sessions(self.connection, selection)

    async def session_times(self) -> tuple[int, int] | None:
        """See `Store.session_times`."""
        return await reading.session_times(self.connection)

    async def prune(self, before: int) -> int:
        """See `Store.prune`. MongoDB deletes old documents every minute, if it has such indexes."""
        self.connection.refuse_writes()
        return 0 if self.connection.expires else await upkeep.prune(self.connection, before)

    async def pack(self, before: int) -> int:
        """See `Store.pack`. Does nothing: MongoDB compresses what it writes."""
        return 0

    async def erase(self, selection: SessionFilter) -> Erased:
        """See `Store.erase`. Its last step deletes later documents whose first one is gone."""
        self.connection.refuse_writes()
        sessions, samples = await upkeep.erase(self.connection, selection)
        self._appender.forget(sessions)
        return Erased(len(sessions), samples)

    async def wipe_deleted(self) -> None:
        """See `Store.wipe_deleted`. Does nothing: MongoDB reuses the space of what was deleted."""

    async def release_space(self) -> int:
        """See `Store.release_space`. Does nothing: MongoDB manages its own files."""
        return 0

    async def disks(self) -> list[Disk]:
        """See `OnDisk.disks`: that of the primary; of a sharded cluster, that with least space."""
        free = await upkeep.free_bytes(self.connection)
        return [] if free is None else [Disk("MongoDB", free)]

    async def check(self) -> Condition:
        """See `Store.check`."""
        self.connection.refuse_writes()
        return await upkeep.check(self.connection)

    @property
    def refused_features(self) -> dict[str, str]:
        """What the server refuses and jmmc does without, each with the server's reason."""
        return dict(self.connection.features.refused)

    async def missing_rights(self) -> list[str]:
        """What the user may not do and serving needs, one sentence for each collection."""
        return await upkeep.missing_rights(self.connection)

    async def close(self) -> None:
        """See `Store.close`."""
        self._appender.forget_all()
        await self.connection.close()
