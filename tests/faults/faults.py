"""The faults, each from its beginning to its end. Pushes flow all the while."""

import asyncio
import signal
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from tests.faults.faulty_host import Disk
from tests.faults.line import State
from tests.faults.site import SITES, Site

_DAY = 86_400  # Seconds
_HEADER = 32  # Bytes; https://www.sqlite.org/walformat.html
_HALF_A_COMMIT = 6_000  # Bytes: one frame of SQLite's log and a part of the next.


class Fault(NamedTuple):
    """What happens, and at which of `SITES`."""

    name: str
    happen: Callable[[Site], Awaitable[None]]
    sites: Sequence[str]


async def _kill_collector(site: Site) -> None:
    its = site.some_collectors()
    for serve in its:
        await asyncio.to_thread(serve.stop, signal.SIGKILL)
    await site.pause(0.3)
    for serve in its:
        await asyncio.to_thread(serve.start)


async def _kill_mongod(site: Site) -> None:
    mongod = site.database()
    await asyncio.to_thread(mongod.stop)
    await site.pause(2.0)
    await asyncio.to_thread(mongod.start) if site.replica_set else await site.start_mongod()


async def _kill_both(site: Site) -> None:
    mongod, serve = site.database(), site.chance.choice(site.collectors)
    first, second = site.chance.sample([mongod, serve], 2)
    await asyncio.to_thread(first.stop, signal.SIGKILL)
    await site.pause(0.5)
    await asyncio.to_thread(second.stop, signal.SIGKILL)
    if site.kind == "spool":  # It begins without its database, and takes pushes.
        await asyncio.to_thread(serve.start)
        await site.pause()
    await asyncio.to_thread(mongod.start) if site.replica_set else await site.start_mongod()
    if site.kind != "spool":
        await asyncio.to_thread(serve.start)


async def _stop_collector(site: Site) -> None:
    its = site.some_collectors()
    for number in (signal.SIGSTOP, signal.SIGCONT):
        for serve in its:
            assert serve.process is not None
            serve.process.send_signal(number)
        await site.pause(3.0 if number == signal.SIGSTOP else 0.2)


async def _stop_mongod(site: Site) -> None:
    with site.database().hanging():
        await site.pause(3.0)


def _disk(how: Disk) -> Callable[[Site], Awaitable[None]]:
    async def happen(site: Site) -> None:
        if site.kind == "spool":  # So that the spool is in use.
            assert site.line is not None
            site.line.become(State.CUT)
            await site.pause()
        site.trouble.disk(how)
        await asyncio.sleep(0.6)
        await site.pause()
        site.trouble.disk(Disk.FINE)
        if site.line is not None:
            await site.pause(0.5)
            site.line.become(State.FINE)

    return happen


async def _slow_disk(site: Site) -> None:
    if site.kind == "spool":
        assert site.line is not None
        site.line.become(State.CUT)
    site.trouble.slow(site.chance.randint(20, 600))
    await site.pause(2.0)
    site.trouble.slow(0)
    if site.line is not None:
        site.line.become(State.FINE)


async def _torn_log(site: Site) -> None:
    """The power fails in the middle of a commit that nobody was told of."""
    if site.kind == "spool":
        assert site.line is not None
        site.line.become(State.CUT)
        await site.pause(1.5)
    (serve,) = site.collectors
    await asyncio.to_thread(serve.stop, signal.SIGKILL)
    log = site.log.with_name(site.log.name + "-wal")
    if log.exists():
        frames = log.read_bytes()[_HEADER:]
        torn = site.chance.choice([frames, site.chance.randbytes(_HALF_A_COMMIT)])
        with log.open("ab") as file:
            file.write(torn[: site.chance.randint(1, _HALF_A_COMMIT)])
    shared = site.log.with_name(site.log.name + "-shm")
    if shared.exists():  # An index of the log that is not synced at all: any rubbish.
        shared.write_bytes(site.chance.randbytes(shared.stat().st_size))
    await asyncio.to_thread(serve.start)
    await site.pause(0.5)
    if site.line is not None:
        site.line.become(State.FINE)


async def _clock_jump(site: Site) -> None:
    for _ in range(2):
        site.trouble.jump(site.chance.randint(-_DAY, _DAY))
        await site.pause()
    site.trouble.jump(0)


def _line(state: State) -> Callable[[Site], Awaitable[None]]:
    async def happen(site: Site) -> None:
        assert site.line is not None
        site.line.become(state)
        await site.pause(2.5)
        site.line.become(State.FINE)

    return happen


async def _election(site: Site) -> None:
    mongod = site.database()

    def step_down() -> None:
        with mongod.client() as client:
            client.admin.command("replSetStepDown", 5, secondaryCatchUpPeriodSecs=2, force=True)

    await asyncio.to_thread(step_down)
    await site.pause()
    await asyncio.to_thread(site.database)


_SQLITE = [item for item in SITES if item.startswith("sqlite")]
_MONGO = [item for item in SITES if item not in _SQLITE]
_ONE_SERVER = [item for item in _MONGO if item != "replica set"]
_DISK = [*_SQLITE, *_ONE_SERVER]

FAULTS = (
    Fault("kill collector", _kill_collector, SITES),
    Fault("kill mongod", _kill_mongod, _MONGO),
    Fault("kill both", _kill_both, _MONGO),
    Fault("stop collector", _stop_collector, SITES),
    Fault("stop mongod", _stop_mongod, _MONGO),
    Fault("disk full", _disk(Disk.FULL), _DISK),
    Fault("disk read-only", _disk(Disk.READ_ONLY), _DISK),
    Fault("disk fails to sync", _disk(Disk.NO_SYNC), _DISK),
    Fault("slow disk", _slow_disk, _DISK),
    Fault("torn log", _torn_log, ("sqlite", "spool")),
    Fault("clock jumps", _clock_jump, SITES),
    Fault("line cut", _line(State.CUT), _ONE_SERVER),
    Fault("line silent", _line(State.SILENT), _ONE_SERVER),
    Fault("answers lost", _line(State.DEAF), _ONE_SERVER),
    Fault("election", _election, ("replica set",)),
)
"""Every fault. Two collectors with one store are sites of their own."""
