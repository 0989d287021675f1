"""The embedded store: one SQLite file."""

import asyncio
import sqlite3
import weakref
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from itertools import chain, groupby
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from jmmc.core.errors import StoreError, UnusableStore
from jmmc.core.model import (
    Condition,
    Dialect,
    Erased,
    Push,
    Receipt,
    Refusal,
    Sample,
    Session,
    SessionFilter,
)
from jmmc.stores.sqlite import archive, schema
from jmmc.stores.sqlite.reports import SqliteReports
from jmmc.stores.sqlite.transaction import transaction

_T = TypeVar("_T")
_Row = tuple[int, int, int, int, str]

_WRITER_PRAGMAS = (
    "journal_mode = WAL",  # The writer never waits for readers, nor they for it.
    "synchronous = FULL",  # A commit is an fsync.
    "foreign_keys = ON",
    "secure_delete = ON",  # What is deleted is overwritten: nobody finds it in the file.
    "cache_size = -65536",  # KiB: the last page of 16,000 sessions; the default re-reads them.
)
_BUSY_SECONDS = 10.0  # Another process may be committing; its batches take milliseconds.
_HEADS = 100_000  # Sessions remembered; each is about 440 bytes. A forgotten one costs a SELECT.
_FULL, _BYE = 1, 2
_EXPORT_SESSIONS = 25  # Read at a time: a day in a room is some 3,000 samples of 400 bytes each.
_PACKED = 20  # Sessions a transaction, at the most.
_PRUNED = 50  # Sessions a transaction: some 5,000 samples, for which pushes wait 20 ms.
_SCRUBS = 50  # Tries, 0.2 s apart: an answer reads for as long, an export for minutes.
_LONG_AGO = -(2**62)
_SESSIONS = "SELECT id, session, conf, uid, dialect, began FROM sessions"
_ROWS = 1000  # In one statement; SQLite binds 32,766 values at the most.


class SqliteStore:
    """`Store` on the file at `path`, made when it does not exist."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._writer = _Worker("jmmc-sqlite-writer")
        self._reader = _Worker("jmmc-sqlite-reader")
        self._heads: OrderedDict[str, _Head] = OrderedDict()
        self._data_version = -1
        self.reports = SqliteReports(self)

    @property
    def is_open(self) -> bool:
        """Whether the file is held."""
        return self._writer.connection is not None

    async def open(self) -> None:
        """See `Store.open`."""
        await self._writer.run(self._open_writer)
        await self._reader.run(self._open_reader)

    async def append(self, pushes: Sequence[Push]) -> list[Receipt | Refusal]:
        """See `Store.append`."""
        plain = self._plain_batch(pushes)
        if plain:
            try:
                await self._writer.run(lambda: self._insert(plain))
            except StoreError as error:
                self._heads.clear()
                if not isinstance(error.__cause__, sqlite3.IntegrityError):
                    raise
                # One of these sessions was deleted by another process, or packed.
            else:
                return [Receipt(push.samples[-1].seq) for push in pushes]
        return await self._writer.run(lambda: self._append(pushes))

    async def holds(self, session: str) -> bool:
        """See `Store.holds`."""
        found = await self.read("SELECT 1 FROM sessions WHERE session = ?", [session])
        return bool(found)

    async def sessions(self, selection: SessionFilter) -> AsyncIterator[Session]:
        """See `Store.sessions`."""
        last = (_LONG_AGO, 0)
        while True:
            rows = await self._read_sessions(selection, after=last)
            if not rows:
                return
            last = (rows[-1][5], rows[-1][0])
            for session in await self._with_samples(rows):
                yield session

    async def count(self, selection: SessionFilter) -> int:
        """See `Store.count`."""
        where, values = _where(selection)
        rows = await self.read(f"SELECT count(*) FROM sessions WHERE {where}", values)
        return int(rows[0][0])

    async def get(self, ids: Sequence[str]) -> list[Session]:
        """See `Store.get`."""
        selection = msgspec.json.encode(list(ids)).decode()
        rows = await self.read(
            f"{_SESSIONS} WHERE session IN (SELECT value FROM json_each(?))", [selection]
        )
        found = {with_sample.id: with_sample for with_sample in await self._with_samples(rows)}
        return [found[item] for item in ids if item in found]

    async def prune(self, before: int) -> int:
        """See `Store.prune`."""
        return await self._writer.run(lambda: self._prune(before))

    async def pack(self, before: int) -> int:
        """See `Store.pack`."""
        its = await self.read(archive.QUIET, [before, _PACKED])
        return await self._writer.run(lambda: self._pack(dict(its))) if its else 0

    async def erase(self, selection: SessionFilter) -> Erased:
        """See `Store.erase`."""
        return await self._writer.run(lambda: self._erase(selection))

    async def scrub(self) -> None:
        """See `Store.scrub`. Moves the log into the file and empties it: it has older pages."""
        for _ in range(_SCRUBS):
            if await self.write(_emptied_log):
                return
            await asyncio.sleep(0.2)
        raise StoreError(f"{self.path}: somebody reads for long; say it again when they are done")

    async def check(self) -> Condition:
        """See `Store.check`."""
        await self._writer.run(self._check)
        pages = "pragma_page_count(), pragma_page_size()"
        ((count, size),) = await self.read(f"SELECT * FROM {pages}", [])
        return Condition(size=count * size)

    async def verify(self) -> list[str]:
        """What SQLite's own check of the file complains of, nothing when it is sound.

        Reads the whole file: some 10 s a gigabyte.
        """
        rows = await self.read("PRAGMA quick_check(10)", [])
        lines = [line for row in rows for line in row[0].splitlines()]
        return [line for line in lines if line != "ok" and not line.startswith("***")]

    async def read(self, statement: str, values: Sequence[object]) -> list[Any]:
        """Rows, from the reader's thread."""
        return await self._reader.run(
            lambda: self._open_reader().execute(statement, values).fetchall()
        )

    async def write(self, work: Callable[[sqlite3.Connection], _T]) -> _T:
        """Do something with the writer's connection, in its thread."""
        return await self._writer.run(lambda: work(self._open_writer()))

    async def close(self) -> None:
        """See `Store.close`."""
        await self._reader.close()
        await self._writer.close()
        self._heads.clear()

    def _plain_batch(self, pushes: Sequence[Push]) -> list[_Row] | None:
        """The rows of a batch in which every push just continues a v2 session that we remember.

        None when any push does not. For such a batch it does not matter what another process
        may have stored meanwhile, so one statement, its own transaction, is all it needs. Each
        statement more would cost a fight for the GIL with the event loop: with four of them a
        push took 20 % more CPU.
        """
        rows: list[_Row] = []
        following: dict[_Head, int] = {}
        for push in pushes:
            head = self._heads.get(push.session)
            if head is None or not head.belongs_to(push) or push.dialect is Dialect.V1:
                return None
            expected = following.get(head, head.following)
            for sample in push.samples:
                if sample.seq != expected:
                    return None
                rows.append(_row(head, expected, sample))
                expected += 1
            following[head] = expected
        if len(rows) > _ROWS:
            return None
        for head, expected in following.items():
            head.following = expected
        return rows

    # --- in the writer's thread ---

    def _open_writer(self) -> sqlite3.Connection:
        if self._writer.connection is None:
            schema.refuse_foreign(self.path)
            try:
                connection = sqlite3.connect(
                    self.path,
                    isolation_level=None,
                    timeout=_BUSY_SECONDS,
                    check_same_thread=False,
                    cached_statements=256,
                )
            except sqlite3.Error as error:
                raise UnusableStore(f"{self.path}: {error}") from error
            try:
                # Before WAL: so the file's own header tells from the start whose it is.
                schema.migrate(connection)
                for pragma in _WRITER_PRAGMAS:
                    connection.execute(f"PRAGMA {pragma}")
            except sqlite3.Error as error:
                connection.close()
                raise UnusableStore(f"{self.path}: {error}") from error
            except BaseException:
                connection.close()
                raise
            weakref.finalize(self, connection.close)  # Also at exit: empties the WAL into the file.
            self._writer.connection = connection
            self._data_version = -1
        return self._writer.connection

    def _insert(self, rows: Sequence[_Row]) -> None:
        self._open_writer().execute(_insert_statement(len(rows)), list(chain.from_iterable(rows)))

    def _append(self, pushes: Sequence[Push]) -> list[Receipt | Refusal]:
        connection = self._open_writer()
        try:
            with transaction(connection):
                self._forget_what_others_changed(connection)
                rows: list[_Row] = []
                answers = [self._place(connection, push, rows) for push in pushes]
                for start in range(0, len(rows), _ROWS):
                    self._insert(rows[start : start + _ROWS])
                return [
                    answer
                    if isinstance(answer, Receipt | Refusal)
                    else Receipt(_confirmed(connection, *answer))
                    for answer in answers
                ]
        except BaseException:
            self._heads.clear()
            raise

    def _forget_what_others_changed(self, connection: sqlite3.Connection) -> None:
        """Inside the transaction nobody else writes, so what is remembered holds until its end."""
        (version,) = connection.execute("PRAGMA data_version").fetchone()
        if version != self._data_version:
            self._heads.clear()
            self._data_version = version

    def _place(
        self, connection: sqlite3.Connection, push: Push, rows: list[_Row]
    ) -> "Receipt | Refusal | tuple[int, int]":
        """Add the push's rows; answer its receipt, or (session, last seq) of a late resend."""
        head = self._head(connection, push)
        if head is None:
            return Refusal.UNKNOWN_SESSION
        if not head.belongs_to(push):
            return Refusal.OTHER_OWNER
        following = head.following
        hole = False
        for sample in push.samples:
            seq = following if sample.seq is None else sample.seq
            hole = not sample.full and (hole or seq > following)
            rows.append(_row(head, seq, sample))
            following = max(following, seq + 1)
        late = seq + 1 < head.following
        head.following = following
        if push.dialect is Dialect.V1:
            return Receipt(None)
        return (head.key, seq) if late else Receipt(seq, hole)

    def _head(self, connection: sqlite3.Connection, push: Push) -> "_Head | None":
        head = self._heads.get(push.session)
        if head is not None:
            self._heads.move_to_end(push.session)
            return head
        row = connection.execute(
            "SELECT id, conf, uid, (SELECT max(seq) FROM samples WHERE session = sessions.id),"
            " EXISTS (SELECT 1 FROM packed WHERE session = sessions.id)"
            " FROM sessions WHERE session = ?",
            [push.session],
        ).fetchone()
        if row is not None:
            key, room, browser_id, last, is_packed = row
            if is_packed:
                last = archive.unpack(connection, key)
            head = _Head(key, room, browser_id, 0 if last is None else last + 1)
        elif push.opens:
            made = connection.execute(
                "INSERT INTO sessions (session, conf, uid, dialect, began) VALUES (?, ?, ?, ?, ?)",
                [push.session, push.room, push.browser_id, push.dialect.value, push.samples[0].ts],
            )
            assert made.lastrowid is not None
            head = _Head(made.lastrowid, push.room, push.browser_id, 0)
        else:
            return None
        self._heads[push.session] = head
        if len(self._heads) > _HEADS:
            self._heads.popitem(last=False)
        return head

    def _prune(self, before: int) -> int:
        connection = self._open_writer()
        with transaction(connection):
            quiet = connection.execute(
                "SELECT id, session FROM sessions WHERE began < ?1 AND NOT EXISTS"
                " (SELECT 1 FROM samples WHERE session = sessions.id AND ts >= ?1) AND NOT EXISTS"
                " (SELECT 1 FROM packed WHERE session = sessions.id AND last >= ?1)"
                f" ORDER BY began LIMIT {_PRUNED}",
                [before],
            ).fetchall()
            self._delete(connection, quiet)
        return len(quiet)

    def _pack(self, its: Mapping[int, str]) -> int:
        connection = self._open_writer()
        with transaction(connection):
            done = archive.pack(connection, its)
            for key in done:
                self._heads.pop(its[key], None)
        return len(done)

    def _erase(self, selection: SessionFilter) -> Erased:
        connection = self._open_writer()
        where, values = _where(selection)
        with transaction(connection):
            its = connection.execute(
                f"SELECT id, session FROM sessions WHERE {where} LIMIT {_PRUNED}", values
            ).fetchall()
            return Erased(len(its), self._delete(connection, its))

    def _delete(self, connection: sqlite3.Connection, its: Sequence[tuple[int, str]]) -> int:
        """Delete sessions, by key and id; how many samples they had."""
        samples = 0
        for key, session in its:
            gone = connection.execute("DELETE FROM samples WHERE session = ?", [key])
            samples += gone.rowcount
            for (count,) in connection.execute("SELECT count FROM packed WHERE session = ?", [key]):
                samples += count
            connection.execute("DELETE FROM packed WHERE session = ?", [key])
            connection.execute("DELETE FROM dirty WHERE session = ?", [key])
            connection.execute("DELETE FROM sessions WHERE id = ?", [key])
            self._heads.pop(session, None)
        return samples

    def _check(self) -> None:
        with transaction(self._open_writer()) as connection:
            connection.execute(
                "INSERT INTO probe (id, at) VALUES (1, unixepoch())"
                " ON CONFLICT DO UPDATE SET at = excluded.at"
            )

    # --- in the reader's thread ---

    def _open_reader(self) -> sqlite3.Connection:
        if self._reader.connection is None:
            self._reader.connection = sqlite3.connect(
                f"{self.path.absolute().as_uri()}?mode=ro",
                uri=True,
                isolation_level=None,
                timeout=_BUSY_SECONDS,
                check_same_thread=False,
            )
        return self._reader.connection

    async def _read_sessions(
        self, selection: SessionFilter, *, after: tuple[int, int]
    ) -> list[Any]:
        where, values = _where(selection)
        return await self.read(
            f"{_SESSIONS} WHERE (began, id) > (?, ?) AND {where}"
            f" ORDER BY began, id LIMIT {_EXPORT_SESSIONS}",
            [*after, *values],
        )

    async def _with_samples(self, rows: list[Any]) -> Iterator[Session]:
        ids = msgspec.json.encode([row[0] for row in rows]).decode()
        selection = "session IN (SELECT value FROM json_each(?1))"
        # One statement: between two of them a session may be packed, and be in neither.
        found = await self.read(
            f"SELECT session, seq, ts, marks, readings FROM samples WHERE {selection} UNION ALL"
            f" SELECT session, NULL, NULL, NULL, samples FROM packed WHERE {selection}"
            " ORDER BY session, seq",
            [ids],
        )
        samples = {key: list(value) for key, value in groupby(found, key=lambda row: row[0])}
        return (_session(row, samples.get(row[0], ())) for row in rows)


class _Head:
    """What the writer remembers of a session; `following` is the seq after the highest stored."""

    __slots__ = ("browser_id", "following", "key", "room")

    def __init__(self, key: int, room: str, browser_id: str, following: int) -> None:
        self.key = key
        self.room = room
        self.browser_id = browser_id
        self.following = following

    def belongs_to(self, push: Push) -> bool:
        return self.room == push.room and self.browser_id == push.browser_id


class _Worker:
    """A thread that owns a connection: SQLite blocks, the event loop must not."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._thread: ThreadPoolExecutor | None = None
        self.connection: sqlite3.Connection | None = None

    async def run(self, work: Callable[[], _T]) -> _T:
        """Do `work` in the thread; SQLite's errors come back as `StoreError`."""
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, self._name)
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        except sqlite3.Error as error:
            raise StoreError(str(error)) from error

    async def close(self) -> None:
        """Close the connection and end the thread, when it has done what it was told."""
        thread, connection = self._thread, self.connection
        self._thread = self.connection = None
        if thread is not None:
            if connection is not None:
                await asyncio.get_running_loop().run_in_executor(thread, connection.close)
            thread.shutdown(wait=False)


def _emptied_log(connection: sqlite3.Connection) -> bool:
    """Whether the log could be emptied at once: pushes must not wait for somebody who reads."""
    connection.execute("PRAGMA busy_timeout = 0")
    try:
        (busy, _, _) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    finally:
        connection.execute(f"PRAGMA busy_timeout = {int(_BUSY_SECONDS * 1000)}")
    return not busy


@lru_cache(maxsize=256)
def _insert_statement(rows: int) -> str:
    values = ", ".join(["(?, ?, ?, ?, ?)"] * rows)
    return f"INSERT OR IGNORE INTO samples (session, seq, ts, marks, readings) VALUES {values}"


def _row(head: _Head, seq: int, sample: Sample) -> _Row:
    marks = (_FULL if sample.full else 0) | (_BYE if sample.bye else 0)
    return head.key, seq, sample.ts, marks, sample.readings.decode()


def _confirmed(connection: sqlite3.Connection, session: int, seq: int) -> int:
    """The last of the unbroken run that `seq` stands in."""
    later = connection.execute(
        "SELECT seq FROM samples WHERE session = ? AND seq > ? ORDER BY seq", [session, seq]
    )
    for (following,) in later:
        if following != seq + 1:
            break
        seq = following
    return seq


def _where(selection: SessionFilter) -> tuple[str, list[object]]:
    parts: list[tuple[str, object]] = [
        ("conf = ?", selection.room),
        ("uid = ?", selection.browser_id),
        ("began >= ?", selection.since),
        ("began < ?", selection.until),
    ]
    given = [(condition, value) for condition, value in parts if value is not None]
    return " AND ".join(item[0] for item in given) or "1", [item[1] for item in given]


def sample_of(dialect: Dialect, seq: int, ts: int, marks: int, readings: str) -> Sample:
    """The sample that a row of the table holds."""
    return Sample(
        None if dialect is Dialect.V1 else seq,
        ts,
        readings.encode(),
        bool(marks & _FULL),
        bool(marks & _BYE),
    )


def _session(row: Any, found: Sequence[Any]) -> Session:
    """A session of its row, and of those of its samples, or the one in which they are packed."""
    _, session, room, browser_id, dialect_number, began = row
    dialect = Dialect(dialect_number)
    samples: Iterable[archive.Row] = (item[1:] for item in found)
    if found and isinstance(found[0][4], bytes):
        samples = archive.unpacked(found[0][4])
    its = tuple(sample_of(dialect, *sample) for sample in samples)
    return Session(session, room, browser_id, dialect, began, its)
