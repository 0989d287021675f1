"""The documentation site builds, its links lead somewhere, and its commands work."""

import json
import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import click
import pytest

from docs.generate import FOLDER, pages
from jmmc.cli import main as command
from jmmc.simulation.demo import STORE
from tests.docs.test_operator_pages import PAGES as OPERATOR_PAGES
from tests.support.commands import jmmc
from tests.support.paths import ROOT
from tests.support.servers import free_port
from tests.support.waiting import wait_until_listening
from tests.support.warm import warm

_COMMANDS = re.compile(r"^```(sh|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SETTINGS = re.compile(r"^```toml\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_OUTPUT = re.compile(r"^```text\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_EXECUTED = (
    "tutorial/first-bad-call.md",
    "how-to/dashboard.md",
    "how-to/why-bad.md",
    "how-to/export.md",
    "how-to/alerts.md",
    "how-to/install-jitsi.md",
    "how-to/privacy.md",
    "how-to/reports.md",
)
# Garbage collection costs a fifth of a build.
_SPHINX = "import gc, sys; gc.disable(); from sphinx.cmd.build import main; sys.exit(main())"
_PARTICIPANT = "a40bcaa8-8b36-11ec-a8a3-0242ac120002"
_ROOM = "weekly-meeting"
_PORT = "8081"  # Of the tutorial's server, beside that of `./run serve`.
_FENCED = re.compile(r"^```(?:sh|console)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_CALL = re.compile(r"(?:^|[ /])jmmc ((?!jmmc )(?:[a-z]+(?: |$))+)(.*)")
_DOCS = ROOT / "docs"
_PAGES = sorted([*_DOCS.rglob("*.md"), ROOT / "README.md"])
_OPENED = sorted({*_DOCS.rglob("*.md"), ROOT / "CHANGELOG.md"} - {FOLDER / "changelog.md"})
_READERS = {
    "Support": r"\bsupport\b",
    "Operators": r"\b[Oo]perators\b|\bexploitants\b",
    "Developers": r"\bdevelopers\b",
    "Data-protection officers": r"\bdata-protection\b|protection des données",
}


class _Page(HTMLParser):
    """The links and the anchors of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if given.get("id"):
            self.anchors.add(str(given["id"]))
        self.links += [str(given[name]) for name in ("href", "src") if given.get(name)]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> dict[Path, _Page]:
    """Every built page; a warning of the builder is an error."""
    folder = tmp_path_factory.mktemp("site")
    options = ["-q", "-W", "--keep-going", "-b", "html", str(_DOCS), str(folder)]
    done = subprocess.run(
        [sys.executable, "-c", _SPHINX, *options], capture_output=True, text=True, timeout=100
    )
    assert done.returncode == 0, done.stderr
    return {path: _Page(path.read_text("utf-8")) for path in folder.rglob("*.html")}


@pytest.mark.parametrize("page", _OPENED, ids=lambda page: page.name)
def test_every_page_opens_with_who_it_is_for(page: Path) -> None:
    title, opening = page.read_text("utf-8").split("\n\n", 2)[:2]
    assert re.fullmatch(r"# [^\n]+", title)
    assert re.fullmatch(r"\*(For|Pour les) [^\n*]+\.\*", opening)
    readers = {reader for reader, words in _READERS.items() if re.search(words, opening)}
    assert readers, opening
    index = (_DOCS / "index.md").read_text("utf-8")
    for reader in readers if page.parent not in (_DOCS, ROOT) else ():
        section = index.partition(f"**{reader}**")[2].partition("\n**")[0]
        link = page.relative_to(_DOCS).as_posix()
        assert f"({link})" in section.partition("\n## ")[0], f"{reader} misses {link}"


_ASKED = {
    "runbook": "how-to/runbooks",
    "certificate": "how-to/deploy",
    "disk full": "how-to/deploy",
    "forget": "how-to/privacy",
    "erase": "how-to/privacy",
    "upgrade": "how-to/upgrade",
    "pseudonym": "how-to/privacy",
    "password": "how-to/deploy",
    "bad call": "tutorial/first-bad-call",
    "install": "how-to/install-jitsi",
    "alert": "how-to/alerts",
    "grafana": "how-to/monitoring",
    "likely cause": "explanation/likely-causes",
    "navigateur": "how-to/tell-your-users.fr",
    "retention_days": "reference/settings",
}
"""Words that people type, with the page that answers them."""


def test_the_search_of_the_site_finds_the_page_that_answers_first(site: dict[Path, _Page]) -> None:
    (folder,) = {path.parent for path in site if path.name == "search.html"}
    node = Path(sys.executable).with_name("node")
    command = [node, ROOT / "tests/docs/search.js", folder, *_ASKED]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = map(json.loads, done.stdout.splitlines())
    assert {query: pages[0] for query, pages in zip(_ASKED, found, strict=True)} == _ASKED


def test_every_picture_is_small_and_shown_and_taken_by_the_script() -> None:
    script = (_DOCS / "screenshots.py").read_text("utf-8")
    shown = {
        name
        for page in _PAGES
        for name in re.findall(r"images/([\w-]+)\.png\)", page.read_text("utf-8"))
    }
    pictures = {path.stem: path.stat().st_size for path in (_DOCS / "images").iterdir()}
    assert shown == set(pictures) == set(re.findall(r'Shot\("([\w-]+)"', script))
    assert max(pictures.values()) < 150_000


def test_every_page_is_on_the_site(site: dict[Path, _Page]) -> None:
    assert {path.stem for path in _DOCS.rglob("*.md")} <= {path.stem for path in site}


def test_every_link_on_the_site_has_a_target(
    site: dict[Path, _Page],
) -> None:
    lost = []
    for path, page in site.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            fragment = unquote(parts.fragment)
            if not target.exists() or (
                fragment and target in site and fragment not in site[target].anchors
            ):
                lost.append(f"{path.name}: {link}")
    assert lost == []


@pytest.mark.parametrize("name", pages())
def test_generated_pages_are_up_to_date(name: str) -> None:
    assert (FOLDER / name).read_text("utf-8") == pages()[name], "call ./run docs"


@pytest.mark.parametrize("page", _PAGES, ids=lambda page: page.name)
def test_every_command_that_a_page_shows_exists_with_its_options(page: Path) -> None:
    shown = "".join(_FENCED.findall(page.read_text("utf-8"))).replace("\\\n", " ")
    for line in shown.splitlines():
        if call := _CALL.search(line.partition(" #")[0]):
            shown_command: click.Command = command
            for word in call[1].split():
                if isinstance(shown_command, click.Group):
                    assert word in shown_command.commands, line
                    is_first = shown_command is command
                    shown_command = command.load(word) if is_first else shown_command.commands[word]
            parameters = shown_command.params
            options = {name for row in parameters for name in (*row.opts, *row.secondary_opts)}
            used = set(re.findall(r"(?:^| )(--?[a-z][\w-]*)", call[2].partition("|")[0]))
            assert used <= options, line


def test_the_commands_of_every_page_are_executed() -> None:
    with_commands = {
        page.relative_to(_DOCS).as_posix()
        for page in _DOCS.rglob("*.md")
        if _FENCED.search(page.read_text("utf-8"))
    }
    assert with_commands == {*_EXECUTED, *OPERATOR_PAGES}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with simulated calls, for the commands of a page."""
    folder = tmp_path_factory.mktemp("store")
    options = ["--participants", "30", "--rooms", "3", "--minutes", "60"]
    assert jmmc("simulate", *options, folder=folder).returncode == 0
    return folder / "jmmc.db"


@pytest.fixture(scope="module")
def programs() -> Path:
    """A folder with `jmmc` and `python`."""
    return warm().folder


@pytest.fixture
def shell(tmp_path: Path, store: Path, programs: Path) -> Iterator["_Shell"]:
    for name in ("jmmc.db", STORE.removeprefix("sqlite:///")):
        (tmp_path / name).write_bytes(store.read_bytes())
    shell = _Shell(tmp_path, programs)
    yield shell
    shell.close()


@pytest.mark.parametrize("name", _EXECUTED)
def test_the_commands_of_a_page_work_and_print_what_it_shows(
    name: str, shell: "_Shell", tmp_path: Path
) -> None:
    """The commands print every line of the output blocks, except those replaced by `…`.

    The settings of the page are in `jmmc.toml`. Its participant and its room are ones of the store.
    """
    text = (_DOCS / name).read_text("utf-8")
    settings = reversed(_SETTINGS.findall(text))  # Tables, which the first block ends with, last.
    (tmp_path / "jmmc.toml").write_text("".join(settings), "utf-8")
    with closing(sqlite3.connect(tmp_path / "jmmc.db")) as connection:
        ((participant, _), (_, room)) = connection.execute("SELECT uid, conf FROM sessions LIMIT 2")
    text = text.replace(_PARTICIPANT, participant).replace(_ROOM, room)
    printed = "".join(shell.run(block, kind) for kind, block in _COMMANDS.findall(text))
    said = {" ".join(line.split()) for line in printed.splitlines()}
    for line in "".join(_OUTPUT.findall(text)).splitlines():
        words = " ".join(line.split())
        assert words in said or words == "…", line


def test_the_first_commands_of_the_readme_work_on_a_store_named_as_that_of_the_demo(
    shell: "_Shell", tmp_path: Path
) -> None:
    """`./run serve` makes that store, in the folder in which the commands are called."""
    blocks = _COMMANDS.findall((ROOT / "README.md").read_text("utf-8"))
    (commands,) = (block for _, block in blocks if STORE in block)
    activate, rest = commands.split("\n", 1)
    assert activate.startswith(". .venv/bin/activate")  # `_Shell` has jmmc on its PATH.
    before, show, after = re.split(r"^(jmmc show ID\b.*\n)", rest, flags=re.MULTILINE)
    sessions = re.findall(r"^([0-9a-f]{8,24}) ", shell.run(before, "sh"), re.MULTILINE)
    assert "poor" in shell.run(show.replace("ID", sessions[0], 1), "sh")
    shell.run(after, "sh")
    assert (tmp_path / "calls.csv").read_text("utf-8").count("\n") > 100


class _Shell:
    """A bash that runs the commands of a page; the tutorial's port is replaced by a free one."""

    def __init__(self, folder: Path, programs: Path) -> None:
        self._port = free_port()
        environ = {**os.environ, "COLUMNS": "120"}
        environ["PATH"] = f"{programs}{os.pathsep}{environ['PATH']}"
        self._bash = subprocess.Popen(
            ["bash", "-eu"],
            cwd=folder,
            env=environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self, block: str, kind: str) -> str:
        """Run a block of bash or Python and return its output. Fails when a command fails."""
        assert self._bash.stdin is not None
        assert self._bash.stdout is not None
        if kind == "python":
            block = f"python - <<'END'\n{block}END"
        text = block.replace(_PORT, str(self._port))
        self._bash.stdin.write(f"{text}\necho END-OF-BLOCK\n")
        self._bash.stdin.flush()
        lines = []
        for line in self._bash.stdout:
            if line == "END-OF-BLOCK\n":
                if text.rstrip().endswith("&"):
                    wait_until_listening(self._port)
                return "".join(lines)
            lines.append(line)
        raise AssertionError(f"{block}\nended the shell: {''.join(lines)}")

    def close(self) -> None:
        os.killpg(self._bash.pid, 9)
        self._bash.communicate(timeout=10)
