"""`jmmc init`: a configuration, the first user, and what to paste, without a file to edit."""

import json
import os
import pty
import select
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from jmmc.jitsi.snippets import snippet
from jmmc.settings import NewFile, load_settings
from tests.support.commands import jmmc
from tests.support.paths import ROOT
from tests.support.servers import PREFIX

_PUBLIC = "https://metrics.example.org"


def test_init_writes_a_configuration_adds_an_admin_and_prints_what_to_paste(
    tmp_path: Path,
) -> None:
    options = ("--public-url", f"{_PUBLIC}/", "--retention-days", "30", "--time-zone", "Asia/Tokyo")
    folder = tmp_path / "new"
    options += ("--admin", "ann", str(folder))
    done = jmmc("init", *options, folder=tmp_path, answer="long enough it is\n")
    assert done.returncode == 0, done.stderr
    file = folder / "jmmc.toml"
    settings = load_settings(flags={}, environ={}, file=file)
    assert settings.store == f"sqlite:///{folder}/jmmc.db"
    assert (settings.public_url, settings.retention_days) == (_PUBLIC, 30)
    assert (settings.time_zone, settings.push_url) == ("Asia/Tokyo", f"{_PUBLIC}{PREFIX}/push")
    assert settings.allowed_origins == ("*",)
    assert file.stat().st_mode & 0o777 == 0o640
    listed = jmmc("user", "list", "--json", "--store", settings.store)
    assert json.loads(listed.stdout) == [{"name": "ann", "role": "admin"}]
    assert "FAIL" not in done.stdout
    assert f"store: {settings.store} accepts writes" in done.stdout
    upstream = f"http://127.0.0.1:8080{PREFIX}"
    pasted = snippet("config.js", url=f"{_PUBLIC}{PREFIX}", upstream=upstream, settings=settings)
    assert pasted in done.stdout
    assert f"which the collector's settings have:\n//   {_PUBLIC}{PREFIX}/push\n" in pasted
    assert "CORS: nothing to do" in pasted
    assert f"jmmc serve --config {file}" in done.stdout


def test_init_names_the_page_of_jitsi_meet_and_looks_at_it(tmp_path: Path) -> None:
    """On the same host nginx passes on a path; a page that is not there fails, init does not."""
    jitsi = "http://127.0.0.1:9"
    done = jmmc("init", "--jitsi-url", jitsi, "--public-url", jitsi, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert tomllib.loads((tmp_path / "jmmc.toml").read_text())["allowed_origins"] == [jitsi]
    assert f"location ^~ {PREFIX}/ {{" in done.stdout
    assert f"FAIL page: {jitsi}/jmmc-test: " in done.stdout
    assert f"jmmc doctor {jitsi}/jmmc-test --collector {jitsi}" in done.stdout


def test_init_replaces_a_file_only_by_force_and_keeps_the_old_one(tmp_path: Path) -> None:
    file = tmp_path / "jmmc.toml"
    file.write_text(NewFile().text())  # As a package installs it: nobody has changed it.
    assert jmmc("init", folder=tmp_path).returncode == 0
    assert not (tmp_path / "jmmc.toml.bak").exists()
    file.write_text("port = 1\n")
    refused = jmmc("init", "--admin", "ann", folder=tmp_path, answer="long enough it is\n")
    assert (refused.returncode, file.read_text()) == (1, "port = 1\n")
    (line,) = refused.stderr.splitlines()
    assert "exists; --force replaces it" in line
    assert jmmc("init", "--force", folder=tmp_path).returncode == 0
    assert (tmp_path / "jmmc.toml.bak").read_text() == "port = 1\n"
    assert 'host = "127.0.0.1"' in file.read_text()


def test_init_keeps_a_user_who_is_there(tmp_path: Path) -> None:
    for _ in range(2):
        done = jmmc("init", "--force", "--admin", "ann", folder=tmp_path, JMMC_PASSWORD="x" * 12)
        assert done.returncode == 0, done.stderr
    assert "kept ann, who is a user already" in done.stdout


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            ("--public-url", "metrics.example.org"),
            "--public-url = 'metrics.example.org': expected a",
        ),
        (("--public-url", "https://a b"), "--public-url = 'https://a b': expected a URL"),
        (("--public-url", "https://a/x?y"), "--public-url = 'https://a/x?y': expected a URL"),
        (("--jitsi-url", "meet.example.org"), "--jitsi-url = 'meet.example.org': expected an http"),
        (("--store", "postgres://x"), "store = 'postgres://x': expected sqlite:///"),
        (("--time-zone", "Mars"), "expected a time zone such as UTC"),
        (("--admin", " "), "a name has 1 to 64 printable characters"),
        (("--admin", "ann"), "no password: give it on standard input, or in JMMC_PASSWORD"),
    ],
)
def test_a_mistake_is_named_in_one_line_before_anything_is_written(
    tmp_path: Path, options: tuple[str, ...], said: str
) -> None:
    done = jmmc("init", *options, folder=tmp_path)
    (line,) = done.stderr.splitlines()
    assert (done.returncode, list(tmp_path.iterdir())) == (2, [])
    assert said in line


def test_in_a_terminal_init_asks_for_what_no_option_says(tmp_path: Path) -> None:
    password = "long enough it is"
    answers = {
        "Public URL": _PUBLIC,
        "URL of your Jitsi Meet": "",
        "Store": "",
        "how many days": "7",
        "Time zone": "Europe/Paris",
        "first user": "ann",
        "Password": password,
        "Repeat for confirmation": password,
    }
    terminal, end = pty.openpty()
    command = [sys.executable, "-m", "jmmc", "init", str(tmp_path)]
    with subprocess.Popen(
        command, stdin=end, stdout=end, stderr=end, start_new_session=True
    ) as process:
        os.close(end)
        shown = ""
        for question, answer in answers.items():
            while question not in shown.rpartition("\n")[2]:
                more = _read(terminal)
                assert more, shown
                shown += more
            os.write(terminal, f"{answer}\n".encode())
        while more := _read(terminal):
            shown += more
    os.close(terminal)
    assert process.returncode == 0, shown
    settings = load_settings(flags={}, environ={}, file=tmp_path / "jmmc.toml")
    assert (settings.public_url, settings.retention_days) == (_PUBLIC, 7)
    assert settings.time_zone == "Europe/Paris"
    assert "added ann as admin" in shown
    assert password not in shown


def _read(terminal: int) -> str:
    """What is shown next; nothing when the program has ended."""
    ready, _, _ = select.select([terminal], [], [], 60)
    try:
        return os.read(terminal, 65_536).decode() if ready else ""
    except OSError:  # Its other end is closed.
        return ""


@pytest.mark.parametrize(
    "new",
    [
        NewFile(),
        NewFile(public_url="https://m.example.org/quality", jitsi_url="https://meet.example.org/x"),
        NewFile(
            store="mongodb://u:p%22@db/jmmc", collection="c", folder='/srv/"a" b', secret="s" * 43
        ),
    ],
)
def test_the_file_has_the_settings_that_follow_from_the_answers(
    tmp_path: Path, new: NewFile
) -> None:
    file = tmp_path / "jmmc.toml"
    file.write_text(new.text())
    loaded = load_settings(flags={}, environ={}, file=file)
    assert loaded == load_settings(flags=new.settings(), environ={}, file=None)
    lines = new.text().splitlines()
    file.write_text("\n".join(line.removeprefix("# ") for line in lines if " = " in line))
    load_settings(flags={}, environ={}, file=file)  # The examples in comments are valid, too.


def test_the_file_in_deploy_is_the_one_that_init_starts_from() -> None:
    assert (ROOT / "deploy" / "jmmc.toml").read_text() == NewFile().text()
