"""The commands, as an operator types them."""

import asyncio
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from jmmc.cli import main
from jmmc.core.model import SessionFilter
from jmmc.jitsi.snippets import snippet
from jmmc.maintenance.schedule import summarizer_of
from jmmc.settings import Settings
from jmmc.stores.sqlite.store import SqliteStore
from tests.support.builders import UID, body, push, sample, wire_sample
from tests.support.commands import jmmc, jmmc_process
from tests.support.servers import PREFIX, Serve, free_port, post_push


@pytest.fixture
def filled(tmp_path: Path) -> str:
    """A store with three sessions, written by a server that has stopped."""
    serve = Serve(tmp_path)
    for number, conf in enumerate(["one", "two", "one"]):
        first = wire_sample(0, {"pid": "x"}, age=7200 - 3600 * number)
        last = wire_sample(1, {"cq": 50}, full=True, bye=True)
        post_push(serve.url, body(first, last, sid=f"{number:032x}", conf=conf))
    assert serve.stop() == 0
    return serve.store


def test_serve_prints_its_url_and_the_line_for_jitsi_meet(tmp_path: Path) -> None:
    serve = Serve(tmp_path, "--demo")
    with urllib.request.urlopen(f"http://127.0.0.1:{serve.port}/demo", timeout=5) as page:
        assert page.status == 200
    for path in ("/healthz", "/readyz", f"{PREFIX}/healthz"):
        urllib.request.urlopen(f"http://127.0.0.1:{serve.port}{path}", timeout=5).close()
    assert serve.stop(signal.SIGINT) == 0
    said = serve.log.read_text()
    assert f"http://127.0.0.1:{serve.port}{PREFIX}" in said
    lines = [line.strip() for line in said.splitlines() if "config.analytics" in line]
    assert "\n".join(lines) in snippet("config.js", url=serve.url, upstream=serve.url)
    assert f"'{serve.url}/getClient'" in lines[-1]
    assert "/demo" in said
    assert (tmp_path / "calls.db.secret").stat().st_mode & 0o777 == 0o600


def test_the_front_page_shows_live_calls_and_the_line_for_jitsi_meet_has_the_public_url(
    tmp_path: Path,
) -> None:
    serve = Serve(tmp_path, "--public-url", "https://metrics.example.org/")
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{serve.port}/", timeout=5) as page:
            assert b"Nobody is in a call" in page.read()
        assert f"concat('https://metrics.example.org{PREFIX}/getClient')" in serve.log.read_text()
    finally:
        serve.close()


@pytest.mark.parametrize(
    ("arguments", "environ", "words"),
    [
        (["--port", "x"], {}, "port = 'x': expected"),
        ([], {"JMMC_PUSH_INTERVAL": "0"}, "JMMC_PUSH_INTERVAL = '0': expected greater than"),
        ([], {"JMMC_PROT": "1"}, "JMMC_PROT: unknown setting 'prot'; did you mean port?"),
        (["--conf-pattern", "("], {}, "conf_pattern = '(': expected a regular expression"),
        (["--trusted-proxies", "10.0.0.300"], {}, "10.0.0.300"),
        (["--prefix", "x/"], {}, "prefix = 'x/': expected a path"),
        (["--config", "missing.toml"], {}, "missing.toml: No such file"),
        (["--store", "redis://x"], {}, "store = 'redis://x': expected sqlite:///relative.db"),
        (["--store", "mongo://u:secret@x/y"], {}, "store = 'mongo://u:***@x/y': expected"),
    ],
)
def test_an_invalid_setting_is_one_line_and_exit_code_2(
    tmp_path: Path, arguments: list[str], environ: dict[str, str], words: str
) -> None:
    done = jmmc("serve", *arguments, folder=tmp_path, **environ)
    assert done.returncode == 2
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_an_unusable_store_is_reported_before_the_port_is_opened(tmp_path: Path) -> None:
    (tmp_path / "bad.db").write_text("not a database\n" * 20)
    done = jmmc_process("serve", "--store", "sqlite:///bad.db", folder=tmp_path)
    assert done.returncode == 1
    assert done.stderr == "jmmc: bad.db: not an SQLite file, or damaged\n"
    assert [path.name for path in tmp_path.iterdir()] == ["bad.db"], "nothing is left behind"


def test_a_damaged_file_is_refused_and_not_changed(tmp_path: Path) -> None:
    serve = Serve(tmp_path)
    serve.stop()
    file = tmp_path / "calls.db"
    with closing(sqlite3.connect(file)) as connection, connection:
        lease = '{"holder": "killed", "until": 4000000000}'
        connection.execute("INSERT INTO records VALUES ('lease', 'summaries', ?)", [lease])
    content = bytearray(file.read_bytes())
    content[8192:16384] = b"\xff" * 8192
    file.write_bytes(content)
    done = jmmc_process("serve", "--port", "0", "--store", "sqlite:///calls.db", folder=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("jmmc: calls.db is damaged, restore a backup: ")
    assert len(done.stderr.splitlines()) == 1
    assert file.read_bytes() == content


def test_a_port_in_use_is_reported(tmp_path: Path) -> None:
    serve = Serve(tmp_path)
    done = jmmc_process("serve", "--port", str(serve.port), folder=tmp_path)
    serve.close()
    assert done.returncode == 1
    assert f"cannot listen on 127.0.0.1:{serve.port}" in done.stderr


def test_port_0_picks_a_free_port(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "jmmc", "serve", "--port", "0"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        said = server.stdout.readline()
        server.send_signal(signal.SIGTERM)
        assert server.wait(20) == 0
    assert "127.0.0.1:0" not in said


def test_the_environment_beats_the_file_and_a_flag_beats_both(tmp_path: Path) -> None:
    (tmp_path / "jmmc.toml").write_text('port = 1\nhost = "::1"\nauthorized_regions = ["a", "b"]\n')
    done = jmmc(
        *("settings", "--json", "--config", "jmmc.toml", "--prefix", "/m"),
        folder=tmp_path,
        JMMC_PORT="2",
        JMMC_PREFIX="/env",
        JMMC_SECRET="hush",
        JMMC_ALLOWED_ORIGINS="https://a.example, https://b.example",
    )
    listed = json.loads(done.stdout)
    assert (listed["port"], listed["host"], listed["prefix"]) == (2, "::1", "/m")
    assert listed["authorized_regions"] == ["a", "b"]
    assert listed["allowed_origins"] == ["https://a.example", "https://b.example"]
    assert "hush" not in done.stdout


def test_settings_are_listed_with_their_origin(tmp_path: Path) -> None:
    done = jmmc("settings", "--all", "--port", "9", folder=tmp_path, JMMC_HOST="::1")
    lines = {line.split()[0]: line for line in done.stdout.splitlines() if line.strip()}
    assert "JMMC_HOST" in lines["host"]
    assert "default" in lines["store"]


def test_export_writes_the_stored_form_in_order_of_creation(tmp_path: Path, filled: str) -> None:
    done = jmmc("export", "--store", filled, folder=tmp_path)
    sessions = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.stderr == "", "progress is for terminals"
    assert [session["conf"] for session in sessions] == ["one", "two", "one"]
    first = sessions[0]
    assert list(first) == ["_id", "conf", "uid", "v", "m"]
    assert len(first["_id"]) == 24
    assert first["m"][0]["seq"] == 0
    assert first["m"][1].items() >= {"seq": 1, "full": True, "bye": True, "cq": 50}.items()
    assert first["m"][1]["ts"] - first["m"][0]["ts"] in (7199, 7200, 7201)


def test_export_filters_by_room_participant_and_time(tmp_path: Path, filled: str) -> None:
    def exported_rooms(*options: str) -> list[str]:
        done = jmmc("export", "--store", filled, *options, folder=tmp_path)
        assert done.returncode == 0, done.stderr
        return [json.loads(line)["conf"] for line in done.stdout.splitlines()]

    assert exported_rooms("--room", "two") == ["two"]
    assert exported_rooms("--participant", UID.upper()) == ["one", "two", "one"]
    assert exported_rooms("--participant", f"{'0' * 8}{UID[8:]}") == []
    session = json.loads(jmmc("export", "--store", filled, folder=tmp_path).stdout.splitlines()[1])
    moment = str(session["m"][0]["ts"] - 60)
    from datetime import UTC, datetime

    text = datetime.fromtimestamp(int(moment), UTC).isoformat()
    assert exported_rooms("--since", text) == ["two", "one"]
    assert exported_rooms("--until", text.removesuffix("+00:00")) == ["one"]


def test_export_leaves_a_complete_file_or_none(tmp_path: Path, filled: str) -> None:
    done = jmmc("export", "--store", filled, "-o", "out.ndjson", folder=tmp_path)
    assert done.returncode == 0
    assert len((tmp_path / "out.ndjson").read_text().splitlines()) == 3
    done = jmmc("export", "--store", filled, "-o", "no/out.ndjson", folder=tmp_path)
    assert done.returncode == 1
    assert "no/" in done.stderr
    assert not [path for path in tmp_path.iterdir() if path.name.endswith(".part")]


def test_export_writes_to_a_pipe_and_leaves_it_a_pipe(tmp_path: Path, filled: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    with ThreadPoolExecutor(1) as thread:
        reading = thread.submit((tmp_path / "pipe").read_bytes)
        done = jmmc("export", "--store", filled, "-o", "pipe", folder=tmp_path)
        assert done.returncode == 0, done.stderr
        assert len(reading.result(30).splitlines()) == 3
    assert (tmp_path / "pipe").is_fifo()


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (["--store", "sqlite:///none.db"], 1, "none.db: no such file"),
        (["--store", "sqlite:///calls.db", "--since", "someday"], 2, "--since = 'someday'"),
    ],
)
def test_export_reports_invalid_options_and_missing_files(
    tmp_path: Path, options: list[str], code: int, words: str
) -> None:
    done = jmmc("export", *options, folder=tmp_path)
    assert (done.returncode, words in done.stderr) == (code, True), done.stderr
    assert not (tmp_path / "none.db").exists()


def test_export_ends_quietly_when_the_reader_closes_the_pipe(tmp_path: Path, filled: str) -> None:
    command = f"{sys.executable} -m jmmc export --store {filled} | head -c 10"
    done = subprocess.run(command, shell=True, capture_output=True, cwd=tmp_path, timeout=60)
    assert done.stdout.startswith(b'{"_id":"')
    assert done.stderr == b""


def test_check_passes_with_the_defaults(tmp_path: Path) -> None:
    done = jmmc_process("check", folder=tmp_path)
    assert done.returncode == 0, done.stdout
    assert "accepts writes" in done.stdout
    assert "bytes gzipped" in done.stdout
    assert "FAIL" not in done.stdout


def test_check_checks_a_running_collector(tmp_path: Path) -> None:
    serve = Serve(tmp_path)
    done = jmmc("check", "--url", serve.url, folder=tmp_path)
    assert "is ready" in done.stdout
    serve.close()
    done = jmmc("check", "--url", f"http://127.0.0.1:{free_port()}", folder=tmp_path)
    assert done.returncode == 1
    assert "check that it runs" in done.stdout


def test_check_says_what_retention_would_delete_and_deletes_nothing(tmp_path: Path) -> None:
    now = int(time.time())

    async def fill(days: Sequence[int]) -> int:
        store = SqliteStore(tmp_path / "calls.db")
        await store.open()
        for age in days:
            samples = (sample(0, ts=now - age * 86_400),)
            await store.append([push(session=f"{age:024x}", samples=samples)])
        async for _ in summarizer_of(store, Settings.of(), time.time).rebuild():
            pass
        count = await store.count(SessionFilter())
        await store.close()
        return count

    asyncio.run(fill((70, 50, 40, 20)))
    options = ("--store", f"sqlite:///{tmp_path}/calls.db", "--retention-days", "30")
    options += ("--summary-retention-days", "60")
    done = jmmc("check", *options, folder=tmp_path)
    assert "retention: would delete 3 sessions before " in done.stdout
    assert "retention: would delete 1 summaries before " in done.stdout
    assert "retention: the clock is 20.0 days ahead of what is stored" in done.stdout
    assert asyncio.run(fill((0,))) == 5
    done = jmmc("check", *options, folder=tmp_path)
    assert "would delete 3 sessions" in done.stdout
    assert "days ahead" not in done.stdout


def test_check_reports_problems(tmp_path: Path) -> None:
    (tmp_path / "bad.db").write_text("not a database\n" * 20)
    options = ["--store", "sqlite:///bad.db", "--conf-pattern", "[a-z]+[0-9]{5}"]
    done = jmmc("check", *options, folder=tmp_path)
    assert done.returncode == 1
    assert "warn conf_pattern" in done.stdout
    assert "FAIL store: bad.db: not an SQLite file" in done.stdout


def test_every_command_has_help(tmp_path: Path) -> None:
    for command in ("serve", "export", "check", "settings"):
        done = jmmc(command, "--help", folder=tmp_path)
        assert done.returncode == 0
        assert f"Usage: jmmc {command} " in done.stdout
        assert f"Usage: jmmc {command} " in jmmc(command, "--wrong", folder=tmp_path).stderr
    assert jmmc_process("--version", folder=tmp_path).stdout.startswith("jmmc, version ")


@pytest.mark.parametrize("command", [["settings"], ["settings", "--json"], ["check"]])
def test_the_password_of_a_database_is_never_shown(tmp_path: Path, command: list[str]) -> None:
    url = "mongodb://me:s3cr3t@127.0.0.1:1/calls"
    done = jmmc_process(*command, "--store", url, "--store-timeout", "0.3", folder=tmp_path)
    assert "s3cr3t" not in done.stdout + done.stderr
    assert "--json" not in command or "mongodb://me:***@127.0.0.1:1/calls" in done.stdout


# Each of these takes as long to import as most commands take to run.
_OF_THE_SERVER = {"starlette", "uvicorn", "jinja2", "pymongo", "pyarrow", "structlog", "urllib3"}
_OF_THE_SERVER |= {"jmmc.alerting.evaluator", "jmmc.ingest.receiver", "jmmc.web.site"}
_OF_SETTINGS = {"pydantic", "rich", "asyncio", "jmmc.settings", "jmmc.cli.common"}


@pytest.mark.parametrize(
    ("call", "not_needed"),
    [
        ("--version", _OF_SETTINGS | _OF_THE_SERVER),
        ("--help", _OF_SETTINGS | _OF_THE_SERVER),
        ("sessions --json", _OF_THE_SERVER),
        ("report", _OF_THE_SERVER),
    ],
)
def test_a_command_imports_only_what_it_needs(
    tmp_path: Path, call: str, not_needed: set[str]
) -> None:
    code = "import sys\ntry: from jmmc.cli import main; main()\nfinally: print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code, *call.split()],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    loaded = set(done.stdout.split())
    assert "jmmc.cli.command" in loaded
    assert not loaded & not_needed


def test_the_list_of_commands_has_the_first_sentences_of_their_help() -> None:
    for name, listed in main.commands.items():
        command = main.load(name)
        assert command.name == name
        assert command.get_short_help_str(300) == listed.get_short_help_str(300)
        assert not listed.get_short_help_str(62).endswith("..."), "whole in 80 columns"


@pytest.mark.parametrize(
    "command", [["check"], ["settings"], ["alerts", "list"], ["alerts", "test"]]
)
def test_the_help_of_a_command_that_does_not_serve_has_its_own_options_only(
    tmp_path: Path, command: list[str]
) -> None:
    text = jmmc(*command, "--help", folder=tmp_path).stdout
    assert len(text.splitlines()) < 25
    assert "--config FILE" in text
    assert "--retention-days" not in text
    assert jmmc(*command, "--retention-days", "x", folder=tmp_path).stderr.startswith(
        "jmmc: retention_days = 'x': expected"
    )


def test_the_help_of_serve_has_its_own_options_first(tmp_path: Path) -> None:
    lines = [line.strip() for line in jmmc("serve", "--help", folder=tmp_path).stdout.splitlines()]
    options = [line.split()[0] for line in lines if line.startswith("-")]
    # click names the two of --help in the order of a set.
    assert options[0:3:2] == ["--config", "--host"]
    assert options[1].strip(",") in ("-h", "--help")
    assert "--log-format" in options


def test_settings_shows_what_differs_and_all_if_asked_in_80_columns(tmp_path: Path) -> None:
    (tmp_path / "j.toml").write_text('port = 99\npush_interval = 30\nsecret = "0123456789abcdef"\n')
    narrow = {"folder": tmp_path, "COLUMNS": "80", "JMMC_RETENTION_DAYS": "7"}
    text = jmmc("settings", "--config", "j.toml", **narrow).stdout  # type: ignore[arg-type]
    rows = [line.split() for line in text.splitlines()]
    assert rows[1:4] == [
        ["port", "99", "8080", "port", "in", "j.toml"],
        ["secret", "(set)", "none", "secret", "in", "j.toml"],
        ["retention_days", "7", "0", "JMMC_RETENTION_DAYS"],
    ]
    assert len(rows) == 5
    everything = jmmc("settings", "--all", **narrow).stdout  # type: ignore[arg-type]
    named = {line.split()[0] for line in everything.splitlines()}
    assert set(Settings.model_fields) <= named
    assert max(map(len, f"{text}\n{everything}".splitlines())) <= 80
    assert "Every setting has its default" in jmmc("settings", folder=tmp_path).stdout


def test_all_mistakes_of_a_configuration_are_shown_together(tmp_path: Path) -> None:
    (tmp_path / "j.toml").write_text('port = 99999\nprt = 1\nsecret_file = "/none"\n')
    done = jmmc(
        "check", "--config", "j.toml", "--retention-days", "-4", folder=tmp_path, JMMC_X="1"
    )
    assert done.returncode == 2
    problems = [line.removeprefix("jmmc: ").split()[0] for line in done.stderr.splitlines()]
    assert sorted(problems) == ["JMMC_X:", "j.toml:", "port", "retention_days", "secret_file"]
