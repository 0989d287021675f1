"""Each example runs as a server, and its export contains what was pushed."""

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.builders import body, wire_sample
from tests.support.paths import ROOT
from tests.support.servers import PREFIX, free_port, post_push
from tests.support.waiting import wait_until_answered

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
        wait_until_answered(f"{url}/healthz", server, log=log)
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
        assert post_push(url, body(*samples))["ack"] == 1
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
