"""Deltas become a timeline that is what the page had."""

import json
import random
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from jmmc.answers.export import stored_form
from jmmc.core.model import Dialect, Sample, Session
from jmmc.quality.timeline import Event, Span, State, Timeline, build_timeline, clip, sample_states
from tests.support import oracle
from tests.support.builders import UID

_PATHS = ["cq", "rtt", "u.bw", "u.pl", "d.pl", "t.tp"]
_STATES = st.lists(
    st.dictionaries(st.sampled_from(_PATHS), st.integers(0, 3), max_size=6), min_size=1, max_size=30
)


def session(*samples: Sample, dialect: Dialect = Dialect.V2) -> Session:
    return Session("0" * 24, "room", UID, dialect, samples[0].ts, samples)


def sample(seq: int | None, ts: int, m: dict[str, Any] | None = None, **marks: bool) -> Sample:
    return Sample(seq, ts, msgspec.json.encode(m or {}), **marks)


def nested(flat: dict[str, Any]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for path, value in flat.items():
        group, _, leaf = path.rpartition(".")
        (tree.setdefault(group, {}) if group else tree)[leaf] = value
    return tree


def sent(states: list[dict[str, int]]) -> list[Sample]:
    """What the script sends of these states, 30 s apart: changes, null for what is gone."""
    samples = []
    before: dict[str, int] = {}
    for seq, state in enumerate(states):
        full = seq > 0 and seq % 20 == 0
        changed: dict[str, Any] = {k: v for k, v in state.items() if full or before.get(k) != v}
        if not full:
            changed |= dict.fromkeys(set(before) - set(state))
        samples.append(sample(seq, 1000 + 30 * seq, nested(changed), full=full))
        before = state
    return samples


def at(timeline: Timeline, moment: float) -> State | None:
    return next((span.state for span in timeline.spans if span.start <= moment < span.end), None)


@given(_STATES)
def test_the_timeline_of_what_the_script_sends_is_what_the_page_had(
    states: list[dict[str, int]],
) -> None:
    samples = sent(states)
    timeline = build_timeline(session(*samples), lifetime=75)
    for number, state in enumerate(states[:-1]):
        assert at(timeline, 1000 + 30 * number + 15) == state
    assert [dict(value) for _, value in sample_states(session(*samples))] == states


@given(_STATES, st.randoms(use_true_random=False))
def test_resent_reordered_and_repeated_samples_give_the_same_timeline(
    states: list[dict[str, int]], chance: random.Random
) -> None:
    samples = sent(states)
    mixed = samples + chance.choices(samples, k=5)
    chance.shuffle(mixed)
    expected = build_timeline(session(*samples), lifetime=75)
    assert build_timeline(
        Session("0" * 24, "room", UID, Dialect.V2, 1000, tuple(mixed)), lifetime=75
    ) == (expected)


@given(_STATES, st.integers(900, 2000), st.integers(900, 2000), st.integers(900, 2000))
def test_clips_of_adjacent_windows_add_up_to_the_whole(
    states: list[dict[str, int]], a: int, b: int, c: int
) -> None:
    a, b, c = sorted((a, b, c))
    spans = build_timeline(session(*sent(states)), lifetime=75).spans
    parts = clip(spans, a, b) + clip(spans, b, c)
    whole = clip(spans, a, c)
    for moment in range(a, c, 7):
        (expected,) = [span.state for span in whole if span.start <= moment < span.end] or [None]
        (found,) = [part.state for part in parts if part.start <= moment < part.end] or [None]
        assert found == expected
    assert sum(part.end - part.start for part in parts) == sum(
        span.end - span.start for span in whole
    )


@given(_STATES, st.data())
def test_a_lost_sample_makes_time_unknown_and_no_value_wrong(
    states: list[dict[str, int]], data: st.DataObject
) -> None:
    samples = sent(states)
    lost = data.draw(st.sets(st.integers(1, max(1, len(samples) - 2)), max_size=3))
    kept = [sample for sample in samples if sample.seq not in lost]
    timeline = build_timeline(session(*kept), lifetime=1000)
    for number, state in enumerate(states[:-1]):
        found = at(timeline, 1000 + 30 * number + 15)
        if number in lost or number + 1 in lost:
            assert found is None
        elif found is not None:
            assert found.items() <= state.items(), "an old value after a gap"


def test_spans_have_no_gaps_and_have_the_state() -> None:
    timeline = build_timeline(
        session(
            sample(0, 1000, {"cq": 100, "u": {"bw": 5}}),
            sample(1, 1030),
            sample(2, 1060, {"u": {"bw": None}}),
            sample(3, 1090, {"cq": 50}, bye=True),
        ),
        lifetime=75,
        now=5000,
    )
    assert timeline.spans == (
        Span(1000, 1060, {"cq": 100, "u.bw": 5}),
        Span(1060, 1090, {"cq": 100}),
    )
    assert (timeline.began, timeline.ended, timeline.left) == (1000, 1090, True)


def test_silence_beyond_a_lifetime_is_unknown_and_the_state_before_holds_after_it() -> None:
    stay = session(sample(0, 1000, {"cq": 7}), sample(1, 1500), sample(2, 1530, bye=True))
    timeline = build_timeline(stay, lifetime=75)
    assert timeline.spans == (Span(1000, 1500, None), Span(1500, 1530, {"cq": 7}))
    assert timeline.gaps == 0


def test_a_gap_is_unknown_and_ends_with_a_full_sample() -> None:
    stay = session(
        sample(0, 1000, {"cq": 7, "rtt": 5}),
        sample(2, 1060, {"cq": 9}),
        sample(3, 1090, {"cq": 9, "rtt": 6}, full=True),
        sample(4, 1120, bye=True),
    )
    timeline = build_timeline(stay, lifetime=75)
    assert timeline.spans == (
        Span(1000, 1060, None),
        Span(1060, 1090, {"cq": 9}),
        Span(1090, 1120, {"cq": 9, "rtt": 6}),
    )
    assert timeline.gaps == 1


def test_a_silent_session_runs_for_a_lifetime_and_then_ended_at_its_last_sample() -> None:
    stay = session(sample(0, 1000, {"cq": 7}), sample(1, 1030))
    running = build_timeline(stay, lifetime=75, now=1105)
    assert (running.running, running.ended) == (True, 1105)
    assert running.spans == (Span(1000, 1105, {"cq": 7}),)
    over = build_timeline(stay, lifetime=75, now=1106)
    assert (over.running, over.ended, over.left) == (False, 1030, False)


def test_time_between_bye_and_the_next_sample_is_unknown() -> None:
    stay = session(sample(0, 1000, {"cq": 7}, bye=True), sample(1, 1030), sample(2, 1060, bye=True))
    assert build_timeline(stay, lifetime=75).spans == (
        Span(1000, 1030, None),
        Span(1030, 1060, {"cq": 7}),
    )


def test_a_clock_that_is_set_back_does_not_reverse_time() -> None:
    stay = session(sample(0, 1000, {"cq": 7}), sample(1, 900, {"cq": 8}), sample(2, 1030, bye=True))
    assert build_timeline(stay, lifetime=75).spans == (Span(1000, 1030, {"cq": 8}),)


def test_an_interruption_lasts_until_it_is_restored() -> None:
    stay = session(
        sample(0, 1000, {"cq": 90}),
        sample(1, 1030, {"cq": None, "ev": ["interrupted"]}),
        sample(2, 1060),
        sample(3, 1090, {"cq": 40, "ev": ["restored", "jvb"]}),
        sample(4, 1120, bye=True),
    )
    timeline = build_timeline(stay, lifetime=75)
    assert timeline.spans == (
        Span(1000, 1030, {"cq": 90}),
        Span(1030, 1090, {"interrupted": True}),
        Span(1090, 1120, {"cq": 40}),
    )
    assert timeline.events == (
        Event(1030, "interrupted"),
        Event(1090, "restored"),
        Event(1090, "jvb"),
    )


def test_an_interruption_whose_end_was_lost_ends_with_the_full_sample_that_has_readings() -> None:
    stay = session(
        sample(0, 1000, {"ev": ["interrupted"]}),
        sample(1, 1030, {"br": "x"}, full=True),
        sample(2, 1060, {"br": "x", "cq": 40}, full=True),
        sample(3, 1090, bye=True),
    )
    assert [span.state for span in build_timeline(stay, lifetime=75).spans] == [
        {"interrupted": True},
        {"interrupted": True, "br": "x"},
        {"br": "x", "cq": 40},
    ]


def test_v1_samples_are_taken_in_their_order_of_arrival() -> None:
    stay = session(
        sample(None, 1000, {"pid": "x"}),
        sample(None, 1030, {"cq": 100}),
        sample(None, 1060, {"cq": 0}),
        dialect=Dialect.V1,
    )
    assert build_timeline(stay, lifetime=75).spans == (
        Span(1000, 1030, {"pid": "x"}),
        Span(1030, 1060, {"pid": "x", "cq": 100}),
    )


@given(_STATES)
def test_an_independent_implementation_gives_the_same_states(states: list[dict[str, int]]) -> None:
    stay = session(*sent(states))
    elements = json.loads(stored_form(stay))["m"]
    assert [dict(state) for _, state in sample_states(stay)] == oracle.fold(elements)


def test_a_clipped_span_keeps_its_state_and_a_touching_span_is_left_out() -> None:
    first, second, third = (Span(n, n + 10, {"cq": n}) for n in (0, 10, 20))
    assert clip([first, second, third], 10, 20) == [second]
    assert clip([first, second, third], 5, 21) == [
        Span(5, 10, {"cq": 0}),
        second,
        Span(20, 21, {"cq": 20}),
    ]


def test_after_a_gap_nothing_is_carried_forward() -> None:
    samples = [
        sample(0, 1000, {"cq": 7, "rtt": 5}),
        sample(1, 1030, {"ev": ["p2p"]}),
        sample(3, 1090, {"rtt": 6}),
        sample(4, 1120),
    ]
    found = [dict(state) for _, state in sample_states(session(*samples))]
    assert found == [{"cq": 7, "rtt": 5}, {"cq": 7, "rtt": 5}, {"rtt": 6}, {"rtt": 6}]
    named = [msgspec.structs.replace(sample, seq=None) for sample in samples]
    states = [dict(state) for _, state in sample_states(session(*named, dialect=Dialect.V1))]
    assert states[-1] == {"cq": 7, "rtt": 6}, "v1 numbers nothing: it has no gaps"


def test_silence_of_exactly_a_lifetime_is_known_time() -> None:
    stay = session(sample(0, 1000, {"cq": 7}), sample(1, 1075), sample(2, 1151, bye=True))
    assert build_timeline(stay, lifetime=75).spans == (
        Span(1000, 1075, {"cq": 7}),
        Span(1075, 1151, None),
    )


def test_every_gap_is_counted() -> None:
    samples = [sample(seq, 1000 + 30 * seq, {"cq": 7}) for seq in (0, 2, 3, 7)]
    assert build_timeline(session(*samples), lifetime=1000).gaps == 2


def test_an_empty_full_sample_ends_all_readings() -> None:
    stay = session(
        sample(0, 1000, {"cq": 7}), sample(1, 1030, {}, full=True), sample(2, 1060, bye=True)
    )
    assert build_timeline(stay, lifetime=75).spans == (
        Span(1000, 1030, {"cq": 7}),
        Span(1030, 1060, {}),
    )


def test_an_interruption_is_not_ended_by_other_events() -> None:
    stay = session(
        sample(0, 1000, {"ev": ["interrupted"]}),
        sample(1, 1030, {"ev": ["p2p"]}),
        sample(2, 1060, {"ev": ["restored"]}),
        sample(3, 1090, bye=True),
    )
    assert build_timeline(stay, lifetime=75).spans == (
        Span(1000, 1060, {"interrupted": True}),
        Span(1060, 1090, {}),
    )


def test_events_that_are_not_a_list_are_ignored() -> None:
    """A foreign document may have anything there."""
    stay = session(
        sample(0, 1000, {"ev": "interrupted"}), sample(1, 1030, {"ev": 3}), sample(2, 1060)
    )
    timeline = build_timeline(stay, lifetime=75)
    assert (timeline.spans, timeline.events) == ((Span(1000, 1060, {}),), ())
