"""Every word of the pages is there in every language."""

import hashlib
import re
import tomllib

import pytest

from jmmc.quality.attribution import SCOPES
from jmmc.quality.grading import Grade
from jmmc.quality.summary import DIMENSIONS
from jmmc.quality.thresholds import READINGS_OF
from jmmc.web.dashboard.charts import PLOTS
from jmmc.web.dashboard.i18n import LANGUAGES, choose_language, words
from tests.support.paths import ROOT

WEB = ROOT / "src" / "jmmc" / "web" / "dashboard"


def _said() -> set[str]:
    text = "".join(path.read_text("utf-8") for path in (WEB / "templates").glob("*.html"))
    return {a or b for a, b in re.findall(r"""\b_\((?:"([^"]+)"|'([^']+)')\)""", text)}


_SPOKEN = {
    *_said(),
    *("Now", "Overview", "Compare", "Find", "Health"),
    *(item.name.lower() for item in Grade),
    *(f"reason {item}" for item in (*READINGS_OF, "interrupted", "cpu", "bandwidth")),
    *("interrupted", "restored", "p2p", "jvb", "path", "muted_audio", "unmuted_audio"),
    *("muted_video", "unmuted_video", "room", "participant", "address"),
    *(
        text
        for plot in PLOTS
        for text in (plot.title, plot.unit, *(label for _, label in plot.series))
    ),
    *DIMENSIONS,
}


@pytest.mark.parametrize("text", sorted(_SPOKEN - {""}))
def test_it_is_said_in_french(text: str) -> None:
    assert text in words("fr")


def test_no_translation_is_left_over() -> None:
    from_code = "".join(path.read_text("utf-8") for path in WEB.parent.rglob("*.py"))
    for text in words("fr"):
        assert text in _SPOKEN or text in from_code or text.startswith("cause "), text


def test_every_verdict_has_words() -> None:
    verdicts = ("alone", *SCOPES, "unclear", "too few")
    names = {"bad": 2, "others": 3, "value": "203.0.113.0/24", "elsewhere_bad": 1, "elsewhere": 9}
    for language in LANGUAGES:
        for verdict in verdicts:
            assert "{" not in words(language)[f"cause {verdict}"].format(**names)


@pytest.mark.parametrize(
    ("asked", "accepted", "language"),
    [
        ("fr", "en", "fr"),
        (None, "fr-CA,en;q=0.5", "fr"),
        (None, "de,fr;q=0.5", "fr"),
        (None, "de", "en"),
        ("xx", "", "en"),
    ],
)
def test_a_reader_gets_the_language_that_was_asked_for(
    asked: str | None, accepted: str, language: str
) -> None:
    assert choose_language(asked, accepted) == language


def test_what_was_brought_from_npm_is_what_was_locked() -> None:
    folder = WEB / "static" / "vendor"
    lock = tomllib.loads((folder / "lock.toml").read_text("utf-8"))
    for item in lock.values():
        for name, digest in item["files"].items():
            assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest
    listed = {name for item in lock.values() for name in item["files"]}
    assert {path.name for path in folder.iterdir()} == {*listed, "lock.toml"}
