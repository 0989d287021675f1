"""A round: browsers push, a fault comes and goes, and what was confirmed is looked for."""

import random
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec

from jmmc.core.model import Session
from tests.faults.faults import Fault
from tests.faults.site import Site
from tests.support.senders import Load, Sender

_SENDERS = 12


class Count(NamedTuple):
    """Samples: confirmed to their browsers; of those, not stored as sent; stored again.

    `refused` counts the pushes that were told to wait.
    """

    acknowledged: int = 0
    missing: int = 0
    doubled: int = 0
    refused: int = 0

    def plus(self, other: "Count") -> "Count":
        return Count(*(a + b for a, b in zip(self, other, strict=True)))


async def play(site: Site, fault: Fault, seed: str) -> tuple[Count, list[Sender]]:
    """One round, the same for the same seed as far as processes let it."""
    site.chance = random.Random(seed)
    senders = [Sender(f"round-{seed}-{number}", number) for number in range(_SENDERS)]
    async with Load(senders, *site.ports) as load:
        await load.confirms(2)
        await fault.happen(site)
        await site.until_ready()
        await load.confirms(2)
    await site.until_ready()  # A push that failed at the end may have gone to the spool.
    return count(await site.stored(senders), senders), senders


def count(stored: Mapping[str, Session], senders: Sequence[Sender]) -> Count:
    """Compare what browsers were told with what there is. `stored` is by conference."""
    total = Count()
    for sender in senders:
        session = stored.get(sender.room)
        samples = session.samples if session is not None else ()
        seqs = [sample.seq for sample in samples]
        as_sent = {
            sample.seq
            for sample in samples
            if msgspec.json.decode(sample.readings).get("u") == {"bw": sample.seq}
        }
        missing = set(range(sender.confirmed + 1)) - as_sent
        doubled = len(seqs) - len(set(seqs))
        total = total.plus(Count(sender.confirmed + 1, len(missing), doubled, sender.refused))
    return total
