"""Appends pushes to the file, and remembers what it has of each session."""

import sqlite3
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import chain

import msgspec

from jmmc.core.errors import StoreError
from jmmc.core.model import Dialect, Push, Receipt, Refusal
from jmmc.core.parts import parts_of
from jmmc.core.recent_sessions import MOST_RECENT
from jmmc.stores.sqlite import archive
from jmmc.stores.sqlite.connections import Connections
from jmmc.stores.sqlite.rows import SampleRow, sample_row
from jmmc.stores.sqlite.transaction import transaction

_ROWS = 1000  # In one statement; SQLite binds 32,766 values at the most.
_STORED = (
    "SELECT json_group_array(json_array(session, id, conf, uid,"
    " (SELECT coalesce(max(seq), -1) FROM samples WHERE session = sessions.id),"
    " EXISTS (SELECT 1 FROM packed WHERE session = sessions.id)))"
    " FROM sessions WHERE session IN (SELECT value FROM json_each(?))"
)
"""In one value: a thread waits for the GIL after each row that it reads."""
_OPEN = (
    "INSERT INTO sessions (session, conf, uid, dialect, began)"
    " SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4 FROM json_each(?)"
)
_ENDS = (
    "SELECT json_group_array((SELECT seq FROM samples AS last"
    " WHERE session = value ->> 0 AND seq >= value ->> 1 AND NOT EXISTS"
    " (SELECT 1 FROM samples WHERE session = last.session AND seq = last.seq + 1)"
    " ORDER BY seq LIMIT 1)) FROM json_each(?)"
)
_ENCODE = msgspec.json.Encoder().encode
_STORED_ROWS = msgspec.json.Decoder(list[tuple[str, int, str, str, int, bool]], strict=False)
_ENDS_ROW = msgspec.json.Decoder(list[int])


class Appender:
    """Stores batches of pushes, one at a time."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._remembered: OrderedDict[str, _RememberedSession] = OrderedDict()
        self._seen: tuple[int, int] | None = None  # Generation and data_version.

    async def append(self, pushes: Sequence[Push]) -> list[Receipt | Refusal]:
        """See `Store.append`."""
        generation = self._connections.generation
        if self._seen is not None and self._seen[0] != generation:
            self.forget_all()
        rows = self._continuing_rows(pushes)
        if rows:

            def insert(connection: sqlite3.Connection) -> None:
                if self._connections.generation != generation:
                    raise StoreError("the file was replaced; the keys of its rows are others")
                _insert(connection, rows)

            try:
                await self._connections.write(insert)
            except StoreError as error:
                self._remembered.clear()
                if not isinstance(error.__cause__, sqlite3.IntegrityError):
                    raise
                # One of these sessions was deleted by another process, or packed.
            else:
                return [Receipt(push.samples[-1].seq) for push in pushes]
        return await self._connections.write(lambda connection: self._append(connection, pushes))

    def forget(self, sessions: Iterable[str]) -> None:
        """Look these sessions up again before the next push to them is stored."""
        for session in sessions:
            self._remembered.pop(session, None)

    def forget_all(self) -> None:
        """Forget every session, when the connection is closed."""
        self._remembered.clear()
        self._seen = None

    def _continuing_rows(self, pushes: Sequence[Push]) -> list[SampleRow] | None:
        """The rows of a batch in which every push just continues a v2 session that is remembered.

        None when any push does not. For such a batch it does not matter what another process
        may have stored meanwhile, so one statement, its own transaction, is enough. That
        transaction checks the remembered keys: keys are never used again, so the key of a session
        that another process deleted violates the foreign key, and that of one that was packed the
        trigger. Each further statement would compete with the event loop for the GIL: with four
        statements a push took 20 % more CPU.
        """
        rows: list[SampleRow] = []
        next_seqs: dict[_RememberedSession, int] = {}
        for push in pushes:
            session = self._remembered.get(push.session)
            if session is None or not session.belongs_to(push) or push.dialect is Dialect.V1:
                return None
            next_seq = next_seqs.get(session, session.next_seq)
            for sample in push.samples:
                if sample.seq != next_seq:
                    return None
                rows.append(sample_row(session.key, next_seq, sample))
                next_seq += 1
            next_seqs[session] = next_seq
        if len(rows) > _ROWS:
            return None
        for session, next_seq in next_seqs.items():
            session.next_seq = next_seq
        for push in pushes:
            self._remembered.move_to_end(push.session)
        return rows

    def _append(
        self, connection: sqlite3.Connection, pushes: Sequence[Push]
    ) -> list[Receipt | Refusal]:
        try:
            with transaction(connection):
                self._forget_after_other_writers(connection)
                self._find_or_open(connection, pushes)
                rows: list[SampleRow] = []
                answers = [self._add_rows(push, rows) for push in pushes]
                for part in parts_of(rows, _ROWS):
                    _insert(connection, part)
                resent = [answer for answer in answers if isinstance(answer, tuple)]
                ends = iter(_ends_of_runs(connection, resent))
                receipts = [
                    Receipt(next(ends)) if isinstance(answer, tuple) else answer
                    for answer in answers
                ]
        except BaseException:
            self._remembered.clear()
            raise
        self._forget_oldest()
        return receipts

    def _forget_after_other_writers(self, connection: sqlite3.Connection) -> None:
        """Forget every session if another process has written, or the file is another one.

        Called inside the transaction: until its end nobody else writes.
        """
        (version,) = connection.execute("PRAGMA data_version").fetchone()
        state = (self._connections.generation, version)
        if state != self._seen:
            self._remembered.clear()
            self._seen = state

    def _find_or_open(self, connection: sqlite3.Connection, pushes: Sequence[Push]) -> None:
        """Remember the sessions of these pushes: unpacked, or new if one of the pushes may open it.

        The number of statements does not depend on the number of sessions: after each statement
        this thread waits for the GIL, which a busy event loop releases once a millisecond.
        """
        unknown: set[str] = set()
        for push in pushes:
            if push.session in self._remembered:
                self._remembered.move_to_end(push.session)
            else:
                unknown.add(push.session)
        if not unknown:
            return
        stored = _stored_sessions(connection, unknown)
        unknown -= stored.keys()
        opened: dict[str, Push] = {}
        for push in pushes:
            if push.opens and push.session in unknown:
                opened.setdefault(push.session, push)
        if opened:
            _open_sessions(connection, opened.values())
            stored |= _stored_sessions(connection, opened)
        self._remembered |= stored

    def _add_rows(self, push: Push, rows: list[SampleRow]) -> "Receipt | Refusal | tuple[int, int]":
        """Add the push's rows; answer its receipt, or (session, last seq) of a late resend."""
        session = self._remembered.get(push.session)
        if session is None:
            return Refusal.UNKNOWN_SESSION
        if not session.belongs_to(push):
            return Refusal.OTHER_OWNER
        next_seq = session.next_seq
        gap = False
        for sample in push.samples:
            seq = next_seq if sample.seq is None else sample.seq
            gap = not sample.full and (gap or seq > next_seq)
            rows.append(sample_row(session.key, seq, sample))
            next_seq = max(next_seq, seq + 1)
        resent = seq + 1 < session.next_seq
        session.next_seq = next_seq
        if push.dialect is Dialect.V1:
            return Receipt(None)
        return (session.key, seq) if resent else Receipt(seq, gap)

    def _forget_oldest(self) -> None:
        while len(self._remembered) > MOST_RECENT:
            self._remembered.popitem(last=False)


class _RememberedSession:
    """What is remembered of a session; `next_seq` is the seq after the highest stored."""

    __slots__ = ("browser_id", "key", "next_seq", "room")

    def __init__(self, key: int, room: str, browser_id: str, next_seq: int) -> None:
        self.key = key
        self.room = room
        self.browser_id = browser_id
        self.next_seq = next_seq

    def belongs_to(self, push: Push) -> bool:
        return self.room == push.room and self.browser_id == push.browser_id


def _stored_sessions(
    connection: sqlite3.Connection, sessions: Iterable[str]
) -> dict[str, _RememberedSession]:
    """Those of these sessions that are stored, unpacked."""
    (text,) = connection.execute(_STORED, [_ENCODE([*sessions]).decode()]).fetchone()
    return {
        session: _RememberedSession(
            key, room, browser_id, (archive.unpack(connection, key) if is_packed else last) + 1
        )
        for session, key, room, browser_id, last, is_packed in _STORED_ROWS.decode(text)
    }


def _open_sessions(connection: sqlite3.Connection, pushes: Iterable[Push]) -> None:
    """Store the sessions that these pushes open."""
    values = [
        (push.session, push.room, push.browser_id, push.dialect.value, push.samples[0].ts)
        for push in pushes
    ]
    connection.execute(_OPEN, [_ENCODE(values).decode()])


def _insert(connection: sqlite3.Connection, rows: Sequence[SampleRow]) -> None:
    values = [*chain.from_iterable(rows)]
    repeated = _rows_of_statement(len(rows)) - len(rows)
    connection.execute(_insert_statement(len(rows) + repeated), values + [*rows[-1]] * repeated)


def _rows_of_statement(rows: int) -> int:
    """How many rows the statement for so many has: the last one is repeated, and ignored.

    A prepared statement keeps its values, some 0.7 KB a row: those that are kept of a thousand
    different ones would take 200 MB.
    """
    step = 1 if rows <= 32 else 8 if rows <= 256 else 64
    return -(-rows // step) * step


@lru_cache(maxsize=256)
def _insert_statement(rows: int) -> str:
    values = ", ".join(["(?, ?, ?, ?, ?)"] * rows)
    return f"INSERT OR IGNORE INTO samples (session, seq, ts, marks, readings) VALUES {values}"


def _ends_of_runs(connection: sqlite3.Connection, resent: Sequence[tuple[int, int]]) -> list[int]:
    """For each session and seq, the last seq of the run without gaps that the seq is in."""
    if not resent:
        return []
    (text,) = connection.execute(_ENDS, [_ENCODE(resent).decode()]).fetchone()
    return _ENDS_ROW.decode(text)
