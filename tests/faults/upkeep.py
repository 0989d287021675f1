"""Deleting and archiving under load: `jmmc forget`, retention and the archive, one or all at once.

Another process does each, or this one with a store of its own, as beside several collectors.
"""

import asyncio
import json
import math
import signal
import sys
import time
from datetime import datetime

import msgspec

from jmmc.core.model import Dialect, Push, Sample
from jmmc.maintenance.retention import repeat_in_pieces
from jmmc.protocol.identity import session_of
from jmmc.stores import Store
from tests.faults.clocks import DAY, WRONG_DAYS
from tests.faults.line import State
from tests.faults.site import Site
from tests.support.senders import Deletion, Load, Sender
from tests.support.waiting import wait_until_async

_FORGOTTEN = 3  # Senders
_FEW = 4  # Senders that a task adds.
_READ_AGAIN = 4.0  # Seconds: collectors read receipts every two.
_OLD, _PRUNED = 200 * DAY, 100 * DAY  # Ages, beyond those that a wrong clock gives to samples.
_OLD_SAMPLES = 5  # Of a session
_ATTEMPTS = 5  # Of a command that says to run it again.
_SUMMARIZED_WITHIN = 180.0  # Seconds: another collector may have been killed with the lease.


async def forget(site: Site) -> None:
    """Erase some browsers that go on sending; a collector is killed meanwhile, or none.

    On a site with a spool the collectors are cut off from MongoDB, so that the samples that are to
    be erased wait in the spool.
    """
    kills = site.chance.random() < 0.5
    if site.kind == "spool" and site.line is not None:
        site.line.set_state(State.CUT)
        await site.pause()
    erasing = asyncio.create_task(_forget_some(site))
    await site.pause(3.0)
    if kills:
        serve = site.chance.choice(site.collectors)
        await asyncio.to_thread(serve.stop, signal.SIGKILL)
        await asyncio.to_thread(serve.start)
    await erasing
    if site.line is not None:
        site.line.set_state(State.FINE)


async def forget_by_wrong_clock(site: Site) -> None:
    """Erase some browsers while the machine's clock is days ahead or behind, then set it right."""
    site.host.jump(site.chance.choice(WRONG_DAYS) * DAY)
    await _forget_some(site)
    site.host.jump(0)
    await asyncio.sleep(_READ_AGAIN)
    for sender in site.senders:
        if sender.deleted is not None:
            sender.deleted = sender.deleted._replace(kept_from=sender.sent + 1, until=0.0)


async def everything(site: Site) -> None:
    """Archive, prune and erase at once, while browsers send to all that is archived."""
    async with site.open_store() as store:
        await asyncio.gather(_forget_some(site), _prune_old(site, store), _archive(site, store))


async def _forget_some(site: Site) -> None:
    """Run `jmmc forget` for some of the senders, one after another at the same time."""
    victims = site.chance.sample(site.senders, _FORGOTTEN)
    await asyncio.gather(*(_forget(site, sender) for sender in victims))


async def _forget(site: Site, sender: Sender) -> None:
    gone_to = sender.confirmed
    until = await _run_forget(site, sender.browser_id)
    # What was sent while it ran is stored or erased; later samples are stored.
    sender.deleted = Deletion(gone_to, sender.sent + 1, until)


async def _run_forget(site: Site, browser_id: str) -> float:
    """Run the command until it succeeds, for it may say to run it again.

    Returns up to when it erased, in Unix seconds.
    """
    command = [sys.executable, "-m", "jmmc", "forget", "--store", site.store_url]
    command += ["--participant", browser_id, "--yes", "--json"]
    pipe = asyncio.subprocess.PIPE
    messages = b""
    for _ in range(_ATTEMPTS):
        process = await asyncio.create_subprocess_exec(
            *command, stdout=pipe, stderr=pipe, env=site.host.environ
        )
        receipt, messages = await process.communicate()
        if process.returncode == 0:
            return datetime.fromisoformat(json.loads(receipt)["until"]).timestamp()
    raise AssertionError(f"jmmc forget: {messages.decode()[-2000:]}")


async def _prune_old(site: Site, store: Store) -> None:
    """Delete old sessions as retention does, while some of their browsers send further samples.

    MongoDB deletes by itself, and by when a session began: there no session is resumed.
    """
    ended = site.add_senders(_FEW)
    resumed = site.add_senders(_FEW if site.kind.startswith("sqlite") else 0)
    now = int(time.time())
    await store.append([_old_push(sender, now - _OLD) for sender in [*ended, *resumed]])
    for sender in ended:
        sender.deleted = Deletion(gone_to=math.inf, kept_from=math.inf)
    for sender in resumed:  # Whether a session is resumed before it is deleted is a matter of luck.
        sender.deleted = Deletion(gone_to=-1, kept_from=_OLD_SAMPLES)
    async with Load(resumed, *site.ports) as load:
        await repeat_in_pieces(store.prune, now - _PRUNED)
        await load.confirms(2)
    ids = [session_of(sender.sid) for sender in ended]

    left: list[tuple[str, int, int]] = []

    async def are_gone() -> bool:
        sessions = await store.get(ids)
        left[:] = [(session.id, session.began, len(session.samples)) for session in sessions]
        return not left

    await wait_until_async(
        are_gone,
        lambda: f"stored at {now}, there at {time.time():.0f} (id, began, samples): {left}",
        pause=0.2,
    )


def _old_push(sender: Sender, began: int) -> Push:
    """The first samples of a sender, which then counts them as confirmed."""
    samples = tuple(
        Sample(seq, began + seq, msgspec.json.encode(sender.readings(seq)))
        for seq in range(_OLD_SAMPLES)
    )
    sender.confirmed = sender.sent = _OLD_SAMPLES - 1
    session = session_of(sender.sid)
    return Push(session, sender.room, sender.browser_id, Dialect.V2, samples)


async def _archive(site: Site, store: Store) -> None:
    """Archive sessions that have a summary, and then send further samples to them."""
    resting = site.add_senders(_FEW)
    async with Load(resting, *site.ports) as load:
        await load.confirms(2)
    ids = [session_of(sender.sid) for sender in resting]
    stored = sum(sender.confirmed + 1 for sender in resting)

    async def are_summarized() -> bool:
        summaries = await store.reports.get_summaries(ids)
        return sum(summary.samples for summary in summaries) >= stored

    await wait_until_async(
        are_summarized, lambda: "no summaries", within=_SUMMARIZED_WITHIN, pause=0.2
    )
    async with Load(resting, *site.ports) as load:
        await repeat_in_pieces(store.pack, int(time.time()) + 1)
        await load.confirms(2)
