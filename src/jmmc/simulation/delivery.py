"""Replay simulated sessions: write them to a store as history, or push them as browsers would."""

import asyncio
import json
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from hashlib import sha256
from ipaddress import IPv4Address
from typing import Any, NamedTuple

import msgspec

from jmmc.core.errors import JmmcError
from jmmc.core.model import Push, Sample, Session
from jmmc.core.readings import SERVER_READINGS
from jmmc.maintenance.schedule import summarizer_of
from jmmc.settings import Settings
from jmmc.simulation.expected import ExpectedResults
from jmmc.simulation.scenario import Scenario, simulate
from jmmc.stores import Store

_BATCH = 100  # Sessions
_WORKERS = 32
_PUSH_SECONDS = 30  # The default of `push_interval`.
_PROGRESS_SECONDS = 0.2


class PushRefused(JmmcError):
    """The collector refused a push and a retry would not help."""


async def into_store(
    scenario: Scenario, store: Store, expected: ExpectedResults
) -> AsyncIterator[int]:
    """Append all sessions to a store and make their summaries; yield how many are done."""
    try:
        await store.open()
        batch: list[Push] = []
        for simulated in simulate(scenario):
            expected.add(simulated, scenario)
            batch += [session.as_push() for session in simulated.sessions]
            if len(batch) >= _BATCH:
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
    """Push the samples as the browser script does, `speed` times as fast; yield sessions done.

    Each sample is pushed with its age. So when `start` is in the past, all samples up to now are
    pushed immediately, each with its own time. Raises `PushRefused`, `OSError`.
    """
    began = min(time.time(), scenario.start) if speed == 1 else time.time()
    done = 0

    def due(ts: int) -> float:
        return began + (ts - scenario.start) / speed

    async def work(pushes: Iterable[_SimulatedPush]) -> None:
        nonlocal done
        for push in pushes:
            await asyncio.sleep(max(0.0, due(push.at) - time.time()))
            now = time.time()
            ages = [max(0.0, now - due(sample.ts)) for sample in push.samples]
            address = str(IPv4Address(push.address))
            await asyncio.to_thread(_push, f"{url}/push", _body(push, ages), address)
            done += 1

    # A browser sends one push at a time, so one worker has all pushes of a session.
    shares: list[list[_SimulatedPush]] = [[] for _ in range(_WORKERS)]
    for number, simulated in enumerate(simulate(scenario)):
        expected.add(simulated, scenario)
        for session in simulated.sessions:
            sid = sha256(f"{scenario.seed} {session.id} {began}".encode()).hexdigest()[:32]
            shares[number % _WORKERS] += _pushes(session, simulated.address, sid)
    total = sum(map(len, shares))
    workers = {
        asyncio.create_task(work(sorted(share, key=lambda push: push.at))) for share in shares
    }
    try:
        pending = workers
        while pending:
            finished, pending = await asyncio.wait(
                pending, timeout=_PROGRESS_SECONDS, return_when=asyncio.FIRST_EXCEPTION
            )
            for worker in finished:
                worker.result()
            yield expected.sessions * done // max(total, 1)
    finally:
        for worker in workers:
            worker.cancel()


class _SimulatedPush(NamedTuple):
    """What one request carries: the samples since the one before."""

    at: int
    session: Session
    address: int
    sid: str
    samples: Sequence[Sample]


def _pushes(session: Session, address: int, sid: str) -> Iterator[_SimulatedPush]:
    """The pushes of a session: the join, the first readings and the end at once, others by rhythm.

    A browser that crashed pushes what is left when it is opened again; here that is at once.
    """
    samples = session.samples
    waiting: list[Sample] = []
    beat = session.began + _PUSH_SECONDS
    for number, sample in enumerate(samples):
        while sample.ts > beat:
            if waiting:
                yield _SimulatedPush(beat, session, address, sid, waiting)
                waiting = []
            beat += _PUSH_SECONDS
        waiting.append(sample)
        if number < 2 or number == len(samples) - 1:
            yield _SimulatedPush(sample.ts, session, address, sid, waiting)
            waiting = []


def _body(push: _SimulatedPush, ages: Iterable[float]) -> bytes:
    """The body of a push, without the readings that the collector adds."""
    samples = []
    for sample, age in zip(push.samples, ages, strict=True):
        readings: dict[str, Any] = msgspec.json.decode(sample.readings)
        if isinstance(readings.get("t"), dict):
            for row in SERVER_READINGS:
                readings["t"].pop(row.path.removeprefix("t."), None)
        marks = {"full": sample.full, "bye": sample.bye}
        samples.append({"seq": sample.seq, "age": age, "m": readings, **marks})
    session = push.session
    body = {"v": 2, "sid": push.sid, "uid": session.browser_id, "conf": session.room}
    return msgspec.json.encode({**body, "samples": samples})


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
