"""A session that is summed up piece by piece has the summary of the whole session."""

from random import Random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jmmc.core.model import Dialect, Sample, Session
from jmmc.quality.accumulator import Accumulated, Formula, SessionAccumulator
from jmmc.quality.summarize import sum_up, summarize
from jmmc.quality.thresholds import preset
from jmmc.quality.timeline import Rhythm, in_order
from jmmc.simulation.scenario import Scenario, simulate
from tests.support.builders import UID, sample
from tests.support.strategies import SESSIONS, bounded

_PRESET = preset("experience")
_RHYTHM = Rhythm(10, 75)
_FORMULA = Formula.of(_PRESET, _RHYTHM)
_LIVES = [
    simulated.session
    for simulated in simulate(Scenario(participants=12, rooms=3, minutes=40, seed=4, start=0))
]


def _in_pieces(session: Session, cuts: set[int]) -> None:
    """After each cut it is stored and read again, and has the summary of all samples so far."""
    samples = list(in_order(session))
    accumulator = SessionAccumulator(Accumulated.of(session), _FORMULA)
    for number, sample_ in enumerate(samples, 1):
        accumulator.advance([sample_])
        if number in cuts or number == len(samples):
            encoded = accumulator.encode()
            assert encoded is not None
            for now in (None, sample_.ts + 7):
                so_far = msgspec.structs.replace(session, samples=tuple(samples[:number]))
                whole = summarize(so_far, preset=_PRESET, rhythm=_RHYTHM, now=now)
                part = sum_up(SessionAccumulator.decode(encoded, _FORMULA), now)
                assert msgspec.json.encode(part) == msgspec.json.encode(whole)
            accumulator = SessionAccumulator.decode(encoded, _FORMULA)


@bounded
@given(st.sampled_from(_LIVES), st.sets(st.integers(1, 240), max_size=6), st.randoms())
def test_a_call_has_one_summary_whatever_its_samples_are_split_into(
    session: Session, cuts: set[int], chance: Random
) -> None:
    kept = [
        msgspec.structs.replace(sample_, full=sample_.full or chance.random() < 0.05)
        for sample_ in session.samples
        if chance.random() > 0.05  # The others were lost.
    ]
    _in_pieces(msgspec.structs.replace(session, samples=tuple(kept)), cuts)


@bounded
@given(SESSIONS, st.sets(st.integers(1, 6)))
def test_so_has_a_session_with_arbitrary_readings(session: Session, cuts: set[int]) -> None:
    _in_pieces(msgspec.structs.replace(session, dialect=Dialect.V2), cuts)


@bounded
@given(st.sampled_from(_LIVES), st.randoms())
def test_samples_of_a_whole_session_may_be_in_any_order_and_repeated(
    session: Session, chance: Random
) -> None:
    shuffled = [*session.samples, *chance.choices(session.samples, k=5)]
    chance.shuffle(shuffled)
    found = summarize(
        msgspec.structs.replace(session, samples=tuple(shuffled)), preset=_PRESET, rhythm=_RHYTHM
    )
    expected = summarize(session, preset=_PRESET, rhythm=_RHYTHM)
    assert msgspec.structs.replace(found, samples=expected.samples) == expected


def test_a_session_of_hours_is_kept_in_a_few_kilobytes() -> None:
    for session in _LIVES:
        encoded = SessionAccumulator.of(session, _FORMULA).encode()
        assert encoded is not None
        assert len(encoded) < 4096


@pytest.mark.parametrize(
    "samples",
    [
        (sample(None), sample(None)),
        (sample(0), sample(1, f'{{"cq":{10**30}}}')),
    ],
    ids=["samples without numbers", "an integer of any length"],
)
def test_what_cannot_be_continued_is_not_kept(samples: tuple[Sample, ...]) -> None:
    session = Session("a" * 24, "room", UID, Dialect.V1, samples[0].ts, samples)
    assert SessionAccumulator.of(session, _FORMULA).encode() is None
