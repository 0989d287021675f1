"""Faults of the spool: it is full, and its disk is read-only when it should be emptied."""

import asyncio
import signal
from collections.abc import Sequence

from tests.faults.faulty_host import Disk
from tests.faults.line import State
from tests.faults.site import Site
from tests.support.senders import Load
from tests.support.servers import Serve
from tests.support.waiting import wait_until_async

_LIMIT = ("--spool-limit", "1")  # MiB
_FILLERS = 6  # Senders
_BURST = 400  # Samples, some 36 KB.


async def fill(site: Site) -> None:
    """Cut the collector off until its spool is full, and back on while its disk is read-only.

    What it moves to MongoDB then, it cannot delete from the spool. It may be killed in between, and
    started on the disk that is still read-only.
    """
    assert site.line is not None
    (serve,) = site.collectors
    options = serve.options
    await _restart(serve, (*options, *_LIMIT))
    site.line.set_state(State.CUT)
    fillers = site.add_senders(_FILLERS, burst=_BURST)
    async with Load(fillers, *site.ports):
        await wait_until_async(
            lambda: all(sender.refused for sender in fillers), lambda: "the spool is never full"
        )
    site.host.set_disk(Disk.READ_ONLY)
    site.line.set_state(State.FINE)
    await site.pause(2.0)
    kills = site.chance.random() < 0.5
    if kills:
        await asyncio.to_thread(serve.stop, signal.SIGKILL)
        await asyncio.to_thread(serve.start, wait=False)
        await site.pause(2.0)
    site.host.set_disk(Disk.FINE)
    if kills and serve.process is not None and serve.process.poll() is not None:
        await asyncio.to_thread(serve.start)  # As a service manager does.
    await _restart(serve, options)


async def _restart(serve: Serve, options: Sequence[str]) -> None:
    """Restart a collector with other options."""
    await asyncio.to_thread(serve.stop)
    serve.options = tuple(options)
    await asyncio.to_thread(serve.start)
