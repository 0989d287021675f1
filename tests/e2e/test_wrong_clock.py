"""The clock of a collector is days ahead at a start, as after a boot without a valid RTC."""

import json
import signal
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.faults.faulty_host import FaultyHost
from tests.support.builders import body, wire_sample
from tests.support.servers import FASTER, Serve, post_push

_DAY = 86_400


def _query(serve: Serve, statement: str) -> list[Any]:
    file = serve.store.removeprefix("sqlite:///")
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as connection:
        return connection.execute(statement).fetchall()


def _wait_until(condition: Callable[[], object], serve: Serve) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, serve.log.read_text()
        time.sleep(0.1)


def _leases(serve: Serve) -> dict[str, int]:
    rows = _query(serve, "SELECT name, content FROM records WHERE kind = 'lease'")
    return {name: json.loads(content)["until"] for name, content in rows}


def _summaries(serve: Serve) -> int:
    return int(_query(serve, "SELECT count(*) FROM summaries")[0][0])


def test_a_lease_left_by_a_clock_three_days_ahead_stops_no_summaries(tmp_path: Path) -> None:
    host = FaultyHost(tmp_path / "host", tmp_path / "disk")
    host.jump(3 * _DAY)
    serve = Serve(tmp_path / "disk", environ=host.environ, code=FASTER)
    try:
        _wait_until(lambda: "summaries" in _leases(serve), serve)
        serve.stop(signal.SIGKILL)
        assert _leases(serve)["summaries"] > time.time() + 2 * _DAY
        host.jump(0)
        with closing(sqlite3.connect(serve.store.removeprefix("sqlite:///"))) as other:
            other.execute("SELECT 1 FROM sessions").fetchall()  # Now the lease may be a living one.
            serve.start()
        post_push(serve.url, body(wire_sample(0, {"pid": "x", "cq": 90})))
        _wait_until(lambda: _summaries(serve) == 1, serve)
        assert _leases(serve)["summaries"] < time.time() + _DAY
    finally:
        serve.close()


_RETENTION = ("--retention-days", "30", "--summary-retention-days", "30")


def _counts(serve: Serve) -> list[int]:
    """How many sessions, samples (packed or not) and summaries are stored."""
    rows = _query(
        serve,
        "SELECT (SELECT count(*) FROM sessions), (SELECT count(*) FROM samples)"
        " + (SELECT coalesce(sum(count), 0) FROM packed), (SELECT count(*) FROM summaries)",
    )
    return list(rows[0])


def _push(serve: Serve, number: int) -> None:
    content = body(wire_sample(0, {"pid": "x", "cq": 90}), sid=f"{number:032x}")
    post_push(serve.url, content)


def _wait_for_event(serve: Serve, event: str, times: int) -> None:
    _wait_until(lambda: serve.log.read_text().count(f"event={event}") == times, serve)


def _wait_for_checkpoint(serve: Serve, since: int) -> None:
    """Wait until retention has stored that it trusts the clock."""
    query = "SELECT content ->> 'now' FROM records WHERE kind = 'clock'"
    _wait_until(lambda: since <= _query(serve, query)[0][0] < since + _DAY, serve)


def test_a_clock_40_days_ahead_deletes_nothing_and_retention_pauses_visibly(tmp_path: Path) -> None:
    """Also at the second boot with that clock, when the first one has stored sessions by it."""
    host = FaultyHost(tmp_path / "host", tmp_path / "disk")
    serve = Serve(tmp_path / "disk", *_RETENTION, environ=host.environ, code=FASTER)
    try:
        for number in range(1, 4):
            _push(serve, number)
        _wait_until(lambda: _counts(serve) == [3, 3, 3], serve)
        for boot in (1, 2):
            assert serve.stop() == 0
            host.jump(40 * _DAY + boot)
            serve.start()
            _wait_for_event(serve, "retention_paused", boot)
            _push(serve, 10 + boot)
            readiness = serve.readiness(timeout=10)
            assert "retention is paused: the clock is 40" in readiness["detail"]
            assert readiness["status"] == "ready"
            time.sleep(2)
            assert _counts(serve)[:2] == [2 + 2 * boot, 2 + 2 * boot]
            host.jump(0)
            _push(serve, 20 + boot)
            assert "detail" not in serve.readiness(timeout=10)
            restarted = time.time()
            serve.stop()
            serve.start()
            _wait_for_checkpoint(serve, int(restarted))
        log = serve.log.read_text()
        assert "event=old_deleted" not in log
        assert log.count("event=retention_resumed") == 2
    finally:
        serve.close()


def test_a_clock_that_jumps_while_running_pauses_retention_until_it_is_right(
    tmp_path: Path,
) -> None:
    host = FaultyHost(tmp_path / "host", tmp_path / "disk")
    serve = Serve(tmp_path / "disk", *_RETENTION, environ=host.environ, code=FASTER)
    try:
        assert "detail" not in serve.readiness(timeout=10)
        host.jump(40 * _DAY)
        assert "retention is paused" in serve.readiness(timeout=10)["detail"]
        host.jump(0)
        assert "detail" not in serve.readiness(timeout=10)
    finally:
        serve.close()


def test_a_clean_stop_releases_the_lease_and_the_next_process_summarizes_at_once(
    tmp_path: Path,
) -> None:
    serve = Serve(tmp_path / "site", code=FASTER)
    try:
        _wait_until(lambda: "summaries" in _leases(serve), serve)
        assert serve.stop() == 0
        assert _leases(serve) == {}
        serve.start()
        post_push(serve.url, body(wire_sample(0, {"pid": "x", "cq": 90})))
        _wait_until(lambda: _summaries(serve) == 1, serve)
    finally:
        serve.close()


def test_after_kill_9_the_next_process_summarizes_at_once(tmp_path: Path) -> None:
    serve = Serve(tmp_path / "site", code=FASTER)
    try:
        _wait_until(lambda: "summaries" in _leases(serve), serve)
        serve.stop(signal.SIGKILL)
        assert "summaries" in _leases(serve)
        serve.start()
        post_push(serve.url, body(wire_sample(0, {"pid": "x", "cq": 90})))
        _wait_until(lambda: _summaries(serve) == 1, serve)
    finally:
        serve.close()
