"""Sessions that have been quiet for long take less room in an SQLite file, and lose nothing."""

import sqlite3
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jmmc.core.model import Erased, SessionFilter
from jmmc.stores.sqlite.archive import QUIET, packed, unpacked
from jmmc.stores.sqlite.backup import back_up
from jmmc.stores.sqlite.schema import APPLICATION_ID, migrations
from jmmc.stores.sqlite.store import SqliteStore
from tests.stores.conftest import summarize_all
from tests.support.builders import push, sample

_NOW = 1_800_000_000
_ALL = SessionFilter()


async def _add(store: SqliteStore, session: int, *ages: int) -> None:
    samples = tuple(sample(seq, ts=_NOW - age) for seq, age in enumerate(ages))
    await store.append([push(session=f"{session:024x}", samples=samples)])


async def _counts(store: SqliteStore) -> tuple[int, int]:
    """Rows of samples, and sessions that are packed."""
    rows = await store.connections.read(
        "SELECT (SELECT count(*) FROM samples), (SELECT count(*) FROM packed)", []
    )
    return rows[0]  # type: ignore[no-any-return]


async def test_only_sessions_without_recent_samples_and_with_a_summary_are_packed(
    store: SqliteStore,
) -> None:
    await _add(store, 1, 300, 200, 110)
    await _add(store, 2, 300, 90)
    await summarize_all(store)
    await _add(store, 3, 300)
    assert await store.pack(_NOW - 100) == 1
    assert await store.pack(_NOW - 100) == 0
    assert await _counts(store) == (3, 1)
    await summarize_all(store)
    assert await store.pack(_NOW - 100) == 1, "the third is known by now"
    assert await _counts(store) == (2, 2)
    assert await store.reports.dirty(10) == []


async def test_a_late_sample_makes_its_packed_session_dirty_again(store: SqliteStore) -> None:
    await _add(store, 1, 300, 200)
    await summarize_all(store)
    await store.pack(_NOW)
    await store.append([push(2, session=f"{1:024x}")])
    assert await _counts(store) == (3, 0)
    assert await store.reports.dirty(10) == [f"{1:024x}"]
    await summarize_all(store)
    assert await store.reports.dirty(10) == []


async def test_a_bounded_number_is_packed_at_a_time(store: SqliteStore) -> None:
    for session in range(45):
        await _add(store, session, 300)
    await summarize_all(store)
    assert [await store.pack(_NOW) for _ in range(4)] == [20, 20, 5, 0]
    await store.append([push(*range(6000), session="a" * 24), push(0, session="b" * 24)])
    await summarize_all(store)
    assert await store.pack(_NOW) == 1, "a long one fills a transaction"
    assert await store.pack(_NOW) == 1


async def test_finding_sessions_to_pack_does_not_read_all_sessions(store: SqliteStore) -> None:
    plan = await store.connections.read(f"EXPLAIN QUERY PLAN {QUIET}", [_NOW, _NOW, 20])
    steps = [row[3] for row in plan]
    assert "CO-ROUTINE loose" in steps, steps
    assert not [step for step in steps if step.startswith("SCAN") and step != "SCAN loose"]


async def test_packed_sessions_are_pruned_by_their_last_sample(store: SqliteStore) -> None:
    await _add(store, 1, 300, 200)
    await _add(store, 2, 300, 110)
    await summarize_all(store)
    await store.pack(_NOW)
    assert await store.prune(_NOW - 150) == 1
    assert [session.id async for session in store.sessions(_ALL)] == [f"{2:024x}"]
    assert await store.erase(_ALL) == Erased(1, 2)
    assert await _counts(store) == (0, 0)


async def test_a_failure_while_packing_leaves_sessions_as_they_were(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    await _add(store, 1, 300, 200)
    await _add(store, 2, 300)
    await summarize_all(store)
    before = [session async for session in store.sessions(_ALL)]
    done = []

    def tired(rows: object) -> bytes:
        done.append(rows)
        if len(done) == 2:
            raise MemoryError
        return b"half"

    with monkeypatch.context() as patch:
        patch.setattr("jmmc.stores.sqlite.archive.packed", tired)
        with pytest.raises(MemoryError):
            await store.pack(_NOW)
    assert [session async for session in store.sessions(_ALL)] == before
    assert await store.pack(_NOW) == 2
    assert [session async for session in store.sessions(_ALL)] == before


async def test_a_backup_counts_packed_samples_and_reads_files_without_that_table(
    store: SqliteStore, tmp_path: Path
) -> None:
    await _add(store, 1, 300, 200)
    await _add(store, 2, 300)
    await summarize_all(store)
    await store.pack(_NOW - 250)
    await _add(store, 3, 300)
    done = back_up(store.path, tmp_path / "copy.db", replace=False, progress=lambda *_: None)
    assert (done.sessions, done.samples) == (3, 4)

    with sqlite3.connect(tmp_path / "old.db") as old:
        for script in migrations()[:5]:
            old.executescript(script)
        old.executescript(f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = 5;")
    old.close()
    done = back_up(tmp_path / "old.db", tmp_path / "c.db", replace=False, progress=lambda *_: None)
    assert (done.sessions, done.samples) == (0, 0)


@given(
    st.lists(
        st.tuples(
            st.integers(0, 2**53),
            st.integers(-(2**53), 2**53),
            st.integers(0, 3),
            st.dictionaries(st.text(), st.floats(allow_nan=False) | st.text()).map(
                lambda value: msgspec.json.encode(value).decode()
            ),
        )
    )
)
def test_packed_rows_are_unpacked_byte_for_byte(rows: list[tuple[int, int, int, str]]) -> None:
    assert unpacked(packed(rows)) == rows
