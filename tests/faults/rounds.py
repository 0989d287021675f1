"""A round: browsers push, a fault is injected, and confirmed samples are counted in the store."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec

from jmmc.core.model import Sample, Session
from tests.faults.faults import Fault
from tests.faults.site import Site
from tests.support.senders import Deletion, Load, Sender

_SENDERS = 12


class Count(NamedTuple):
    """Numbers of samples: confirmed; confirmed but not stored as sent; stored more than once.

    `foreign` are stored samples that were deleted, or sent by another browser. `refused` is the
    number of pushes that got 503.
    """

    acknowledged: int = 0
    missing: int = 0
    duplicated: int = 0
    foreign: int = 0
    refused: int = 0

    @property
    def is_right(self) -> bool:
        return (self.missing, self.duplicated, self.foreign) == (0, 0, 0)

    def plus(self, other: "Count") -> "Count":
        return Count(*(a + b for a, b in zip(self, other, strict=True)))


async def play(site: Site, fault: Fault, seed: str) -> tuple[Count, list[Sender]]:
    """Play one round; the same seed repeats it, as far as processes allow."""
    site.begin(seed, _SENDERS)
    async with Load(site.senders, *site.ports) as load:
        await load.confirms(2)
        await fault.inject(site)
        await site.until_ready()
        await load.confirms(2)
    await site.until_ready()  # The last pushes may be in the spool.
    if fault.afterwards is not None:
        await fault.afterwards(site)
    return count(await site.stored(site.senders), site.senders), site.senders


def count(stored: Mapping[str, Session], senders: Sequence[Sender]) -> Count:
    """Compare confirmed with stored samples. `stored` has the sessions by room."""
    total = Count()
    for sender in senders:
        session = stored.get(sender.room)
        samples = session.samples if session is not None else ()
        seqs = [sample.seq for sample in samples]
        as_sent = {sample.seq for sample in samples if _is_as_sent(sample, sender)}
        foreign = len(samples) - sum(_is_as_sent(sample, sender) for sample in samples)
        kept = set(range(sender.confirmed + 1))
        if deletion := sender.deleted:
            foreign += sum(_is_deleted(sample, deletion) for sample in samples)
            kept = {seq for seq in kept if seq >= deletion.kept_from}
        missing = kept - as_sent
        duplicated = len(seqs) - len(set(seqs))
        total = total.plus(
            Count(sender.confirmed + 1, len(missing), duplicated, foreign, sender.refused)
        )
    return total


def _is_deleted(sample: Sample, deletion: Deletion) -> bool:
    assert sample.seq is not None
    return sample.seq <= deletion.gone_to or sample.ts <= deletion.until


def _is_as_sent(sample: Sample, sender: Sender) -> bool:
    """Whether these are the readings that the sender sent; the server adds others to some."""
    assert sample.seq is not None
    readings = msgspec.json.decode(sample.readings)
    return all(readings.get(key) == value for key, value in sender.readings(sample.seq).items())
