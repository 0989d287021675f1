"""The docs are true: what they list is what there is."""

import re
import subprocess
import sys
import tomllib

import pytest

from jmmc.cli import main
from jmmc.core.errors import REASONS
from jmmc.core.readings import BROWSER_READINGS, SERVER_READINGS
from jmmc.core.version import __version__
from jmmc.monitoring.instruments import tables
from jmmc.settings import Settings
from jmmc.web.browser.endpoints import STATUS
from tests.support.paths import ROOT


def _read(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def test_the_page_of_settings_is_what_the_command_prints() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "jmmc", "settings", "--markdown"], capture_output=True, check=True
    )
    assert _read("docs/settings.md") == done.stdout.decode()


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_is_described(name: str) -> None:
    assert f"| `{name}` | `JMMC_{name.upper()}` |" in _read("docs/settings.md")
    assert Settings.model_fields[name].description


@pytest.mark.parametrize("name", main.commands)
def test_every_command_is_in_the_readme(name: str) -> None:
    assert f"jmmc {name}" in _read("README.md")


@pytest.mark.parametrize("reason", REASONS)
def test_every_reason_is_in_the_protocol_with_its_status(reason: str) -> None:
    row = rf"^\| `{reason}` \| {STATUS[reason]} \|"  # type: ignore[index]
    assert re.search(row, _read("docs/protocol.md"), re.MULTILINE)


@pytest.mark.parametrize("path", [row.path for row in (*BROWSER_READINGS, *SERVER_READINGS)])
def test_every_reading_is_in_the_protocols_table(path: str) -> None:
    assert re.search(rf"^\| .*`{re.escape(path)}`", _read("docs/protocol.md"), re.MULTILINE)


def test_the_page_of_monitoring_has_every_metric() -> None:
    assert tables() + "<!-- end -->" in _read("docs/monitoring.md")


def test_every_guarantee_names_tests_that_exist() -> None:
    named = set(re.findall(r"`(test_\w+)`", _read("docs/guarantees.md")))
    there = {
        name
        for file in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^(?:async )?def (test_\w+)", file.read_text("utf-8"), re.MULTILINE)
    }
    assert len(named) > 30
    assert named - there == set()


def test_links_between_pages_lead_somewhere() -> None:
    for page in [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *ROOT.glob("examples/*.md")]:
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text("utf-8")):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_files_that_the_pages_name_are_shipped() -> None:
    for page in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        for name in re.findall(r"(?<![\w/])deploy/[\w./-]*\w", page.read_text("utf-8")):
            assert (ROOT / name).exists(), f"{page.name} names {name}"


def test_the_example_in_the_readme_is_python() -> None:
    (code,) = re.findall(r"```python\n(.*?)```", _read("README.md"), re.DOTALL)
    compile(code, "README.md", "exec")
    assert "MetricsCollector(" in code


def test_the_changelog_knows_the_version() -> None:
    assert "## Unreleased" in _read("CHANGELOG.md") or f"## {__version__}" in _read("CHANGELOG.md")


def test_ci_runs_the_test_command_of_the_readme() -> None:
    assert "./run test" in _read("README.md")
    assert "./run test" in _read(".ci/run")


def test_every_library_we_lean_on_is_accounted_for() -> None:
    project = tomllib.loads(_read("pyproject.toml"))["project"]
    names = {re.split(r"[>=;]", item)[0] for item in project["dependencies"]}
    design = _read("docs/design.md").lower()
    assert {name for name in names if name not in design} == set()
