"""The documentation is correct and complete, and is written by the rules of CONTRIBUTING.md."""

import ast
import re
import tomllib
from pathlib import Path

import pytest

from jmmc.core.errors import REASONS
from jmmc.core.readings import BROWSER_READINGS, SERVER_READINGS
from jmmc.core.version import __version__
from jmmc.jitsi.snippets import snippet
from jmmc.monitoring.instruments import tables
from jmmc.settings import Settings
from jmmc.stores.mongo.opening import SCHEMA
from jmmc.stores.sqlite.schema import migrations
from jmmc.web.browser.endpoints import STATUS
from tests.support.commands import jmmc
from tests.support.paths import ROOT

_GENERATED = ("api.md", "command.md", "settings.md")
_PAGES = sorted(
    page
    for page in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"))
    if page.name not in _GENERATED
)
_COLUMNS = 100
_PHRASES = (
    "ancestor",
    "at once at the most",
    "at your word",
    "be bad",
    "by and by",
    "daily bread",
    "fall short",
    "falls short",
    "give way",
    "gives way",
    "goes on by itself",
    "go on by themselves",
    "hears why",
    "ill will",
    "in peace",
    "keeps its word",
    "made anew",
    "nobody hears",
    "not its job",
    "on end",
    "realistic life",
    "shape of the house",
    "told to be",
    "were bad",
    "whose fault",
)
"""Phrases that readers had to decode; CONTRIBUTING.md says how to write instead."""


def _read(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def test_the_page_of_settings_is_what_the_command_prints() -> None:
    assert _read("docs/reference/settings.md") == jmmc("settings", "--markdown").stdout


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_is_described(name: str) -> None:
    assert f"| `{name}` | `JMMC_{name.upper()}` |" in _read("docs/reference/settings.md")
    assert Settings.model_fields[name].description


@pytest.mark.parametrize("reason", REASONS)
def test_every_reason_is_in_the_protocol_with_its_status(reason: str) -> None:
    row = rf"^\| `{reason}` \| {STATUS[reason]} \|"  # type: ignore[index]
    assert re.search(row, _read("docs/reference/protocol.md"), re.MULTILINE)


@pytest.mark.parametrize("path", [row.path for row in (*BROWSER_READINGS, *SERVER_READINGS)])
def test_every_reading_is_in_the_protocols_table(path: str) -> None:
    assert re.search(
        rf"^\| .*`{re.escape(path)}`", _read("docs/reference/protocol.md"), re.MULTILINE
    )


def test_the_page_of_metrics_has_every_metric() -> None:
    assert tables() + "<!-- end -->" in _read("docs/reference/metrics.md")


def test_every_guarantee_names_tests_that_exist() -> None:
    named = set(re.findall(r"`(test_\w+)`", _read("docs/explanation/guarantees.md")))
    there = {
        name
        for file in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^(?:async )?def (test_\w+)", file.read_text("utf-8"), re.MULTILINE)
    }
    assert len(named) > 30
    assert named - there == set()


def test_links_between_pages_lead_somewhere() -> None:
    for page in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *ROOT.glob("examples/*.md")]:
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text("utf-8")):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_files_that_the_pages_name_are_shipped() -> None:
    for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        for name in re.findall(r"(?<![\w/])deploy/[\w./-]*\w", page.read_text("utf-8")):
            assert (ROOT / name).exists(), f"{page.name} names {name}"


def test_the_example_in_the_readme_is_python() -> None:
    (code,) = re.findall(r"```python\n(.*?)```", _read("README.md"), re.DOTALL)
    compile(code, "README.md", "exec")
    assert "MetricsCollector(" in code


def test_the_changelog_has_the_version_below_what_is_unreleased() -> None:
    headings = re.findall(r"^## (.+)$", _read("CHANGELOG.md"), re.MULTILINE)
    assert headings[0] == "[Unreleased]"
    assert re.fullmatch(rf"{re.escape(__version__)} \u2013 \d{{4}}-\d\d-\d\d", headings[1])


def test_the_page_on_upgrades_has_the_schemas_of_today() -> None:
    versions = re.findall(
        r"^\| ([^|]+) \| (\d+) \| (\d+) \|$", _read("docs/how-to/upgrade.md"), re.M
    )
    assert versions[0] == ("1.0.0", "16", "1")
    assert versions[-1][1:] == (str(len(migrations())), str(SCHEMA))


def test_the_manifests_start_the_image_of_this_version() -> None:
    images = [
        image
        for file in (ROOT / "deploy/kubernetes").glob("*.yaml")
        for image in re.findall(r"image: \S+/jmmc:(\S+)", file.read_text("utf-8"))
    ]
    assert images == [__version__, __version__]


def test_ci_runs_the_test_command_of_the_readme() -> None:
    assert "./run test" in _read("README.md")
    assert "./run test" in _read(".ci/run")


def test_the_design_lists_every_dependency() -> None:
    project = tomllib.loads(_read("pyproject.toml"))["project"]
    names = {re.split(r"[>=;]", dependency)[0] for dependency in project["dependencies"]}
    design = _read("docs/explanation/design.md").lower()
    assert {name for name in names if name not in design} == set()


def _prose(page: Path) -> list[str]:
    """The lines of a page that are neither code nor tables, headings, images or comments."""
    text = re.sub(r"^ *```.*?^ *```$", "", page.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)
    return [line for line in text.splitlines() if not re.match(r" *(\||#|!\[|<!--)", line)]


@pytest.mark.parametrize("page", _PAGES, ids=lambda page: page.name)
def test_prose_is_wrapped_at_100_columns(page: Path) -> None:
    visible = [re.sub(r"\]\([^)]*\)", "]", line) for line in _prose(page)]
    assert [line for line in visible if len(line) > _COLUMNS] == []


@pytest.mark.parametrize(
    "page",
    [*_PAGES, ROOT / "docs/reference/command.md", ROOT / "docs/reference/settings.md"],
    ids=lambda page: page.name,
)
def test_pages_use_terms_of_the_field(page: Path) -> None:
    text = "\n".join(_prose(page)) if page.name == "CHANGELOG.md" else page.read_text("utf-8")
    text = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    text = re.sub(r"`[^`]*`|(?<!\*)\*(?=\S)[^*\n]+\*", "", text)  # Code, and words in italics.
    words = " ".join(text.split()).lower()
    assert [phrase for phrase in _PHRASES if re.search(rf"\b{phrase}\b", words)] == []


def test_security_names_tests_that_exist() -> None:
    named = re.findall(
        r"`(tests/[\w/]+\.py)`",
        _read("docs/explanation/threat-model.md") + _read("CONTRIBUTING.md"),
    )
    assert len(named) > 20
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_modules_that_the_pages_name_exist() -> None:
    for page in (
        "README.md",
        "CONTRIBUTING.md",
        "docs/explanation/design.md",
        "docs/explanation/performance.md",
    ):
        for name in re.findall(r"`((?:src/jmmc/)?[a-z_]+/[a-z_/]+\.py)`", _read(page)):
            folders = (ROOT, ROOT / "src" / "jmmc")
            assert any((folder / name).exists() for folder in folders), f"{page} names {name}"


def test_the_line_for_jitsi_meet_in_the_readme_is_that_of_the_snippet() -> None:
    (lines,) = re.findall(r"```js\n(.*?)```", _read("README.md"), re.DOTALL)
    url = "https://metrics.example.org/jitsi-meet-metrics-collector"
    assert lines in snippet("config.js", url=url, upstream=url)


def test_no_message_of_the_program_points_into_a_checkout() -> None:
    """A package has no `docs/`."""
    pointers = []
    for path in sorted((ROOT / "src/jmmc").rglob("*.py")):
        text = path.read_text("utf-8")
        if "docs/" not in text:
            continue
        tree = ast.parse(text)
        docstrings = {
            id(node.body[0].value)
            for node in ast.walk(tree)
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
            and node.body
            and isinstance(node.body[0], ast.Expr)
        }
        pointers += [
            f"{path.name}: {node.value}"
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and id(node) not in docstrings
            and re.search(r"\bdocs/", node.value)
        ]
    assert pointers == []
