"""The Dockerfile: hadolint accepts it, and every step works; Docker is not needed.

The steps run in a folder that stands for `/`. The image's environment may import the packages that
are installed here, so that pip does not download the locked ones again.
"""

import json
import os
import re
import shutil
import signal
import site
import subprocess
import sys
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import NamedTuple

import pytest

from jmmc.settings import Settings
from tests.support.paths import ROOT
from tests.support.servers import free_port
from tests.support.waiting import wait_until_answered

_PLACES = ("/opt/", "/source", "/data")


class Instruction(NamedTuple):
    """One instruction, with its continuation lines joined."""

    word: str
    rest: str


def _instructions() -> list[Instruction]:
    text = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)
    lines = text.replace("\\\n", " ").splitlines()
    return [Instruction(*line.split(maxsplit=1)) for line in lines if line.strip()]


def _last(word: str) -> str:
    """The arguments of the last instruction of a kind."""
    return [instruction.rest for instruction in _instructions() if instruction.word == word][-1]


class Image:
    """Runs the steps in a folder."""

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
        """Replace paths of the image with paths of the folder."""
        for place in _PLACES:
            text = re.sub(rf"(?<![\w.]){place}", f"{self.root}{place}", text)
        return text.replace("10001", str(os.geteuid()))

    def call(self, *command: str, **environ: str) -> "subprocess.Popen[bytes]":
        """Start a command as a container would, with only the image's PATH."""
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
            (packages / "installed-here.pth").write_text("\n".join(site.getsitepackages()))


def _ignored(name: str) -> bool:
    ignored = False
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        if fnmatch(name, line.removeprefix("!")) and not line.startswith("#"):
            ignored = not line.startswith("!")
    return ignored


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Image]:
    yield Image(tmp_path_factory.mktemp("image"))


def test_hadolint_reports_nothing() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([hadolint, ROOT / "Dockerfile"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_image_has_the_package_and_no_build_tools(image: Image) -> None:
    (packages,) = image.root.glob("opt/jmmc/lib/python*/site-packages")
    assert (packages / "jmmc" / "client" / "getClient.min.js").is_file()
    assert not list(packages.glob("__editable__*"))
    assert not (packages / "pip").exists()
    assert not (image.root / "opt/jmmc/bin/pip").exists()
    assert (image.root / "data").stat().st_mode & 0o777 == 0o700


def test_the_image_serves_passes_its_health_check_and_stops_with_success(image: Image) -> None:
    port = str(free_port())
    command = [*json.loads(_last("ENTRYPOINT")), *json.loads(_last("CMD"))]
    check = json.loads(_last("HEALTHCHECK").partition("CMD ")[2])
    assert image.call(*check, JMMC_PORT=port).wait(20) != 0
    server = image.call(*command, JMMC_PORT=port)
    try:
        wait_until_answered(f"http://127.0.0.1:{port}/readyz", server)
        assert image.call(*check, JMMC_PORT=port).wait(20) == 0
        server.send_signal(signal.Signals[_last("STOPSIGNAL")])
        assert server.wait(20) == 0
    finally:
        server.kill()
        server.wait()
    assert [path.name for path in (image.root / "data").glob("*.db")] == ["jmmc.db"]


def test_the_container_is_not_root_and_its_data_is_in_a_volume() -> None:
    assert re.fullmatch(r"[1-9]\d+:[1-9]\d+", _last("USER"))
    assert _last("VOLUME") == _last("WORKDIR") == "/data"
    for instruction in _instructions():
        if instruction.word == "ENV" and "JMMC_SPOOL_DIR" in instruction.rest:
            assert "JMMC_SPOOL_DIR=/data/" in instruction.rest
            # Else a store that a secret's file gives would be given twice.
            assert "JMMC_STORE" not in instruction.rest
            assert Settings().store == "sqlite:///jmmc.db", "in the working directory"
