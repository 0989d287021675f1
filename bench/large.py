"""Make a store of 1,000,000 sessions in 300 days by repeating a month of simulated calls.

The month (`--month`, an SQLite file) is made with `jmmc simulate` unless it is there. It is stored
`--months` times, each copy 30 days earlier. Every session gets its own id in each copy, and all of
its times are shifted, in its samples and in its summary. Of the people 60 % are there in every
month, with the same participant id; the others are new in each. Rooms, addresses and what happened
in the calls are repeated. Sessions that go on after the 30 days are left out.

Sessions are stored as a day later: archived, and summarized by today's formulas. The product makes
rollups, columns of days, usage and incidents of them. The last `--sampled` months have samples. In
MongoDB, where all is written through the product, that is by default one month.
"""

import argparse
import asyncio
import hashlib
import os
import sqlite3
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from itertools import count
from multiprocessing import get_context
from multiprocessing.pool import Pool
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).parent.parent))

import msgspec

from jmmc.core.model import Dialect, Session
from jmmc.maintenance.rollups import FACT_COLUMNS, fact_of
from jmmc.maintenance.schedule import summarizer_of, usual_rhythm
from jmmc.maintenance.usage_days import UsageDays
from jmmc.quality.accumulator import Formula
from jmmc.quality.day_columns import DayColumns, columns_of
from jmmc.quality.day_totals import RATED_COLUMNS, TOTAL_COLUMNS, DayTotals, totals_of
from jmmc.quality.filters import DIMENSIONS, SummaryFilter
from jmmc.quality.rollup_hours import hours_of
from jmmc.quality.rollups import ALL, DAY, FORM, HOUR, Fact, Rollup, day_of, hour_of
from jmmc.quality.summarize import summarize
from jmmc.quality.summary import Summary
from jmmc.quality.thresholds import preset
from jmmc.settings import Settings
from jmmc.stores import Store, open_store
from jmmc.stores.searchable_names import names_of, stored_kind
from jmmc.stores.sqlite import archive
from jmmc.stores.sqlite.compression import compress, decompress
from jmmc.stores.sqlite.rows import SESSION_ROWS, sample_of, session_of
from jmmc.stores.sqlite.summary_writes import put_summaries, summary_row
from tests.support.builders import shifted_in_time
from tests.support.mongod import started

MONTH = 30 * DAY
_RETURNING = 60  # Percent of the people who are there in every month.
_PART = 500  # Sessions that a process works on at a time.
_SQLITE = "sqlite:///"
_FORMULA = Formula.of(preset("experience"), usual_rhythm())
_SUMMARY = msgspec.json.Decoder(Summary)


class Stay(NamedTuple):
    """A session of the month: `samples` are archived, `summary` is compressed JSON."""

    session: str
    room: str
    browser_id: str
    dialect: int
    began: int
    samples: bytes
    summary: bytes


class Copies(NamedTuple):
    """Sessions of a copy: rows of tables without their keys, summaries as JSON, and their days."""

    sessions: list[tuple[str, str, str, int, int]]
    archived: list[tuple[int, int, bytes]]
    summaries: list[tuple[object, ...]]
    names: list[tuple[str, str, int]]
    whole: list[bytes]
    days: set[int]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--store", default=f"{_SQLITE}/tmp/jmmc-bench/1000000.db")
    parser.add_argument("--mongod", type=Path, help="instead: the folder of a mongod to start")
    parser.add_argument("--month", type=Path, default=Path("/tmp/jmmc-bench/100000.db"))
    parser.add_argument("--sessions", type=int, default=100_000, help="of a month to be simulated")
    parser.add_argument("--months", type=int, default=10)
    parser.add_argument("--sampled", type=int, help="months with samples; all of them in SQLite")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    if not options.month.exists():
        _simulate(options.month, options.sessions)
    sampled = options.sampled
    if options.mongod is None:
        kept = options.months if sampled is None else sampled
        asyncio.run(make(options.store, options.month, options.months, kept, options.processes))
        return
    with started(options.mongod) as mongod:
        kept = 1 if sampled is None else sampled
        asyncio.run(make(mongod.url, options.month, options.months, kept, options.processes))


def _simulate(month: Path, sessions: int) -> None:
    month.parent.mkdir(parents=True, exist_ok=True)
    size = ["--participants", str(sessions), "--rooms", str(max(1, sessions // 20))]
    command = ["simulate", *size, "--minutes", str(MONTH // 60), "--store", f"{_SQLITE}{month}"]
    subprocess.run([sys.executable, "-m", "jmmc", *command], check=True)


async def make(url: str, month: Path, months: int, sampled: int, processes: int) -> None:
    """Make a store; print how long each step took."""
    store = open_store(url, timeout=60)
    await store.open()
    if await store.session_times() is not None:
        raise SystemExit(f"{url} has sessions already")
    days: set[int] = set()
    with get_context("spawn").Pool(processes) as pool:
        with _timed("the month read, and summarized where an earlier version did that"):
            stays = _within_month(_stays_of(pool, month))
        with _timed(f"{len(stays) * months:,} sessions stored"):
            target = _FilledFile(url) if url.startswith(_SQLITE) else _FilledStore(store)
            for copy in reversed(range(months)):
                for copies in _copies_of(pool, stays, copy):
                    await target.add(copies, with_samples=copy < sampled)
                    days.update(copies.days)
                _show(f"{len(stays) * (months - copy):,} of {len(stays) * months:,} sessions")
            target.close()
        await _complete(store, url, sorted(days), pool)
    await store.close()


def _stays_of(pool: Pool, month: Path) -> list[Stay]:
    with closing(sqlite3.connect(f"file:{month}?mode=ro", uri=True)) as connection:
        (last,) = connection.execute("SELECT max(id) FROM sessions").fetchone()
    parts = [(month, first, min(first + _PART, last + 1)) for first in range(1, last + 1, _PART)]
    stays: list[Stay] = []
    for part in pool.imap(_read_part, parts):
        stays += part
        if len(stays) % (20 * _PART) < len(part):
            _show(f"{len(stays):,} of {last:,} sessions read")
    return sorted(stays, key=lambda stay: stay.began)


def _read_part(part: tuple[Path, int, int]) -> list[Stay]:
    month, first, end = part
    stays: list[Stay] = []
    with closing(sqlite3.connect(f"file:{month}?mode=ro", uri=True)) as connection:
        for row in connection.execute(
            f"{SESSION_ROWS} WHERE id >= ? AND id < ?", [first, end]
        ).fetchall():
            key, session, room, browser_id, dialect, began = row
            found = connection.execute("SELECT samples FROM packed WHERE session = ?", [key])
            archived = next((content for (content,) in found), None)
            samples = archive.unpacked(archived) if archived else _loose_rows(connection, key)
            summary = _stored_summary(connection, session)
            if summary is None:
                whole = session_of(row, [(key, *values) for values in samples])
                made = summarize(
                    whole, preset=preset("experience"), rhythm=usual_rhythm(), now=time.time()
                )
                summary = compress(msgspec.json.encode(made))
            packed = archived or archive.packed(samples)
            stays.append(Stay(session, room, browser_id, dialect, began, packed, summary))
    return stays


def _loose_rows(connection: sqlite3.Connection, key: int) -> list[archive.Row]:
    statement = "SELECT seq, ts, marks, readings FROM samples WHERE session = ? ORDER BY seq"
    return connection.execute(statement, [key]).fetchall()


def _stored_summary(connection: sqlite3.Connection, session: str) -> bytes | None:
    """The stored summary, if today's formulas made it."""
    found = connection.execute("SELECT content FROM summaries WHERE session = ?", [session])
    for (content,) in found:
        if content and _SUMMARY.decode(decompress(content)).formula == _FORMULA.name:
            return bytes(content)
    return None


def _within_month(stays: Sequence[Stay]) -> list[Stay]:
    end = stays[0].began + MONTH
    return [stay for stay in stays if _SUMMARY.decode(decompress(stay.summary)).last < end]


def _copies_of(pool: Pool, stays: Sequence[Stay], copy: int) -> Iterator[Copies]:
    """The sessions of a copy; the latest one, 0, is the month itself."""
    parts = (stays[at : at + _PART] for at in range(0, len(stays), _PART))
    return pool.imap(partial(_copied, copy=copy), parts)


def _copied(stays: Sequence[Stay], copy: int) -> Copies:
    copies = Copies([], [], [], [], [], set())
    for stay in stays:
        session, browser_id = _id_in(copy, stay.session), _person_in(copy, stay.browser_id)
        later = -copy * MONTH
        before = _SUMMARY.decode(decompress(stay.summary))
        summary = msgspec.structs.replace(
            shifted_in_time(before, later),
            session=session,
            browser_id=browser_id,
            jitsi_meeting_id=_id_in(copy, before.jitsi_meeting_id),
        )
        samples = [
            (seq, ts + later, marks, readings)
            for seq, ts, marks, readings in archive.unpacked(stay.samples)
        ]
        last = max(ts for _, ts, _, _ in samples)
        copies.sessions.append((session, stay.room, browser_id, stay.dialect, stay.began + later))
        copies.archived.append((len(samples), last, archive.packed(samples)))
        copies.summaries.append(summary_row(summary))
        names = names_of(summary)
        copies.names.extend((stored_kind(kind), name, summary.last) for kind, name in names)
        copies.whole.append(msgspec.json.encode(summary))
        copies.days.update(hour - hour % DAY for hour in hours_of(summary))
    return copies


def _id_in(copy: int, id_: str) -> str:
    """The id of a session or a meeting in a copy, of the same length."""
    return _digest(f"{copy} {id_}")[: len(id_)] if copy else id_


def _person_in(copy: int, browser_id: str) -> str:
    """The participant id in a copy."""
    returns = int(_digest(browser_id)[:8], 16) % 100 < _RETURNING
    return (
        browser_id if returns or not copy else str(uuid.UUID(_digest(f"{copy} {browser_id}")[:32]))
    )


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


class _FilledFile:
    """Writes copies into the tables of an SQLite store that is open."""

    def __init__(self, url: str) -> None:
        self._connection = sqlite3.connect(url.removeprefix(_SQLITE), isolation_level=None)
        self._connection.execute("PRAGMA synchronous = OFF")
        self._connection.execute("PRAGMA cache_size = -500000")
        self._keys = count(1)

    async def add(self, copies: Copies, *, with_samples: bool) -> None:
        """Store these copies."""
        if with_samples:
            keys = [next(self._keys) for _ in copies.sessions]
            self._connection.execute("BEGIN")
            self._connection.executemany(
                "INSERT INTO sessions (id, session, conf, uid, dialect, began)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                [(key, *row) for key, row in zip(keys, copies.sessions, strict=True)],
            )
            self._connection.executemany(
                "INSERT INTO packed (session, count, last, samples) VALUES (?, ?, ?, ?)",
                [(key, *row) for key, row in zip(keys, copies.archived, strict=True)],
            )
            self._connection.execute("COMMIT")
        put_summaries(self._connection, copies.summaries, copies.names, [])

    def close(self) -> None:
        """Close the file."""
        self._connection.close()


class _FilledStore:
    """Writes copies into any store, as a collector does."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def add(self, copies: Copies, *, with_samples: bool) -> None:
        """Store these copies."""
        if with_samples:
            for row, (_, _, packed) in zip(copies.sessions, copies.archived, strict=True):
                session, room, browser_id, dialect, began = row
                samples = tuple(
                    sample_of(Dialect(dialect), *values) for values in archive.unpacked(packed)
                )
                whole = Session(session, room, browser_id, Dialect(dialect), began, samples)
                await self._store.append([whole.as_push()])
        await self._store.reports.put_summaries([_SUMMARY.decode(json) for json in copies.whole])

    def close(self) -> None:
        """Nothing is to be closed: the store is used further."""


async def _complete(store: Store, url: str, days: Sequence[int], pool: Pool) -> None:
    """Make all that the product makes of summaries, with its functions."""
    reports, settings = store.reports, Settings.of()
    summarizer = summarizer_of(store, settings, time.time)
    with _timed(f"rollups and columns of {len(days)} days"):
        for done, (day, rollups, columns, totals) in enumerate(
            pool.imap(partial(_sums_of_day, url), days), 1
        ):
            await reports.put_rollups(rollups)
            await reports.claim_columns(day, "large")
            await reports.put_columns(day, "large", columns, totals)
            if done % 10 == 0:
                _show(f"rollups and columns of {done} of {len(days)} days")
        await reports.put_record("formula", "current", msgspec.json.encode(_FORMULA.name))
        await reports.put_record("dimensions", "current", FORM)
    with _timed("spans"):
        await summarizer.rollups.join_spans(most=len(days))
    with _timed("usage of days"):
        usage = UsageDays(store, lambda: settings, clock=time.time, holder="large")
        await usage.step()
        await usage.release()
    with _timed("incidents"):
        done = 0
        async for _ in summarizer.incidents.upgrade():
            done += 1
            if done % 240 == 0:
                _show(f"incidents of {done // 24} of {len(days)} days")
    await summarizer.release()


def _sums_of_day(
    url: str, day: int
) -> tuple[int, list[Rollup], DayColumns | None, DayTotals | None]:
    """The rollups of a day and of its hours, its columns and its totals."""
    sessions, rows, rated = asyncio.run(_facts_of(url, day))
    hours = [
        rollup
        for hour in range(day, day + DAY, HOUR)
        if (
            facts := [
                fact
                for _, fact in sessions
                if fact.began < hour + HOUR and (fact.ended > hour or fact.began >= hour)
            ]
        )
        for rollup in hour_of(facts, hour)
    ]
    days = [day_of(hours, day, dimension) for dimension in (ALL, *DIMENSIONS)]
    return day, [*hours, *days], columns_of(sessions, day), totals_of(rows, rated, day)


async def _facts_of(
    url: str, day: int
) -> tuple[list[tuple[str, Fact]], list[tuple[Any, ...]], list[tuple[Any, ...]]]:
    """The facts of the sessions that touch a day, and what totals are made of."""
    store = open_store(url, timeout=60)
    await store.open()
    try:
        part = SummaryFilter(since=day, until=day + DAY, attempts=None)
        rows = await store.reports.facts(("session", *FACT_COLUMNS), part)
        totals = await store.reports.facts(TOTAL_COLUMNS, part)
        with_rating = msgspec.structs.replace(part, attempts=False, rated=True)
        rated = await store.reports.facts(("began", *RATED_COLUMNS), with_rating)
    finally:
        await store.close()
    return (
        [(row[0], fact_of(row[1:])) for row in rows],
        [row for row in totals if row[0] >= day],
        [row[1:] for row in rated if row[0] >= day],
    )


@contextmanager
def _timed(what: str) -> Iterator[None]:
    began, began_cpu = time.perf_counter(), time.process_time()
    yield
    took, cpu = time.perf_counter() - began, time.process_time() - began_cpu
    print(f"{what}: {took:,.0f} s, {cpu:,.0f} s of CPU in this process", flush=True)


def _show(progress: str) -> None:
    print(progress, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
