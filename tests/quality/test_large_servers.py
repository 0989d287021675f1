"""Likely causes on servers with 5,000 people: no group loses by being large."""

from collections.abc import Iterator
from itertools import pairwise
from math import exp, isfinite
from random import Random
from typing import NamedTuple

import pytest
from msgspec.structs import replace

from jmmc.core.model import Dialect, Session
from jmmc.quality.causes import Answer, Crowd, Records, likely_causes
from jmmc.quality.causes.base_rates import log_base_weights
from jmmc.quality.causes.records import Record
from jmmc.quality.grading import Grade, Spell
from jmmc.quality.summarize import summarize
from jmmc.quality.summary import GradeSpan, Summary
from jmmc.quality.thresholds import preset
from tests.support.builders import RHYTHM

_BEGAN, _ENDED = 1_800_000_000, 1_800_001_800
_PEOPLE = 5000
_SIGNS = (("up",), ("down",), ("up", "down"), ("delay",), ("cut",), ("machine",))
_SIGNS_OF_INCIDENT = (("cut",), ("up", "down"), ("up", "down", "delay"), ("down",), ("cut", "up"))
_NOBODY = summarize(
    Session("0" * 24, "", "", Dialect.V2, _BEGAN, ()), preset=preset("experience"), rhythm=RHYTHM
)
_RECORDS = Records(all=Record(10_000_000, 300_000, 9000))
"""Of the days before, with problems in 3 % of the time."""


class _Trouble(NamedTuple):
    start: int
    end: int
    signs: tuple[str, ...]


def _crowd(kind: str, value: str, hit: float, seed: int) -> tuple[list[Summary], list[Summary]]:
    """5,000 people of whom a group has an incident, which hits a share of it; and whom it hits."""
    chance = Random(f"{kind} {value} {hit} {seed}")
    everybody, affected = [], []
    for number in range(_PEOPLE):
        region, meeting = number % 5, number // 20
        places = {
            "room": f"room-{meeting}",
            "region": f"region-{region}",
            "bridge": f"bridge-{region}-{meeting % 3}",
            "provider": f"provider-{chance.randrange(8)}",
            "network": "company" if chance.random() < 0.3 else f"home-{number}",
            "browser": chance.choice(("Chrome 131", "Chrome 130", "Firefox 133", "Safari 18")),
            "os": chance.choice(("Windows 11", "macOS 15", "Ubuntu")),
        }
        troubles = [*_own(chance)]
        is_hit = places.get(kind, "") == value and chance.random() < hit
        if is_hit:
            # Statistics come every ten seconds, and some take a minute to come back.
            start = _BEGAN + 800 + chance.randrange(16)
            end = _BEGAN + 1010 + chance.randrange(18) + chance.choice((0, 0, 0, 30, 60))
            troubles = [own for own in troubles if own.end < start or own.start > end]
            troubles.append(_Trouble(start, end, chance.choice(_SIGNS_OF_INCIDENT)))
        everybody.append(_summary(number, sorted(troubles), places))
        if is_hit:
            affected.append(everybody[-1])
    return everybody, affected


def _own(chance: Random) -> Iterator[_Trouble]:
    """Problems that somebody has alone: in 3 % of the time, of most people none."""
    rate = 0.03 * chance.gammavariate(0.6, 1 / 0.6) / 150
    at = _BEGAN + chance.expovariate(rate)
    while at < _ENDED - 200:
        start, length = int(at), chance.randrange(20, 280)
        yield _Trouble(start, min(_ENDED, start + length), chance.choice(_SIGNS))
        at += length + chance.expovariate(rate)


def _summary(number: int, troubles: list[_Trouble], places: dict[str, str]) -> Summary:
    edges = [_BEGAN, *(moment for trouble in troubles for moment in trouble[:2]), _ENDED]
    bad = sum(trouble.end - trouble.start for trouble in troubles)
    return replace(
        _NOBODY,
        **places,
        session=f"{number:024}",
        browser_id=f"uid-{number}",
        endpoint_id=f"e{number}",
        began=_BEGAN,
        ended=_ENDED,
        good=_ENDED - _BEGAN - bad,
        poor=bad,
        grade_spans=tuple(
            GradeSpan(start, end, Grade.POOR if place % 2 else Grade.GOOD)
            for place, (start, end) in enumerate(pairwise(edges))
            if start < end
        ),
        spells=tuple(
            Spell(start, end, Grade.POOR, {}, dict.fromkeys(signs, end - start))
            for start, end, signs in troubles
        ),
    )


def _answers(everybody: list[Summary], affected: list[Summary], count: int) -> Iterator[Answer]:
    """The answers for some of those whom the incident hits, for the problem that it made."""
    crowd = Crowd(everybody, _BEGAN, _ENDED)
    for summary in affected[:: len(affected) // count][:count]:
        spell = next(spell for spell in summary.spells if 800 <= spell.start - _BEGAN < 816)
        yield likely_causes(summary, spell, crowd, _RECORDS)


@pytest.mark.parametrize(
    ("kind", "value", "hit"),
    [
        ("service", "", 0.65),
        ("service", "", 0.9),
        ("region", "region-1", 0.7),
        ("bridge", "bridge-1-1", 0.8),
        ("network", "company", 0.75),
        ("provider", "provider-3", 0.7),
    ],
)
def test_of_5000_people_the_group_that_fails_is_named(kind: str, value: str, hit: float) -> None:
    answers = [*_answers(*_crowd(kind, value, hit, 1), 20)]
    named = [
        (answer.likely.kind, answer.likely.value) for answer in answers if answer.likely is not None
    ]
    assert set(named) <= {(kind, value)}, "an innocent group or person is named"
    assert len(named) >= 19


def test_each_base_rate_stays_possible_however_many_have_problems() -> None:
    """With an incident of most of the problems, it is the rate of the others."""
    weights = log_base_weights(0.03, 4000, 5000, has_record=True)
    assert all(map(isfinite, weights))
    assert sum(map(exp, weights)) == pytest.approx(1)
    assert max(weights) == weights[-1]
