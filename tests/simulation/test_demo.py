"""The demo opens on a day of calls, in a store of its own."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

from tests.support.servers import free_port


def _get(port: int, path: str) -> Any:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1{path}", timeout=10) as answer:
        return json.load(answer)


def test_the_demo_starts_with_one_day_of_calls_and_adds_live_ones(tmp_path: Path) -> None:
    port = free_port()
    command = [sys.executable, "-m", "jmmc", "serve", "--demo", "--port", str(port)]
    with (tmp_path / "log").open("wb") as log:
        server = subprocess.Popen(command, cwd=tmp_path, stdout=log, stderr=log, env=os.environ)
    try:
        overview: Any = None
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and (overview is None or not overview["now"]["sessions"]):
            assert server.poll() is None, (tmp_path / "log").read_text()
            time.sleep(0.5)
            try:
                overview = _get(port, "/overview?since=25h")
            except OSError:
                continue
        assert overview["sessions"] > 400
        assert 0 < overview["grades"]["poor_share"] < 0.3
        assert overview["now"]["sessions"] > 0, "nobody calls"
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
        for _ in range(100):
            try:
                assert _get(port, "/overview")["sessions"] == 0
                break
            except OSError:
                time.sleep(0.1)
        time.sleep(3)
        assert _get(port, "/live")["people"] == 0
        assert not (tmp_path / "jmmc-demo.db").exists()
    finally:
        server.send_signal(signal.SIGTERM)
        assert server.wait(20) == 0
