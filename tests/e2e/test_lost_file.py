"""The file of the SQLite store is deleted, moved or replaced while a collector has it open."""

import signal
import sqlite3
import time
import urllib.error
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.builders import body, wire_sample
from tests.support.commands import jmmc
from tests.support.servers import Serve, post_push
from tests.support.waiting import wait_until


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    serve = Serve(tmp_path / "site")
    yield serve
    serve.close()


def _file(serve: Serve) -> Path:
    return Path(serve.store.removeprefix("sqlite:///"))


def _send(serve: Serve, seq: int, number: int = 1) -> bool:
    """Push one sample of a session; whether it was confirmed."""
    try:
        post_push(serve.url, body(wire_sample(seq, {"pid": "x"}), sid=f"{number:032x}"))
    except urllib.error.HTTPError as error:
        assert error.code == 503
        return False
    return True


def _refuses(serve: Serve) -> bool:
    """Whether the loss is noticed, within seconds, by pushes and by `/readyz`."""
    time.sleep(1)
    assert not _send(serve, 1)
    readiness = serve.readiness(timeout=10)
    assert readiness["status"] == "store_down"
    assert "deleted, moved or replaced" in readiness["detail"]
    assert "event=store_file_lost" in serve.log.read_text()
    return True


def _stored(file: Path) -> int:
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as connection:
        return int(connection.execute("SELECT count(*) FROM samples").fetchone()[0])


def test_no_push_is_confirmed_while_the_file_is_deleted(serve: Serve) -> None:
    assert _send(serve, 0)
    for file in _file(serve).parent.glob("calls.db*"):
        file.unlink()
    assert _refuses(serve)
    assert not _file(serve).exists(), "an empty store would hide the loss"
    assert serve.stop() == 0
    serve.start()
    assert _send(serve, 1)


def test_a_file_that_is_moved_away_and_back_is_used_again(serve: Serve) -> None:
    file = _file(serve)
    assert _send(serve, 0)
    file.rename(file.with_name("elsewhere.db"))
    assert _refuses(serve)
    file.with_name("elsewhere.db").rename(file)
    assert wait_until(lambda: _send(serve, 1), serve.log.read_text)
    assert serve.readiness(timeout=10)["status"] == "ready"
    assert _send(serve, 2)
    (session,) = serve.export()
    assert len(session["m"]) == 3


def test_a_backup_that_replaces_the_file_is_opened_and_nothing_of_the_old_file_gets_into_it(
    serve: Serve, tmp_path: Path
) -> None:
    file, backup, old = _file(serve), tmp_path / "backup.db", tmp_path / "old.db"
    assert _send(serve, 0)
    assert _send(serve, 0, number=2)
    assert jmmc("backup", "--store", serve.store, str(backup)).returncode == 0
    for seq in range(1, 50):
        assert _send(serve, seq)
    assert _send(serve, 0, number=3)
    file.rename(old)
    backup.rename(file)
    time.sleep(1)
    wait_until(lambda: _send(serve, 0, number=4), serve.log.read_text)
    assert "event=store_file_lost" in serve.log.read_text()
    assert "event=store_file_found" in serve.log.read_text()
    assert _send(serve, 50)
    assert _send(serve, 1, number=2)
    assert serve.stop() == 0
    assert _stored(old) >= 52, "the log of the old file is in the old file"
    sessions = sorted(len(session["m"]) for session in serve.export())
    assert sessions == [1, 2, 2]
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


@pytest.mark.parametrize("suffixes", [["-wal"], ["-wal", "-shm"], ["-shm"]])
def test_nothing_is_lost_when_the_log_is_deleted(serve: Serve, suffixes: list[str]) -> None:
    file = _file(serve)
    sent = 0
    for _ in range(3):
        assert _send(serve, sent)
        sent += 1
        for suffix in suffixes:
            file.with_name(f"calls.db{suffix}").unlink()
        time.sleep(1)
        wait_until(lambda number=sent: _send(serve, number), serve.log.read_text, within=20)
        sent += 1
    log = serve.log.read_text()
    assert log.count("event=store_file_lost") == log.count("event=store_file_found") == 3
    serve.stop(signal.SIGKILL)
    (session,) = serve.export()
    assert [sample["seq"] for sample in session["m"]] == list(range(sent))
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_no_push_is_confirmed_into_a_deleted_log_while_others_use_it(serve: Serve) -> None:
    file = _file(serve)
    assert _send(serve, 0)
    with closing(sqlite3.connect(file)) as other:
        assert other.execute("SELECT count(*) FROM samples").fetchall() == [(1,)]
        file.with_name("calls.db-wal").unlink()
        assert _refuses(serve)
        wait_until(lambda: "stop them" in serve.readiness(timeout=10)["detail"])
        assert not file.with_name("calls.db-wal").exists()
        assert other.execute("SELECT count(*) FROM samples").fetchall() == [(1,)]
    wait_until(lambda: _send(serve, 1), serve.log.read_text)
    serve.stop(signal.SIGKILL)
    (session,) = serve.export()
    assert len(session["m"]) == 2


def test_a_foreign_file_in_place_of_the_store_is_refused_and_left_as_it_is(serve: Serve) -> None:
    file = _file(serve)
    assert _send(serve, 0)
    file.rename(file.with_name("elsewhere.db"))
    file.write_text("hello\n" * 100)
    time.sleep(1)
    for _ in range(3):
        assert not _send(serve, 1)
    assert "not an SQLite file" in serve.readiness(timeout=10)["detail"]
    assert file.read_text() == "hello\n" * 100


def test_the_log_of_another_collector_on_the_new_file_is_left_alone(
    serve: Serve, tmp_path: Path
) -> None:
    file = _file(serve)
    assert _send(serve, 0)
    for path in file.parent.glob("calls.db*"):
        path.rename(tmp_path / path.name)
    second = Serve(tmp_path / "second", store=serve.store)
    try:
        assert _send(second, 0, number=5)
        log = file.with_name("calls.db-wal").stat().st_ino
        assert serve.stop() == 0
        assert file.with_name("calls.db-wal").stat().st_ino == log
        assert _send(second, 1, number=5)
    finally:
        second.close()
    assert [len(session["m"]) for session in second.export()] == [2]
