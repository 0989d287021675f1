"""Each example runs as a server, and its export contains what was pushed."""

import ast
import asyncio
import inspect
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from importlib.util import find_spec
from ipaddress import ip_address
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from jmmc import JmmcError, PerProcess
from tests.support.builders import body, wire_sample
from tests.support.commands import jmmc
from tests.support.paths import ROOT
from tests.support.servers import PREFIX, free_port, post_push
from tests.support.waiting import wait_until, wait_until_answered

EXAMPLES = ROOT / "examples"

_WSGI = (
    "import sys; sys.path.insert(0, {folder!r}); from {name} import app; "
    "from werkzeug.serving import run_simple; run_simple('127.0.0.1', {port}, app, threaded=True)"
)


def _command(name: str, port: int) -> list[str]:
    if name.startswith(("fastapi", "starlette", "django_asgi")):
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


_HOSTS = sorted({path.stem for path in EXAMPLES.glob("*.py")} - {"read_calls"})


@pytest.mark.parametrize("name", _HOSTS)
def test_the_example_collects(tmp_path: Path, name: str) -> None:
    with _running(name, tmp_path) as url:
        with urllib.request.urlopen(f"{url}/getClient", timeout=10) as answer:
            assert b"push_interval" in answer.read()
        samples = wire_sample(0, {"pid": "x"}), wire_sample(1, {"cq": 50})
        assert post_push(url, body(*samples))["ack"] == 1
        done = jmmc("export", "--store", "sqlite:///calls.db", folder=tmp_path)
        assert json.loads(done.stdout)["m"][1]["cq"] == 50


# As gunicorn --preload and uWSGI do: the app is loaded, then the server forks its workers.
_PREFORKING = """
import os, socketserver, sys
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer
sys.path.insert(0, {folder!r})
from {name} import app

class Server(socketserver.ThreadingMixIn, WSGIServer):
    daemon_threads = True

server = Server(("127.0.0.1", {port}), WSGIRequestHandler)
server.set_app(app)
parent = os.getpid()
workers = [pid for pid in (os.fork() if os.getpid() == parent else 0 for _ in range(2)) if pid]
if os.getpid() == parent:
    server.socket.close()
    for pid in workers:
        os.waitpid(pid, 0)
else:
    server.serve_forever()
"""


@pytest.mark.parametrize("name", ["flask_app", "django_app"])
def test_a_wsgi_example_collects_in_every_process_of_a_preforking_server(
    tmp_path: Path, name: str
) -> None:
    port = free_port()
    log = tmp_path / "log"
    code = _PREFORKING.format(folder=str(EXAMPLES), name=name, port=port)
    with log.open("wb") as output:
        server = subprocess.Popen(
            [sys.executable, "-c", code],
            cwd=tmp_path,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    url = f"http://127.0.0.1:{port}{PREFIX}"
    try:
        wait_until_answered(f"{url}/healthz", server, log=log)
        for number in range(8):
            with urllib.request.urlopen(f"{url}/getClient", timeout=10) as answer:
                assert b"push_interval" in answer.read()
            push = body(wire_sample(0, {"pid": "x"}), sid=f"{number:032x}")
            assert post_push(url, push)["ack"] == 0
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(20)
    done = jmmc("export", "--store", "sqlite:///calls.db", folder=tmp_path)
    sessions = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(sessions) == 8
    # This server gives no port of the client, which a2wsgi needs for the client of its scope.
    loopback = int(ip_address("127.0.0.0"))
    assert {session["m"][0]["t"]["rip"] for session in sessions} == {loopback}


def test_behind_a_unix_socket_a_push_has_the_address_that_the_proxy_adds(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    options = ["--app-dir", str(EXAMPLES), "--uds", str(path)]
    command = [sys.executable, "-m", "uvicorn", "starlette_lifespan:app", *options]
    with (tmp_path / "log").open("wb") as log:
        server = subprocess.Popen(command, cwd=tmp_path, stdout=log, stderr=log)
    try:
        wait_until(path.exists, (tmp_path / "log").read_text)
        content = json.dumps(body(wire_sample(0, {"pid": "x"}))).encode()
        head = f"POST {PREFIX}/push HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        head += f"X-Forwarded-For: 6.6.6.6, 198.51.100.7\r\nContent-Length: {len(content)}\r\n\r\n"
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(path))
            connection.sendall(head.encode() + content)
            answer = b"".join(iter(partial(connection.recv, 65_536), b""))
        assert answer.startswith(b"HTTP/1.1 200 ")
    finally:
        server.terminate()
        server.wait(20)
    done = jmmc("export", "--store", "sqlite:///calls.db", folder=tmp_path)
    (session,) = [json.loads(line) for line in done.stdout.splitlines()]
    assert session["m"][0]["t"]["rip"] == int(ip_address("198.51.100.0"))


def test_a_collector_that_was_opened_before_a_fork_refuses_with_the_reason(tmp_path: Path) -> None:
    """Connections to a database do not survive a fork, nor do locks on its files."""
    code = """
import asyncio, os, sys
from jmmc import MetricsCollector
from tests.support.builders import body, call
app = MetricsCollector(store="sqlite:///calls.db", secret="x")
push = lambda: asyncio.run(call(app, "POST", "/push", body()))
assert push().status == 200
pid = os.fork()
if pid:
    os._exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
answer = push()
os._exit(0 if (answer.status, answer.json["error"]) == (503, "store_down") else 1)
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "was opened before this process was forked" in done.stderr


def test_in_uwsgi_without_threads_the_example_refuses_to_start(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """uWSGI gives its options to Python by a module, with names and values as it has them."""
    uwsgi = ModuleType("uwsgi")
    uwsgi.opt = {"master": True, "processes": b"2"}  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "uwsgi", uwsgi)
    with pytest.raises(JmmcError, match="--enable-threads"):
        PerProcess(lambda: lambda environ, start_response: [])
    uwsgi.opt["enable-threads"] = True
    PerProcess(lambda: lambda environ, start_response: [])


def test_the_cells_that_read_a_store_print_what_was_counted_by_hand(tmp_path: Path) -> None:
    """`tests/data/README.md` says what is in the store."""
    shutil.copy(ROOT / "tests" / "data" / "first-schema.db", tmp_path / "calls.db")
    assert jmmc("rebuild", "--store", "sqlite:///calls.db", folder=tmp_path).returncode == 0
    arguments = ("sqlite:///calls.db", "2026-11-24", "2026-11-25")
    done = subprocess.run(
        [sys.executable, EXAMPLES / "read_calls.py", *arguments],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[:2] == ["4 sessions, 31 minutes, peak 3 people", "6.5% of the known time was poor"]
    assert lines[2].split()[:3] == ["eu-west", "31", "min"]
    assert lines[-2].partition(" ")[2].startswith("120 s poor {")
    assert lines[-1].startswith("170 samples, ")


def test_the_python_of_the_page_on_embedding_reads_the_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each block, with the store and a session of the test. Without pandas and polars, the block
    for them makes its table only.
    """
    shutil.copy(ROOT / "tests" / "data" / "first-schema.db", tmp_path / "jmmc.db")
    assert jmmc("rebuild", folder=tmp_path).returncode == 0
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("time.time", lambda: 1795600000.0)  # Its `7d` are those of the store.
    text = (ROOT / "docs/how-to/embedding.md").read_text("utf-8")
    mounted, read, table, awaited = re.findall(r"^```python\n(.*?)^```$", text, re.M | re.S)
    assert _run(mounted)["app"].routes[-1].path == "/jitsi-meet-metrics-collector"

    found = _run(read.replace('region="eu-west"', 'room="standup"').replace("cf154090", "bbbbbbbb"))
    assert (found["overview"].sessions, found["session"].room) == (3, "standup")
    assert [spell.spell.end - spell.spell.start for spell in found["detail"].spells] == [120]
    assert capsys.readouterr().out.startswith("3 ")

    has_frames = find_spec("pandas") is not None and find_spec("polars") is not None
    makes_table = table.partition("calls = ")[0].replace("import polars\n", "")
    found = _run(table if has_frames else makes_table)
    assert found["table"].num_rows == 170
    assert not has_frames or len(found["calls"]) == 170

    found = _run(awaited.replace("mongodb://db/jmmc", "sqlite:///jmmc.db"))
    assert found["overview"].sessions == 4


def _run(block: str) -> dict[str, Any]:
    """Run a block as a notebook does, with `await` outside of functions; the names that it sets."""
    names: dict[str, Any] = {}
    code = compile(block, "page", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    if code.co_flags & inspect.CO_COROUTINE:
        asyncio.run(eval(code, names))
    else:
        exec(code, names)
    return names


def test_the_list_of_examples_is_complete() -> None:
    listed = (EXAMPLES / "README.md").read_text()
    assert all(path.name in listed for path in EXAMPLES.glob("*.py"))
