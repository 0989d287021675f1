"""Shares the work of summaries among the collectors on one store: each owns some partitions.

One small record says who is there and who owns what. A collector reads it before each round of
work, and replaces it only if nobody else did meanwhile: so a partition has one owner at a time. It
takes what is free, up to an equal share, and gives up what it has beyond that. What a collector
owned that was killed is free when its time is over.

A process that changes summaries without owning their rooms, such as `jmmc rebuild`, leaves a mark:
owners then read again what they remember of running sessions.
"""

import secrets
from collections.abc import Callable
from typing import Self

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from jmmc.core.partitions import PARTITIONS
from jmmc.stores import CLOCK_SKEW, SHARES, Reports

SECONDS = 60
"""How long a collector counts as there after it was seen: a killed one is replaced after that."""

_RENEWED_AFTER = 20  # Seconds: so a share costs three writes a minute.
_NAME = "summaries"
_MARK = "changed by others"  # Name of a record of the same kind.
_TRIES = 5  # Of a change that others are quicker with.
_NOBODY = ""


class ShareTable(Struct, frozen=True):
    """Who is there, each until a moment (Unix seconds), and the owner of each partition.

    `shared`: work may be shared. Otherwise whoever leads owns everything.
    """

    members: dict[str, int] = {}
    owners: tuple[str, ...] = (_NOBODY,) * PARTITIONS
    shared: bool = False

    def owned_by(self, member: str) -> frozenset[int]:
        """The partitions of a member."""
        return frozenset(n for n, owner in enumerate(self.owners) if owner == member)

    def turn(self, member: str, now: int, *, leads: bool, may_share: bool) -> "ShareTable":
        """The table after a turn of `member`, who is there at `now`.

        `may_share` is whether the member would share the work if it leads.
        """
        members = {
            name: until
            for name, until in self.members.items()
            if now < until <= now + SECONDS + CLOCK_SKEW  # Later: by a wrong clock.
        }
        if members.get(member, 0) < now + SECONDS - _RENEWED_AFTER:
            members[member] = now + SECONDS
        shared = may_share if leads else self.shared
        quota = -(-PARTITIONS // len(members)) if shared else PARTITIONS if leads else 0
        owners: list[str] = []
        for owner in self.owners:
            owned = owners.count(member)
            if owner == member and owned >= quota:
                owner = _NOBODY
            owners.append(owner if owner in members else _NOBODY)
        for number, owner in enumerate(owners):
            if owner == _NOBODY and owners.count(member) < quota:
                owners[number] = member
        return ShareTable(members, tuple(owners), shared)

    def without(self, member: str) -> "ShareTable":
        """The table after `member` has left."""
        members = {name: until for name, until in self.members.items() if name != member}
        owners = tuple(_NOBODY if owner == member else owner for owner in self.owners)
        return replace(self, members=members, owners=owners)


_TABLE = msgspec.json.Decoder(ShareTable)


class WorkShare:
    """The share of the process named `holder`. `monotonic` is a clock that nobody sets."""

    def __init__(self, holder: str, *, monotonic: Callable[[], float]) -> None:
        self._holder = holder
        self._monotonic = monotonic
        self._seen_at = 0.0
        self._may_be_member = False  # Also while an answer of the store is awaited.
        self.partitions: frozenset[int] = frozenset()
        """The partitions that this process owns."""
        self.mark: bytes | None = None
        """What those without a share left that had changed summaries before the last turn."""

    @property
    def is_whole(self) -> bool:
        """Whether this process owns everything."""
        return len(self.partitions) == PARTITIONS

    @property
    def is_fresh(self) -> bool:
        """Whether no other process can have taken the share since the last turn."""
        return self._monotonic() - self._seen_at < SECONDS - _RENEWED_AFTER - CLOCK_SKEW

    async def take_turn(self, reports: Reports, now: int, *, leads: bool, may_share: bool) -> Self:
        """Take or give up partitions at `now` (Unix seconds). Raises `StoreError`."""
        self._may_be_member = True
        changed = await self._change(
            reports, lambda before: before.turn(self._holder, now, leads=leads, may_share=may_share)
        )
        if changed is None:
            self.partitions = frozenset()  # Others keep changing it: the next round comes soon.
        else:
            table, self._seen_at = changed
            self.partitions = table.owned_by(self._holder)
        return self

    async def leave_mark(self, reports: Reports) -> None:
        """Say that this process changes summaries of others. Raises `StoreError`."""
        await reports.put_record(SHARES, _MARK, msgspec.json.encode(secrets.token_hex(8)))

    async def newest_mark(self, reports: Reports) -> bytes | None:
        """The mark as it is now. Raises `StoreError`."""
        return (await reports.records(SHARES)).get(_MARK)

    async def release(self, reports: Reports) -> None:
        """Let others have the share now. Raises `StoreError`."""
        if not self._may_be_member:
            return
        self.partitions = frozenset()
        await self._change(reports, lambda before: before.without(self._holder))

    async def _change(
        self, reports: Reports, change: Callable[[ShareTable], ShareTable]
    ) -> tuple[ShareTable, float] | None:
        """Replace the stored table; return the new one, and when the old one was asked for.

        None if others were always quicker.
        """
        for _ in range(_TRIES):
            asked_at = self._monotonic()
            records = await reports.records(SHARES)
            content, self.mark = records.get(_NAME), records.get(_MARK)
            before = _decoded(content)
            after = change(before)
            if after == before or await reports.replace_record(
                SHARES, _NAME, content, msgspec.json.encode(after)
            ):
                return after, asked_at
        return None


def _decoded(content: bytes | None) -> ShareTable:
    """The stored table; an empty one where there is none, or one with other partitions."""
    if content is None:
        return ShareTable()
    table = _TABLE.decode(content)
    return table if len(table.owners) == PARTITIONS else ShareTable()
