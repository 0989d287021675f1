"""Faults of the connections to MongoDB, and between the members of a replica set."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from tests.faults.line import State
from tests.faults.site import Site
from tests.support.mongod import Mongod


def line_fault(state: State) -> Callable[[Site], Awaitable[None]]:
    """Put the line between collectors and MongoDB into a state for some seconds."""

    async def inject(site: Site) -> None:
        assert site.line is not None
        site.line.set_state(state)
        await site.pause(2.5)
        site.line.set_state(State.FINE)

    return inject


async def step_down(site: Site) -> None:
    """Make the primary step down."""
    mongod = site.database()

    def command() -> None:
        with mongod.client() as client:
            client.admin.command("replSetStepDown", 5, secondaryCatchUpPeriodSecs=2, force=True)

    await asyncio.to_thread(command)
    await site.pause()
    await asyncio.to_thread(site.database)


async def separate_primary(site: Site) -> None:
    """Let no data pass between the primary and the other members; collectors reach them all.

    The primary takes writes until it notices, which no majority confirms. The others elect a new
    one meanwhile.
    """
    assert site.replica_set is not None
    primary = await asyncio.to_thread(site.database)
    state = site.chance.choice([State.CUT, State.SILENT])
    others = [node for node in site.replica_set.nodes if node is not primary]
    for node, line in site.member_lines.items():
        line.set_state(state, _is_port_of(others if node is primary else [primary]))
    await _heal(site)


async def hide_primary(site: Site) -> None:
    """Let nothing reach the primary, which itself reaches the other members."""
    primary = await asyncio.to_thread(site.database)
    state = site.chance.choice([State.CUT, State.SILENT, State.ANSWERS_LOST])
    site.member_lines[primary].set_state(state)
    await _heal(site)


async def _heal(site: Site) -> None:
    """Repair all lines of the replica set after some seconds, and wait for its primary."""
    await asyncio.sleep(1.0)  # The members need a second to notice.
    await site.pause(3.0)
    for line in site.member_lines.values():
        line.set_state(State.FINE)
    await asyncio.to_thread(site.database)


def _is_port_of(nodes: list[Mongod]) -> Callable[[int], bool]:
    """Whether a port of this machine is the client's end of a connection of these servers."""
    pids = [node.process.pid for node in nodes if node.process is not None]
    known: dict[int, bool] = {}

    def is_theirs(port: int) -> bool:
        if port not in known:
            known[port] = _socket_at(port) in {name for pid in pids for name in _open_files(pid)}
        return known[port]

    return is_theirs


def _socket_at(port: int) -> str:
    """The name under which a process has the connection with this local port."""
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if int(fields[1].partition(":")[2], 16) == port:
            return f"socket:[{fields[9]}]"
    return ""


def _open_files(pid: int) -> list[str]:
    names = []
    for file in Path(f"/proc/{pid}/fd").iterdir():
        try:
            names.append(str(file.readlink()))
        except FileNotFoundError:  # Closed meanwhile.
            continue
    return names
