"""Appends pushes to the file, and remembers what it has of each session."""

import sqlite3
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import chain

from jmmc.core.errors import StoreError
from jmmc.core.model import Dialect, Push, Receipt, Refusal
from jmmc.stores.sqlite import archive
from jmmc.stores.sqlite.connections import Connections
from jmmc.stores.sqlite.rows import SampleRow, sample_row
from jmmc.stores.sqlite.transaction import transaction

_HEADS = 100_000  # Sessions remembered; each is about 440 bytes. A forgotten one costs a SELECT.
_ROWS = 1000  # In one statement; SQLite binds 32,766 values at the most.


class Appender:
    """What appends, one batch at a time."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._heads: OrderedDict[str, _Head] = OrderedDict()
        self._data_version = -1

    async def append(self, pushes: Sequence[Push]) -> list[Receipt | Refusal]:
        """See `Store.append`."""
        plain = self._plain_batch(pushes)
        if plain:
            try:
                await self._connections.write(lambda connection: _insert(connection, plain))
            except StoreError as error:
                self._heads.clear()
                if not isinstance(error.__cause__, sqlite3.IntegrityError):
                    raise
                # One of these sessions was deleted by another process, or packed.
            else:
                return [Receipt(push.samples[-1].seq) for push in pushes]
        return await self._connections.write(lambda connection: self._append(connection, pushes))

    def forget(self, sessions: Iterable[str]) -> None:
        """Forget what is remembered of sessions that were changed: the next push looks again."""
        for session in sessions:
            self._heads.pop(session, None)

    def forget_all(self) -> None:
        """Forget every session, when the connection is closed."""
        self._heads.clear()
        self._data_version = -1

    def _plain_batch(self, pushes: Sequence[Push]) -> list[SampleRow] | None:
        """The rows of a batch in which every push just continues a v2 session that we remember.

        None when any push does not. For such a batch it does not matter what another process
        may have stored meanwhile, so one statement, its own transaction, is all it needs. Each
        statement more would cost a fight for the GIL with the event loop: with four of them a
        push took 20 % more CPU.
        """
        rows: list[SampleRow] = []
        following: dict[_Head, int] = {}
        for push in pushes:
            head = self._heads.get(push.session)
            if head is None or not head.belongs_to(push) or push.dialect is Dialect.V1:
                return None
            expected = following.get(head, head.following)
            for sample in push.samples:
                if sample.seq != expected:
                    return None
                rows.append(sample_row(head.key, expected, sample))
                expected += 1
            following[head] = expected
        if len(rows) > _ROWS:
            return None
        for head, expected in following.items():
            head.following = expected
        return rows

    def _append(
        self, connection: sqlite3.Connection, pushes: Sequence[Push]
    ) -> list[Receipt | Refusal]:
        try:
            with transaction(connection):
                self._forget_what_others_changed(connection)
                rows: list[SampleRow] = []
                answers = [self._place(connection, push, rows) for push in pushes]
                for start in range(0, len(rows), _ROWS):
                    _insert(connection, rows[start : start + _ROWS])
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
        self, connection: sqlite3.Connection, push: Push, rows: list[SampleRow]
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
            rows.append(sample_row(head.key, seq, sample))
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


def _insert(connection: sqlite3.Connection, rows: Sequence[SampleRow]) -> None:
    connection.execute(_insert_statement(len(rows)), list(chain.from_iterable(rows)))


@lru_cache(maxsize=256)
def _insert_statement(rows: int) -> str:
    values = ", ".join(["(?, ?, ?, ?, ?)"] * rows)
    return f"INSERT OR IGNORE INTO samples (session, seq, ts, marks, readings) VALUES {values}"


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
