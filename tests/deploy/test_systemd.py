"""The systemd units: valid, sandboxed, and consistent with the command that they run."""

import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from jmmc.cli import main
from jmmc.server.serve import GRACE
from jmmc.settings import load_settings
from tests.support.paths import ROOT
from tests.support.servers import free_port

DEPLOY = ROOT / "deploy"
UNITS = DEPLOY / "systemd"
JMMC = Path(sys.executable).with_name("jmmc")

_REFUSE_EXEC_GAIN = """
import ctypes, os, sys
ctypes.CDLL(None).prctl(65, 1, 0, 0, 0)  # PR_SET_MDWE; survives exec
os.execv(sys.argv[1], sys.argv[1:])
"""


@pytest.fixture(scope="module")
def units(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The units with the path of the command here: systemd checks that it exists."""
    folder = tmp_path_factory.mktemp("units")
    for unit in [*UNITS.glob("*.service"), *UNITS.glob("*.timer")]:
        text = unit.read_text().replace("/opt/jmmc/bin/jmmc", str(JMMC))
        (folder / unit.name).write_text(text)
    return folder


def _analyze(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = ["systemd-analyze", "--no-pager", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def _value(unit: str, key: str) -> str:
    found = re.findall(rf"^{key}=(.*)$", (UNITS / unit).read_text(), re.MULTILINE)
    assert len(found) == 1, f"{key} in {unit}"
    return str(found[0])


@pytest.mark.parametrize("unit", ["jmmc.service", "jmmc-backup.service", "jmmc-backup.timer"])
def test_systemd_accepts_every_line(units: Path, unit: str) -> None:
    done = _analyze("verify", "--man=no", units / unit)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(("unit", "exposure"), [("jmmc.service", 15), ("jmmc-backup.service", 35)])
def test_systemd_rates_the_services_as_well_sandboxed(
    units: Path, unit: str, exposure: int
) -> None:
    """The exposure in tenths; a service without sandboxing has 96."""
    done = _analyze("security", "--offline=true", f"--threshold={exposure}", units / unit)
    assert done.returncode == 0, done.stdout[-200:]


@pytest.mark.parametrize("unit", ["jmmc.service", "jmmc-backup.service"])
def test_the_command_lines_of_the_units_are_valid(unit: str) -> None:
    line = _value(unit, "ExecStart").replace("%%", "%").replace("$$", "$")
    line = re.sub(r"\$\(.*?\)", "2", line)
    words = shlex.split(line.removesuffix("'").partition("exec ")[2] or line)
    assert words[0] == "/opt/jmmc/bin/jmmc"
    command = main.load(words[1])
    command.make_context(words[1], words[2:])


def test_the_example_configuration_is_valid() -> None:
    settings = load_settings(flags={}, environ={}, file=DEPLOY / "jmmc.toml")
    assert settings.host == "127.0.0.1"


def test_the_stop_timeout_is_longer_than_the_grace_period_of_the_server() -> None:
    assert int(_value("jmmc.service", "TimeoutStopSec")) >= 2 * GRACE


@pytest.mark.parametrize("kind", ["file", "abstract"])
def test_systemd_is_notified_when_the_server_is_ready_and_when_it_stops(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Runs with the restriction of MemoryDenyWriteExecute, if the kernel supports it."""
    name = str(tmp_path / "notify") if kind == "file" else f"\0jmmc-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.settimeout(20)
        systemd.bind(name)
        monkeypatch.setenv("NOTIFY_SOCKET", name.replace("\0", "@"))
        port = free_port()
        options = ["--port", str(port), "--store", f"sqlite:///{tmp_path}/calls.db"]
        command = [sys.executable, "-c", _REFUSE_EXEC_GAIN, sys.executable, "-m", "jmmc", "serve"]
        with subprocess.Popen([*command, *options], stderr=subprocess.PIPE, text=True) as server:
            try:
                assert systemd.recv(100) == b"READY=1"
                urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=10).close()
                server.send_signal(signal.SIGTERM)
                assert systemd.recv(100) == b"STOPPING=1"
                assert server.wait(20) == 0
            finally:
                server.kill()
            assert server.stderr is not None
            assert "sd_notify_failed" not in server.stderr.read()


def test_sysusers_and_tmpfiles_create_the_user_and_backup_folder_of_the_units(
    tmp_path: Path,
) -> None:
    (tmp_path / "etc").mkdir()
    command = ["systemd-sysusers", f"--root={tmp_path}", UNITS / "jmmc.sysusers"]
    subprocess.run(command, check=True)
    users = [line.split(":")[0] for line in (tmp_path / "etc/passwd").read_text().splitlines()]
    assert users == [_value("jmmc.service", "User")]
    made = re.findall(r"^d (\S+) (\d+) (\S+)", (UNITS / "jmmc.tmpfiles").read_text(), re.MULTILINE)
    folders = ["/var/lib/jmmc", "/var/backups/jmmc"]
    assert made == [(folder, "0700", users[0]) for folder in folders]
    assert folders[1] in _value("jmmc-backup.service", "ReadWritePaths").split()
