"""A place where faults happen: collectors, their store, and what stands between."""

import asyncio
import random
from pathlib import Path
from typing import Any

from jmmc.core.model import Session
from jmmc.protocol.identity import session_of
from jmmc.stores import open_store
from tests.faults.faulty_host import Trouble
from tests.faults.line import Line
from tests.support.mongod import Mongod, ReplicaSet
from tests.support.senders import Sender
from tests.support.servers import Serve
from tests.support.waiting import wait_until_async

SITES = ("sqlite", "sqlite, two", "mongod", "mongod, two", "spool", "replica set")
"""The stores; `two` is the number of collectors. Only `spool` has one before its MongoDB."""

_TIMEOUT = "2"  # Seconds: store_timeout
_PATIENCE = 60.0  # Seconds until everything has to be well again.


class Site:
    """All processes of one of `SITES`, in `folder`."""

    def __init__(self, kind: str, folder: Path) -> None:
        assert kind in SITES, f"{kind!r}: one of {', '.join(SITES)}"
        self.kind = kind
        self.folder = folder
        self.chance = random.Random(0)
        self.collectors: list[Serve] = []
        self.mongod: Mongod | None = None
        self.replica_set: ReplicaSet | None = None
        self.line: Line | None = None
        self.disk = folder / "disk"
        self.trouble = Trouble(folder / "trouble", self.disk)
        """Of the collectors, and of a MongoDB without a spool."""
        self.log = self.disk / "calls.db"
        if kind == "spool":
            self.log = self.disk / "spool" / "spool.db"

    async def open(self) -> None:
        self.disk.mkdir()
        url = f"sqlite:///{self.disk}/calls.db"
        options = ["--store-timeout", _TIMEOUT]
        if self.kind == "replica set":
            self.replica_set = await asyncio.to_thread(ReplicaSet, self.folder / "replica-set")
            url = self.replica_set.url
        elif not self.kind.startswith("sqlite"):
            self.mongod = Mongod(self.disk / "mongod")
            await self.start_mongod()
            self.line = Line(self.mongod.port)
            await self.line.open()
            url = self.mongod.url.replace(str(self.mongod.port), str(self.line.port))
        self._direct = self.mongod.url if self.mongod else url
        if not self.kind.startswith("sqlite"):
            options += ["--spool-dir", str(self.log.parent) if self.kind == "spool" else ""]
        for number in range(2 if self.kind.endswith("two") else 1):
            folder = self.folder / f"collector{number}"
            self.collectors.append(
                await asyncio.to_thread(
                    Serve, folder, *options, store=url, environ=self.trouble.environ
                )
            )

    async def close(self) -> None:
        for serve in self.collectors:
            serve.close()
        if self.line is not None:
            await self.line.close()
        for item in (self.mongod, self.replica_set):
            if item is not None:
                await asyncio.to_thread(item.stop if isinstance(item, Mongod) else item.close)

    @property
    def ports(self) -> list[int]:
        return [collector.port for collector in self.collectors]

    async def pause(self, longest: float = 1.0) -> None:
        await asyncio.sleep(self.chance.uniform(0.1, longest))

    def some_collectors(self) -> list[Serve]:
        """One of them, or all."""
        return self.chance.sample(self.collectors, self.chance.randint(1, len(self.collectors)))

    def database(self) -> Mongod:
        """The server that takes writes."""
        if self.replica_set is not None:
            return self.replica_set.primary()
        assert self.mongod is not None
        return self.mongod

    async def start_mongod(self) -> None:
        """Start a server that does not run, with the disk of its site."""
        assert self.mongod is not None
        environ = None if self.kind == "spool" else self.trouble.environ
        await asyncio.to_thread(self.mongod.start, env=environ)

    async def until_ready(self) -> None:
        """Wait until all collectors take writes to where they belong, and the spool is empty.

        What a fault has ended is started again, as a service manager does.
        """
        for serve in self.collectors:
            assert serve.process is not None
            assert serve.process.poll() is None, "the fault has ended the collector"
        readiness: dict[str, Any] = {}

        async def all_are_ready() -> bool:
            # A database that fails takes a while to write down why, and only then it has ended.
            if self.mongod and self.mongod.process and self.mongod.process.poll() is not None:
                await self.start_mongod()
            for serve in self.collectors:
                readiness[serve.url] = await asyncio.to_thread(_readiness, serve)
            return all(content.get("status") == "ready" for content in readiness.values())

        await wait_until_async(
            all_are_ready, lambda: f"not ready: {readiness}", within=_PATIENCE, pause=0.05
        )

    async def stored(self, senders: list[Sender]) -> dict[str, Session]:
        """The sessions of these, by conference, read past all that was between."""
        store = open_store(self._direct, timeout=30)
        await store.open()
        try:
            sessions = await store.get([session_of(sender.sid) for sender in senders])
            return {session.room: session for session in sessions}
        finally:
            await store.close()


def _readiness(serve: Serve) -> dict[str, Any]:
    try:
        return serve.readiness(timeout=10)
    except OSError as error:
        return {"status": str(error)}
