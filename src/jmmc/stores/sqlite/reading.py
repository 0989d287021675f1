"""Reads sessions with their samples, packed or not."""

from collections.abc import AsyncGenerator, Iterator, Sequence
from itertools import groupby
from typing import Any

import msgspec

from jmmc.core.model import Dialect, Progress, Sample, Session, SessionFilter
from jmmc.core.parts import parts_within
from jmmc.stores.sqlite.connections import Connections
from jmmc.stores.sqlite.rows import SESSION_ROWS, sample_of, session_of
from jmmc.stores.sqlite.selection import session_conditions

_SESSIONS = 25  # Read at a time,
_SAMPLES = 20_000  # and of those as many as have so many samples: some 20 MB.
_LONG_AGO = -(2**62)
_AFTER = (
    "WITH known AS MATERIALIZED (SELECT sessions.id AS key, sessions.session, value ->> 2 AS last"
    " FROM json_each(?) JOIN sessions ON sessions.session = value ->> 0 WHERE value ->> 1 ="
    " (SELECT count(*) FROM samples WHERE samples.session = sessions.id AND seq <= value ->> 2))"
    " SELECT known.session, seq, ts, marks, readings FROM known"
    " LEFT JOIN samples ON samples.session = key AND seq > last"
)
_LENGTH = (  # Of a session in samples, at the most.
    "coalesce((SELECT max(seq) + 1 FROM samples WHERE samples.session = sessions.id),"
    " (SELECT count FROM packed WHERE packed.session = sessions.id), 0)"
)


async def holds(connections: Connections, session: str) -> bool:
    """See `Store.holds`."""
    rows = await connections.read("SELECT 1 FROM sessions WHERE session = ?", [session])
    return bool(rows)


async def read_sessions(
    connections: Connections, selection: SessionFilter
) -> AsyncGenerator[Session]:
    """See `Store.sessions`."""
    last = (_LONG_AGO, 0)
    while True:
        rows = await _read_rows(connections, selection, after=last)
        if not rows:
            return
        last = (rows[-1][5], rows[-1][0])
        for part in await _parts(connections, rows):
            for session in await _with_samples(connections, part):
                yield session


async def count_sessions(connections: Connections, selection: SessionFilter) -> int:
    """See `Store.count`."""
    where, values = session_conditions(selection)
    rows = await connections.read(f"SELECT count(*) FROM sessions WHERE {where}", values)
    return int(rows[0][0])


async def session_times(connections: Connections) -> tuple[int, int] | None:
    """See `Store.session_times`."""
    # Two queries: each is one search in the index, while min() and max() together read all of it.
    times = "(SELECT min(began) FROM sessions), (SELECT max(began) FROM sessions)"
    ((earliest, latest),) = await connections.read(f"SELECT {times}", [])
    return None if earliest is None else (earliest, latest)


async def get_sessions(connections: Connections, ids: Sequence[str]) -> list[Session]:
    """See `Store.get`."""
    values = [msgspec.json.encode(list(ids)).decode()]
    rows = await connections.read(
        f"{SESSION_ROWS} WHERE session IN (SELECT value FROM json_each(?))", values
    )
    sessions = {session.id: session for session in await _with_samples(connections, rows)}
    return [sessions[session] for session in ids if session in sessions]


async def lengths(connections: Connections, ids: Sequence[str]) -> dict[str, int]:
    """See `Store.lengths`."""
    return dict(
        await connections.read(
            f"SELECT session, {_LENGTH} FROM sessions"
            " WHERE session IN (SELECT value FROM json_each(?))",
            [msgspec.json.encode(list(ids)).decode()],
        )
    )


async def samples_after(
    connections: Connections, known: Sequence[Progress]
) -> dict[str, tuple[Sample, ...]]:
    """See `Store.samples_after`."""

    def by_session(rows: list[Any]) -> dict[str, tuple[Sample, ...]]:
        found: dict[str, list[Sample]] = {}
        for session, *values in rows:
            samples = found.setdefault(session, [])
            if values[0] is not None:
                samples.append(sample_of(Dialect.V2, *values))
        return {session: tuple(sorted(found[session], key=_seq)) for session in found}

    if not known:
        return {}
    return await connections.read_as(by_session, _AFTER, [msgspec.json.encode(known).decode()])


def _seq(sample: Sample) -> int:
    return sample.seq or 0


async def _read_rows(
    connections: Connections, selection: SessionFilter, *, after: tuple[int, int]
) -> list[Any]:
    where, values = session_conditions(selection)
    return await connections.read(
        f"{SESSION_ROWS} WHERE (began, id) > (?, ?) AND {where}"
        f" ORDER BY began, id LIMIT {_SESSIONS}",
        [*after, *values],
    )


async def _parts(connections: Connections, rows: Sequence[Any]) -> Iterator[list[Any]]:
    """Rows of sessions that have at most `_SAMPLES` samples together, or of a single session."""
    sizes = dict(
        await connections.read(
            f"SELECT id, {_LENGTH} FROM sessions WHERE id IN (SELECT value FROM json_each(?))",
            [_keys(rows)],
        )
    )
    return parts_within(rows, _SAMPLES, lambda row: sizes.get(row[0], 0))


async def _with_samples(connections: Connections, rows: Sequence[Any]) -> list[Session]:
    """The sessions of these rows. They are put together in the reader's thread.

    A session may have tens of thousands of samples, which in the event loop would delay pushes.
    """

    def sessions_of(sample_rows: list[Any]) -> list[Session]:
        samples = {key: list(group) for key, group in groupby(sample_rows, key=lambda row: row[0])}
        return [session_of(row, samples.get(row[0], ())) for row in rows]

    chosen = "session IN (SELECT value FROM json_each(?))"
    # One statement: between two, a session may be packed and be missing from both.
    return await connections.read_as(
        sessions_of,
        f"SELECT session, seq, ts, marks, readings FROM samples WHERE {chosen} UNION ALL"
        f" SELECT session, NULL, NULL, NULL, samples FROM packed WHERE {chosen}"
        " ORDER BY session, seq",
        [_keys(rows)] * 2,
    )


def _keys(rows: Sequence[Any]) -> str:
    return msgspec.json.encode([row[0] for row in rows]).decode()
