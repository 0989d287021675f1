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
from tests.support.servers import Serve, post_push

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
    serve = Serve(tmp_path / "disk", environ=host.environ)
    try:
        _wait_until(lambda: "summaries" in _leases(serve), serve)
        serve.stop(signal.SIGKILL)
        assert _leases(serve)["summaries"] > time.time() + 2 * _DAY
        host.jump(0)
        serve.start()
        post_push(serve.url, body(wire_sample(0, {"pid": "x", "cq": 90})))
        _wait_until(lambda: _summaries(serve) == 1, serve)
        assert _leases(serve)["summaries"] < time.time() + _DAY
    finally:
        serve.close()


def test_a_clean_stop_releases_the_lease_and_the_next_process_summarizes_at_once(
    tmp_path: Path,
) -> None:
    serve = Serve(tmp_path / "site")
    try:
        _wait_until(lambda: "summaries" in _leases(serve), serve)
        assert serve.stop() == 0
        assert _leases(serve) == {}
        serve.start()
        post_push(serve.url, body(wire_sample(0, {"pid": "x", "cq": 90})))
        _wait_until(lambda: _summaries(serve) == 1, serve)
    finally:
        serve.close()
