"""A deployment to inject faults into: collectors, their store, and the connection between."""

import asyncio
import json
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from jmmc.core.model import Session
from jmmc.protocol.identity import session_of
from jmmc.stores import Store, open_store
from tests.faults.faulty_host import FaultyHost
from tests.faults.line import Line
from tests.support.mongod import Mongod, ReplicaSet
from tests.support.senders import Sender
from tests.support.servers import Serve
from tests.support.waiting import wait_until_async

SITES = ("sqlite", "sqlite, two", "mongod", "mongod, two", "spool", "replica set")
"""Kinds of stores; `two` means two collectors. Only `spool` has a spool before its MongoDB."""

RETENTION_DAYS = 30
"""For samples and summaries."""

_TIMEOUT = "2"  # Seconds: store_timeout
_RECOVERY = 60.0  # Seconds in which everything must work again.
_OPTIONS = {
    "store-timeout": _TIMEOUT,
    "retention-days": str(RETENTION_DAYS),
    "summary-retention-days": str(RETENTION_DAYS),
    "max-pushes-per-minute": "6000",  # The default: there are browsers that send too much.
    "max-queries-per-minute": "0",
}
_MONGOD = ("--setParameter", "ttlMonitorSleepSecs=1")  # Retention of MongoDB; usually 60.
_ALERTS = [{"name": "region", "kind": "poor_share", "by": "region", "quiet_minutes": 1}]


class Site:
    """All processes of one of `SITES`, in `folder`."""

    def __init__(self, kind: str, folder: Path) -> None:
        assert kind in SITES, f"{kind!r}: one of {', '.join(SITES)}"
        self.kind = kind
        self.folder = folder
        self.begin("0", 0)
        self.collectors: list[Serve] = []
        self.mongod: Mongod | None = None
        self.replica_set: ReplicaSet | None = None
        self.line: Line | None = None
        """Between the collectors and a single MongoDB server."""
        self.member_lines: dict[Mongod, Line] = {}
        """Before each member of the replica set, for the others and the collectors."""
        self.disk = folder / "disk"
        self.host = FaultyHost(folder / "host", self.disk)
        """The host of the collectors."""
        self.disk_host = self.host
        """The host of the process that writes to `disk`: a collector, or MongoDB."""
        if kind.startswith("mongod"):
            self.disk_host = FaultyHost(folder / "disk-host", self.disk)
        self.log = self.disk / "calls.db"
        if kind == "spool":
            self.log = self.disk / "spool" / "spool.db"

    def begin(self, seed: str, senders: int) -> None:
        """Begin a round: make its senders, and its choices from its seed."""
        self.seed = seed
        self.chance = random.Random(seed)
        self.senders: list[Sender] = []
        """All browsers of the round whose samples are compared with the store."""
        self.add_senders(senders)

    def add_senders(self, count: int, *, burst: int = 3) -> list[Sender]:
        """Add browsers to the round; `burst` as for `Sender`."""
        first = len(self.senders)
        numbers = range(first, first + count)
        added = [Sender(f"round-{self.seed}-{n}", n, burst=burst) for n in numbers]
        self.senders += added
        return added

    async def open(self) -> None:
        self.disk.mkdir()
        url = f"sqlite:///{self.disk}/calls.db"
        options = [part for name, value in _OPTIONS.items() for part in (f"--{name}", value)]
        environ = {**self.host.environ, "JMMC_ALERTS": json.dumps(_ALERTS)}
        if self.kind == "replica set":
            self.replica_set = await self._open_replica_set()
            url = self.replica_set.url
        elif not self.kind.startswith("sqlite"):
            self.mongod = Mongod(self.disk / "mongod", *_MONGOD)
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
                await asyncio.to_thread(Serve, folder, *options, store=url, environ=environ)
            )

    async def _open_replica_set(self) -> ReplicaSet:
        replica_set = ReplicaSet(self.folder / "replica-set", *_MONGOD)
        for node in replica_set.nodes:
            self.member_lines[node] = line = Line(node.port)
            await line.open()
        replica_set.ports = [line.port for line in self.member_lines.values()]
        await asyncio.to_thread(replica_set.start)
        return replica_set

    async def close(self) -> None:
        for serve in self.collectors:
            serve.close()
        for line in [*self.member_lines.values(), *([self.line] if self.line else [])]:
            await line.close()
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
        environ = None if self.kind == "spool" else self.disk_host.environ
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

    @property
    def store_url(self) -> str:
        """The URL of the store, without proxy."""
        return self._direct

    @asynccontextmanager
    async def open_store(self) -> AsyncIterator[Store]:
        """The store, as another process opens it: without proxy and faults."""
        store = open_store(self._direct, timeout=30)
        await store.open()
        try:
            yield store
        finally:
            await store.close()

    async def stored(self, senders: list[Sender]) -> dict[str, Session]:
        """The stored sessions of the senders, by room."""
        async with self.open_store() as store:
            sessions = await store.get([session_of(sender.sid) for sender in senders])
            return {session.room: session for session in sessions}


def _readiness(serve: Serve) -> dict[str, Any]:
    try:
        return serve.readiness(timeout=10)
    except OSError as error:
        return {"status": str(error)}
