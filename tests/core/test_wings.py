"""The wings: each says what it is for, and others use only what it exports.

The direction of imports is held by import-linter (`[tool.importlinter]` in pyproject.toml).
"""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support.paths import ROOT

SOURCE = ROOT / "src" / "jmmc"
_PACKAGES = sorted(file.parent for file in SOURCE.rglob("__init__.py") if file.parent != SOURCE)


class _Import(NamedTuple):
    """`from jmmc.<package> import <name>` in a file; the package without `jmmc`."""

    file: Path
    line: int
    package: tuple[str, ...]
    name: str


def _imports() -> Iterator[_Import]:
    for file in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("jmmc."):
                package = tuple((node.module or "").split(".")[1:])
                for alias in node.names:
                    yield _Import(file, node.lineno, package, alias.name)


def _exports(package: Path) -> set[str]:
    """The names in `__all__` of a package."""
    for node in ast.parse((package / "__init__.py").read_text("utf-8")).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return set(ast.literal_eval(node.value))
    return set()


def _is_exported(used: _Import) -> bool:
    """Whether each package on the way exports the next part of the path."""
    package = SOURCE
    for part in (*used.package, used.name):
        if package != SOURCE and part not in _exports(package):
            return False
        package = package / part
        if not package.is_dir():
            return True
    return True


# A package inside a wing is one of its wings when the wing exports it; else it is its own affair.
WINGS = [
    package
    for package in _PACKAGES
    if package.parent in (SOURCE, SOURCE / "web") or package.name in _exports(package.parent)
]


@pytest.mark.parametrize("wing", WINGS, ids=lambda wing: str(wing.relative_to(SOURCE)))
def test_a_wing_says_what_it_is_for_and_what_it_exports(wing: Path) -> None:
    tree = ast.parse((wing / "__init__.py").read_text("utf-8"))
    docstring = ast.get_docstring(tree) or ""
    assert len(docstring.splitlines()) >= 3, "for what, what enters and leaves, what it ignores"
    imported = {
        alias.name for node in tree.body if isinstance(node, ast.ImportFrom) for alias in node.names
    }
    modules = {path.stem for path in wing.iterdir()}
    assert _exports(wing) <= imported | modules


def test_other_wings_use_only_what_a_wing_exports() -> None:
    crossing = [
        used for used in _imports() if used.file.relative_to(SOURCE).parts[0] != used.package[0]
    ]
    assert len(crossing) > 100
    hidden = [
        f"{used.file.relative_to(SOURCE)}:{used.line}: jmmc.{'.'.join(used.package)}.{used.name}"
        for used in crossing
        if not _is_exported(used) or (used.name.startswith("_") and not used.name.startswith("__"))
    ]
    assert hidden == []


def test_no_export_of_a_wing_is_unused_elsewhere() -> None:
    used: dict[str, set[str]] = {}
    for file in (
        *SOURCE.rglob("*.py"),
        *(ROOT / "tests").rglob("*.py"),
        *(ROOT / "bench").iterdir(),
    ):
        if file.suffix not in (".py", "") or file.is_dir():
            continue
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("jmmc."):
                for alias in node.names:
                    parts = (*(node.module or "").split(".")[1:], alias.name)
                    for length in range(1, len(parts)):
                        inside = file.is_relative_to(SOURCE.joinpath(*parts[:length]))
                        if not inside:
                            used.setdefault(".".join(parts[:length]), set()).add(parts[length])
    for wing in WINGS:
        name = ".".join(wing.relative_to(SOURCE).parts)
        assert _exports(wing) - used.get(name, set()) == set(), name
