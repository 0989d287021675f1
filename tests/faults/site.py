"""A deployment to inject faults into: collectors, their store, and the connection between."""

import asyncio
import random
from pathlib import Path
from typing import Any

from jmmc.core.model import Session
from jmmc.protocol.identity import session_of
from jmmc.stores import open_store
from tests.faults.faulty_host import FaultyHost
from tests.faults.line import Line
from tests.support.mongod import Mongod, ReplicaSet
from tests.support.senders import Sender
from tests.support.servers import Serve
from tests.support.waiting import wait_until_async

SITES = ("sqlite", "sqlite, two", "mongod", "mongod, two", "spool", "replica set")
"""Kinds of stores; `two` means two collectors. Only `spool` has a spool before its MongoDB."""

_TIMEOUT = "2"  # Seconds: store_timeout
_RECOVERY = 60.0  # Seconds in which everything must work again.


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
        self.host = FaultyHost(folder / "host", self.disk)
        """The host of the collectors, and of a MongoDB without a spool."""
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
                    Serve, folder, *options, store=url, environ=self.host.environ
                )
            )

    async def close(self) -> None:
        for serve in self.collectors:
            serve.close()
        if self.line is not None:
            await self.line.close()
        if self.mongod is not None:
            await asyncio.to_thread(self.mongod.stop)
        if self.replica_set is not None:
            await asyncio.to_thread(self.replica_set.close)

    @property
    def ports(self) -> list[int]:
        return [collector.port for collector in self.collectors]

    async def pause(self, longest: float = 1.0) -> None:
        await asyncio.sleep(self.chance.uniform(0.1, longest))

    def some_collectors(self) -> list[Serve]:
        """A random selection, at least one."""
        return self.chance.sample(self.collectors, self.chance.randint(1, len(self.collectors)))

    def database(self) -> Mongod:
        """The MongoDB server that accepts writes."""
        if self.replica_set is not None:
            return self.replica_set.primary()
        assert self.mongod is not None
        return self.mongod

    async def start_mongod(self) -> None:
        """Start the MongoDB server again, on the disk of its site."""
        assert self.mongod is not None
        environ = None if self.kind == "spool" else self.host.environ
        await asyncio.to_thread(self.mongod.start, env=environ)

    async def until_ready(self) -> None:
        """Wait until all collectors write to their store and the spool is empty.

        A database that the fault has ended is started again, as a service manager does.
        """
        for serve in self.collectors:
            assert serve.process is not None
            assert serve.process.poll() is None, "the fault ended the collector"
        readiness: dict[str, Any] = {}

        async def all_are_ready() -> bool:
            # A failing MongoDB takes a while to end: it logs the reason first.
            if self.mongod and self.mongod.process and self.mongod.process.poll() is not None:
                await self.start_mongod()
            for serve in self.collectors:
                readiness[serve.url] = await asyncio.to_thread(_readiness, serve)
            return all(content.get("status") == "ready" for content in readiness.values())

        await wait_until_async(
            all_are_ready, lambda: f"not ready: {readiness}", within=_RECOVERY, pause=0.05
        )

    async def stored(self, senders: list[Sender]) -> dict[str, Session]:
        """The stored sessions of the senders, by room, read without proxy and faults."""
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
