"""Replay simulated sessions: write them to a store as history, or push them as browsers would."""

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
from jmmc.core.model import Push
from jmmc.core.readings import SERVER_READINGS
from jmmc.core.timestamps import to_iso
from jmmc.maintenance.schedule import summarizer_of
from jmmc.settings import Settings
from jmmc.simulation.scenario import Scenario, SimulatedSession, simulate
from jmmc.stores import Store

_BATCH = 100  # Sessions
_WORKERS = 32


class PushRefused(JmmcError):
    """The collector refused a push and a retry would not help."""


class ExpectedResults:
    """What reports about the simulated sessions must show, counted while they are generated."""

    def __init__(self) -> None:
        self.sessions = 0
        self.samples = 0
        self.seconds = 0
        self.by_cause: dict[str, int] = defaultdict(int)  # Seconds with a problem.
        self.by_region: dict[str, list[int]] = defaultdict(lambda: [0, 0])  # All, with a problem.
        self.rooms: set[str] = set()

    def add(self, simulated: SimulatedSession) -> None:
        """Count one session."""
        samples = simulated.session.samples
        seconds = samples[-1].ts - samples[0].ts
        affected = sum(problem.end - problem.start for problem in simulated.problems)
        self.sessions += 1
        self.samples += len(samples)
        self.seconds += seconds
        self.rooms.add(simulated.session.room)
        for problem in simulated.problems:
            self.by_cause[problem.cause] += problem.end - problem.start
        self.by_region[simulated.region][0] += seconds
        self.by_region[simulated.region][1] += affected

    def text(self, scenario: Scenario) -> str:
        """The expected results as lines of text."""
        lines = [
            f"{self.sessions:,} sessions in {len(self.rooms):,} rooms, {self.samples:,} samples,",
            f"{self.seconds // 60:,} minutes, starting at {to_iso(scenario.start)}.",
            "Expected results:",
        ]
        for region, (seconds, affected) in sorted(self.by_region.items()):
            lines.append(
                f"  {region:12} {affected / max(seconds, 1):7.2%} of the time with a problem"
            )
        for cause, seconds in sorted(self.by_cause.items(), key=lambda item: -item[1]):
            lines.append(f"  {cause:12} {seconds // 60:,} minutes")
        if scenario.outage and self.by_cause.get("interrupted"):
            start, end = scenario.outage_window
            lines.append(f"  eu-west: outage from {to_iso(start)} to {to_iso(end)}")
        return "\n".join(lines)


async def into_store(
    scenario: Scenario, store: Store, expected: ExpectedResults
) -> AsyncIterator[int]:
    """Append all sessions to a store and make their summaries; yield how many are done."""
    try:
        await store.open()
        batch: list[Push] = []
        for simulated in simulate(scenario):
            expected.add(simulated)
            batch.append(simulated.session.as_push())
            if len(batch) == _BATCH:
                await store.append(batch)
                batch = []
                yield expected.sessions
        if batch:
            await store.append(batch)
        async for _ in summarizer_of(store, Settings.of(), time.time).rebuild():
            yield expected.sessions
    finally:
        await store.close()


async def through_collector(
    scenario: Scenario, url: str, speed: float, expected: ExpectedResults
) -> AsyncIterator[int]:
    """Push every sample at its time, `speed` times as fast; yield how many sessions are done.

    A late sample is pushed with its age. So when `start` is in the past, all samples up to now are
    pushed immediately, each with its own time. Raises `PushRefused`, `OSError`.
    """
    queue: asyncio.Queue[tuple[float, SimulatedSession, str, int] | None] = asyncio.Queue(10_000)
    began = min(time.time(), scenario.start) if speed == 1 else time.time()

    def due(ts: int) -> float:
        return began + (ts - scenario.start) / speed

    async def work() -> None:
        while (queued := await queue.get()) is not None:
            moment, simulated, sid, seq = queued
            await asyncio.sleep(max(0.0, moment - time.time()))
            body = _body(simulated, sid, seq, age=max(0.0, time.time() - moment))
            address = str(IPv4Address(simulated.address))
            await asyncio.to_thread(_push, f"{url}/push", body, address)

    workers = [asyncio.create_task(work()) for _ in range(_WORKERS)]
    pushes: list[tuple[float, SimulatedSession, str, int]] = []
    for simulated in simulate(scenario):
        expected.add(simulated)
        sid = sha256(f"{scenario.seed} {simulated.session.id} {began}".encode()).hexdigest()[:32]
        for sample in simulated.session.samples:
            pushes.append((due(sample.ts), simulated, sid, sample.seq or 0))
    pushes.sort(key=lambda push: push[0])
    try:
        for done, push in enumerate(pushes, start=1):
            await queue.put(push)
            yield expected.sessions * done // len(pushes)
            for worker in workers:
                if worker.done():
                    worker.result()
        for _ in workers:
            await queue.put(None)
        await asyncio.gather(*workers)
    finally:
        for worker in workers:
            worker.cancel()


def _body(simulated: SimulatedSession, sid: str, seq: int, *, age: float) -> bytes:
    """The body of a push of one sample, without the readings that the collector adds."""
    session, sample = simulated.session, simulated.session.samples[seq]
    readings: dict[str, Any] = msgspec.json.decode(sample.readings)
    if isinstance(readings.get("t"), dict):
        for row in SERVER_READINGS:
            readings["t"].pop(row.path.removeprefix("t."), None)
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
    """Push once; retry while the collector answers 429 or 503.

    `address` is sent as a reverse proxy does: a collector that trusts this host believes it.
    Raises `PushRefused`, `OSError`.
    """
    headers = {"Content-Type": "application/json", "X-Forwarded-For": address}
    while True:
        request = urllib.request.Request(url, body, headers)  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=30):  # noqa: S310
                return
        except urllib.error.HTTPError as error:
            if error.code not in (429, 503):
                raise PushRefused(f"{url}: {error.code} {json.load(error)}") from error
            time.sleep(float(error.headers.get("Retry-After", "1")))
