"""Copies sessions, notes and saved views from one store to another.

Can be interrupted and repeated at any time.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from hashlib import sha256
from typing import NamedTuple, Protocol

from msgspec import Struct

from jmmc.core.errors import StoreError
from jmmc.core.model import Dialect, Push, Sample, Session, SessionFilter
from jmmc.stores import Reports, Store

NOTE_RECORDS = "note"
"""The kind of the records that are notes (`answers.notes`)."""

VIEW_RECORDS = "view"
"""The kind of the records that are saved views of the pages."""

_SAMPLES = 5000  # In one batch: 2 MB.
_Key = tuple[int | None, int, bool, bool, bytes]


class Source(Protocol):
    """What can be copied from: any store, or a file of sessions."""

    async def open(self) -> None:
        """Make it ready for reading."""

    async def count(self, selection: SessionFilter) -> int:
        """How many sessions are selected."""

    def sessions(self, selection: SessionFilter) -> AsyncGenerator[Session]:
        """The selected sessions."""

    async def close(self) -> None:
        """Close every file and connection."""


class CopyCount(Struct):
    """Sessions and samples of a copy, and a checksum that does not depend on their order."""

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
    """Progress of a copy: what was read, what of it the target returned, and samples written."""

    source: CopyCount
    target: CopyCount
    written: int

    @property
    def complete(self) -> bool:
        """Whether the target has everything that was read."""
        return self.source == self.target


async def copy(source: Source, target: Store, selection: SessionFilter) -> AsyncIterator[Copied]:
    """Copy the selected sessions; yield the progress after each batch.

    Samples that the target has already are not written again. Each batch is read back from the
    target and compared. Raises `StoreError`; what was copied until then stays.
    """
    read, stored = CopyCount(), CopyCount()
    written = 0
    batch: list[Session] = []
    batch_samples = 0
    async for session in source.sessions(selection):
        batch.append(session)
        batch_samples += len(session.samples)
        if batch_samples >= _SAMPLES:
            written += await _copy_batch(batch, target, read, stored)
            batch, batch_samples = [], 0
            yield Copied(read, stored, written)
    written += await _copy_batch(batch, target, read, stored)
    yield Copied(read, stored, written)


async def copy_records(source: Reports, target: Reports) -> int:
    """Copy notes and saved views that the target does not have; return how many those were."""
    copied = 0
    for kind in (NOTE_RECORDS, VIEW_RECORDS):
        stored = await target.records(kind)
        for name, content in (await source.records(kind)).items():
            if name not in stored:
                await target.put_record(kind, name, content)
                copied += 1
    return copied


async def _copy_batch(
    batch: Sequence[Session], target: Store, read: CopyCount, stored: CopyCount
) -> int:
    """Copy a batch and count it; how many samples were written."""
    in_target = await _samples_in(target, batch)
    pushes = [
        push
        for session in batch
        if (push := _missing(session, in_target.get(session.id, set()))) is not None
    ]
    if pushes:
        await target.append(pushes)
        in_target = await _samples_in(target, batch)
    for session in batch:
        keys = {_key(sample, session.dialect) for sample in session.samples}
        read.add(session.id, keys)
        if session.id in in_target:
            stored.add(session.id, keys & in_target[session.id])
    return sum(len(push.samples) for push in pushes)


async def _samples_in(target: Store, batch: Sequence[Session]) -> dict[str, "set[_Key]"]:
    """The samples that the target has of these sessions, by session."""
    owners = {session.id: (session.room, session.browser_id) for session in batch}
    samples: dict[str, set[_Key]] = {}
    for session in await target.get(list(owners)):
        if (session.room, session.browser_id) != owners[session.id]:
            raise StoreError(
                f"session {session.id} belongs to another participant or room in the target"
            )
        samples[session.id] = {_key(sample, session.dialect) for sample in session.samples}
    return samples


def _missing(session: Session, stored: "set[_Key]") -> Push | None:
    """A push of the session's samples that are not stored; None when all are."""
    by_key = {_key(sample, session.dialect): sample for sample in session.samples}
    samples = tuple(sample for key, sample in by_key.items() if key not in stored)
    return session.as_push(samples) if samples else None


def _key(sample: Sample, dialect: Dialect) -> _Key:
    seq = sample.seq if dialect is Dialect.V2 else None
    return (seq, sample.ts, sample.full, sample.bye, sample.readings)
