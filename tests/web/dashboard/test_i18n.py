"""The texts of the pages: complete in every language, and in plain words."""

import ast
import re
from string import Formatter
from typing import get_args

import pytest

from jmmc.answers.list_filters import CAUSES, LIST_FILTERS
from jmmc.core.readings import OTHER_FAILURES, TECHNICAL_FAILURES
from jmmc.jitsi.first_steps import StepName
from jmmc.quality.differences import Mark
from jmmc.quality.filters import DIMENSIONS, FIELD_OF_FILTER
from jmmc.quality.grading import Grade
from jmmc.quality.joins import STEPS
from jmmc.quality.outcomes import OUTCOMES
from jmmc.quality.thresholds import PRESETS, READINGS_OF
from jmmc.quality.ways import FAIR
from jmmc.web.dashboard.charts import PLOTS
from jmmc.web.dashboard.help import SECTIONS, limit_rows
from jmmc.web.dashboard.i18n import LANGUAGES, choose_language, words
from jmmc.web.dashboard.layout import Layout
from jmmc.web.dashboard.list_columns import COLUMNS
from jmmc.web.dashboard.tracks import EVENTS, STATES
from jmmc.web.security.sessions import LoginSigner
from tests.support.paths import ROOT

WEB = ROOT / "src" / "jmmc" / "web"
DASHBOARD = WEB / "dashboard"


def _texts_of_templates() -> set[str]:
    text = "".join(path.read_text("utf-8") for path in (DASHBOARD / "templates").glob("*.html"))
    return {a or b for a, b in re.findall(r"""\b_\((?:"([^"]+)"|'([^']+)')\)""", text)}


_TEXTS = {
    *_texts_of_templates(),
    *("Now", "Overview", "Compare", "Meetings", "Sessions", "Health"),
    *("15 minutes", "today", "yesterday", "this week", "previous week"),
    *("this month", "previous month"),
    *(column.head for columns in COLUMNS.values() for column in columns),
    *FIELD_OF_FILTER,
    *LIST_FILTERS,
    *(f"cause {kind}" for kind in CAUSES),
    *(grade.name.lower() for grade in Grade),
    *(f"reason {reason}" for reason in (*READINGS_OF, "interrupted", "cpu", "bandwidth")),
    *(event for state in STATES for event in state),
    *EVENTS,
    *("page hidden", "network type", "audio codec", "room", "participant", "address"),
    *(f"matrix {name}" for name in FAIR),
    *(
        text
        for plot in PLOTS
        for text in (plot.title, plot.unit, *(label for _, label in plot.series))
    ),
    *DIMENSIONS,
    *(f"difference {mark.value}" for mark in Mark),
    *("failed joins", "refused joins", "dropped stays"),
    *(f"outcome {outcome}" for outcome in OUTCOMES),
    *(f"step {step}" for step in STEPS),
    *(
        f"{kind} {reason}"
        for kind in ("failure", "advice")
        for reason in (*TECHNICAL_FAILURES, *OTHER_FAILURES)
    ),
    *("name", "code", "rating", "microphone", "camera", "speaker"),
    *(f"help {section}" for section in SECTIONS),
    *(row.source for chosen in PRESETS.values() for row in limit_rows(chosen)),
    *(chosen.limitation.source for chosen in PRESETS.values() if chosen.limitation),
    *(f"first step {what}{name}" for what in ("", "why ") for name in get_args(StepName)),
}
_SENTENCES = ("way ", "media ", "upload ", "why ")


def _sentences_of_errors() -> set[str]:
    """The literal sentences of errors that pages show."""
    raised = {"InvalidInput", "NotFoundError", "NoteError", "ViewError", "Problem"}
    found: set[str] = set()
    for wing in ("answers", "core", "quality", "web/dashboard", "web/security"):
        for path in (ROOT / "src" / "jmmc" / wing).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.Call) and getattr(node.func, "id", "") in raised:
                    texts = [arg.value for arg in node.args if isinstance(arg, ast.Constant)]
                    found |= {text for text in texts if isinstance(text, str) and " " in text}
    return found


def test_errors_of_pages_are_translated_with_the_same_values() -> None:
    sentences = _sentences_of_errors()
    assert "meeting {id}: not known" in words("fr")
    assert "session {id}: not known" in sentences
    for sentence in sentences:
        assert sentence in words("fr")
        values = [
            sorted(name for _, name, _, _ in Formatter().parse(text) if name)
            for text in (sentence, words("fr")[sentence])
        ]
        if {"start", "end"} <= {*values[0]}:  # Pages need no times as they were typed.
            values[0] = ["end", "start"]
        assert values[0] == values[1], sentence


def test_every_text_has_a_french_translation() -> None:
    assert len(_TEXTS) > 500
    assert sorted(_TEXTS - {""} - words("fr").keys()) == []


def test_french_has_its_spaces_and_apostrophes() -> None:
    assert words("fr")["95 % within"] == "95\u00a0% en moins de"
    assert "Prochaine tentative\u00a0:" in words("fr").values()
    assert "«\u00a0Tout\u00a0» examine" in "".join(words("fr").values())
    assert "1\u00a0024 caractères" in "".join(words("fr").values())
    for text in words("fr").values():
        assert not re.search(r" [:;?!%»]|« |'", text), text


def test_every_translation_is_used() -> None:
    wings = [ROOT / "src" / "jmmc" / wing for wing in ("web", "answers", "core", "quality")]
    code = "".join(path.read_text("utf-8") for wing in wings for path in wing.rglob("*.py"))
    code = re.sub(r'"\s+f?"', "", code)  # Texts that are written in several parts.
    for text in words("fr"):
        assert text in _TEXTS or text in code or text.startswith(_SENTENCES), text


def test_every_language_has_the_same_sentences_with_the_same_figures() -> None:
    for text in words("en"):
        if text.startswith(_SENTENCES):
            figures = [re.findall("{.*?}", words(language)[text]) for language in LANGUAGES]
            assert all(sorted(set(found)) == sorted(set(figures[0])) for found in figures), text


@pytest.mark.parametrize("reason", (*TECHNICAL_FAILURES, *OTHER_FAILURES))
def test_every_failure_has_a_name_and_says_what_to_do(reason: str) -> None:
    for language in LANGUAGES:
        assert {f"failure {reason}", f"advice {reason}"} <= words(language).keys()


_FORBIDDEN = {
    "fault": "likely cause",
    "blame": "likely cause",
    "is bad": "has problems",
    "was bad": "had problems",
    "were bad": "had problems",
    "are bad": "are affected",
    "bad spell": "problem",
    "at the most": "maximum",
    "at once": "concurrent",
    "ill will": "hostile",
    "by itself": "automatically",
    "on its way": "sending",
    "pretend": "simulate",
    "too old": "expired",
    "faute": "cause probable",
    "allaient mal": "avaient des problèmes",
    "avec problèmes": "avec des problèmes",
    "minutes-personnes": "personnes-minutes",
    "pont vidéo": "pont",
    "séjour": "session",
    "vont mal": "touchés",
}


@pytest.mark.parametrize("word", _FORBIDDEN)
def test_the_pages_use_the_terms_of_the_field(word: str) -> None:
    texts = [text for language in LANGUAGES for text in words(language).values()]
    texts += _TEXTS
    demo = WEB / "demo" / "assets"
    texts += [path.read_text("utf-8") for path in demo.glob("*.js")]
    found = [text for text in texts if re.search(rf"\b{word}\b", text, re.IGNORECASE)]
    assert not found, f"say: {_FORBIDDEN[word]}"


@pytest.mark.parametrize(
    ("preferred", "accept_language", "language"),
    [
        ("fr", "en", "fr"),
        (None, "fr-CA,en;q=0.5", "fr"),
        (None, "de,fr;q=0.5", "fr"),
        (None, "de", "en"),
        ("xx", "", "en"),
    ],
)
def test_a_reader_gets_the_preferred_language(
    preferred: str | None, accept_language: str, language: str
) -> None:
    assert choose_language(preferred, accept_language) == language


@pytest.mark.parametrize(
    ("language", "nouns"), [("en", ["many", "one", "many"]), ("fr", ["one", "one", "many"])]
)
def test_a_noun_follows_its_number(language: str, nouns: list[str]) -> None:
    templates = Layout(LoginSigner("x"), lambda: "UTC").templates
    noun = templates.get_template("parts.html").make_module({"language": language}).noun
    assert [noun(count, "one", "many") for count in (0, 1, 2)] == nouns
