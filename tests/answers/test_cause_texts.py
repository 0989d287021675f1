"""Likely causes in words: complete in both languages, and in plain words."""

import re

import pytest
from msgspec.structs import replace

from jmmc.answers.cause_texts import (
    advice_for,
    advice_of,
    fact_sentences,
    first_of_title,
    headline,
    name_of,
    percent,
    texts,
    title,
)
from jmmc.quality.causes import Answer, Cause, Fact
from jmmc.quality.causes.answer import SIDES, Verdict
from jmmc.quality.signs import SIGNS

_LANGUAGES = ("en", "fr")
_NUMBERS: dict[str, float | str] = {
    **{"bad": 4, "known": 4, "others_bad": 0, "others_known": 16, "at_once": 3, "calls": 2},
    **{"share": 0.42, "others_share": 0.031},
}
_FACTS = ("group", "at once", "nobody else", "others", "sender", "named", "events", "other calls")


def _cause(kind: str, value: str = "", probability: float = 0.8) -> Cause:
    return Cause(kind, value, probability, 4, 4, 0, 16, (Fact("group", _NUMBERS),))


_REGION, _ROOM = _cause("region", "eu-west", 0.4), _cause("meeting", "room-9", 0.45)


@pytest.mark.parametrize("language", _LANGUAGES)
@pytest.mark.parametrize("kind", SIDES)
def test_each_cause_has_a_name_and_what_to_do(kind: str, language: str) -> None:
    for value in ("up", "down", ""):
        cause = _cause(kind, value)
        for sentence in (name_of(cause, language), advice_for(cause, language)):
            assert sentence
            assert "{" not in sentence


@pytest.mark.parametrize("language", _LANGUAGES)
def test_each_fact_has_a_sentence(language: str) -> None:
    for name in (*_FACTS, "record", *(f"sign {sign}" for sign in SIGNS)):
        (sentence,) = fact_sentences(
            replace(_cause("line"), facts=(Fact(name, _NUMBERS),)), language
        )
        assert "{" not in sentence
    assert {"en": "42.0\u00a0%", "fr": "42,0\u00a0%"}[language] in fact_sentences(
        replace(_cause("line"), facts=(Fact("record", _NUMBERS),)), language
    )[0]


def test_a_likely_cause_is_said_with_its_probability() -> None:
    answer = Answer(Verdict.LIKELY, (_cause("bridge", "198.51.100.7", 0.93),))
    assert headline(answer, "en") == "Likely cause: the bridge 198.51.100.7, 93\u00a0%."
    assert headline(answer, "fr").startswith("Cause probable\u00a0: le pont 198.51.100.7, 93")


def test_a_tie_names_all_that_explain_as_much() -> None:
    answer = Answer(Verdict.TIE, (_ROOM, _REGION), ties=(1,))
    assert headline(answer, "en") == (
        "The meeting in room room-9 and the region eu-west explain this equally well: the same"
        " people are in them."
    )


def test_an_unclear_cause_lists_the_candidates_with_their_probabilities() -> None:
    answer = Answer(Verdict.UNCLEAR, (_ROOM, _REGION))
    assert headline(answer, "en") == (
        "Unclear: the meeting in room room-9 (45\u00a0%) / the region eu-west (40\u00a0%)."
    )


def test_a_title_says_that_it_is_unclear_and_that_others_explain_as_much() -> None:
    unclear = Answer(Verdict.UNCLEAR, (_ROOM, _REGION, _cause("line", "up", 0.1)))
    assert title(unclear, "en") == (
        "Unclear: the meeting in room room-9 (45\u00a0%) / the region eu-west (40\u00a0%)"
    )
    assert title(unclear, "fr").startswith("Indéterminé\u00a0: la réunion")
    assert first_of_title(unclear, "en") == "Unclear: the meeting in room room-9 (45\u00a0%) / …"
    tie = Answer(Verdict.TIE, (_cause("bridge", "b-1", 0.83), _REGION), ties=(1,))
    assert title(tie, "en") == "The bridge b-1 (83\u00a0%) / the region eu-west (40\u00a0%)"
    assert first_of_title(tie, "en") == "The bridge b-1 (83\u00a0%) / …"
    likely = Answer(Verdict.LIKELY, (_cause("bridge", "b-1", 0.83), _REGION))
    assert title(likely, "en") == first_of_title(likely, "en") == "The bridge b-1 (83\u00a0%)"


def test_of_a_tie_each_cause_has_what_to_do_next_and_of_an_unclear_cause_none() -> None:
    causes = (_cause("bridge", "b-1", 0.45), _cause("region", "eu", 0.4))
    assert advice_of(Answer(Verdict.TIE, causes, ties=(1,)), "en") == (
        "Look at the bridge b-1: its load, its log, its network.",
        "Look at the bridges of eu, and at the routes to them.",
    )
    assert len(advice_of(Answer(Verdict.LIKELY, causes), "fr")) == 1
    assert advice_of(Answer(Verdict.UNCLEAR, causes, ties=(1,)), "en") == ()


def test_the_two_ends_of_a_path_are_a_tie_because_both_measure_it() -> None:
    answer = Answer(
        Verdict.TIE, (_cause("line", "up", 0.6), _cause("other end", "5f3c", 0.3)), ties=(1,)
    )
    assert headline(answer, "en", {"5f3c": "Kim"}) == (
        "This participant's own connection, upload and another participant's connection, machine or"
        " device (Kim) explain this equally well: both ends measure the same path."
    )
    assert headline(answer, "fr").endswith("les deux côtés mesurent le même trajet.")


def test_what_is_missing_is_said() -> None:
    answer = Answer(Verdict.NOT_ENOUGH, (_ROOM,), missing=("others", "record"))
    assert headline(answer, "en").startswith(
        "Not enough data: too few others were there to compare with, no record of the last days."
    )


def test_another_participant_is_called_by_name_where_that_is_known() -> None:
    cause = _cause("other end", "5f3c0d5e9b1a4f0e8d7c6b5a")
    assert "(Kim)" in name_of(cause, "en", {cause.value: "Kim"})
    assert "(5f3c0d5e)" in name_of(cause, "en"), "else by the short id of the session"


def test_a_probability_is_never_certain() -> None:
    assert [percent(share) for share in (0.0, 0.004, 0.5, 0.996, 1.0)] == [
        "1\u00a0%",
        "1\u00a0%",
        "50\u00a0%",
        "99\u00a0%",
        "99\u00a0%",
    ]


def test_every_text_has_both_languages_and_people_are_never_called_bad() -> None:
    for section in texts().values():
        for sentences in section.values():
            assert set(sentences) == set(_LANGUAGES)
            for sentence in sentences.values():
                words = re.sub(r"\{\w+\}", "", sentence)
                assert not re.search(r"\b(fault|blame|guilty|bad|faute|coupable)\b", words)


@pytest.mark.parametrize("name", ["nobody else", "others"])
def test_a_single_other_participant_is_not_counted(name: str) -> None:
    fact = Fact(name, {"bad": 1, "known": 1})
    (sentence,) = fact_sentences(replace(_cause("line"), facts=(fact,)), "en")
    assert sentence.startswith("The only other participant of the meeting had ")


def test_a_single_other_member_of_a_group_is_one_other() -> None:
    fact = Fact("group", {"bad": 0, "known": 1, "others_bad": 1, "others_known": 41})
    sentences = fact_sentences(replace(_cause("network"), facts=(fact,)), "en")
    assert sentences == ["0 of 1 other there had problems at that time, 1 of 41 elsewhere."]


def test_what_is_unclear_is_not_said_to_have_50_percent() -> None:
    assert [percent(share) for share in (0.494, 0.496, 0.4999, 0.5)] == [
        *["49\u00a0%"] * 3,
        "50\u00a0%",
    ]
