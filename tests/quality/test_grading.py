"""Grades, reasons and verdicts; and the mistakes that others have made."""

from collections.abc import Callable

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
    spells,
    verdict,
    worst_minute,
)
from jmmc.quality.mos import mos, twilio_mos
from jmmc.quality.quantiles import quantiles
from jmmc.quality.thresholds import PRESETS, Limit, preset
from jmmc.quality.timeline import Span, State
from jmmc.settings import Settings

_JITSI = preset("jitsi")
_EXPERIENCE = preset("experience")
_GOOD: dict[str, float] = {"cq": 100, "rtt": 40, "d.pl": 0, "u.pl": 0, "d.jit": 5}
_SMALL: dict[str, float] = {**_GOOD, "res.h": 180, "u.fr": 30, "u.vb": 90}


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
        ({"rtt": 40}, Grade.UNKNOWN, ()),
        ({"rtt": 40, "d.jit": 5}, Grade.UNKNOWN, ()),
        ({"rtt": 40, "d.cnc": 0}, Grade.GOOD, ()),
        ({"d.frz": 0}, Grade.GOOD, ()),
        ({"interrupted": True}, Grade.POOR, ("interrupted",)),
        ({"cq": "100", "rtt": True}, Grade.UNKNOWN, ()),
    ],
)
def test_a_moment_has_a_grade_and_its_reasons(
    state: State, grade: Grade, reasons: tuple[str, ...]
) -> None:
    assert _one(state) == (grade, reasons)


@pytest.mark.parametrize(
    ("state", "grade", "reasons"),
    [
        (_GOOD, Grade.GOOD, ()),
        # Jitsi's figure alone says how much detail the picture has.
        ({**_GOOD, "cq": 16}, Grade.GOOD, ()),
        ({**_GOOD, "cq": 0}, Grade.GOOD, ()),
        ({"cq": 100}, Grade.GOOD, ()),
        ({"cq": 16}, Grade.UNKNOWN, ()),
        ({"cq": 16, "rtt": 40}, Grade.UNKNOWN, ()),
        # Each sign of a problem is good by itself, and supports Jitsi's figure.
        *(
            case
            for sign in (
                {"d.pl": 2.1},
                {"u.pl": 2.1},
                {"d.jit": 31},
                {"d.cnc": 1.1},
                {"d.frz": 1.1},
            )
            for case in (
                ({**_GOOD, **sign}, Grade.GOOD, ()),
                ({**_GOOD, **sign, "cq": 29}, Grade.FAIR, ("quality",)),
                ({**_GOOD, **sign, "cq": 31}, Grade.GOOD, ()),
            )
        ),
        ({**_GOOD, "d.pl": 2, "cq": 16}, Grade.GOOD, ()),
        ({**_GOOD, "rtt": 301, "cq": 5}, Grade.FAIR, ("rtt", "quality")),
        # Daily: good below 5 % and 300 ms, bad beyond 10 % and 600 ms.
        ({"u.pl": 5}, Grade.GOOD, ()),
        ({"u.pl": 5.1}, Grade.FAIR, ("loss",)),
        ({"u.pl": 10}, Grade.FAIR, ("loss",)),
        ({"u.pl": 10.1}, Grade.POOR, ("loss",)),
        ({"d.cnc": 0, "rtt": 300}, Grade.GOOD, ()),
        ({"d.cnc": 0, "rtt": 301}, Grade.FAIR, ("rtt",)),
        ({"d.cnc": 0, "rtt": 601}, Grade.POOR, ("rtt",)),
        # Webex: concealment beyond 3 % is significant, beyond 5 % severe.
        ({"d.cnc": 3}, Grade.GOOD, ()),
        ({"d.cnc": 3.1}, Grade.FAIR, ("concealed",)),
        ({"d.cnc": 5.1}, Grade.POOR, ("concealed",)),
        # A freeze of 500 ms in ten seconds, and three.
        ({"d.frz": 5}, Grade.GOOD, ()),
        ({"d.frz": 5.1}, Grade.FAIR, ("frozen",)),
        ({"d.frz": 15.1}, Grade.POOR, ("frozen",)),
        # Jitter that the buffer absorbs is not heard.
        ({**_GOOD, "d.jit": 60}, Grade.GOOD, ()),
        # G.109: R = 93.2 - 1.56 - 18.8 = 72.8 and 93.2 - 12.3 - 12.4 = 68.5, MOS 3.53.
        ({"rtt": 50, "d.pl": 4.9, "d.jit": 0}, Grade.GOOD, ()),
        ({"rtt": 290, "d.pl": 3, "d.jit": 25}, Grade.FAIR, ("mos",)),
        # A recorded call: MOS 2.71 beside "100 % good".
        (
            {"rtt": 299, "u.pl": 7.9, "d.pl": 7.9, "d.jit": 29, "d.cnc": 2.9, "cq": 80},
            Grade.POOR,
            ("loss", "mos"),
        ),
        ({**_GOOD, "interrupted": True}, Grade.POOR, ("interrupted",)),
    ],
)
def test_the_default_follows_what_is_heard_and_seen(
    state: State, grade: Grade, reasons: tuple[str, ...]
) -> None:
    assert Settings.model_fields["quality_preset"].default == "experience"
    assert _one(state, "experience") == (grade, reasons)


_WORSE = {"rtt": 700.0, "d.pl": 12.0, "u.pl": 12.0, "d.jit": 80.0, "d.cnc": 7.0, "d.frz": 20.0}


@given(
    st.fixed_dictionaries({path: st.floats(0, most) for path, most in _WORSE.items()}),
    st.floats(0, 100),
    st.sampled_from(sorted(_WORSE)),
    st.floats(0, 1),
)
def test_a_worse_reading_never_gives_a_better_grade(
    readings: dict[str, float], quality: float, path: str, share: float
) -> None:
    state: State = {**readings, "cq": quality}
    worse: State = {**state, path: readings[path] + share * (_WORSE[path] - readings[path])}
    assert _one(worse, "experience")[0] >= _one(state, "experience")[0]


def test_a_sign_at_its_limit_does_not_flicker() -> None:
    states: list[State] = [{"cq": 16, "d.pl": loss} for loss in (1.9, 2.1, 1.9, 1.7, 1.9)]
    spans = [Span(30 * n, 30 * n + 30, state) for n, state in enumerate(states)]
    judged = judge(spans, _EXPERIENCE)
    assert [judgement.grade.name[0] for judgement in judged] == list("GFFG")
    assert [judgement.end for judgement in judged] == [30, 60, 90, 150]
    assert [judgement.signs for judgement in judged] == [(), ("down",), (), ()]


def _video(*parts: tuple[int, State], name: str = "experience") -> list[tuple[int, int, str]]:
    """What is not good, with its reasons, of a call in parts with a length."""
    spans, at = [], 1000
    for seconds, state in parts:
        spans.append(Span(at, at + seconds, state))
        at += seconds
    return [
        (judgement.start - 1000, judgement.end - 1000, " ".join(judgement.reasons))
        for judgement in judge(spans, preset(name))
        if judgement.grade > Grade.GOOD
    ]


@pytest.mark.parametrize("reason", ["cpu", "bandwidth"])
@pytest.mark.parametrize("name", ["experience", "jitsi"])
def test_limited_video_is_fair_where_others_see_it(name: str, reason: str) -> None:
    """CIF has 288 lines; EN 301 549: with it, and 20 frames a second, good usability."""
    for visible in ({"res.h": 287}, {"u.fr": 19}, {"res.h": 240, "u.fr": 5}):
        state: State = {**_SMALL, "res.h": 720, **visible, "u.lim": reason}
        before: State = {**_GOOD, "u.lim": "none"}
        assert _video((60, before), (60, state), name=name) == [(60, 120, reason)]
    unseen: tuple[State, ...] = (
        {"res.h": 288, "u.fr": 20},
        {"res.h": 1080, "u.fr": 5},  # A shared screen.
        {"res.h": 720},
        {},
    )
    for readings in unseen:
        state = {**_GOOD, **readings, "u.lim": reason}
        assert _video((60, state), (60, state), name=name) == []


@pytest.mark.parametrize("name", ["teams", "twilio", "pexip"])
def test_products_that_do_not_grade_limited_video_do_not_here(name: str) -> None:
    assert _video((600, {**_SMALL, "u.lim": "cpu"}), name=name) == []


def test_a_limitation_is_not_counted_while_a_video_settles() -> None:
    limited: State = {**_SMALL, "u.lim": "bandwidth"}
    free: State = {**_GOOD, "u.lim": "none", "u.vb": 900}
    assert _video((20, limited), (600, free)) == []
    assert _video((600, limited)) == [(30, 600, "bandwidth")]
    assert _video((20, limited), (20, {**limited, "rtt": 41})) == [(30, 40, "bandwidth")]
    # With another sign it counts from the start.
    assert _video((20, {**limited, "d.pl": 2.1})) == [(0, 20, "bandwidth")]
    # A video starts again after an interruption, when the camera was off, and on another way.
    cut: State = {"interrupted": True}
    assert _video((60, free), (30, cut), (20, limited), (60, free)) == [(60, 90, "interrupted")]
    off: State = {**_GOOD, "u.lim": "none", "u.vb": 0}
    assert _video((60, free), (30, off), (20, limited), (60, free)) == []
    assert _video((60, _GOOD), (20, limited), (60, free)) == []
    peer, bridge = {"t.p2p": True}, {"t.p2p": False}
    assert _video((60, {**free, **peer}), (20, {**limited, **bridge}), (60, free)) == []
    assert _video((60, {**free, **peer}), (20, {**limited, **peer})) == [(60, 80, "bandwidth")]
    # Unknown time is no new video.
    spans = [Span(0, 60, free), Span(60, 90, None), Span(90, 120, limited)]
    assert judge(spans, _EXPERIENCE)[-1] == Judged(90, 120, Grade.FAIR, ("bandwidth",), ("narrow",))


def test_a_frame_rate_at_its_limit_does_not_flicker() -> None:
    rates = [25, 19, 21, 23, 21]
    parts = [(30, {**_GOOD, "res.h": 720, "u.fr": rate, "u.lim": "cpu"}) for rate in rates]
    assert _video((60, {**_GOOD, "u.lim": "none"}), *parts) == [(90, 150, "cpu")]


def test_limited_video_supports_jitsis_quality() -> None:
    state: State = {**_SMALL, "u.lim": "bandwidth", "cq": 5}
    assert _video((60, state)) == [(30, 60, "quality bandwidth")]


@pytest.mark.parametrize(
    ("name", "state", "grade"),
    [
        ("teams", {"d.pl": 10.1}, Grade.POOR),
        ("teams", {"d.pl": 9, "rtt": 500, "d.jit": 30}, Grade.GOOD),
        ("teams", {"rtt": 40}, Grade.UNKNOWN),
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
    assert all(p.limitation is None or p.limitation.source for p in PRESETS.values())


def test_a_sign_is_a_lower_limit() -> None:
    def ordered(limit: Limit) -> bool:
        values = [limit.sign, limit.fair, limit.poor]
        known = [value for value in values if value is not None]
        return known == sorted(known, reverse=limit.falling)

    limits = [limit for preset in PRESETS.values() for limit in preset.limits.values()]
    assert all(map(ordered, limits))
    assert not any(limit.needs_sign and limit.sign is not None for limit in limits)


def test_an_unknown_preset_raises_an_error_with_the_known_ones() -> None:
    with pytest.raises(SettingsError, match="expected experience, jitsi, teams, twilio, pexip"):
        preset("zoom")


def test_a_value_at_a_limit_does_not_flicker() -> None:
    rtts = [290, 305, 295, 304, 280, 269, 295]
    grades = _grades(*({"d.pl": 0, "rtt": rtt} for rtt in rtts))
    assert [grade.name[0] for grade in grades] == list("GFFFFGG")


def test_unknown_time_resets_the_hysteresis() -> None:
    states = {"d.pl": 0, "rtt": 305}, None, {"d.pl": 0, "rtt": 295}
    assert _grades(*states) == [Grade.FAIR, Grade.UNKNOWN, Grade.GOOD]


_LOSS, _TIME = st.floats(0, 100), st.floats(0, 5000)


@pytest.mark.parametrize("formula", [mos, twilio_mos])
@given(_TIME, _LOSS, _TIME, st.floats(0, 100))
def test_the_score_never_rises_with_loss_time_or_jitter(
    formula: Callable[..., float | None], rtt: float, loss: float, jitter: float, more: float
) -> None:
    score = formula(rtt=rtt, loss=loss, jitter=jitter)
    assert score is not None
    assert 1 <= score <= 4.5
    worse = [formula(rtt=rtt + more, loss=loss, jitter=jitter)]
    worse.append(formula(rtt=rtt, loss=min(100, loss + more), jitter=jitter))
    worse.append(formula(rtt=rtt, loss=loss, jitter=jitter + more))
    assert all(item is not None and item <= score + 1e-12 for item in worse)


@pytest.mark.parametrize("formula", [mos, twilio_mos])
@given(st.floats(0, 900))
def test_the_score_has_no_jumps(formula: Callable[..., float | None], rtt: float) -> None:
    """Two peers have one, at 160 and at 177.3 ms of delay."""
    here, there = (formula(rtt=time, loss=1, jitter=20) for time in (rtt, rtt + 1))
    assert here is not None
    assert there is not None
    assert here - there < 0.01


@pytest.mark.parametrize(
    ("rtt", "loss", "jitter"),
    [
        (None, 1, 5),
        (50, None, 5),
        (50, 1, None),
        (float("nan"), 1, 5),
        (50, float("inf"), 5),
        (50, 1, float("nan")),
    ],
)
def test_an_unknown_input_gives_no_score(
    rtt: float | None, loss: float | None, jitter: float | None
) -> None:
    """A jitter that is assumed would decide a score of a call at home."""
    assert mos(rtt=rtt, loss=loss, jitter=jitter) is None
    assert twilio_mos(rtt=rtt, loss=loss, jitter=jitter) is None
    state = {"rtt": rtt, "d.pl": loss, "d.jit": jitter}
    known: State = {key: value for key, value in state.items() if value is not None}
    assert moment_mos(known) is None


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
    score = mos(rtt=rtt, loss=loss, jitter=20)
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
        (235, 0, 20, 4.2363),  # 197.5 ms: R = 93.2 - 4.74 - 2.222
        (300, 2, 40, 3.4964),  # 270 ms: R = 93.2 - 6.48 - 10.197 - 8.6364
        (400, 10, 20, 2.2395),  # 280 ms: R = 93.2 - 6.72 - 11.297 - 31.6667
        (299, 7.9, 29, 2.7139),  # 247.5 ms: R = 93.2 - 5.94 - 7.722 - 26.8996 = 52.6384
        (2000, 100, 20, 1.0),
    ],
)
def test_the_score_is_that_of_the_e_model_computed_by_hand(
    rtt: float, loss: float, jitter: float, score: float
) -> None:
    """Half of the round trip, a packet of 20 ms, a buffer of 20 ms and twice the jitter."""
    assert mos(rtt=rtt, loss=loss, jitter=jitter) == pytest.approx(score, abs=1e-4)


@pytest.mark.parametrize(
    ("rtt", "loss", "jitter", "score"),
    [
        (0, 0, 0, 4.4333),  # 10 ms: R = 94.768 - 0.25
        (100, 1, 10, 4.3142),  # 130 ms: R = 94.768 - 3.25 - 2.5
        (300, 0, 10, 3.7684),  # 330 ms: R = 94.768 - 21
        (300, 5, 10, 3.1654),  # R = 73.768 - 12.5
        (360, 0, 10, 3.4907),  # 390 ms: R = 94.768 - 27
        (300, 29, 10, 1.0),  # 73.768 - 72.5 is below the least R of 6.52
        (300, 30, 10, 1.0),  # All of R is lost.
        (970, 0, 10, 1.0),  # 1,000 ms
    ],
)
def test_twilios_score_is_that_of_its_libraries_computed_by_hand(
    rtt: float, loss: float, jitter: float, score: float
) -> None:
    """The whole round trip, 10 ms and twice the jitter; 2.5 for each percent of loss."""
    assert twilio_mos(rtt=rtt, loss=loss, jitter=jitter) == pytest.approx(score, abs=1e-4)


def test_twilios_limit_is_one_of_twilios_score() -> None:
    """At 360 ms and jitter 10 ms the two formulas have 3.49 and 4.0 for the same call."""
    state: State = {"rtt": 360, "d.pl": 0, "d.jit": 10}
    assert _one(state, "twilio") == (Grade.POOR, ("mos",))
    score = moment_mos(state)
    assert score is not None
    assert score > 3.9
    assert _one({**state, "rtt": 350}, "twilio") == (Grade.GOOD, ())


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
        Judged(60, 120, Grade.FAIR, ("rtt",), ("delay",)),
        Judged(120, 150, Grade.FAIR, ("jitter",), ("delay",)),
        Judged(200, 230, Grade.FAIR, ("jitter",), ("delay",)),
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
