"""Signs: of which kind and in which direction a problem is."""

import pytest

from jmmc.quality.grading import judge, spells
from jmmc.quality.signs import senders_at, signs_at
from jmmc.quality.thresholds import preset
from jmmc.quality.timeline import Span, State

_EXPERIENCE = preset("experience")


@pytest.mark.parametrize(
    ("state", "reasons", "signs"),
    [
        ({"u.pl": 9, "d.pl": 0}, ("loss",), ["up"]),
        ({"u.pl": 0.3, "d.pl": 12}, ("loss",), ["down"]),
        ({"u.pl": 12, "d.pl": 9}, ("loss",), ["up", "down"]),
        ({"u.pl": 20, "d.pl": 9}, ("loss",), ["up"]),  # Less than three fifths of the other.
        ({"u.apl": 8, "u.pl": 2}, ("loss",), ["up"]),
        ({"d.cnc": 6, "d.apl": 4}, ("concealed",), ["media", "down"]),
        ({"d.cnc": 6, "d.apl": 1.9}, ("concealed",), ["media"]),
        ({"rtt": 700}, ("rtt", "mos"), ["delay"]),
        ({"d.frz": 30, "lt": 45}, ("frozen",), ["media", "machine"]),
        ({"d.frz": 30, "lt": 39, "d.drp": 14}, ("frozen",), ["media"]),
        ({"d.frz": 30, "d.drp": 15}, ("frozen",), ["media", "machine"]),
        ({"u.pl": 50, "interrupted": True}, ("interrupted",), ["cut"]),
        ({"cq": 10}, ("quality",), []),
        ({"u.pl": None, "d.pl": "much"}, ("mos",), []),
    ],
)
def test_a_moment_has_the_signs_of_its_reasons_and_readings(
    state: State, reasons: tuple[str, ...], signs: list[str]
) -> None:
    assert list(signs_at(state, reasons)) == signs


def test_senders_are_named_from_the_limits_of_fair_on() -> None:
    listed = [["a", 5, 0, 0, 0], ["b", 4, 2, 4, 4], ["c", None, 3, None, None], ["d", 0, 0, 0, 5]]
    assert list(senders_at({"d.by": listed})) == ["a", "c", "d"]  # type: ignore[dict-item]
    for nothing in (None, "a", [["a"]], [[1, 9, 9, 9, 9]], ["a", 9, 9, 9, 9]):
        assert list(senders_at({"d.by": nothing})) == []  # type: ignore[dict-item]


def test_a_spell_has_the_seconds_of_each_sign_and_of_each_sender() -> None:
    named = [["e1", 0, 20, 0, 0]]
    spans = [
        Span(0, 30, {"d.pl": 0, "d.cnc": 20, "d.by": named}),  # type: ignore[dict-item]
        Span(30, 50, {"d.pl": 20, "d.cnc": 20}),
        Span(50, 60, {"d.pl": 0}),
    ]
    (spell,) = spells(judge(spans, _EXPERIENCE))
    assert spell.signs == {"media": 50, "down": 20}
    assert spell.senders == {"e1": 30}
    assert spell.reasons == {"concealed": 50, "loss": 20}
