"""SIGHUP: settings are reloaded without losing pushes."""

import asyncio
import gzip
import itertools
import json
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from jmmc.settings import Mark, Settings, changed, marked
from tests.support.builders import body
from tests.support.senders import Load, Sender, assert_stored_once
from tests.support.servers import PREFIX, Serve, post_push
from tests.support.waiting import Process, wait_until


def test_changed_settings_are_applied_live_or_need_a_restart() -> None:
    old = Settings.of(port=1, sample_ratio=0.5, authorized_regions="a")
    change = changed(old, Settings.of(port=2, sample_ratio=0.1, authorized_regions="a,b"))
    assert change.applied == ["authorized_regions", "sample_ratio"]
    assert change.waiting == ["port"]
    assert change.settings == Settings.of(port=1, sample_ratio=0.1, authorized_regions="a,b")
    assert changed(old, old).settings == old


@pytest.mark.parametrize("name", ["store", "secret", "prefix", "spool_dir", "quality_preset"])
def test_settings_that_a_running_collector_depends_on_need_a_restart(name: str) -> None:
    assert not marked(name, Mark.LIVE)


async def test_sighup_applies_valid_settings_and_rejects_invalid_ones_without_losing_pushes(
    tmp_path: Path,
) -> None:
    file = tmp_path / "jmmc.toml"
    file.write_text("sample_ratio = 1.0\n")
    serve = Serve(tmp_path, "--config", str(file))
    try:
        assert _script(serve)["sample_ratio"] == 1.0
        assert _push(serve, "Secret Room") == 200
        senders = [Sender(f"room-{number}", number) for number in range(20)]
        async with Load(senders, serve.port) as load:
            await load.confirms()
            for ratio in (0.9, 0.5, 0.25):
                file.write_text(
                    f'sample_ratio = {ratio}\nconf_pattern = "room-.*"\nlog_format = "json"\n'
                    'allowed_origins = ["https://meet.example.org"]\nqueue_limit = 77\n'
                )
                serve.hang_up("settings_reloaded")
                await load.confirms(1)
            file.write_text("sample_ratio = 7\n")
            serve.hang_up("settings_refused")
            await load.confirms(1)
        assert _script(serve)["sample_ratio"] == 0.25
        assert _push(serve, "Secret Room") == 400
        assert_stored_once(serve.export(), senders)
        assert all(sender.refused == 0 for sender in senders)
    finally:
        assert serve.stop() == 0
    lines = serve.log.read_text().splitlines()
    events = [json.loads(line) for line in lines if line.startswith('{"event": "settings')]
    assert events[0]["changed"] == ["conf_pattern", "sample_ratio", "allowed_origins", "log_format"]
    assert [event["changed"] for event in events[1:3]] == [["sample_ratio"], ["sample_ratio"]]
    assert [event.get("need_restart") for event in events] == [["queue_limit"]] * 3 + [None]
    expected = "expected less than or equal to 1"
    assert events[3]["why"] == f"sample_ratio in {file} = 7: {expected}"


def _script(serve: Serve) -> dict[str, object]:
    """The settings in the script that browsers load."""
    request = urllib.request.Request(f"{serve.url}/getClient", headers={"Accept-Encoding": "gzip"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        text = gzip.decompress(answer.read()).decode()
    match = re.search(r'\{"push_url".*?\}', text)
    assert match
    return dict(json.loads(match[0]))


def _push(serve: Serve, conf: str) -> int:
    try:
        post_push(serve.url, body(conf=conf.lower().replace(" ", "%20")))
    except urllib.error.HTTPError as error:
        error.close()
        return error.code
    return 200


def test_sighup_is_held_before_anything_slow_is_imported_and_applied_when_the_server_runs(
    tmp_path: Path,
) -> None:
    file = tmp_path / "jmmc.toml"
    file.write_text("sample_ratio = 1.0\n")
    for number in range(3):
        serve = Serve(tmp_path, "--config", str(file), fresh=True, wait=False)
        assert serve.process is not None
        _wait_until_sighup_is_caught(serve.process)
        loaded = Path(f"/proc/{serve.process.pid}/maps").read_text()
        assert not re.search(r"pydantic|msgspec|uvloop", loaded)
        serve.process.send_signal(signal.SIGHUP)
        try:
            serve.wait_until_ready()
            wait_until(partial(_has_reloaded, serve, number + 1), serve.log.read_text)
        finally:
            assert serve.stop() == 0


def test_little_is_imported_before_sighup_is_held() -> None:
    """Until then a SIGHUP ends the process: each millisecond counts."""
    code = "import sys; before = set(sys.modules); import jmmc.__main__; "
    code += "print(*sorted(set(sys.modules) - before))"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "jmmc.server.reload_signal" in done.stdout.split()
    assert not {"typing", "re", "asyncio", "jmmc.settings"} & set(done.stdout.split())


@pytest.mark.parametrize("round_", range(3))
async def test_sighup_at_any_moment_of_a_server_ends_nothing_and_loses_no_push(
    tmp_path: Path, round_: int
) -> None:
    """From its first instruction, started as by nohup, to its last."""
    file = tmp_path / "jmmc.toml"
    file.write_text("sample_ratio = 1.0\n")
    with _as_nohup_does():
        serve = Serve(tmp_path, "--config", str(file), fresh=True, wait=False)
    process = serve.process
    assert process is not None
    sent = itertools.count()
    over = threading.Event()

    def hang_up_without_end() -> None:
        while not over.wait(0.002):
            process.send_signal(signal.SIGHUP)
            next(sent)

    hanging_up = threading.Thread(target=hang_up_without_end)
    hanging_up.start()
    senders = [Sender(f"room-{number}", number) for number in range(10)]
    try:
        await asyncio.to_thread(serve.wait_until_ready)
        async with Load(senders, serve.port) as load:
            await load.confirms(3)
            process.send_signal(signal.SIGTERM)
            assert await asyncio.to_thread(process.wait, 30) == 0
    finally:
        over.set()
        hanging_up.join()
        serve.close()
    assert next(sent) > 100
    log = serve.log.read_text()
    assert "settings_reloaded" in log
    assert "Traceback" not in log
    assert_stored_once(serve.export(), senders)


def test_sighup_while_a_start_fails_changes_nothing_about_how_it_ends(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        command = [sys.executable, "-m", "jmmc", "serve", "--port", port]
        with _as_nohup_does():
            process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
        while process.poll() is None:
            process.send_signal(signal.SIGHUP)
            time.sleep(0.002)
        assert process.stderr is not None
        with process.stderr as errors:
            assert "cannot listen" in errors.read()
        assert process.returncode == 1


async def test_a_server_that_is_stopped_twice_ends_at_once_and_has_what_it_confirmed(
    tmp_path: Path,
) -> None:
    """As by Ctrl-C and Ctrl-C again, while a client holds up the first."""
    serve = Serve(tmp_path)
    assert serve.process is not None
    senders = [Sender(f"room-{number}", number) for number in range(5)]
    head = f"POST {PREFIX}/push HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n"
    with socket.create_connection(("127.0.0.1", serve.port)) as slow:
        slow.sendall(head.encode())
        async with Load(senders, serve.port) as load:
            await load.confirms(2)
            serve.process.send_signal(signal.SIGTERM)
            await asyncio.to_thread(wait_until, lambda: not _listens(serve.port))
            began = time.monotonic()
            serve.process.send_signal(signal.SIGINT)
            assert await asyncio.to_thread(serve.process.wait, 30) == 0
    assert time.monotonic() - began < 5, "the client had ten seconds"
    assert "Traceback" not in serve.log.read_text()
    assert_stored_once(serve.export(), senders)


def _listens(port: int) -> bool:
    """Whether a server still accepts connections."""
    try:
        socket.create_connection(("127.0.0.1", port), 5).close()
    except OSError:
        return False
    return True


def _has_reloaded(serve: Serve, times: int) -> bool:
    return serve.log.read_text().count("settings_reloaded") == times


@contextmanager
def _as_nohup_does() -> Iterator[None]:
    """Processes that are started meanwhile ignore SIGHUP until they say otherwise."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGHUP, before)


def _wait_until_sighup_is_caught(process: Process) -> None:
    deadline = time.monotonic() + 20
    while True:
        status = Path(f"/proc/{process.pid}/status").read_text()
        if int(status.partition("SigCgt:")[2].split()[0], 16) & 1:
            return
        assert time.monotonic() < deadline
        time.sleep(0.0005)
