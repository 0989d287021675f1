"""Likely causes in words, in English and French: `causes.toml` has the texts."""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from urllib.parse import unquote

from jmmc.core.text import with_french_spaces
from jmmc.quality.causes import Answer, Cause, Fact
from jmmc.quality.causes.answer import OTHER_END, Verdict
from jmmc.quality.causes.parameters import CLEAR

_PERCENTAGES = frozenset(("share", "others_share"))
_SHOWN = 3  # Candidates in a headline.
_OF_TITLE = 2
_SHORT = 8  # Digits of the id of a session without a name.


@cache
def texts() -> Mapping[str, Mapping[str, Mapping[str, str]]]:
    """The texts by section, key and language."""
    text = files("jmmc.answers").joinpath("causes.toml").read_text("utf-8")
    return dict(tomllib.loads(text))


def headline(answer: Answer, language: str, names: Mapping[str, str] | None = None) -> str:
    """The likely cause in a sentence, or why none is named.

    `names` has what participants are called by the id of their session.
    """
    names = names or {}
    causes = answer.causes
    shown = [causes[0], *(causes[at] for at in answer.ties)]
    if answer.verdict in (Verdict.UNCLEAR, Verdict.NOT_ENOUGH):
        shown = [*causes[:_SHOWN]]
    with_share = answer.verdict is not Verdict.TIE
    listed = [
        _with_probability(cause, language, names) if with_share else name_of(cause, language, names)
        for cause in shown
    ]
    sentence = _text("headline", _headline_of(answer), language).format(
        first=name_of(causes[0], language, names),
        percent=percent(causes[0].probability),
        causes=_listed(listed, language, " / " if with_share else ""),
        missing=", ".join(_text("missing", name, language) for name in answer.missing),
    )
    return _capitalized(sentence)


def _headline_of(answer: Answer) -> str:
    """The name of the sentence; the two ends of a path are a tie for another reason than groups."""
    of_path = any(answer.causes[at].kind == OTHER_END for at in (0, *answer.ties))
    return "tie of a path" if answer.verdict is Verdict.TIE and of_path else answer.verdict.value


def title(answer: Answer, language: str, names: Mapping[str, str] | None = None) -> str:
    """The likely cause in a few words, with its probability; several where none is named."""
    listed = " / ".join(
        _with_probability(cause, language, names) for cause in causes_of_title(answer)
    )
    return _titled(answer, listed, language)


def causes_of_title(answer: Answer) -> tuple[Cause, ...]:
    """The likely cause; those that are a tie; or the first candidates, where none is named."""
    if answer.verdict in (Verdict.UNCLEAR, Verdict.NOT_ENOUGH):
        return answer.causes[:_OF_TITLE]
    return (answer.causes[0], *(answer.causes[at] for at in answer.ties))


def first_of_title(answer: Answer, language: str, names: Mapping[str, str] | None = None) -> str:
    """The most probable cause of a title; others follow unless it is likely alone."""
    first = _with_probability(answer.causes[0], language, names)
    others = "" if answer.verdict is Verdict.LIKELY else " / …"
    return _titled(answer, f"{first}{others}", language)


def _titled(answer: Answer, causes: str, language: str) -> str:
    if answer.verdict in (Verdict.UNCLEAR, Verdict.NOT_ENOUGH):
        causes = _text("title", "unclear", language).format(causes=causes)
    return _capitalized(causes)


def name_of(cause: Cause, language: str, names: Mapping[str, str] | None = None) -> str:
    """What a cause is called."""
    return _text("name", _key(cause, "name"), language).format(value=_value(cause, names))


def advice_for(cause: Cause, language: str, names: Mapping[str, str] | None = None) -> str:
    """What to do next."""
    return _text("advice", _key(cause, "advice"), language).format(value=_value(cause, names))


def advice_of(
    answer: Answer, language: str, names: Mapping[str, str] | None = None
) -> tuple[str, ...]:
    """What to do next for the likely cause, or for each of a tie; nothing where it is unclear."""
    if answer.verdict not in (Verdict.LIKELY, Verdict.TIE):
        return ()
    sentences = (advice_for(cause, language, names) for cause in causes_of_title(answer))
    return tuple(dict.fromkeys(sentences))


def fact_sentences(cause: Cause, language: str) -> list[str]:
    """The facts that speak for a cause."""
    return [_fact(fact, language) for fact in cause.facts]


def percent(share: float) -> str:
    """A probability; never 100 %, and 50 % only where that is enough to be named."""
    rounded = max(1, min(99, round(100 * share)))
    if share < CLEAR:
        rounded = min(rounded, round(100 * CLEAR) - 1)
    return f"{rounded}\N{NO-BREAK SPACE}%"


def _with_probability(cause: Cause, language: str, names: Mapping[str, str] | None) -> str:
    return f"{name_of(cause, language, names)} ({percent(cause.probability)})"


def _capitalized(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]


def _fact(fact: Fact, language: str) -> str:
    numbers = {
        name: _decimal(f"{100 * value:.1f}\N{NO-BREAK SPACE}%", language)
        if name in _PERCENTAGES and isinstance(value, float | int)
        else int(value)  # Counts; stored as JSON they come back as 2.0.
        if isinstance(value, float) and value.is_integer()
        else value
        for name, value in fact.numbers.items()
    }
    only = f"{fact.name}, one"  # Of one other participant.
    key = only if numbers.get("known") == 1 and only in texts()["fact"] else fact.name
    return _text("fact", key, language).format(**numbers)


def _decimal(text: str, language: str) -> str:
    return text.replace(".", ",") if language == "fr" else text


def _key(cause: Cause, section: str) -> str:
    directed = f"{cause.kind} {cause.value}"
    return directed if cause.kind == "line" and directed in texts()[section] else cause.kind


def _value(cause: Cause, names: Mapping[str, str] | None) -> str:
    if named := (names or {}).get(cause.value):
        return named
    return cause.value[:_SHORT] if cause.kind == OTHER_END else unquote(cause.value)


def _text(section: str, key: str, language: str) -> str:
    text = texts()[section][key][language]
    return with_french_spaces(text) if language == "fr" else text


def _listed(items: list[str], language: str, separator: str) -> str:
    if separator:
        return separator.join(items)
    *first, last = items
    return f"{', '.join(first)} {_text('words', 'and', language)} {last}" if first else last
