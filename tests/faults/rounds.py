"""A round: browsers push, a fault is injected, and confirmed samples are counted in the store."""

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
    """Numbers of samples: confirmed; confirmed but not stored as sent; stored more than once.

    `refused` is the number of pushes that got 503.
    """

    acknowledged: int = 0
    missing: int = 0
    duplicated: int = 0
    refused: int = 0

    def plus(self, other: "Count") -> "Count":
        return Count(*(a + b for a, b in zip(self, other, strict=True)))


async def play(site: Site, fault: Fault, seed: str) -> tuple[Count, list[Sender]]:
    """Play one round; the same seed repeats it, as far as processes allow."""
    site.chance = random.Random(seed)
    senders = [Sender(f"round-{seed}-{number}", number) for number in range(_SENDERS)]
    async with Load(senders, *site.ports) as load:
        await load.confirms(2)
        await fault.inject(site)
        await site.until_ready()
        await load.confirms(2)
    await site.until_ready()  # The last pushes may be in the spool.
    return count(await site.stored(senders), senders), senders


def count(stored: Mapping[str, Session], senders: Sequence[Sender]) -> Count:
    """Compare confirmed with stored samples. `stored` has the sessions by room."""
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
        duplicated = len(seqs) - len(set(seqs))
        total = total.plus(Count(sender.confirmed + 1, len(missing), duplicated, sender.refused))
    return total
