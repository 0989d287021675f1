"""What is special to the SQLite store: its file."""

import sqlite3
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from jmmc.core.errors import StoreError, UnusableStore
from jmmc.core.model import Session, SessionFilter
from jmmc.quality.filters import SummaryFilter
from jmmc.stores import open_store
from jmmc.stores.sqlite import reading
from jmmc.stores.sqlite.rows import session_of
from jmmc.stores.sqlite.schema import APPLICATION_ID, migrations
from jmmc.stores.sqlite.selection import summary_conditions
from jmmc.stores.sqlite.store import SqliteStore
from tests.stores.conftest import summarize_all
from tests.support.builders import push, sample


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "calls.db"


async def _made(path: Path) -> None:
    store = SqliteStore(path)
    await store.open()
    await store.append([push(0)])
    await store.close()


def _foreign(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE birds (name TEXT)")
    connection.close()


def _named_foreign(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE birds (name TEXT)")
        connection.execute("PRAGMA application_id = 7")
    connection.close()


def _too_new(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE future (name TEXT)")
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute("PRAGMA user_version = 999")
    connection.close()


def _nothing_inside(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE birds (name TEXT)")
    connection.close()
    content = bytearray(path.read_bytes())
    content[100:] = b"\xff" * (len(content) - 100)
    path.write_bytes(content)


REFUSED: dict[str, tuple[Callable[[Path], object], str]] = {
    "text": (lambda path: path.write_text("hello\n" * 100), "not an SQLite file"),
    "cut short": (lambda path: path.write_bytes(b"SQLite format 3\0" + b"x" * 20), "damaged"),
    "a head and nothing behind it": (_nothing_inside, "calls.db: database disk image is malformed"),
    "another program's": (_foreign, "another program"),
    "another program's, with its id": (_named_foreign, "another program"),
    "of a newer version": (_too_new, "newer version"),
}


@pytest.mark.parametrize("kind", REFUSED)
async def test_a_foreign_file_is_refused_and_left_as_it_was(path: Path, kind: str) -> None:
    make, words = REFUSED[kind]
    make(path)
    before = path.read_bytes()
    store = SqliteStore(path)
    with pytest.raises(UnusableStore, match=words) as refused:
        await store.open()
    await store.close()

    assert str(path) in str(refused.value)
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == [path.name]


async def test_a_file_damaged_in_the_middle_is_refused_or_found_by_the_check(path: Path) -> None:
    await _made(path)
    content = bytearray(path.read_bytes())
    content[4096 : 4096 * 4] = b"\xff" * 4096 * 3
    path.write_bytes(content)
    store = SqliteStore(path)
    try:
        await store.open()
        problems = await store.verify()
    except StoreError as error:
        problems = [str(error)]
    assert problems
    await store.close()


@pytest.mark.parametrize("read_only", [True, False])
async def test_a_second_store_on_the_file_leaves_the_first_one_its_locks(
    path: Path, read_only: bool
) -> None:
    """Without them another process deletes the log that the first one still writes to."""
    store, second = SqliteStore(path), SqliteStore(path, read_only=read_only)
    await store.open()
    await store.append([push(0)])
    await second.open()
    await second.close()
    assert _count_in_another_process(path) == 1
    await store.append([push(1)])
    assert _count_in_another_process(path) == 2
    await store.close()


def _count_in_another_process(path: Path) -> int:
    code = "import sqlite3, sys; connection = sqlite3.connect(sys.argv[1])"
    code += "; print(*connection.execute('SELECT count(*) FROM samples').fetchone())"
    code += "; connection.close()"
    return int(subprocess.check_output([sys.executable, "-c", code, path]))


async def test_a_folder_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnusableStore, match="does not exist"):
        await SqliteStore(tmp_path / "no" / "calls.db").open()


async def test_a_folder_in_place_of_the_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnusableStore, match="directory"):
        await SqliteStore(tmp_path).open()


@pytest.mark.parametrize("url", ["", "calls.db", "sqlite://calls.db", "redis://x", "sqlite:///"])
def test_a_url_of_no_known_store_is_refused(url: str) -> None:
    with pytest.raises(UnusableStore, match="expected sqlite"):
        open_store(url)


async def test_an_empty_file_becomes_a_store(path: Path) -> None:
    path.touch()
    await _made(path)


async def test_a_first_start_that_was_killed_is_repeated(path: Path) -> None:
    """The file exists, its header is SQLite's, and no migration was committed."""
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.close()
    await _made(path)


async def test_a_first_start_that_was_killed_in_its_first_migration_is_repeated(path: Path) -> None:
    """SQLite's own file of what is to be undone is still there."""
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 0")
    connection.execute("VACUUM")
    connection.close()
    path.with_name("calls.db-journal").touch()
    await _made(path)


async def test_the_header_has_our_application_id_while_the_content_is_still_in_the_log(
    path: Path,
) -> None:
    """A second process must know the file before the first one has emptied its log."""
    first, second = SqliteStore(path), SqliteStore(path)
    await first.open()
    await first.append([push(0)])
    await second.open()

    assert await second.count(SessionFilter()) == 1
    await first.close()
    await second.close()


async def test_a_commit_is_an_fsync_and_readers_never_wait(path: Path) -> None:
    store = SqliteStore(path)
    await store.open()

    def pragma(name: str) -> object:
        connection = store.connections._writer.connection
        assert connection is not None
        return connection.execute(f"PRAGMA {name}").fetchone()[0]

    assert await store.connections._writer.run(lambda: pragma("journal_mode")) == "wal"
    assert await store.connections._writer.run(lambda: pragma("synchronous")) == 2, "FULL"
    assert await store.connections._writer.run(lambda: pragma("user_version")) == len(migrations())
    assert await store.connections._writer.run(lambda: pragma("application_id")) == APPLICATION_ID
    await store.close()


async def test_on_a_full_disk_nothing_of_a_batch_is_stored_and_later_batches_are(
    path: Path,
) -> None:
    store = SqliteStore(path)
    await store.open()
    await store.append([push(0)])
    connection = store.connections._writer.connection
    assert connection is not None
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {pages}")
    large = [push(*range(100), session=f"{number:024x}") for number in range(50)]
    with pytest.raises(StoreError, match="full") as failed:
        await store.append(large)
    assert isinstance(failed.value.__cause__, sqlite3.OperationalError)
    assert await store.count(SessionFilter()) == 1

    connection.execute("PRAGMA max_page_count = 1000000")
    await store.append(large)
    assert await store.count(SessionFilter()) == 50, "one of them was there before"
    await store.close()


async def test_a_session_that_another_process_deleted_is_created_again(path: Path) -> None:
    store = SqliteStore(path)
    await store.open()
    await store.append([push(0)])
    with sqlite3.connect(path) as other:
        other.execute("DELETE FROM samples")
        other.execute("DELETE FROM sessions")
    other.close()
    (receipt,) = await store.append([push(1)])

    assert receipt.gap, "the browser must be asked for a full sample"  # type: ignore[union-attr]
    assert await store.count(SessionFilter()) == 1
    await store.close()


async def _erase(store: SqliteStore, room: str) -> None:
    while any(await store.erase(SessionFilter(room=room))):
        pass


async def _prune(store: SqliteStore, room: str) -> None:
    assert await store.prune(1_700_000_600) == 1, room


@pytest.mark.parametrize("delete", [_erase, _prune])
async def test_samples_of_a_deleted_session_never_reach_the_session_after_it(
    path: Path, delete: Callable[[SqliteStore, str], Awaitable[None]]
) -> None:
    """The first store remembers the session that the second one deletes and follows by another."""
    first, second = SqliteStore(path), SqliteStore(path)
    for store in (first, second):
        await store.open()
    of_x = partial(push, session="a" * 24, room="x", opens=True)
    of_y = partial(push, session="b" * 24, room="y", opens=True)
    await first.append([of_x(0, 1, 2)])
    await delete(second, "x")
    late = tuple(sample(seq, ts=1_700_001_000) for seq in range(3))
    await second.append([of_y(samples=late)])
    await first.append([of_x(3, 4, 5)])
    await second.append([of_y(3, 4)])
    await first.append([of_y(5)])
    stored = await first.get(["a" * 24, "b" * 24])
    assert [[sample.seq for sample in session.samples] for session in stored] == [
        [3, 4, 5],
        [0, 1, 2, 3, 4, 5],
    ]
    for store in (first, second):
        await store.close()


async def test_a_session_that_another_process_packed_is_continued(path: Path) -> None:
    first, second = SqliteStore(path), SqliteStore(path)
    for store in (first, second):
        await store.open()
    await first.append([push(0, 1)])
    await summarize_all(second)
    assert await second.pack(1_700_000_600) == 1
    await first.append([push(2)])
    (session,) = await second.get([push(0).session])
    assert [sample.seq for sample in session.samples] == [0, 1, 2]
    for store in (first, second):
        await store.close()


async def test_long_sessions_are_put_together_outside_the_event_loop(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[str] = []

    def note_thread(row: Any, sample_rows: Sequence[Any]) -> Session:
        threads.append(threading.current_thread().name)
        return session_of(row, sample_rows)

    monkeypatch.setattr(reading, "session_of", note_thread)
    store = SqliteStore(path)
    await store.open()
    await store.append([push(*range(100))])
    (session,) = await store.get(["0" * 23 + "1"])
    assert [session] == [whole async for whole in store.sessions(SessionFilter())]
    await store.close()
    assert len(threads) == 2
    assert {name.partition("_")[0] for name in threads} == {"jmmc-sqlite-reader"}


async def test_of_long_sessions_few_are_read_at_a_time(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "_SAMPLES", 100)
    store = SqliteStore(path)
    await store.open()
    lengths = (40, 60, 1, 200, 30, 30, 30, 30)
    for number, length in enumerate(lengths):
        samples = tuple(sample(seq, ts=1000 + number) for seq in range(length))
        await store.append([push(session=f"{number:024x}", samples=samples)])
    together: list[int] = []
    read_as = store.connections.read_as

    async def note_rows(make: Any, statement: str, values: Sequence[object]) -> Any:
        def make_and_note(rows: list[Any]) -> Any:
            together.append(len(rows))
            return make(rows)

        return await read_as(make_and_note, statement, values)

    monkeypatch.setattr(store.connections, "read_as", note_rows)
    sessions = [session async for session in store.sessions(SessionFilter())]
    await store.close()
    assert [len(session.samples) for session in sessions] == list(lengths)
    assert together == [100, 1, 200, 90, 30]


async def test_of_long_sessions_few_are_deleted_in_a_transaction(path: Path) -> None:
    store = SqliteStore(path)
    await store.open()
    for number, length in enumerate((3000, 2000, 1, 6000, 1, 1)):
        samples = tuple(sample(seq, ts=1000) for seq in range(length))
        await store.append([push(session=f"{number:024x}", samples=samples)])
    steps = []
    while any(erased := await store.erase(SessionFilter())):
        steps.append((erased.sessions, erased.samples))
    await store.close()
    assert steps == [(2, 5000), (1, 1), (1, 6000), (2, 2)]


@pytest.mark.parametrize(
    ("selection", "index"),
    [
        ({"code": "0AB12Z"}, "summaries_by_code"),
        ({"rated": True, "since": 5}, "summaries_rated"),
        ({"name": "anna"}, "summaries_by_name"),
    ],
)
async def test_people_are_found_by_an_index(
    path: Path, selection: dict[str, Any], index: str
) -> None:
    store = SqliteStore(path)
    await store.open()
    conditions, values = summary_conditions(SummaryFilter(**selection, attempts=None))
    plan = await store.connections.read(
        f"EXPLAIN QUERY PLAN SELECT whole FROM summaries WHERE {' AND '.join(conditions)}", values
    )
    assert index in str(plan)
    await store.close()


async def test_a_summary_that_goes_on_keeps_its_row_and_is_found_by_what_changed(
    path: Path,
) -> None:
    """Otherwise every index of the table would have its entry made anew."""
    store = SqliteStore(path)

    async def sent(seq: int, readings: str) -> tuple[int, int, str]:
        await store.append([push(samples=(sample(seq, readings, ts=1_000_000 + 30 * seq),))])
        await summarize_all(store)
        with sqlite3.connect(path) as connection:
            ((rowid, seconds, region),) = connection.execute(
                "SELECT rowid, good, region FROM summaries INDEXED BY summaries_by_began"
                " WHERE began = 1000000"
            )
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        connection.close()
        return rowid, seconds, region

    first, _, _ = await sent(0, '{"cq":100,"t":{"sr":"eu-west"}}')
    assert await sent(1, "{}") == (first, 30, "eu-west")
    assert await sent(2, "{}") == (first, 60, "eu-west")
    for seq in (3, 4, 5):  # More seconds than before: the region that held longest is another one.
        _, seconds, region = await sent(seq, '{"t":{"sr":"us-east"}}')
    assert (seconds, region) == (150, "us-east")
    await store.close()
