"""The oracle itself: who reads its pushes by the rule of the protocol finds its truth.

This reader is written from the samples alone: a sample's readings hold for the time before it, at
most ten seconds of it after a hole; words hold from the sample before, or from their own sample if
it has the same moment; an interruption lasts from its event to the other.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.oracle import cases
from tests.oracle.expected import peaks
from tests.oracle.pushing import Sample, samples_of
from tests.oracle.truth import Call, Held

_SILENCE = 75  # Seconds: two and a half push intervals.
_ALL = [*cases.TIME, *cases.MOVED, *cases.BRIDGED, *cases.ROAMED, *cases.RUNNING, *cases.RANDOM]


def _read(call: Call, samples: list[Sample]) -> Iterator[tuple[str, str, str, str]]:
    """Grade, region, transport and codec of each second, as far as the samples tell."""
    state: dict[str, Any] = {}
    cut: tuple[int, int] | None = None
    cuts: list[tuple[int, int]] = []
    seconds: list[tuple[str, str, str, str]] = []
    before: Sample | None = None
    for sample in samples:
        if sample.wire.get("full"):
            state = {}
        for key, value in sample.wire["m"].items():
            for path, leaf in _leaves(key, value):
                state[path] = leaf
        for event in sample.wire["m"].get("ev", []):
            name, age = event if isinstance(event, list) else (event, 0)
            if name == "interrupted":
                cut = (sample.at - age, call.left)
                cuts.append(cut)
            elif name == "restored":
                cuts[-1] = (cuts[-1][0], sample.at - age)
        if before is not None:
            length = sample.at - before.at
            hole = sample.wire["seq"] != before.wire["seq"] + 1 or length > _SILENCE
            grade = {None: "unknown", True: "good", False: "poor"}[
                None if state.get("cq") is None else state["cq"] > 80
            ]
            words = (state["t.sr"], "p2p" if state.get("t.p2p") else state["t.tp"], state["cdc.v"])
            for place in range(length):
                known = not hole or place >= length - 10
                seconds.append((grade if known else "unknown", *words))
        before = sample
    for second, (grade, *words) in enumerate(seconds):
        at = call.joined + second
        interrupted = any(since <= at < until for since, until in cuts)
        yield ("poor" if interrupted else grade), *words  # type: ignore[misc]


def _leaves(key: str, value: Any) -> list[tuple[str, Any]]:
    if isinstance(value, dict):
        return [(f"{key}.{leaf}", inner) for leaf, inner in value.items()]
    return [] if key == "ev" else [(key, value)]


def _right(call: Call) -> list[tuple[str, str, str, str]]:
    return [(second.grade, *_words(second.held)) for second in call.seconds]


def _words(held: Held) -> tuple[str, str, str]:
    return held.region, held.transport, held.codec


@pytest.mark.parametrize("calls", [_ALL[n::8] for n in range(8)], ids=range(8))
def test_the_samples_of_a_call_tell_its_truth(calls: list[Call]) -> None:
    for call in calls:
        if not call.raw:
            grades = list(_read(call, samples_of(call)))
            if call is not cases.BETWEEN:  # Its means are of good and poor seconds.
                assert grades == _right(call), call.room


def test_samples_are_numbered_and_in_order_of_time() -> None:
    for call in _ALL:
        samples = samples_of(call)
        assert [sample.at for sample in samples] == sorted(sample.at for sample in samples)
        assert samples[0].at == call.joined
        assert samples[-1].at == call.left
        seqs = [sample.wire["seq"] for sample in samples]
        assert seqs == sorted(set(seqs))


def test_the_random_calls_have_what_they_are_for() -> None:
    held = [set(call.held) for call in cases.RANDOM]
    for word in Held._fields:
        changed = sum(len({getattr(state, word) for state in states}) > 1 for states in held)
        assert changed >= 3, word
    assert sum(bool(call.holes) for call in cases.RANDOM) >= 5
    assert sum(call.lost for call in cases.RANDOM if call.holes) >= 2
    people, connections = peaks(cases.RANDOM, cases.RANDOM_SINCE, cases.RANDOM_UNTIL)
    assert people < connections
    running = [call for call in cases.RANDOM if call.joined < cases.HALFWAY < call.left]
    assert len(running) > 5
