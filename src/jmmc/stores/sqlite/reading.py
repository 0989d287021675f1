"""Reads sessions with their samples, packed or not."""

from collections.abc import AsyncIterator, Iterator, Sequence
from itertools import groupby
from typing import Any

import msgspec

from jmmc.core.model import Session, SessionFilter
from jmmc.stores.sqlite.connections import Connections
from jmmc.stores.sqlite.rows import SESSION_ROWS, session_of
from jmmc.stores.sqlite.selection import session_conditions

_SESSIONS = 25  # Read at a time: a day in a room is some 3,000 samples of 400 bytes each.
_LONG_AGO = -(2**62)


async def holds(connections: Connections, session: str) -> bool:
    """See `Store.holds`."""
    rows = await connections.read("SELECT 1 FROM sessions WHERE session = ?", [session])
    return bool(rows)


async def read_sessions(
    connections: Connections, selection: SessionFilter
) -> AsyncIterator[Session]:
    """See `Store.sessions`."""
    last = (_LONG_AGO, 0)
    while True:
        rows = await _read_rows(connections, selection, after=last)
        if not rows:
            return
        last = (rows[-1][5], rows[-1][0])
        for session in await _with_samples(connections, rows):
            yield session


async def count_sessions(connections: Connections, selection: SessionFilter) -> int:
    """See `Store.count`."""
    where, values = session_conditions(selection)
    rows = await connections.read(f"SELECT count(*) FROM sessions WHERE {where}", values)
    return int(rows[0][0])


async def get_sessions(connections: Connections, ids: Sequence[str]) -> list[Session]:
    """See `Store.get`."""
    values = [msgspec.json.encode(list(ids)).decode()]
    rows = await connections.read(
        f"{SESSION_ROWS} WHERE session IN (SELECT value FROM json_each(?))", values
    )
    sessions = {session.id: session for session in await _with_samples(connections, rows)}
    return [sessions[session] for session in ids if session in sessions]


async def _read_rows(
    connections: Connections, selection: SessionFilter, *, after: tuple[int, int]
) -> list[Any]:
    where, values = session_conditions(selection)
    return await connections.read(
        f"{SESSION_ROWS} WHERE (began, id) > (?, ?) AND {where}"
        f" ORDER BY began, id LIMIT {_SESSIONS}",
        [*after, *values],
    )


async def _with_samples(connections: Connections, rows: list[Any]) -> Iterator[Session]:
    keys = msgspec.json.encode([row[0] for row in rows]).decode()
    chosen = "session IN (SELECT value FROM json_each(?1))"
    # One statement: between two, a session may be packed and be missing from both.
    sample_rows = await connections.read(
        f"SELECT session, seq, ts, marks, readings FROM samples WHERE {chosen} UNION ALL"
        f" SELECT session, NULL, NULL, NULL, samples FROM packed WHERE {chosen}"
        " ORDER BY session, seq",
        [keys],
    )
    samples = {key: list(group) for key, group in groupby(sample_rows, key=lambda row: row[0])}
    return (session_of(row, samples.get(row[0], ())) for row in rows)
