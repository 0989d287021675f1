"""Grades, reasons and verdicts; and the mistakes that others have made."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jmmc.core.errors import SettingsError
from jmmc.quality import grading
from jmmc.quality.grading import (
    Grade,
    Judged,
    judge,
    moment_mos,
    quantiles,
    spells,
    verdict,
    worst_minute,
)
from jmmc.quality.mos import mos
from jmmc.quality.thresholds import PRESETS, preset
from jmmc.quality.timeline import Span, State

_JITSI = preset("jitsi")
_GOOD: dict[str, float] = {"cq": 100, "rtt": 40, "d.pl": 0, "u.pl": 0, "d.jit": 5}


@pytest.fixture(autouse=True)
def limits_worked_out_anew() -> None:
    """What another test, or the process that this one was forked from, knows proves nothing."""
    grading._checks.cache_clear()


def _one(state: State, name: str = "jitsi") -> tuple[Grade, tuple[str, ...]]:
    (judgement,) = judge([Span(0, 30, state)], preset(name))
    return judgement.grade, judgement.reasons


def _grades(*states: State | None) -> list[Grade]:
    spans = [Span(30 * n, 30 * n + 30, state) for n, state in enumerate(states)]
    judged = judge(spans, _JITSI)
    return [
        next(judgement.grade for judgement in judged if judgement.start <= s.start < judgement.end)
        for s in spans
    ]


@pytest.mark.parametrize(
    ("state", "grade", "reasons"),
    [
        (_GOOD, Grade.GOOD, ()),
        ({}, Grade.UNKNOWN, ()),
        ({"br": "Chrome 131", "u.bw": 300}, Grade.UNKNOWN, ()),
        ({"cq": 30}, Grade.GOOD, ()),
        ({"cq": 29}, Grade.FAIR, ("quality",)),
        ({"cq": 0}, Grade.POOR, ("quality",)),
        ({**_GOOD, "d.pl": 9}, Grade.FAIR, ("loss",)),
        ({**_GOOD, "u.pl": 13}, Grade.POOR, ("loss",)),
        ({**_GOOD, "rtt": 301}, Grade.FAIR, ("rtt",)),
        ({**_GOOD, "rtt": 601, "d.jit": 31}, Grade.POOR, ("rtt", "jitter")),
        ({**_GOOD, "d.frz": 11}, Grade.POOR, ("frozen",)),
        ({**_GOOD, "d.cnc": 4}, Grade.FAIR, ("concealed",)),
        ({**_GOOD, "u.lim": "cpu"}, Grade.FAIR, ("cpu",)),
        ({**_GOOD, "u.lim": "bandwidth"}, Grade.FAIR, ("bandwidth",)),
        ({**_GOOD, "u.lim": "none"}, Grade.GOOD, ()),
        ({"interrupted": True}, Grade.POOR, ("interrupted",)),
        ({"cq": "100", "rtt": True}, Grade.UNKNOWN, ()),
    ],
)
def test_a_moment_has_a_grade_and_its_reasons(
    state: State, grade: Grade, reasons: tuple[str, ...]
) -> None:
    assert _one(state) == (grade, reasons)


@pytest.mark.parametrize(
    ("name", "state", "grade"),
    [
        ("teams", {"d.pl": 10.1}, Grade.POOR),
        ("teams", {"d.pl": 9, "rtt": 500, "d.jit": 30}, Grade.GOOD),
        ("twilio", {"d.pl": 0, "rtt": 401}, Grade.POOR),
        ("twilio", {"d.pl": 2.9, "rtt": 100}, Grade.GOOD),
        ("pexip", {"d.pl": 0.9}, Grade.GOOD),
        ("pexip", {"d.pl": 2}, Grade.FAIR),
        ("pexip", {"d.pl": 3.1}, Grade.POOR),
    ],
)
def test_presets_have_the_limits_of_their_makers(name: str, state: State, grade: Grade) -> None:
    assert _one(state, name)[0] is grade


def test_every_limit_has_a_source() -> None:
    assert all(limit.source for preset in PRESETS.values() for limit in preset.limits.values())


def test_an_unknown_preset_raises_an_error_with_the_known_ones() -> None:
    with pytest.raises(SettingsError, match="expected jitsi, teams, twilio, pexip"):
        preset("zoom")


def test_a_value_at_a_limit_does_not_flicker() -> None:
    rtts = [290, 305, 295, 304, 280, 269, 295]
    grades = _grades(*({"rtt": rtt} for rtt in rtts))
    assert [grade.name[0] for grade in grades] == list("GFFFFGG")


def test_unknown_time_resets_the_hysteresis() -> None:
    assert _grades({"rtt": 305}, None, {"rtt": 295}) == [Grade.FAIR, Grade.UNKNOWN, Grade.GOOD]


_LOSS, _TIME = st.floats(0, 100), st.floats(0, 5000)


@given(_TIME, _LOSS, st.none() | _TIME, st.floats(0, 100))
def test_the_score_never_rises_with_loss_time_or_jitter(
    rtt: float, loss: float, jitter: float | None, more: float
) -> None:
    score = mos(rtt=rtt, loss=loss, jitter=jitter)
    assert score is not None
    assert 1 <= score <= 4.5
    worse = [mos(rtt=rtt + more, loss=loss, jitter=jitter)]
    worse.append(mos(rtt=rtt, loss=min(100, loss + more), jitter=jitter))
    worse.append(mos(rtt=rtt, loss=loss, jitter=(20 if jitter is None else jitter) + more))
    assert all(item is not None and item <= score + 1e-12 for item in worse)


@given(st.floats(0, 2000))
def test_the_score_has_no_jumps(rtt: float) -> None:
    """Two peers have one, at 160 and at 177.3 ms of delay."""
    here, there = mos(rtt=rtt, loss=1), mos(rtt=rtt + 1, loss=1)
    assert here is not None
    assert there is not None
    assert here - there < 0.01


@pytest.mark.parametrize(
    ("rtt", "loss"), [(None, 1), (50, None), (None, None), (float("nan"), 1), (50, float("inf"))]
)
def test_unknown_round_trip_or_loss_gives_no_score(rtt: float | None, loss: float | None) -> None:
    assert mos(rtt=rtt, loss=loss) is None


@pytest.mark.parametrize(
    ("rtt", "loss", "least", "most"),
    [
        (50, 0, 4.2, 4.45),
        (50, 3, 3.6, 4.2),
        (50, 10, 2.0, 3.2),
        (50, 30, 1, 1.8),
        (600, 0, 1.9, 3.3),
    ],
)
def test_the_score_sees_loss_in_percent_and_delay_in_milliseconds(
    rtt: float, loss: float, least: float, most: float
) -> None:
    """A peer takes percent for a fraction: 30 % loss costs it 0.07. Another gives 600 ms 3.94."""
    score = mos(rtt=rtt, loss=loss)
    assert score is not None
    assert least <= score <= most


def _judged(*parts: tuple[int, Grade]) -> list[Judged]:
    judged, at = [], 0
    for seconds, grade in parts:
        reasons = ("loss",) if grade > Grade.GOOD else ()
        judged.append(Judged(at, at + seconds, grade, reasons))
        at += seconds
    return judged


def test_a_verdict_counts_time_and_not_samples() -> None:
    """A steady good hour is one stored sample, ten bad minutes are forty: time counts, not they."""
    part = verdict(_judged((3600, Grade.GOOD), (600, Grade.POOR), (60, Grade.UNKNOWN)))
    assert (part.good, part.fair, part.poor, part.unknown) == (3600, 0, 600, 60)


def test_the_worst_minute_is_found_wherever_it_begins() -> None:
    judged = _judged((100, Grade.GOOD), (30, Grade.FAIR), (20, Grade.POOR), (500, Grade.GOOD))
    assert worst_minute(judged) == (90, round((30 * 0.5 + 20) / 60, 4))
    assert worst_minute(_judged((20, Grade.POOR))) == (0, 1.0)
    assert worst_minute(_judged((200, Grade.UNKNOWN))) is None
    assert worst_minute(_judged((200, Grade.GOOD))) == (0, 0.0)


@given(
    st.lists(st.tuples(st.integers(1, 90), st.sampled_from(list(Grade))), min_size=1, max_size=12)
)
def test_no_minute_is_worse_than_the_worst(parts: list[tuple[int, Grade]]) -> None:
    judged = _judged(*parts)
    worst = worst_minute(judged)
    worth = [
        {Grade.POOR: 1.0, Grade.FAIR: 0.5}.get(judgement.grade, 0.0)
        for judgement in judged
        for _ in range(judgement.end - judgement.start)
    ]
    if worst is None:
        assert {judgement.grade for judgement in judged} == {Grade.UNKNOWN}
        return
    length = min(60, len(worth))
    every = [sum(worth[at : at + length]) / length for at in range(len(worth) - length + 1)]
    assert worst[1] == pytest.approx(max(every), abs=1e-3)
    assert every[worst[0]] == pytest.approx(max(every), abs=1e-3)


def test_a_spell_is_a_run_of_moments_that_were_not_good() -> None:
    judged = [
        Judged(0, 30, Grade.GOOD),
        Judged(30, 60, Grade.FAIR, ("rtt",)),
        Judged(60, 120, Grade.POOR, ("rtt", "loss")),
        Judged(120, 150, Grade.UNKNOWN),
        Judged(150, 180, Grade.FAIR, ("cpu",)),
    ]
    first, second = spells(judged)
    assert (first.start, first.end, first.grade) == (30, 120, Grade.POOR)
    assert first.reasons == {"rtt": 90, "loss": 60}
    assert (second.start, second.end, second.grade) == (150, 180, Grade.FAIR)


def test_quantiles_are_of_time_not_of_samples() -> None:
    assert quantiles([(10, 900), (500, 50), (900, 50)], [0.05, 0.5, 0.95]) == [10, 10, 900]
    assert quantiles([], [0.5]) == [None]
    assert quantiles([(3, 0)], [0.5]) == [None]


@given(
    st.lists(st.tuples(st.integers(0, 50), st.integers(1, 20)), min_size=1, max_size=20),
    st.sampled_from([0.05, 0.5, 0.9]),
)
def test_a_weighted_quantile_is_that_of_single_seconds(
    weighted: list[tuple[int, int]], share: float
) -> None:
    seconds = sorted(value for value, weight in weighted for _ in range(weight))
    expected = seconds[min(int(share * len(seconds) + 1e-9), len(seconds) - 1)]
    assert quantiles(weighted, [share]) == [expected]


@pytest.mark.parametrize(
    ("rtt", "loss", "jitter", "score"),
    [
        (0, 0, 0, 4.3899),  # 40 ms: R = 93.2 - 0.96
        (50, 3, 10, 3.9766),  # 85 ms: R = 93.2 - 2.04 - 12.3913
        (50, 10, 10, 3.0737),  # 85 ms: R = 93.2 - 2.04 - 31.6667
        (235, 0, None, 4.2363),  # 197.5 ms: R = 93.2 - 4.74 - 2.222
        (300, 2, 40, 3.4964),  # 270 ms: R = 93.2 - 6.48 - 10.197 - 8.6364
        (400, 10, 20, 2.2395),  # 280 ms: R = 93.2 - 6.72 - 11.297 - 31.6667
        (2000, 100, None, 1.0),
    ],
)
def test_the_score_is_that_of_the_e_model_computed_by_hand(
    rtt: float, loss: float, jitter: float | None, score: float
) -> None:
    """Half of the round trip, a packet of 20 ms, a buffer of 20 ms and twice the jitter."""
    assert mos(rtt=rtt, loss=loss, jitter=jitter) == pytest.approx(score, abs=1e-4)


def test_a_moment_is_scored_by_what_is_received() -> None:
    state = {"rtt": 300, "d.pl": 2, "d.jit": 40, "u.pl": 50, "u.jit": 500}
    assert moment_mos(state) == pytest.approx(3.4964, abs=1e-4)
    assert _one(state, "twilio")[1] == ("loss", "jitter", "mos")
    assert _one({"rtt": 40, "d.pl": 0}, "twilio") == (Grade.GOOD, ())


def test_a_falling_reading_improves_at_a_tenth_above_its_limit() -> None:
    grades = _grades(*({"cq": number} for number in (31, 29, 32, 33, 31, 9, 10, 11, 29, 33)))
    assert [grade.name[0] for grade in grades] == list("GFFGGPPFFG")


def test_neighbours_with_the_same_grade_and_reasons_are_merged() -> None:
    states: list[State] = [{"cq": 100}, {"cq": 90}, {"rtt": 301}, {"rtt": 302}, {"d.jit": 31}]
    spans = [Span(30 * n, 30 * n + 30, state) for n, state in enumerate(states)]
    assert judge([*spans, Span(200, 230, {"d.jit": 31})], _JITSI) == [
        Judged(0, 60, Grade.GOOD),
        Judged(60, 120, Grade.FAIR, ("rtt",)),
        Judged(120, 150, Grade.FAIR, ("jitter",)),
        Judged(200, 230, Grade.FAIR, ("jitter",)),
    ]


def test_all_spans_of_a_grade_are_added() -> None:
    parts = (30, Grade.GOOD), (40, Grade.FAIR), (50, Grade.POOR), (60, Grade.UNKNOWN)
    part = verdict(_judged(*parts, *parts))
    assert (part.good, part.fair, part.poor, part.unknown) == (60, 80, 100, 120)


def test_a_call_shorter_than_a_minute_is_taken_whole_whenever_it_was() -> None:
    judged = [Judged(1000, 1010, Grade.GOOD), Judged(1010, 1030, Grade.POOR, ("loss",))]
    assert worst_minute(judged) == (1000, round(20 / 30, 4))


def test_the_quantile_of_all_time_is_the_largest_value() -> None:
    assert quantiles([(10, 900), (500, 50)], [0, 1]) == [10, 500]
