"""Plays simulated life: into a store as history, or through a collector as browsers would."""

import asyncio
import json
import time
import urllib.error
import urllib.request
from collections import defaultdict
from collections.abc import AsyncIterator
from hashlib import sha256
from ipaddress import IPv4Address
from typing import Any

import msgspec

from jmmc.core.errors import JmmcError
from jmmc.core.model import Dialect, Push
from jmmc.core.timestamps import iso
from jmmc.maintenance.schedule import summarizer_of
from jmmc.protocol.wire import SERVER_READINGS
from jmmc.settings import Settings
from jmmc.simulation.scenario import Scenario, SimulatedSession, simulate
from jmmc.stores import Store

_BATCH = 100  # Sessions
_WORKERS = 32


class NotTaken(JmmcError):
    """The collector refuses what a browser would push."""


class ExpectedResults:
    """What a right answer must show, gathered while the life is made."""

    def __init__(self) -> None:
        self.sessions = 0
        self.samples = 0
        self.seconds = 0
        self.bad: dict[str, int] = defaultdict(int)
        self.by_region: dict[str, list[int]] = defaultdict(lambda: [0, 0])
        self.rooms: set[str] = set()

    def add(self, life: SimulatedSession) -> None:
        """Count one stay."""
        samples = life.session.samples
        seconds = samples[-1].ts - samples[0].ts
        bad = sum(problem.end - problem.start for problem in life.troubles)
        self.sessions += 1
        self.samples += len(samples)
        self.seconds += seconds
        self.rooms.add(life.session.room)
        for problem in life.troubles:
            self.bad[problem.cause] += problem.end - problem.start
        self.by_region[life.region][0] += seconds
        self.by_region[life.region][1] += bad

    def text(self, scenario: Scenario) -> str:
        """For people."""
        lines = [
            f"{self.sessions:,} sessions in {len(self.rooms):,} rooms, {self.samples:,} samples,",
            f"{self.seconds // 60:,} minutes from {iso(scenario.start)} on. In truth:",
        ]
        for region, (seconds, bad) in sorted(self.by_region.items()):
            lines.append(f"  {region:12} {bad / max(seconds, 1):7.2%} of the time was bad")
        for cause, seconds in sorted(self.bad.items(), key=lambda value: -value[1]):
            lines.append(f"  {cause:12} {seconds // 60:,} minutes")
        if scenario.outage and self.bad.get("interrupted"):
            start, end = scenario.outage_window
            lines.append(f"  eu-west was cut off from {iso(start)} to {iso(end)}")
        return "\n".join(lines)


async def into_store(
    scenario: Scenario, store: Store, truth: ExpectedResults
) -> AsyncIterator[int]:
    """Append all sessions and make their summaries; yields how many are done."""
    try:
        await store.open()
        batch: list[Push] = []
        for life in simulate(scenario):
            truth.add(life)
            summary = life.session
            batch.append(
                Push(summary.id, summary.room, summary.browser_id, Dialect.V2, summary.samples)
            )
            if len(batch) == _BATCH:
                await store.append(batch)
                batch = []
                yield truth.sessions
        if batch:
            await store.append(batch)
        async for _ in summarizer_of(store, Settings.of(), time.time).rebuild():
            yield truth.sessions
    finally:
        await store.close()


async def through_collector(
    scenario: Scenario, url: str, speed: float, truth: ExpectedResults
) -> AsyncIterator[int]:
    """Push every sample at its time, `speed` times as fast; yields how many sessions are done.

    A sample that is late says how old it is. So when `start` lies in the past, what has happened
    since is pushed at once, each sample with its own time.
    """
    queue: asyncio.Queue[tuple[float, SimulatedSession, str, int] | None] = asyncio.Queue(10_000)
    began = min(time.time(), scenario.start) if speed == 1 else time.time()

    def due(ts: int) -> float:
        return began + (ts - scenario.start) / speed

    async def work() -> None:
        while (it := await queue.get()) is not None:
            moment, life, sid, seq = it
            await asyncio.sleep(max(0.0, moment - time.time()))
            body = _body(life, sid, seq, age=max(0.0, time.time() - moment))
            address = str(IPv4Address(life.address))
            await asyncio.to_thread(_push, f"{url}/push", body, address)

    workers = [asyncio.create_task(work()) for _ in range(_WORKERS)]
    pushes: list[tuple[float, SimulatedSession, str, int]] = []
    for life in simulate(scenario):
        truth.add(life)
        sid = sha256(f"{scenario.seed} {life.session.id} {began}".encode()).hexdigest()[:32]
        for sample in life.session.samples:
            pushes.append((due(sample.ts), life, sid, sample.seq or 0))
    pushes.sort(key=lambda push: push[0])
    try:
        for done, push in enumerate(pushes, start=1):
            await queue.put(push)
            yield truth.sessions * done // len(pushes)
            for worker in workers:
                if worker.done():
                    worker.result()
        for _ in workers:
            await queue.put(None)
        await asyncio.gather(*workers)
    finally:
        for worker in workers:
            worker.cancel()


def _body(life: SimulatedSession, sid: str, seq: int, *, age: float) -> bytes:
    """A push of one sample. The server adds what only it knows."""
    session, sample = life.session, life.session.samples[seq]
    readings: dict[str, Any] = msgspec.json.decode(sample.readings)
    if isinstance(readings.get("t"), dict):
        for path in SERVER_READINGS:
            readings["t"].pop(path.removeprefix("t."), None)
    content = {"seq": seq, "age": age, "m": readings, "full": sample.full, "bye": sample.bye}
    push = {
        "v": 2,
        "sid": sid,
        "uid": session.browser_id,
        "conf": session.room,
        "samples": [content],
    }
    return msgspec.json.encode(push)


def _push(url: str, body: bytes, address: str) -> None:
    """As a browser: again and again until it is taken.

    We are the proxy that it comes through; a collector that trusts us believes the address.
    """
    headers = {"Content-Type": "application/json", "X-Forwarded-For": address}
    while True:
        request = urllib.request.Request(url, body, headers)  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=30):  # noqa: S310
                return
        except urllib.error.HTTPError as error:
            if error.code not in (429, 503):
                raise NotTaken(f"{url}: {error.code} {json.load(error)}") from error
            time.sleep(float(error.headers.get("Retry-After", "1")))
