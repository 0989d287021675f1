"""The wheel is reproducible and complete; its dependencies have allowed licences."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

from jmmc.core.version import __version__
from tests.support.paths import ROOT

# Permissive licences, and weak copyleft without conditions for the program that uses it: a work
# under EUPL-1.2 may depend on them. Add a new one only after a decision.
LICENCES = {
    "3-Clause BSD License",
    "Apache Software License",
    "Apache-2.0",
    "BSD License",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "MIT",
    "MIT License",
    "MIT-0",
    "MPL-2.0",
    "Mozilla Public License 2.0 (MPL 2.0)",
    "PSF-2.0",
}


def _locked(name: str) -> dict[str, str]:
    """Versions by package in a lock file, without those for other platforms."""
    text = (ROOT / "requirements" / f"{name}.txt").read_text()
    return dict(re.findall(r"^([a-z0-9-]+)==([^ ;]+)(?= \\)", text, re.MULTILINE))


def _build(folder: Path) -> Path:
    """Build the wheel from a copy of the checkout, with new files in another folder."""
    folder.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    shutil.copytree(ROOT / "src", folder / "src", ignore=shutil.ignore_patterns("__pycache__"))
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=60)
    (wheel,) = (folder / "dist").glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _build(tmp_path_factory.mktemp("wheel") / "one")


def test_two_builds_of_the_wheel_are_the_same_to_the_byte(wheel: Path, tmp_path: Path) -> None:
    mask = os.umask(0o077)
    try:
        again = _build(tmp_path / "another")
    finally:
        os.umask(mask)
    first, second = (hashlib.sha256(path.read_bytes()).hexdigest() for path in (wheel, again))
    assert (wheel.name, first) == (again.name, second)


def test_the_wheel_has_every_file_of_the_package_and_nothing_else(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if ".dist-info/" not in name}
        assert any(name.endswith("licenses/LICENSE") for name in archive.namelist())
    source = ROOT / "src"
    kept = {
        str(path.relative_to(source))
        for path in source.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and ".egg-info" not in str(path)
    }
    assert packed == kept
    for needed in ("py.typed", "client/getClient.min.js", "web/dashboard/templates/base.html"):
        assert f"jmmc/{needed}" in packed


def test_uv_installs_the_command_from_the_sdist_and_then_from_the_wheel(
    wheel: Path, tmp_path: Path
) -> None:
    """As `pipx` and `uv tool install` do: into an environment of its own, with a new HOME."""
    sdist = [sys.executable, "-m", "hatchling", "build", "--target", "sdist", "-d", str(tmp_path)]
    subprocess.run(sdist, cwd=ROOT, check=True, capture_output=True, timeout=60)
    (archive,) = tmp_path.glob("*.tar.gz")
    uv = Path(sys.executable).with_name("uv")
    cache = subprocess.run([uv, "cache", "dir"], capture_output=True, text=True, check=True)
    environ = {name: text for name, text in os.environ.items() if name != "PYTHONPATH"} | {
        "HOME": str(tmp_path),
        "UV_CACHE_DIR": cache.stdout.strip(),
        "UV_TOOL_DIR": str(tmp_path / "tools"),
        "UV_TOOL_BIN_DIR": str(tmp_path / "bin"),
    }

    def run(*command: object) -> str:
        done = subprocess.run(
            [*map(str, command)], env=environ, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    for package in (archive, wheel):
        install = [uv, "tool", "install", "--quiet", "--force", "--python", sys.executable]
        install += ["--constraints", ROOT / "requirements" / "serve.txt", package]
        try:
            run(*install, "--offline")  # What the set-up has fetched is enough.
        except AssertionError:
            run(*install)
        assert run(tmp_path / "bin" / "jmmc", "--version") == f"jmmc, version {__version__}\n"


def test_the_licence_of_every_dependency_is_allowed() -> None:
    packages = sorted(_locked("serve"))
    command = [sys.executable, "-m", "piplicenses", "--from=mixed", "--format=json"]
    done = subprocess.run([*command, "--packages", *packages], capture_output=True, timeout=60)
    found = {
        package["Name"].lower().replace("_", "-"): package["License"]
        for package in json.loads(done.stdout)
    }
    assert found.keys() >= set(packages), "install what is locked: ./run test"
    assert {name: licence for name, licence in found.items() if not _is_allowed(licence)} == {}


@pytest.mark.parametrize(
    ("licence", "allowed"),
    [
        ("MIT", True),
        ("GPL-3.0-only OR MIT", True),
        ("MIT AND (Apache-2.0 OR GPL-3.0-only)", True),
        ("MIT AND GPL-3.0-only", False),
        ("GNU Affero General Public License v3", False),
        ("UNKNOWN", False),
    ],
)
def test_one_of_alternative_licences_and_all_combined_licences_must_be_allowed(
    licence: str, allowed: bool
) -> None:
    assert _is_allowed(licence) is allowed


def _is_allowed(licence: str) -> bool:
    """Whether an SPDX expression, or classifiers joined by `;`, has an allowed choice."""
    if licence in LICENCES:  # Some names contain brackets.
        return True
    combined = (
        part.strip("() ").split(" OR ") for part in licence.replace("; ", " OR ").split(" AND ")
    )
    return all(LICENCES.intersection(choices) for choices in combined)


def test_tests_use_the_locked_versions_of_the_server() -> None:
    serve, dev = _locked("serve"), _locked("dev")
    assert serve.items() <= dev.items()
    assert _locked("build").items() <= dev.items()


def test_the_audit_reports_an_unreachable_service_and_succeeds() -> None:
    nowhere = {"HTTPS_PROXY": "http://127.0.0.1:1", "https_proxy": "http://127.0.0.1:1"}
    done = subprocess.run(
        [sys.executable, ROOT / "requirements" / "audit.py"],
        env={**os.environ, **nowhere},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0
    assert done.stdout.startswith("advisories: not looked up, ")
