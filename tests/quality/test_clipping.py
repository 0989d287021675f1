"""What likely causes need of summaries is bounded, however often grades change."""

import msgspec

from jmmc.core.model import Dialect, Session
from jmmc.quality.causes.clipping import Clipping
from jmmc.quality.summarize import summarize
from jmmc.quality.summary import CallEvent, Summary
from jmmc.quality.thresholds import preset
from tests.support.builders import RHYTHM, sample

_START = 1_700_000_000
_SAMPLES = 300


def _flapping() -> Summary:
    """A call whose grade changes every minute for five hours."""
    samples = tuple(
        sample(seq, f'{{"cq":{1 if seq % 2 else 100}}}', ts=_START + 60 * seq)
        for seq in range(_SAMPLES)
    )
    session = Session("a" * 24, "room", "u", Dialect.V2, _START, samples)
    return summarize(session, preset=preset("jitsi"), rhythm=RHYTHM)


def test_only_what_touches_the_window_is_kept() -> None:
    whole = _flapping()
    since, until = _START + 3600, _START + 7200
    clipped = Clipping(since, until)(whole)
    assert 0 < len(clipped.spells) < len(whole.spells) / 4
    assert all(spell.end > since and spell.start < until for spell in clipped.spells)
    assert (clipped.quantiles, clipped.reasons) == ({}, {})


def test_beyond_a_bound_the_problems_of_each_session_are_joined_into_few() -> None:
    whole = _flapping()
    clip = Clipping(_START, _START + 60 * _SAMPLES, most=1000)
    clipped = [clip(whole) for _ in range(100)]
    counts = [len(summary.spells) + len(summary.grade_spans) for summary in clipped]
    assert counts[0] > 200, "of the first ones all are kept"
    assert max(counts[10:]) <= 10
    assert sum(counts) < 1000 + counts[0] + 100 * 10
    first, last = clipped[0].spells, clipped[-1].spells
    assert (first[0].start, first[-1].end) == (last[0].start, last[-1].end)


def test_of_events_only_those_of_devices_are_kept_and_few_beyond_the_bound() -> None:
    whole = _flapping()
    kinds = ("mic_changed", "muted_audio", "region_changed", "no_audio_input")
    events = tuple(CallEvent(_START + n, kinds[n % 4]) for n in range(80))
    whole = msgspec.structs.replace(whole, events=events)
    clip = Clipping(_START, _START + 60 * _SAMPLES, most=1000)
    clipped = [clip(whole) for _ in range(20)]
    assert clipped[0].events == tuple(sorted(events[::4] + events[3::4]))
    assert len(clipped[-1].events) == 5
    assert clipped[0].room is clipped[1].room
