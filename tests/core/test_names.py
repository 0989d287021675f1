"""Names follow the glossary in docs/explanation/design.md, which says what is not used."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.support.paths import ROOT

_FOLDERS = ("src", "tests", "bench", "docs", "examples")
_FILES = sorted(
    file
    for folder in _FOLDERS
    for file in (ROOT / folder).rglob("*.py")
    if "node_modules" not in file.parts
)
_PARTS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")


def _unused(kind: str) -> set[str]:
    """The words that the glossary lists after `Not used <kind>:`."""
    page = (ROOT / "docs/explanation/design.md").read_text("utf-8")
    listed = re.search(rf"Not used {kind}: ([^.]+)\.", page)
    assert listed
    return set(re.findall(r"`(\w+)`", listed[1]))


_WORDS, _VARIABLES = _unused("in names"), _unused("as variables")


def _defined(tree: ast.AST) -> Iterator[str]:
    """Every name that a file defines: modules' and classes' members, parameters, variables."""
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                yield node.name
            case ast.arg():
                yield node.arg
            case ast.Name(ctx=ast.Store()):
                yield node.id
            case ast.Attribute(ctx=ast.Store()):
                yield node.attr


def _singular(word: str) -> str:
    return word.lower().removesuffix("s")


def test_the_glossary_lists_words_that_are_not_used() -> None:
    assert {"door", "told", "blame"} <= _WORDS
    assert {"it", "its", "one"} <= _VARIABLES


def _excluded_names(file: Path) -> list[str]:
    names = set(_defined(ast.parse(file.read_text("utf-8")))) | {file.stem}
    excluded = {_singular(word) for word in _WORDS}
    return sorted(
        name
        for name in names
        if name in _VARIABLES or excluded & set(map(_singular, _PARTS.findall(name)))
    )


def test_names_avoid_what_the_glossary_excludes() -> None:
    assert len(_FILES) > 200
    found = {str(file.relative_to(ROOT)): _excluded_names(file) for file in _FILES}
    assert {file: names for file, names in found.items() if names} == {}
