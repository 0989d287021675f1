"""What a batch costs in the SQLite store: statements, and the memory that these keep."""

from pathlib import Path

import pytest

from jmmc.core.model import Push, Receipt, SessionFilter
from jmmc.stores.sqlite import appending
from jmmc.stores.sqlite.appending import _rows_of_statement
from jmmc.stores.sqlite.store import SqliteStore
from jmmc.stores.sqlite.summary_writes import _parts
from tests.support.builders import push


async def _statements(store: SqliteStore, batch: list[Push]) -> int:
    """How many statements the writer runs for a batch, but for the one that inserts samples."""
    connection = store.connections._writer.connection
    assert connection is not None
    statements: list[str] = []
    connection.set_trace_callback(statements.append)
    await store.append(batch)
    connection.set_trace_callback(None)
    # That of the samples is reported once more for each trigger.
    return len([text for text in statements if not text.startswith("INSERT OR IGNORE")])


async def test_many_new_sessions_take_the_statements_of_one(tmp_path: Path) -> None:
    """After each statement the writer waits for the interpreter, which others use."""
    store = SqliteStore(tmp_path / "calls.db")
    await store.open()
    few = await _statements(store, [push(0, session="f" * 24, opens=True)])
    batch = [push(0, session=f"{number:024x}", opens=True) for number in range(30)]
    assert await _statements(store, batch) == few
    assert await store.count(SessionFilter()) == 31
    await store.close()


async def test_resent_samples_take_one_statement_however_long_their_sessions_are(
    tmp_path: Path,
) -> None:
    store = SqliteStore(tmp_path / "calls.db")
    await store.open()
    ids = [f"{number:024x}" for number in range(20)]
    await store.append([push(*range(50), session=session, opens=True) for session in ids])
    usual = await _statements(store, [push(7, session=ids[0])])
    batch = [push(7, session=session) for session in ids]
    assert await _statements(store, batch) == usual
    assert await store.append(batch) == [Receipt(49)] * 20, "as far as they have no gap"
    await store.close()


@pytest.mark.parametrize("rows", [1, 32, 33, 40, 257, 999, 1000, 1001, 2500])
async def test_a_batch_of_any_size_is_stored_once(tmp_path: Path, rows: int) -> None:
    store = SqliteStore(tmp_path / "calls.db")
    await store.open()
    session = push(0).session
    for opens in (True, False):  # The second time all of it is there.
        assert await store.append([push(*range(rows), opens=opens)]) == [Receipt(rows - 1)]
    (stored,) = await store.get([session])
    assert [sample.seq for sample in stored.samples] == [*range(rows)]
    assert await store.append([push(*range(rows, 2 * rows))]) == [Receipt(2 * rows - 1)]
    (stored,) = await store.get([session])
    assert [sample.seq for sample in stored.samples] == [*range(2 * rows)]
    await store.close()


async def test_sessions_that_go_on_are_remembered_longest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(appending, "MOST_RECENT", 3)
    store = SqliteStore(tmp_path / "calls.db")
    await store.open()
    goes_on = f"{0:024x}"
    await store.append([push(0, session=goes_on, opens=True)])
    for number in range(1, 6):
        statements = await _statements(store, [push(number, session=goes_on)])
        assert statements == 0, "it was not looked up"
        await store.append([push(0, session=f"{number:024x}", opens=True)])
    await store.close()


def test_batches_of_a_thousand_sizes_have_few_different_statements() -> None:
    """Each that is kept has the memory of its values; together these have 12,000 rows."""
    sizes = {rows: _rows_of_statement(rows) for rows in range(1, 1001)}
    assert all(rows <= size < rows * 1.25 + 1 for rows, size in sizes.items())
    assert len({*sizes.values()}) < 80
    assert sum({*sizes.values()}) < 13_000


def test_summaries_are_written_by_few_different_statements_and_large_ones_by_themselves() -> None:
    rows = [(number, bytes(60_000 if number % 10 == 0 else 100)) for number in range(70)]
    parts = [*_parts(rows)]
    assert [len(part) for part in parts] == [32, 16, 8, 4, 2, 1] + [1] * 7
    assert sorted(row for part in parts for row in part) == rows
    assert all(len(content) == 60_000 for ((_, content),) in parts[6:])
    assert [*_parts([])] == []
