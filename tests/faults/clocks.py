"""Faults of the collectors' clock: it jumps while they run, or is days off when they start."""

import asyncio
import signal

from tests.faults.site import RETENTION_DAYS, Site

DAY = 86_400
"""Seconds"""

WRONG_DAYS = [*range(2, 2 * RETENTION_DAYS), *range(-RETENTION_DAYS + 10, -1)]
"""By how many days a clock is wrong: ahead also by more than retention keeps; behind by less, since
samples have those times."""

_DELETED = "event=old_deleted"


async def jump(site: Site) -> None:
    """The clock jumps twice by up to a day, also MongoDB's on the same machine, and back."""
    for _ in range(2):
        seconds = site.chance.randint(-DAY, DAY)
        for host in (site.host, site.disk_host):
            host.jump(seconds)
        await site.pause()
    for host in (site.host, site.disk_host):
        host.jump(0)


async def start_wrong(site: Site) -> None:
    """Collectors start with a clock that is days ahead or behind; it is set right seconds later.

    That happens while they run, or they are restarted. Retention, which runs at the start of a
    collector, must delete nothing.
    """
    collectors = site.some_collectors()
    before = _deletions(site)
    stop = site.chance.choice([signal.SIGTERM, signal.SIGKILL])
    for serve in collectors:
        await asyncio.to_thread(serve.stop, stop)
    site.host.jump(site.chance.choice(WRONG_DAYS) * DAY + site.chance.randint(0, DAY))
    for serve in collectors:
        await asyncio.to_thread(serve.start)
    await site.pause(4.0)
    if site.chance.random() < 0.5:
        site.host.jump(0)
    else:
        for serve in collectors:
            await asyncio.to_thread(serve.stop, stop)
        site.host.jump(0)
        for serve in collectors:
            await asyncio.to_thread(serve.start)
    assert _deletions(site) == before, "retention deleted something by a wrong clock"


def _deletions(site: Site) -> int:
    """How often retention has deleted something."""
    return sum(serve.log.read_text().count(_DELETED) for serve in site.collectors)
