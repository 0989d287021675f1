"""Completion, as real shells compute it."""

import asyncio
import os
import subprocess
from pathlib import Path

import pytest

from jmmc.accounts import users
from jmmc.stores.sqlite.store import SqliteStore
from tests.support.commands import jmmc
from tests.support.site import Site
from tests.support.warm import warm

# Each defines `offered WORD...`, which prints what the shell has for the last word. zsh shows it
# only in a terminal: what its script hands over to be shown is printed.
_SCRIPTS = {
    "bash": """
eval "$(jmmc completion bash)"
offered() {
    COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=()
    _jmmc_completion jmmc
    echo "${COMPREPLY[*]}"
}
""",
    "zsh": """
compdef() { :; }
eval "$(jmmc completion zsh)"
_describe() { print -r -- ${completions_with_descriptions%%:*}; }
compadd() { print -r -- $completions; }
offered() { words=("$@") CURRENT=$#; _jmmc_completion; }
""",
    "fish": """
jmmc completion fish | source
function offered
    complete -C "$argv" | string replace -r '\\t.*' '' | string join ' '
end
""",
}
_QUIETLY = {"bash": "--norc", "zsh": "-f", "fish": "--no-config"}
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


@pytest.mark.parametrize("shell", _SCRIPTS)
def test_a_shell_completes_commands_options_and_stored_values(
    shell: str, session: str, tmp_path: Path
) -> None:
    expected = {**_LINES, f"jmmc show {session[:6]}": session}
    lines = [f"offered {line}" for line in expected]
    done = subprocess.run(
        [shell, _QUIETLY[shell], "-c", _SCRIPTS[shell] + "\n".join(lines)],
        cwd=tmp_path,
        env={**os.environ, "PATH": f"{warm().folder}{os.pathsep}{os.environ['PATH']}"},
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
