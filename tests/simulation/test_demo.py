"""The demo opens on a day of calls, in a store of its own."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tests.support.servers import free_port, get_json
from tests.support.waiting import wait_until, wait_until_answered


def _get(port: int, path: str) -> Any:
    return get_json(f"http://127.0.0.1:{port}/api/v1{path}")


def test_the_demo_starts_with_one_day_of_calls_and_adds_live_ones(tmp_path: Path) -> None:
    port = free_port()
    command = [sys.executable, "-m", "jmmc", "serve", "--demo", "--port", str(port)]
    with (tmp_path / "log").open("wb") as log:
        server = subprocess.Popen(command, cwd=tmp_path, stdout=log, stderr=log, env=os.environ)
    try:
        wait_until_answered(f"http://127.0.0.1:{port}/readyz", server, log=tmp_path / "log")

        def find_live() -> Any:
            overview = _get(port, "/overview?since=25h")
            return overview if overview["now"]["connections"] else None

        overview = wait_until(find_live, lambda: "no live calls", pause=0.5)
        assert overview["sessions"] > 400
        assert 0 < overview["grades"]["poor_share"] < 0.3
        cameras = {row["value"] for row in _get(port, "/compare?by=camera&since=25h")}
        assert cameras >= {"VGA Camera", "HD Webcam"}
        assert (tmp_path / "jmmc-demo.db").exists()
        assert not (tmp_path / "jmmc.db").exists()
        said = (tmp_path / "log").read_text()
        assert "one simulated day and live simulated calls" in said
        assert "jmmc report --store sqlite:///jmmc-demo.db --since 24h" in said
    finally:
        server.send_signal(signal.SIGTERM)
        assert server.wait(20) == 0


def test_the_demo_adds_no_calls_to_a_store_named_by_the_operator(tmp_path: Path) -> None:
    port = free_port()
    command = [sys.executable, "-m", "jmmc", "serve", "--demo", "--port", str(port)]
    command += ["--store", f"sqlite:///{tmp_path}/own.db"]
    server = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL)
    try:
        wait_until_answered(f"http://127.0.0.1:{port}/readyz", server)
        assert _get(port, "/overview")["sessions"] == 0
        time.sleep(3)
        assert _get(port, "/live")["people"] == 0
        assert not (tmp_path / "jmmc-demo.db").exists()
    finally:
        server.send_signal(signal.SIGTERM)
        assert server.wait(20) == 0
