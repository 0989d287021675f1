"""Sessions from one store to another: may be broken off and begun again at any time."""

from collections.abc import AsyncIterator, Sequence
from hashlib import sha256
from typing import NamedTuple, Protocol

from msgspec import Struct

from jmmc.core.errors import StoreError
from jmmc.core.model import Dialect, Push, Sample, Session, SessionFilter
from jmmc.stores import Store

_SAMPLES = 5000  # In one batch: 2 MB.
_Key = tuple[int | None, int, bool, bool, bytes]


class Source(Protocol):
    """What can be copied from: any store, or a file of sessions."""

    async def open(self) -> None:
        """Make it ready."""

    async def count(self, selection: SessionFilter) -> int:
        """How many sessions there are."""

    def sessions(self, selection: SessionFilter) -> AsyncIterator[Session]:
        """The sessions themselves."""

    async def close(self) -> None:
        """Let go of it."""


class CopyCount(Struct):
    """What is in a store: sessions, samples, and a checksum that does not depend on the order."""

    sessions: int = 0
    samples: int = 0
    checksum: int = 0

    def add(self, session: str, samples: "set[_Key]") -> None:
        """Count a session with these samples."""
        self.sessions += 1
        self.samples += len(samples)
        for sample in samples:
            digest = sha256(repr((session, sample)).encode()).digest()
            self.checksum = (self.checksum + int.from_bytes(digest[:8], "big")) % 2**64


class Copied(NamedTuple):
    """How far a copy has come: what was read, and what of it is in the target by its own word."""

    source: CopyCount
    target: CopyCount
    written: int

    @property
    def complete(self) -> bool:
        """Whether everything that was read is there."""
        return self.source == self.target


async def copy(source: Source, target: Store, selection: SessionFilter) -> AsyncIterator[Copied]:
    """Copy the wanted sessions, and tell after each batch how far it came.

    What the target has already is not written again. Each batch is read back from the target and
    compared. Raises `StoreError`; what was copied until then stays.
    """
    read, found = CopyCount(), CopyCount()
    written = 0
    batch: list[Session] = []
    async for session in source.sessions(selection):
        batch.append(session)
        if sum(len(item.samples) for item in batch) >= _SAMPLES:
            written += await _copy_batch(batch, target, read, found)
            batch = []
            yield Copied(read, found, written)
    written += await _copy_batch(batch, target, read, found)
    yield Copied(read, found, written)


async def _copy_batch(
    batch: Sequence[Session], target: Store, read: CopyCount, found: CopyCount
) -> int:
    there = await _samples_of(batch, target)
    pushes = [push for item in batch if (push := _missing(item, there.get(item.id, set())))]
    if pushes:
        await target.append(pushes)
        there = await _samples_of(batch, target)
    for session in batch:
        keys = {_key(sample, session.dialect) for sample in session.samples}
        read.add(session.id, keys)
        if session.id in there:
            found.add(session.id, keys & there[session.id])
    return sum(len(push.samples) for push in pushes)


async def _samples_of(batch: Sequence[Session], target: Store) -> dict[str, "set[_Key]"]:
    owners = {summary.id: (summary.room, summary.browser_id) for summary in batch}
    there: dict[str, set[_Key]] = {}
    for summary in await target.get(list(owners)):
        if (summary.room, summary.browser_id) != owners[summary.id]:
            raise StoreError(f"session {summary.id} belongs to another uid or conf in the target")
        there[summary.id] = {_key(sample, summary.dialect) for sample in summary.samples}
    return there


def _missing(session: Session, there: "set[_Key]") -> Push | None:
    kept = {_key(sample, session.dialect): sample for sample in session.samples}
    samples = tuple(value for key, value in kept.items() if key not in there)
    if not samples:
        return None
    return Push(session.id, session.room, session.browser_id, session.dialect, samples)


def _key(sample: Sample, dialect: Dialect) -> _Key:
    seq = sample.seq if dialect is Dialect.V2 else None
    return (seq, sample.ts, sample.full, sample.bye, sample.readings)
