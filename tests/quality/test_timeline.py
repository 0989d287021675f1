"""Deltas become a timeline that is what the page had."""

import json
import random
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from jmmc.answers.export import stored_form
from jmmc.core.model import Dialect, Sample, Session
from jmmc.quality.timeline import (
    Event,
    Rhythm,
    Span,
    State,
    Timeline,
    build_timeline,
    steps,
)
from tests.support import oracle
from tests.support.builders import RHYTHM, UID

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
    """What the script sends of these states, 30 s each: changes, null for what is gone."""
    samples = [sample(0, 1000)]
    before: dict[str, int] = {}
    for seq, state in enumerate(states, 1):
        full = seq % 20 == 0
        changed: dict[str, Any] = {k: v for k, v in state.items() if full or before.get(k) != v}
        if not full:
            changed |= dict.fromkeys(set(before) - set(state))
        samples.append(sample(seq, 1000 + 30 * seq, nested(changed), full=full))
        before = state
    return samples


def at(timeline: Timeline, moment: float) -> State | None:
    return next((span.state for span in timeline.spans if span.start <= moment < span.end), None)


def spans_of(*samples: Sample, rhythm: Rhythm = RHYTHM) -> tuple[Span, ...]:
    return build_timeline(session(*samples), rhythm=rhythm).spans


@given(_STATES)
def test_the_timeline_of_what_the_script_sends_is_what_the_page_had(
    states: list[dict[str, int]],
) -> None:
    samples = sent(states)
    timeline = build_timeline(session(*samples), rhythm=RHYTHM)
    first = next((number for number, state in enumerate(states) if state), 0)
    for number, state in enumerate(states[first:], first):
        assert at(timeline, 1000 + 30 * number + 15) == state
    assert [dict(step.state) for step in steps(session(*samples), RHYTHM)] == [{}, *states]


@given(_STATES, st.randoms(use_true_random=False))
def test_resent_reordered_and_repeated_samples_give_the_same_timeline(
    states: list[dict[str, int]], chance: random.Random
) -> None:
    samples = sent(states)
    mixed = samples + chance.choices(samples, k=5)
    chance.shuffle(mixed)
    expected = build_timeline(session(*samples), rhythm=RHYTHM)
    assert build_timeline(
        Session("0" * 24, "room", UID, Dialect.V2, 1000, tuple(mixed)), rhythm=RHYTHM
    ) == (expected)


@given(_STATES, st.data())
def test_a_lost_sample_makes_time_unknown_and_no_value_wrong(
    states: list[dict[str, int]], data: st.DataObject
) -> None:
    samples = sent(states)
    lost = data.draw(st.sets(st.integers(1, max(1, len(samples) - 2)), max_size=3))
    kept = [sample for sample in samples if sample.seq not in lost]
    timeline = build_timeline(session(*kept), rhythm=Rhythm(30, 1000))
    for number, state in enumerate(states):
        found = at(timeline, 1000 + 30 * number + 15)
        if number + 1 in lost:
            assert found is None
        elif found is not None and any(found):
            assert found.items() <= state.items(), "an old value after a gap"


def test_readings_hold_for_the_time_before_their_sample() -> None:
    timeline = build_timeline(
        session(
            sample(0, 1000, {"pid": "x"}),
            sample(1, 1010, {"cq": 100, "u": {"bw": 5}}),
            sample(2, 1040),
            sample(3, 1070, {"u": {"bw": None}}),
            sample(4, 1080, {"cq": 50}, bye=True),
        ),
        rhythm=RHYTHM,
        now=5000,
    )
    assert timeline.spans == (
        Span(1000, 1040, {"pid": "x", "cq": 100, "u.bw": 5}),
        Span(1040, 1070, {"pid": "x", "cq": 100}),
        Span(1070, 1080, {"pid": "x", "cq": 50}),
    )
    assert (timeline.began, timeline.ended, timeline.left) == (1000, 1080, True)
    assert (timeline.last, timeline.joined) == (1080, {"pid": "x"})


def test_a_bad_end_of_a_call_is_bad_and_a_bad_minute_is_where_it_was() -> None:
    """Loss from 300 to 360, and for the last 25 seconds before hanging up at 500."""
    moments = [*range(10, 500, 10), 500]
    bad = [*range(310, 370, 10), *(moment for moment in moments if moment > 475)]
    samples = [
        sample(seq, moment, {"d": {"pl": 40 if moment in bad else 0}})
        for seq, moment in enumerate(moments, 1)
    ]
    spans = spans_of(sample(0, 0), *samples, rhythm=Rhythm(10, 75))
    assert [(span.start, span.end) for span in spans if span.state == {"d.pl": 40}] == [
        (300, 360),
        (470, 500),
    ]


def test_the_first_readings_hold_from_the_join_over_samples_that_only_have_events() -> None:
    joined = [sample(0, 1000), sample(1, 1004, {"ev": ["muted_audio"], "vis": True})]
    first = sample(2, 1020, {"cq": 90, "t": {"tp": "udp"}})
    assert spans_of(*joined, first) == (
        Span(1000, 1004, {"cq": 90, "vis": True}),
        Span(1004, 1020, {"cq": 90, "vis": True, "t.tp": "udp"}),
    )


def test_a_heartbeat_before_the_first_readings_says_that_there_were_none() -> None:
    """Alone in a room nothing is measured."""
    alone = [sample(0, 1000), sample(1, 1030), sample(2, 1040, {"cq": 90})]
    assert spans_of(*alone) == (Span(1000, 1030, {}), Span(1030, 1040, {"cq": 90}))


def test_after_silence_beyond_a_lifetime_a_sample_speaks_for_one_interval() -> None:
    stay = session(
        sample(0, 1000),
        sample(1, 1030, {"cq": 7}),
        sample(2, 1500, {"cq": 8}),
        sample(3, 1530, bye=True),
    )
    timeline = build_timeline(stay, rhythm=Rhythm(10, 75))
    assert timeline.spans == (
        Span(1000, 1030, {"cq": 7}),
        Span(1030, 1490, None),
        Span(1490, 1530, {"cq": 8}),
    )
    assert timeline.gaps == 0


def test_a_gap_is_unknown_but_for_the_interval_before_the_next_sample() -> None:
    stay = session(
        sample(0, 1000),
        sample(1, 1030, {"cq": 7, "rtt": 5}),
        sample(3, 1090, {"cq": 9}),
        sample(4, 1120, {"cq": 9, "rtt": 6}, full=True),
        sample(5, 1150, bye=True),
    )
    timeline = build_timeline(stay, rhythm=Rhythm(10, 75))
    assert timeline.spans == (
        Span(1000, 1030, {"cq": 7, "rtt": 5}),
        Span(1030, 1080, None),
        Span(1080, 1090, {"cq": 9}),
        Span(1090, 1150, {"cq": 9, "rtt": 6}),
    )
    assert timeline.gaps == 1


def test_a_silent_session_runs_for_a_lifetime_and_then_ended_at_its_last_sample() -> None:
    stay = session(sample(0, 1000), sample(1, 1030, {"cq": 7}))
    running = build_timeline(stay, rhythm=RHYTHM, now=1105)
    assert (running.running, running.ended, running.last) == (True, 1105, 1030)
    assert running.spans == (Span(1000, 1030, {"cq": 7}), Span(1030, 1105, None))
    over = build_timeline(stay, rhythm=RHYTHM, now=1106)
    assert (over.running, over.ended, over.left) == (False, 1030, False)


def test_a_session_whose_last_sample_a_clock_days_ahead_has_dated_is_not_running() -> None:
    """One that goes on by the right clock is, though its time does not go back."""
    ahead = 2 * 86_400
    gone = session(sample(0, ahead, {"cq": 100}), sample(1, ahead + 30))
    assert not build_timeline(gone, rhythm=RHYTHM, now=60).running
    assert build_timeline(gone, rhythm=RHYTHM, now=ahead - 200).running, "a round of work is slow"
    stays = session(sample(0, ahead, {"cq": 100}), sample(1, 50))
    assert build_timeline(stays, rhythm=RHYTHM, now=125).running
    assert not build_timeline(stays, rhythm=RHYTHM, now=126).running


def test_time_between_bye_and_the_next_sample_is_unknown() -> None:
    assert spans_of(
        sample(0, 1000), sample(1, 1010, {"cq": 7}, bye=True), sample(2, 1050), sample(3, 1060)
    ) == (Span(1000, 1010, {"cq": 7}), Span(1010, 1020, None), Span(1020, 1060, {"cq": 7}))


def test_a_clock_that_is_set_back_does_not_reverse_time() -> None:
    assert spans_of(
        sample(0, 1000), sample(1, 900, {"cq": 8}), sample(2, 1030, {"cq": 9}, bye=True)
    ) == (Span(1000, 1030, {"cq": 9}),)


def test_an_interruption_lasts_from_its_moment_until_it_is_restored() -> None:
    stay = session(
        sample(0, 1000),
        sample(1, 1020, {"cq": 90}),
        sample(2, 1050, {"cq": None, "ev": [["interrupted", 30]]}),
        sample(3, 1080),
        sample(4, 1110, {"cq": 40, "ev": [["restored", 20.4], "jvb"]}),
        sample(5, 1120, bye=True),
    )
    timeline = build_timeline(stay, rhythm=RHYTHM)
    assert timeline.spans == (
        Span(1000, 1020, {"cq": 90}),
        Span(1020, 1080, {"interrupted": True}),
        Span(1080, 1090, {"cq": 40, "interrupted": True}),
        Span(1090, 1120, {"cq": 40}),
    )
    assert timeline.events == (
        Event(1020, "interrupted"),
        Event(1090, "restored"),
        Event(1110, "jvb"),
    )


def test_an_event_without_an_age_is_at_its_sample() -> None:
    """As earlier scripts send them, which end a sample at each event."""
    assert spans_of(
        sample(0, 1000),
        sample(1, 1030, {"cq": 90}),
        sample(2, 1031, {"cq": None, "ev": ["interrupted"]}),
        sample(3, 1061, {"ev": ["restored"]}),
        sample(4, 1091, {"cq": 40}, bye=True),
    ) == (
        Span(1000, 1030, {"cq": 90}),
        Span(1030, 1031, {}),
        Span(1031, 1061, {"interrupted": True}),
        Span(1061, 1091, {"cq": 40}),
    )


def test_an_interruption_shorter_than_a_sample_is_not_lost() -> None:
    events = [["interrupted", 8], ["restored", 3]]
    assert spans_of(sample(0, 1000), sample(1, 1010, {"cq": 90, "ev": events})) == (
        Span(1000, 1002, {"cq": 90}),
        Span(1002, 1007, {"cq": 90, "interrupted": True}),
        Span(1007, 1010, {"cq": 90}),
    )


def test_the_moment_of_an_event_is_never_before_the_sample_before() -> None:
    stay = session(sample(0, 1000), sample(1, 1010, {"ev": [["p2p", 99], [], 7, ["a", "b"]]}))
    found = build_timeline(stay, rhythm=RHYTHM).events
    assert found == (Event(1000, "p2p"), Event(1010, "[]"), Event(1010, "7"), Event(1010, "a"))


def test_an_interruption_whose_end_was_lost_ends_with_the_full_sample_that_has_readings() -> None:
    stay = session(
        sample(0, 1000),
        sample(1, 1010, {"ev": ["interrupted"]}),
        sample(2, 1030, {"br": "x"}, full=True),
        sample(3, 1060, {"br": "x", "cq": 40}, full=True),
        sample(4, 1090, bye=True),
    )
    assert [span.state for span in build_timeline(stay, rhythm=RHYTHM).spans] == [
        {},
        {"interrupted": True, "br": "x"},
        {"br": "x", "cq": 40},
    ]


def test_a_full_sample_that_reports_an_interruption_does_not_end_it() -> None:
    cut = {"br": "x", "cq": 90, "ev": [["interrupted", 4]]}
    assert spans_of(
        sample(0, 1000),
        sample(1, 1010, cut, full=True),
        sample(2, 1020, {"cq": None}),
        sample(3, 1030, {"cq": 80, "ev": [["restored", 5]]}, bye=True),
    ) == (
        Span(1000, 1006, {"br": "x", "cq": 90}),
        Span(1006, 1010, {"br": "x", "cq": 90, "interrupted": True}),
        Span(1010, 1020, {"br": "x", "interrupted": True}),
        Span(1020, 1025, {"br": "x", "cq": 80, "interrupted": True}),
        Span(1025, 1030, {"br": "x", "cq": 80}),
    )


def test_v1_samples_are_taken_in_their_order_of_arrival() -> None:
    stay = session(
        sample(None, 1000, {"pid": "x"}),
        sample(None, 1030, {"cq": 100}),
        sample(None, 1060, {"cq": 0}),
        dialect=Dialect.V1,
    )
    assert build_timeline(stay, rhythm=RHYTHM).spans == (
        Span(1000, 1030, {"pid": "x", "cq": 100}),
        Span(1030, 1060, {"pid": "x", "cq": 0}),
    )


@given(_STATES)
def test_an_independent_implementation_gives_the_same_states(states: list[dict[str, int]]) -> None:
    stay = session(*sent(states))
    elements = json.loads(stored_form(stay))["m"]
    assert [dict(step.state) for step in steps(stay, RHYTHM)] == oracle.fold(elements)


def test_after_a_gap_nothing_is_carried_forward() -> None:
    samples = [
        sample(0, 1000, {"cq": 7, "rtt": 5}),
        sample(1, 1030, {"ev": ["p2p"]}),
        sample(3, 1090, {"rtt": 6}),
        sample(4, 1120),
    ]
    found = [dict(step.state) for step in steps(session(*samples), RHYTHM)]
    assert found == [{"cq": 7, "rtt": 5}, {"cq": 7, "rtt": 5}, {"rtt": 6}, {"rtt": 6}]
    named = [msgspec.structs.replace(sample, seq=None) for sample in samples]
    states = [dict(step.state) for step in steps(session(*named, dialect=Dialect.V1), RHYTHM)]
    assert states[-1] == {"cq": 7, "rtt": 6}, "v1 numbers nothing: it has no gaps"


def test_silence_of_exactly_a_lifetime_is_known_time() -> None:
    stay = [sample(0, 1000, {"cq": 7}), sample(1, 1075), sample(2, 1151, bye=True)]
    assert spans_of(*stay, rhythm=Rhythm(10, 75)) == (
        Span(1000, 1075, {"cq": 7}),
        Span(1075, 1141, None),
        Span(1141, 1151, {"cq": 7}),
    )


def test_every_gap_is_counted() -> None:
    samples = [sample(seq, 1000 + 30 * seq, {"cq": 7}) for seq in (0, 2, 3, 7)]
    assert build_timeline(session(*samples), rhythm=Rhythm(30, 1000)).gaps == 2


def test_an_empty_full_sample_ends_all_readings() -> None:
    stay = [sample(0, 1000, {"cq": 7}), sample(1, 1030), sample(2, 1060, {}, full=True)]
    assert spans_of(*stay) == (Span(1000, 1030, {"cq": 7}), Span(1030, 1060, {}))


def test_an_interruption_is_not_ended_by_other_events() -> None:
    assert spans_of(
        sample(0, 1000, {"ev": ["interrupted"]}),
        sample(1, 1030, {"ev": [["p2p", 10]]}),
        sample(2, 1060, {"ev": ["restored"]}),
        sample(3, 1090, bye=True),
    ) == (Span(1000, 1060, {"interrupted": True}), Span(1060, 1090, {}))


def test_events_that_are_not_a_list_are_ignored() -> None:
    """A foreign document may have anything there."""
    stay = session(
        sample(0, 1000, {"ev": "interrupted"}), sample(1, 1030, {"ev": 3}), sample(2, 1060)
    )
    timeline = build_timeline(stay, rhythm=RHYTHM)
    assert (timeline.spans, timeline.events) == ((Span(1000, 1060, {}),), ())
