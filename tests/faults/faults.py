"""The faults, each from its beginning to its end, during which browsers push.

Faults of processes and disks are defined here; `clocks`, `connections`, `hostile`, `spool_faults`,
`upkeep` and `viewers` have the others.
"""

import asyncio
import signal
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from tests.faults import clocks, connections, hostile, spool_faults, upkeep
from tests.faults.connections import line_fault
from tests.faults.faulty_host import Disk
from tests.faults.line import State
from tests.faults.progress import alerts_go_on
from tests.faults.site import SITES, Site
from tests.faults.viewers import beside_viewers
from tests.support.mongod import Mongod
from tests.support.servers import Serve

_HEADER = 32  # Bytes; https://www.sqlite.org/walformat.html
_HALF_A_COMMIT = 6_000  # Bytes: one frame of SQLite's log and a part of the next.


class Fault(NamedTuple):
    """A fault: how to inject it, at which of `SITES`, and what else must hold afterwards."""

    name: str
    inject: Callable[[Site], Awaitable[None]]
    sites: Sequence[str]
    afterwards: Callable[[Site], Awaitable[None]] | None = None


async def _kill_collector(site: Site) -> None:
    collectors = site.some_collectors()
    for serve in collectors:
        await asyncio.to_thread(serve.stop, signal.SIGKILL)
    await site.pause(0.3)
    for serve in collectors:
        await asyncio.to_thread(serve.start)


async def _kill_mongod(site: Site) -> None:
    mongod = site.database()
    await asyncio.to_thread(mongod.stop)
    await site.pause(2.0)
    await asyncio.to_thread(mongod.start) if site.replica_set else await site.start_mongod()


async def _kill_both(site: Site) -> None:
    mongod, serve = site.database(), site.chance.choice(site.collectors)
    victims: list[Mongod | Serve] = [mongod, serve]
    first, second = site.chance.sample(victims, 2)
    await asyncio.to_thread(first.stop, signal.SIGKILL)
    await site.pause(0.5)
    await asyncio.to_thread(second.stop, signal.SIGKILL)
    if site.kind == "spool":  # It starts without its database, and accepts pushes.
        await asyncio.to_thread(serve.start)
        await site.pause()
    await asyncio.to_thread(mongod.start) if site.replica_set else await site.start_mongod()
    if site.kind != "spool":
        await asyncio.to_thread(serve.start)


async def _stop_collector(site: Site) -> None:
    collectors = site.some_collectors()
    for number in (signal.SIGSTOP, signal.SIGCONT):
        for serve in collectors:
            assert serve.process is not None
            serve.process.send_signal(number)
        await site.pause(3.0 if number == signal.SIGSTOP else 0.2)


async def _stop_mongod(site: Site) -> None:
    with site.database().hanging():
        await site.pause(3.0)


def _disk(state: Disk) -> Callable[[Site], Awaitable[None]]:
    async def inject(site: Site) -> None:
        if site.kind == "spool":  # So that pushes go to the spool.
            assert site.line is not None
            site.line.set_state(State.CUT)
            await site.pause()
        site.disk_host.set_disk(state)
        await asyncio.sleep(0.6)
        await site.pause()
        site.disk_host.set_disk(Disk.FINE)
        if site.line is not None:
            await site.pause(0.5)
            site.line.set_state(State.FINE)

    return inject


async def _slow_disk(site: Site) -> None:
    if site.kind == "spool":
        assert site.line is not None
        site.line.set_state(State.CUT)
    site.disk_host.slow_down(site.chance.randint(20, 600))
    await site.pause(2.0)
    site.disk_host.slow_down(0)
    if site.line is not None:
        site.line.set_state(State.FINE)


async def _torn_log(site: Site) -> None:
    """The power fails in the middle of a commit that was not confirmed."""
    if site.kind == "spool":
        assert site.line is not None
        site.line.set_state(State.CUT)
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
    if shared.exists():  # The log's index is never synced: it may hold anything.
        shared.write_bytes(site.chance.randbytes(shared.stat().st_size))
    await asyncio.to_thread(serve.start)
    await site.pause(0.5)
    if site.line is not None:
        site.line.set_state(State.FINE)


async def _together(site: Site) -> None:
    """Much at once: archiving, pruning, erasing, an attack and viewers; alerts go on meanwhile."""
    attack = beside_viewers(hostile.attack)
    await asyncio.gather(upkeep.everything(site), attack(site), alerts_go_on(site))


async def _any_beside_viewers(site: Site) -> None:
    """A fault of a process or of the disk, while viewers ask."""
    faults = [_kill_collector, _stop_collector]
    if site.kind != "replica set":
        faults.append(_slow_disk)
    if not site.kind.startswith("sqlite"):
        faults += [_kill_mongod, _stop_mongod]
    await beside_viewers(site.chance.choice(faults))(site)


_SQLITE = [site for site in SITES if site.startswith("sqlite")]
_MONGO = [site for site in SITES if site not in _SQLITE]
_ONE_SERVER = [site for site in _MONGO if site != "replica set"]
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
    Fault("clock jumps", clocks.jump, SITES),
    Fault("clock wrong at start", clocks.start_wrong, SITES, alerts_go_on),
    Fault("line cut", line_fault(State.CUT), _ONE_SERVER),
    Fault("line silent", line_fault(State.SILENT), _ONE_SERVER),
    Fault("answers lost", line_fault(State.ANSWERS_LOST), _ONE_SERVER),
    Fault("answers late", line_fault(State.ANSWERS_LATE), _ONE_SERVER),
    Fault("requests lost", line_fault(State.REQUESTS_LOST), _ONE_SERVER),
    Fault("election", connections.step_down, ("replica set",)),
    Fault("primary separated", connections.separate_primary, ("replica set",)),
    Fault("primary hidden", connections.hide_primary, ("replica set",)),
    Fault("spool full", spool_faults.fill, ("spool",)),
    Fault("attack", hostile.attack, SITES, alerts_go_on),
    Fault("viewers", _any_beside_viewers, SITES),
    Fault("forget", upkeep.forget, SITES),
    Fault("forget, wrong clock", upkeep.forget_by_wrong_clock, SITES, alerts_go_on),
    Fault("archive, prune, forget", upkeep.everything, SITES),
    Fault("all at once", _together, SITES),
)
"""Every fault. Two collectors with one store are separate sites."""
