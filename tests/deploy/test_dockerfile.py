"""The Dockerfile: without complaint by hadolint, and every step of it works, also without Docker.

Its steps are run in a folder that stands for `/`. Packages that are installed here already are lent
to the environment that it makes, so pip finds what is locked without fetching it again.
"""

import json
import os
import re
import shutil
import signal
import site
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import NamedTuple

import pytest

from jmmc.settings import Settings
from tests.deploy.files import ROOT
from tests.support.servers import free_port

_PLACES = ("/opt/", "/source", "/data")


class Instruction(NamedTuple):
    """One line of the file, continued ones put together."""

    word: str
    rest: str


def _instructions() -> list[Instruction]:
    text = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)
    lines = text.replace("\\\n", " ").splitlines()
    return [Instruction(*line.split(maxsplit=1)) for line in lines if line.strip()]


def _the(word: str) -> str:
    """What the last instruction of a kind says."""
    return [instruction.rest for instruction in _instructions() if instruction.word == word][-1]


class Image:
    """What the steps leave in a folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.environ = {
            "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
            "PIP_NO_INDEX": "1",
            "HOME": str(root),
        }
        self.folder = root
        for instruction in _instructions():
            step = getattr(self, f"_{instruction.word.lower()}", None)
            if step is not None:
                step(instruction.rest)

    def inside(self, text: str) -> str:
        """A text with the paths of the image made paths of the folder."""
        for place in _PLACES:
            text = re.sub(rf"(?<![\w.]){place}", f"{self.root}{place}", text)
        return text.replace("10001", str(os.geteuid()))

    def call(self, *command: str, **environ: str) -> "subprocess.Popen[bytes]":
        """Start a command as a container would, from the image alone."""
        environ = {**self.environ, **environ}
        found = shutil.which(command[0], path=environ["PATH"])
        assert found is not None, f"{command[0]} is not in the image"
        return subprocess.Popen([found, *command[1:]], cwd=self.folder, env=environ)

    def _from(self, rest: str) -> None:
        assert re.match(r"\S+:\S*\d", rest), "an image without a version"

    def _env(self, rest: str) -> None:
        for name, value in re.findall(r"(\w+)=(\S+)", rest):
            self.environ[name] = self.inside(value).replace("$PATH", self.environ["PATH"])

    def _workdir(self, rest: str) -> None:
        self.folder = Path(self.inside(rest))
        self.folder.mkdir(exist_ok=True)

    def _copy(self, rest: str) -> None:
        if rest.startswith("--from"):
            return  # Both stages are the same folder here.
        *names, target = rest.split()
        for name in names:
            assert not _ignored(name), f".dockerignore keeps {name} away"
            if (ROOT / name).is_dir():
                ignore = shutil.ignore_patterns("__pycache__", "*.egg-info")
                shutil.copytree(ROOT / name, self.folder / target, ignore=ignore)
            else:
                (self.folder / target).mkdir(exist_ok=True)
                shutil.copy(ROOT / name, self.folder / target)

    def _run(self, rest: str) -> None:
        done = subprocess.run(
            ["sh", "-ec", self.inside(rest)],
            cwd=self.folder,
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=100,
        )
        assert done.returncode == 0, f"{rest}\n{done.stdout}\n{done.stderr}"
        for packages in self.root.glob("opt/*/lib/python*/site-packages"):
            (packages / "lent.pth").write_text("\n".join(site.getsitepackages()))


def _ignored(name: str) -> bool:
    ignored = False
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        if fnmatch(name, line.removeprefix("!")) and not line.startswith("#"):
            ignored = not line.startswith("!")
    return ignored


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Image]:
    yield Image(tmp_path_factory.mktemp("image"))


def test_the_linter_has_nothing_to_say() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([hadolint, ROOT / "Dockerfile"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


def test_what_comes_out_has_the_package_itself_and_no_tools(image: Image) -> None:
    (packages,) = image.root.glob("opt/jmmc/lib/python*/site-packages")
    assert (packages / "jmmc" / "client" / "getClient.min.js").is_file()
    assert not list(packages.glob("__editable__*"))
    assert not (packages / "pip").exists()
    assert not (image.root / "opt/jmmc/bin/pip").exists()
    assert (image.root / "data").stat().st_mode & 0o777 == 0o700


def test_what_comes_out_serves_tells_its_health_and_ends_when_told(image: Image) -> None:
    port = str(free_port())
    command = [*json.loads(_the("ENTRYPOINT")), *json.loads(_the("CMD"))]
    check = json.loads(_the("HEALTHCHECK").partition("CMD ")[2])
    assert image.call(*check, JMMC_PORT=port).wait(20) != 0
    server = image.call(*command, JMMC_PORT=port)
    try:
        _wait(f"http://127.0.0.1:{port}/readyz", server)
        assert image.call(*check, JMMC_PORT=port).wait(20) == 0
        server.send_signal(signal.Signals[_the("STOPSIGNAL")])
        assert server.wait(20) == 0
    finally:
        server.kill()
        server.wait()
    assert [path.name for path in (image.root / "data").glob("*.db")] == ["jmmc.db"]


def test_nobody_is_root_and_data_outlives_the_container() -> None:
    assert re.fullmatch(r"[1-9]\d+:[1-9]\d+", _the("USER"))
    assert _the("VOLUME") == _the("WORKDIR") == "/data"
    for instruction in _instructions():
        if instruction.word == "ENV" and "JMMC_SPOOL_DIR" in instruction.rest:
            assert "JMMC_SPOOL_DIR=/data/" in instruction.rest
            # Else a store that a secret's file gives would be given twice.
            assert "JMMC_STORE" not in instruction.rest
            assert Settings().store == "sqlite:///jmmc.db", "in the working directory"


def _wait(url: str, server: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        assert server.poll() is None
        try:
            urllib.request.urlopen(url, timeout=5).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError(url)
