"""The contract of a store, written here once; `tests/stores` holds every store to it.

Every error of the driver leaves a store as `StoreError`, with the driver's error as its cause.
`UnusableStore`, which is a `StoreError`, means that a retry is of no use until the configuration,
the file or the server is changed. Times are Unix seconds, in whole seconds. The
id of a session is 24 hex digits.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence, Set
from typing import Any, Protocol, runtime_checkable

from jmmc.core.model import (
    Condition,
    Disk,
    Erased,
    Progress,
    Push,
    Receipt,
    Refusal,
    Sample,
    Session,
    SessionFilter,
)
from jmmc.core.partitions import PARTITIONS
from jmmc.quality.causes.recorded import RecordedIncident, StoredIncident
from jmmc.quality.day_columns import DayColumns
from jmmc.quality.day_totals import DayTotals
from jmmc.quality.filters import IncidentFilter, IncidentOrder, SummaryFilter
from jmmc.quality.ordering import NEWEST_FIRST, Order
from jmmc.quality.rollups import Rollup
from jmmc.quality.summary import Decile, LiveSession, SearchHit, Summary
from jmmc.quality.usage import UsageSums

EVERY_PARTITION = frozenset(range(PARTITIONS))

CLOCK_SKEW = 30
"""Seconds by which the clocks of collectors that share a store may differ."""

LEASES, SHARES = "lease", "shares"
"""Kinds of the records of what running processes do: the leases, and who owns which summaries."""


class Store(Protocol):
    """Keeps sessions with their samples.

    Several processes may use the same store at once. Within a process its methods may be called
    concurrently, except `append`: only the writer calls it, one batch at a time.
    """

    @property
    def reports(self) -> "Reports":
        """What was computed from the sessions; usable while the store is open."""

    async def open(self) -> None:
        """Make the store ready for use; create or migrate what it needs.

        Does nothing when the store is open already. Raises `UnusableStore`, and has changed
        nothing, when what is there is not ours, is damaged, or was written by a newer version.
        """
        ...

    async def append(self, pushes: Sequence[Push]) -> list[Receipt | Refusal]:
        """Store a batch, and answer each push in the order given.

        Durability: when this returns, every push that got a `Receipt` is on stable storage. It
        survives `kill -9` and, where the disk obeys a flush, a power cut.

        Idempotence: a sample is stored once per (session, seq), and its first version stays,
        however often it comes and from whichever process. Samples without `seq` are appended in
        the order given; one that equals another of its session in time and readings may be left
        out.

        Errors: when this raises, any part of the batch may have been stored and no push may be
        confirmed. It is safe to append the same batch again.
        """
        ...

    async def holds(self, session: str) -> bool:
        """Whether a session with this id is stored."""
        ...

    async def get(self, ids: Sequence[str]) -> list[Session]:
        """The sessions with these ids, whole, in the order of `ids`; unknown ids are left out."""
        ...

    async def lengths(self, ids: Sequence[str]) -> dict[str, int]:
        """How many samples these sessions have at the most, without reading them.

        Unknown ids are left out.
        """
        ...

    async def samples_after(self, known: Sequence[Progress]) -> dict[str, tuple[Sample, ...]]:
        """The samples of sessions after those that are known, in order of `seq`, by session.

        A session is left out unless exactly as many samples as are known are stored up to the last
        known one: it is gone, or it was archived, or samples came late. Sessions of dialect v1,
        whose samples have no numbers, must not be asked for.
        """
        ...

    def sessions(self, selection: SessionFilter) -> AsyncGenerator[Session]:
        """The selected sessions, whole, in the order in which they began; in bounded memory.

        Never waits for `append`. The samples of one push become visible together; where a push has
        to be split, its earlier samples become visible first.
        """
        ...

    async def count(self, selection: SessionFilter) -> int:
        """How many sessions `sessions` would yield now."""
        ...

    async def session_times(self) -> tuple[int, int] | None:
        """When the earliest and the latest stored session began; None without sessions.

        Quick on any store; on MongoDB only sessions of this project count.
        """
        ...

    async def prune(self, before: int) -> int:
        """Delete sessions that began before `before` and have no sample from then on.

        Deletes a bounded number and returns it. Call it until it returns 0.
        """
        ...

    async def pack(self, before: int) -> int:
        """Compress sessions that began before `before` and have no sample from then on.

        Dirty sessions are left out. Packed sessions are read as before, and late samples are stored
        as before. Looks at a bounded number of sessions and returns it. Call it until it returns 0.
        """
        ...

    async def erase(self, selection: SessionFilter) -> Erased:
        """Delete the selected sessions, including their samples that wait on this machine.

        Deletes a bounded number and returns how much that was. Call it until it returns zeros.
        """
        ...

    async def wipe_deleted(self) -> None:
        """Make sure that deleted data cannot be read from this store's own files any more.

        Raises `StoreError` when readers keep the files busy for so long that this fails for now.
        """
        ...

    async def release_space(self) -> int:
        """Give the disk some of the room that deleted data left, beyond what new data will use.

        Gives a bounded number of bytes and returns it. Call it until it returns 0.
        """
        ...

    async def check(self) -> Condition:
        """Write a probe: return how the store is, or raise `StoreError` if it takes no writes."""
        ...

    async def close(self) -> None:
        """Close every file and connection. A closed store can be opened again."""
        ...


@runtime_checkable
class OnDisk(Protocol):
    """What a store says besides if it can measure the disks that it writes to."""

    async def disks(self) -> list[Disk]:
        """The disks as they are now; none where the database does not tell.

        Raises `StoreError` when one of this machine cannot be measured, or a database is away.
        """
        ...


class Reports(Protocol):
    """Keeps what is computed from sessions: summaries, rollups, names to search, and records.

    A session is *dirty* while it has samples that its stored summary does not cover.
    """

    async def dirty(self, limit: int, partitions: Set[int] = EVERY_PARTITION) -> list[str]:
        """Ids of at most `limit` dirty sessions, of rooms in `partitions` (`core.partitions`).

        Where more are dirty, the next call continues after those that this one returned. So every
        dirty session has its turn, however many there are.
        """
        ...

    async def backlog(self) -> int:
        """How many sessions are dirty; on MongoDB, how many documents of sessions."""
        ...

    async def overdue(
        self,
        before: int,
        limit: int,
        partitions: Set[int] = EVERY_PARTITION,
        *,
        after: int | None = None,
    ) -> list[str]:
        """Ids of running sessions whose last sample, by their summary, is older than `before`.

        With `after`, also of those whose last sample is newer than that: a wrong clock dated it.
        Of rooms in `partitions`.

        Dirty sessions are left out: they may have newer samples.
        """
        ...

    async def put_summaries(self, summaries: Sequence[Summary]) -> None:
        """Store or replace summaries, and the names by which their sessions are found.

        A session that has exactly as many samples as its summary covers is not dirty any more.
        """
        ...

    async def summaries(
        self,
        selection: SummaryFilter,
        *,
        limit: int,
        order: Order = NEWEST_FIRST,
        after: tuple[Any, str] | None = None,
    ) -> list[Summary]:
        """At most `limit` of the selected summaries, by `order`; by default the latest first.

        Where keys are equal, they are ordered by id, in the same direction. `after` is the
        (`Order.key_of`, id) of the last summary of the previous page. A page never has what an
        earlier page had, also when summaries are stored meanwhile.
        """
        ...

    async def get_summaries(self, ids: Sequence[str]) -> list[Summary]:
        """The summaries of these sessions, in any order; unknown ids are left out."""
        ...

    async def sessions_beginning(self, prefix: str, limit: int) -> list[str]:
        """At most `limit` ids of sessions with a summary that begin with `prefix` (hex digits)."""
        ...

    def live_sessions(self) -> AsyncIterator[Sequence[LiveSession]]:
        """The running sessions, by their summaries: some hundreds at a time, in no order.

        What is stored while this is read may be missing.
        """
        ...

    async def facts(
        self, columns: Sequence[str], selection: SummaryFilter
    ) -> list[tuple[Any, ...]]:
        """These fields of every selected summary, by `began`.

        `columns` are the fields in `SUMMARY_COLUMNS`, and `series`, which comes as JSON text.
        """
        ...

    def columns(
        self, names: Sequence[str], selection: SummaryFilter
    ) -> AsyncIterator[Sequence[Sequence[Any]]]:
        """What `facts` answers, for very many summaries: part by part, by column, in no order.

        What is stored while this is read may be missing.
        """
        ...

    async def count_values(self, field: str, selection: SummaryFilter) -> dict[str, int]:
        """How many of the selected summaries have each value of a field in `SUMMARY_COLUMNS`.

        The field is a text. Of a session that moved, the value that held longest counts. Of fields
        in `SELDOM_KNOWN` only sessions are counted of which one of these is known.
        """
        ...

    async def deciles(self, selection: SummaryFilter) -> list[Decile]:
        """The selected summaries, grouped by room and by the share of their time that was good."""
        ...

    async def count_rooms(self, selection: SummaryFilter) -> int:
        """How many different rooms the selected summaries have."""
        ...

    async def erase(self, summaries: Sequence[Summary]) -> int:
        """Delete these summaries, and the names that no other summary has.

        A name that is kept was last there when one of the other summaries was. Returns how many
        names were deleted.
        """
        ...

    async def drop_names(self, former: Sequence[Summary]) -> int:
        """Delete the names of summaries that were replaced, where no summary has them any more.

        Returns how many were deleted.
        """
        ...

    async def prune(self, before: int) -> int:
        """Delete summaries of sessions that were over before `before`, then old names and rollups.

        `before` is the beginning of a day in UTC. Deletes a bounded number of summaries and returns
        it. Call it until it returns 0; the last call deletes the names, the rollups, and the
        incidents that ended before.
        """
        ...

    async def put_rollups(self, rollups: Sequence[Rollup]) -> None:
        """Store or replace rollups."""
        ...

    async def rollups(
        self,
        dimension: str,
        length: int,
        since: int,
        until: int,
        *,
        value: str | None = None,
        details: bool = True,
    ) -> list[Rollup]:
        """The rollups of `length` seconds that begin from `since` to before `until`, by `start`.

        With `value` they have only that one: quicker where there are many. Without `details` each
        value has one sum of the whole length, its joins only have `counts`, and there are no
        replicates: a third of the time.
        """
        ...

    async def compress_older(self) -> tuple[int, int] | None:
        """Compress a bounded number of rows that an earlier version stored.

        Returns how many are done and how many there were at the start; None when none is left.
        Remembers how far it came. Until then they are read as they are. MongoDB compresses what it
        writes by itself: there is nothing to do.
        """
        ...

    async def claim_columns(self, start: int, token: str) -> None:
        """Take on making the columns of a day (UTC), whose summaries are read after this."""
        ...

    async def put_columns(
        self, start: int, token: str, columns: DayColumns | None, totals: DayTotals | None
    ) -> bool:
        """Store the columns and the totals of a day, None where its sessions have to answer.

        Stores nothing, and returns False, if a summary of a session that began on that day was
        stored or deleted since `claim_columns` with this token: that deletes columns.
        """
        ...

    async def days_with_columns(self, since: int, until: int) -> list[int]:
        """The starts of the days, from `since` to before `until`, for which `put_columns` stored.

        Without those that an earlier version stored.
        """
        ...

    async def day_columns(self, starts: Sequence[int]) -> list[DayColumns]:
        """The columns of those of these days that have any, by `start`."""
        ...

    async def day_totals(self, starts: Sequence[int]) -> list[DayTotals]:
        """The totals of those of these days that have any, by `start`."""
        ...

    async def put_usage(self, days: Sequence[UsageSums]) -> None:
        """Store or replace the use of days. `prune` keeps it."""
        ...

    async def usage(self, since: int, until: int, *, limit: int = 0) -> list[UsageSums]:
        """The stored days that begin from `since` to before `until`, by `start` and then by `end`.

        At most `limit`, 0 for all. Days of several time zones may be stored.
        """
        ...

    async def search(self, text: str, limit: int) -> list[SearchHit]:
        """At most `limit` names that contain every part of `text`, in upper or lower case.

        Spaces separate parts. Names that begin with the whole text come first; then those that
        were there latest.
        """
        ...

    async def replace_incidents(
        self, gone: Sequence[str], changed: Sequence[StoredIncident]
    ) -> None:
        """Delete the incidents with the ids `gone`; store or replace others.

        In SQLite both are seen at once.
        """
        ...

    async def stored_incidents(self, since: int, until: int) -> list[StoredIncident]:
        """The incidents that touch a time, with their parts."""
        ...

    async def running_incidents(self) -> list[StoredIncident]:
        """The incidents that are stored as running, with their parts."""
        ...

    async def incidents(
        self,
        selection: IncidentFilter,
        *,
        limit: int,
        order: IncidentOrder,
        after: tuple[int, str] | None = None,
    ) -> list[RecordedIncident]:
        """At most `limit` of the selected incidents.

        `after` is the (`start`, id) of the last one of the previous page, in the order `newest`.
        """
        ...

    async def get_incidents(self, ids: Sequence[str]) -> list[RecordedIncident]:
        """The incidents with these ids, in any order; unknown ids are left out."""
        ...

    async def put_record(self, kind: str, name: str, content: bytes) -> None:
        """Store or replace a record: a small JSON value."""
        ...

    async def replace_record(
        self, kind: str, name: str, before: bytes | None, after: bytes
    ) -> bool:
        """Store a record if it is still `before`, None for none; return whether it was.

        Of several processes that replace the same content, one succeeds.
        """
        ...

    async def records(self, kind: str) -> dict[str, bytes]:
        """All records of a kind, by name."""
        ...

    async def delete_record(self, kind: str, name: str) -> bool:
        """Delete a record. Returns whether it was there."""
        ...

    async def lease(self, name: str, holder: str, *, now: int, seconds: int) -> bool:
        """Take or prolong a lease until `now + seconds`.

        Returns False, and changes nothing, while another holder's lease has not run out. A lease
        that ends more than `seconds + CLOCK_SKEW` after `now` was taken by a wrong clock: it
        counts as run out.
        """
        ...

    async def release(self, name: str, holder: str) -> None:
        """End a lease of this holder now. Does nothing when another holder has it, or nobody."""
        ...
