"""Each example runs as a server, and its export contains what was pushed."""

import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.builders import body, wire_sample
from tests.support.paths import ROOT
from tests.support.servers import PREFIX, free_port

EXAMPLES = ROOT / "examples"

_WSGI = (
    "import sys; sys.path.insert(0, {folder!r}); from {name} import app; "
    "from werkzeug.serving import run_simple; run_simple('127.0.0.1', {port}, app, threaded=True)"
)


def _command(name: str, port: int) -> list[str]:
    if name.startswith(("fastapi", "starlette")):
        options = ["--app-dir", str(EXAMPLES), "--port", str(port)]
        return [sys.executable, "-m", "uvicorn", f"{name}:app", *options]
    code = _WSGI.format(folder=str(EXAMPLES), name=name, port=port)
    return [sys.executable, "-c", code]


@contextmanager
def _running(name: str, folder: Path) -> Iterator[str]:
    port = free_port()
    log = folder / "log"
    with log.open("wb") as output:
        server = subprocess.Popen(_command(name, port), cwd=folder, stdout=output, stderr=output)
    url = f"http://127.0.0.1:{port}{PREFIX}"
    try:
        deadline = time.monotonic() + 20
        while True:
            try:
                urllib.request.urlopen(f"{url}/healthz", timeout=5).close()
                break
            except OSError:
                assert time.monotonic() < deadline, log.read_text()
                assert server.poll() is None, log.read_text()
                time.sleep(0.05)
        yield url
    finally:
        server.terminate()
        server.wait(20)


@pytest.mark.parametrize("name", sorted(path.stem for path in EXAMPLES.glob("*.py")))
def test_the_example_collects(tmp_path: Path, name: str) -> None:
    with _running(name, tmp_path) as url:
        with urllib.request.urlopen(f"{url}/getClient", timeout=10) as answer:
            assert b"push_interval" in answer.read()
        samples = wire_sample(0, {"pid": "x"}), wire_sample(1, {"cq": 50})
        content = json.dumps(body(*samples)).encode()
        request = urllib.request.Request(f"{url}/push", content, {"Content-Type": "text/plain"})
        with urllib.request.urlopen(request, timeout=10) as answer:
            assert json.load(answer)["ack"] == 1
        exported = subprocess.run(
            [sys.executable, "-m", "jmmc", "export", "--store", "sqlite:///calls.db"],
            cwd=tmp_path,
            capture_output=True,
            check=True,
        ).stdout
        assert json.loads(exported)["m"][1]["cq"] == 50


def test_the_list_of_examples_is_complete() -> None:
    listed = (EXAMPLES / "README.md").read_text()
    assert all(path.name in listed for path in EXAMPLES.glob("*.py"))
