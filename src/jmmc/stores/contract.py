"""The contract of a store: written here, once, and held by one test suite for every store."""

from collections.abc import AsyncIterator, Sequence
from typing import Any, Protocol

from jmmc.core.model import Condition, Erased, Push, Receipt, Refusal, Session, SessionFilter
from jmmc.quality.filters import SummaryFilter
from jmmc.quality.rollups import Rollup
from jmmc.quality.summary import Decile, LiveSession, SearchHit, Summary


class Store(Protocol):
    """Where sessions live.

    A store may be used by several processes at once. Within a process its methods may be
    called concurrently, but `append` is only called by the one writer, one batch at a time.
    Every failure of the driver leaves as `StoreError` with its cause chained.
    """

    @property
    def reports(self) -> "Reports":
        """What was made of the sessions; usable while the store is open."""

    async def open(self) -> None:
        """Make the store ready, creating or migrating what it needs. Calling it again is free.

        Raises `UnusableStore`, and has changed nothing, when what is there is not ours, damaged,
        or written by a newer version.
        """
        ...

    async def append(self, pushes: Sequence[Push]) -> list[Receipt | Refusal]:
        """Store a batch and answer each push, in the order given.

        When this returns, every push with a `Receipt` is on stable storage: it survives
        `kill -9` and, where the disk keeps its word, a power cut. A (session, seq) is stored
        once, the first version of it, however often it comes and from whichever process. Samples
        without `seq` are appended in the order given; one that equals another of its session in
        time and readings may be left out.

        When it raises, any part of the batch may have been stored, and no push may be
        confirmed: it is safe to append it again.
        """
        ...

    async def holds(self, session: str) -> bool:
        """Whether a session with this id (24 hex digits) is stored."""
        ...

    async def get(self, ids: Sequence[str]) -> list[Session]:
        """The sessions with these ids, whole, in the order asked for; unknown ones are left out."""
        ...

    def sessions(self, selection: SessionFilter) -> AsyncIterator[Session]:
        """The wanted sessions by `began`, whole, in bounded memory.

        Never waits for `append`. The samples of one push appear together, or where it has to
        be split, the earlier ones first.
        """
        ...

    async def count(self, selection: SessionFilter) -> int:
        """How many sessions `sessions` would yield now."""
        ...

    async def prune(self, before: int) -> int:
        """Delete sessions that began before `before` (Unix seconds) and have gone quiet since.

        Deletes a bounded number and returns it, 0 when none is left: call it until then.
        """
        ...

    async def pack(self, before: int) -> int:
        """Make sessions smaller that have been quiet since `before` (Unix seconds).

        They stay what they are, and what comes late is stored as ever. Looks at a bounded number
        and returns it, 0 when none is left: call it until then.
        """
        ...

    async def erase(self, selection: SessionFilter) -> Erased:
        """Delete the wanted sessions, whatever waits of them on this machine included.

        Deletes a bounded number and tells how much it was, nothing when none is left: call it
        until then.
        """
        ...

    async def scrub(self) -> None:
        """Make sure that what was deleted cannot be read from our own files any more.

        Raises `StoreError` when somebody reads for so long that it cannot be done now.
        """
        ...

    async def check(self) -> Condition:
        """Return when the store can take a write now; raise `StoreError` when it cannot."""
        ...

    async def close(self) -> None:
        """Let go of every file and connection. A closed store can be opened again."""
        ...


class Reports(Protocol):
    """Where summaries and rollups live, beside the sessions that they were made of."""

    async def dirty(self, limit: int) -> list[str]:
        """Ids of sessions with samples that their summary does not know.

        When there are more than `limit`, the next call goes on after those that this one
        answered: however many they are, each has its turn.
        """
        ...

    async def backlog(self) -> int:
        """How many sessions `dirty` speaks of; on MongoDB, how many documents of sessions."""
        ...

    async def overdue(self, before: int, limit: int) -> list[str]:
        """Ids of sessions that run by their summary, and whose last sample is older than that.

        Those that are dirty are left out: they may well go on.
        """
        ...

    async def put_summaries(self, summaries: Sequence[Summary]) -> None:
        """Store or replace summaries. A session with as many samples is not dirty any more."""
        ...

    async def summaries(
        self, selection: SummaryFilter, *, limit: int, after: tuple[int, str] | None = None
    ) -> list[Summary]:
        """The newest `limit` summaries by `began` and id; `after` goes on below such a pair."""
        ...

    async def get_summaries(self, ids: Sequence[str]) -> list[Summary]:
        """The summaries of these sessions, in any order; unknown ones are left out."""
        ...

    def live_sessions(self) -> AsyncIterator[Sequence[LiveSession]]:
        """Who is there by the summaries that run: some hundreds at a time, in no order.

        What is stored meanwhile may be missing.
        """
        ...

    async def facts(
        self, columns: Sequence[str], selection: SummaryFilter
    ) -> list[tuple[Any, ...]]:
        """Some attributes of every wanted summary, by `began`.

        `columns` are names of `Summary`'s attributes that are plain values, or `series`, which
        comes as JSON.
        """
        ...

    def columns(
        self, names: Sequence[str], selection: SummaryFilter
    ) -> AsyncIterator[Sequence[Sequence[Any]]]:
        """What `facts` answers, of very many: some at a time, by column, in no order.

        What is stored meanwhile may be missing.
        """
        ...

    async def deciles(self, selection: SummaryFilter) -> list[Decile]:
        """The wanted summaries by conference and by how much of their time was good."""
        ...

    async def count_rooms(self, selection: SummaryFilter) -> int:
        """How many different rooms the selected summaries have."""
        ...

    async def erase(self, summaries: Sequence[Summary]) -> int:
        """Delete these summaries, and the names that no other has; how many of those there were."""
        ...

    async def prune(self, before: int) -> int:
        """Delete what was last there before `before`: summaries, their names, and rollups.

        `before` (Unix seconds) begins a day in UTC. Deletes a bounded number of summaries and
        returns it, 0 when nothing is left: call it until then.
        """
        ...

    async def put_rollups(self, rollups: Sequence[Rollup]) -> None:
        """Store or replace rollups."""
        ...

    async def rollups(self, dimension: str, length: int, since: int, until: int) -> list[Rollup]:
        """The rollups that begin in a window, by `start`."""
        ...

    async def search(self, text: str, limit: int) -> list[SearchHit]:
        """Names that have `text` in them; those that begin with it first, then the latest."""
        ...

    async def put_record(self, kind: str, name: str, content: bytes) -> None:
        """Store or replace a small JSON object."""
        ...

    async def records(self, kind: str) -> dict[str, bytes]:
        """All objects of a kind, by name."""
        ...

    async def delete_record(self, kind: str, name: str) -> bool:
        """Delete an object; whether it was there."""
        ...

    async def lease(self, name: str, holder: str, *, now: int, seconds: int) -> bool:
        """Take or prolong a lease; False while another holder's has not run out."""
        ...
