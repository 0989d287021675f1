"""Compares what was exported with what a page emitted, sample for sample."""

from typing import Any

from tests.support.oracle import OWN_OF_THE_STAY, flatten, fold, is_cut, of_the_call, readings
from tests.support.recordings import stats_events


def emitted_states(emitted: list[dict[str, Any]]) -> list[tuple[float, dict[str, Any]]]:
    """When, and what held after each event that counts, by the oracle."""
    states = []
    connected = False
    for item in emitted:
        record = stats_events()[item["index"]]
        connected = connected or not is_cut(record)
        if connected:
            states.append((item["wall"], of_the_call(readings(record) or {})))
    return states


def assert_sample_for_sample(
    session: dict[str, Any],
    emitted: list[dict[str, Any]],
    *,
    sped_up: bool = False,
    tolerance: float = 1,
) -> None:
    """Every event once, in order, with its readings, within a second (`tolerance`) of its time.

    A page whose time was `sped_up` lives in another time than the server: then it is the
    distances between the samples that must be right.
    """
    samples = session["m"]
    assert [item["seq"] for item in samples] == list(range(len(samples))), "a hole, or out of order"
    states = fold(samples)
    # Those that changed something: the first only says who joined, a full one says all again.
    told: list[tuple[float, dict[str, Any]]] = []
    for sample, state in zip(samples, states, strict=True):
        call = of_the_call(state)
        again = sample.get("full") and told and told[-1][1] == call
        if set(flatten(sample)) - OWN_OF_THE_STAY and not again:
            told.append((sample["ts"], call))
    if told and not told[-1][1]:
        told.pop()  # A page that says nothing for 25 s is not known to be well.
    expected: list[tuple[float, dict[str, Any]]] = []
    for wall, state in emitted_states(emitted):
        if not expected or expected[-1][1] != state:
            expected.append((wall, state))
    assert [state for _, state in told] == [state for _, state in expected]
    shift = told[-1][0] - expected[-1][0] if sped_up else 0
    late = [ts - wall - shift for (ts, _), (wall, _) in zip(told, expected, strict=True)]
    assert max(map(abs, late)) <= tolerance, late
