"""Completion, as a real bash computes it."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from jmmc.accounts import users
from jmmc.stores.sqlite.store import SqliteStore
from tests.support.commands import jmmc
from tests.support.site import Site

_SCRIPT = """
eval "$(jmmc completion bash)"
complete() {
    COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=()
    _jmmc_completion jmmc
    echo "${COMPREPLY[*]}"
}
"""
_LINES = {
    "jmmc se": "serve sessions settings",
    "jmmc sessions --gr": "--grade",
    "jmmc sessions --room r": "r%c3%a9union%20a",
    "jmmc user role a": "ann",
}


@pytest.fixture
def session(tmp_path: Path) -> str:
    """A session in a room whose name has a space, and the user ann."""

    async def fill() -> str:
        store = SqliteStore(tmp_path / "jmmc.db")
        site = Site(store)
        session = await site.push("ann", room="r%c3%a9union%20a")
        await site.push("ben", room="standup")
        await site.summarize()
        await users.add(store.reports, "ann", "correct horse", "admin")
        await site.close()
        return session

    return asyncio.run(fill())


def test_bash_completes_commands_options_and_stored_values(session: str, tmp_path: Path) -> None:
    expected = {**_LINES, f"jmmc show {session[:6]}": session}
    lines = [f"complete {line}" for line in expected]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "--norc", "-c", _SCRIPT + "\n".join(lines)],
        cwd=tmp_path,
        env={**os.environ, "PATH": path, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.stdout.splitlines(), done.stderr) == ([*expected.values()], "")
    assert [file.name for file in tmp_path.iterdir()] == ["jmmc.db"]


def _completed(folder: Path, line: str) -> list[str]:
    """What bash is offered for the last word of a line, by the protocol of its function."""
    words = line.split(" ")
    environ = {
        "_JMMC_COMPLETE": "bash_complete",
        "COMP_WORDS": line.replace(" ", "\n"),
        "COMP_CWORD": str(len(words) - 1),
    }
    done = jmmc(folder=folder, **environ)
    return [answer.partition(",")[2] for answer in done.stdout.splitlines() if answer]


def test_values_are_completed(session: str, tmp_path: Path) -> None:
    for line, offered in {
        "jmmc sessions --grade ": ["good", "fair", "poor", "unknown"],
        "jmmc serve --log-format ": ["logfmt", "json"],
        "jmmc sessions --room ": ["r%c3%a9union%20a", "standup"],
        "jmmc sessions --room r%c3": ["r%c3%a9union%20a"],
        "jmmc export --participant zz": [],
        "jmmc sessions --store sqlite:///none.db --room ": [],
        "jmmc sessions --store nonsense --room ": [],
    }.items():
        assert sorted(_completed(tmp_path, line)) == sorted(offered), line
    assert _completed(tmp_path, f"jmmc show {session[0]}") >= [session]
    assert not (tmp_path / "none.db").exists()


@pytest.mark.parametrize(
    ("shell", "file", "beginning"),
    [
        ("bash", "bash-completion/completions/jmmc", "_jmmc_completion() {"),
        ("zsh", ".zfunc/_jmmc", "#compdef jmmc"),
        ("fish", "fish/completions/jmmc.fish", "function _jmmc_completion"),
    ],
)
def test_completion_is_printed_and_installed(
    tmp_path: Path, shell: str, file: str, beginning: str
) -> None:
    printed = jmmc("completion", shell, folder=tmp_path).stdout
    assert printed.strip().startswith(beginning)
    places = dict.fromkeys(("XDG_DATA_HOME", "ZDOTDIR", "XDG_CONFIG_HOME"), str(tmp_path))
    done = jmmc("completion", shell, "--install", folder=tmp_path, **places)
    assert f"{tmp_path / file}: written" in done.stdout
    assert (f"fpath+={tmp_path / '.zfunc'};" in done.stdout) == (shell == "zsh")
    assert (tmp_path / file).read_text() == printed
