"""Compare an export with what a page emitted, sample for sample."""

from typing import Any

from tests.support.oracle import OWN_OF_THE_STAY, flatten, fold, of_the_call, ticks
from tests.support.recordings import stats_events


def emitted_states(emitted: list[dict[str, Any]]) -> list[tuple[float, dict[str, Any]]]:
    """The time and, by the oracle, the readings of each tick."""
    records = [{**stats_events()[event["index"]], "wall": event["wall"]} for event in emitted]
    return [(record["wall"], state) for record, state in ticks(records)]


def assert_sample_for_sample(
    session: dict[str, Any],
    emitted: list[dict[str, Any]],
    *,
    sped_up: bool = False,
    tolerance: float = 1,
) -> None:
    """Assert that each event is stored once, in order, within `tolerance` seconds of its time.

    When the page's clock was `sped_up`, it differs from the server's: then only the time between
    samples is compared.
    """
    samples = session["m"]
    assert [sample["seq"] for sample in samples] == list(range(len(samples))), (
        "a gap, or out of order"
    )
    states = fold(samples)
    # Samples that changed a reading: the first only says who joined, a full one repeats all.
    stored: list[tuple[float, dict[str, Any]]] = []
    for sample, state in zip(samples, states, strict=True):
        call = of_the_call(state)
        repeated = sample.get("full") and stored and stored[-1][1] == call
        if set(flatten(sample)) - OWN_OF_THE_STAY and not repeated:
            stored.append((sample["ts"], call))
    if stored and not stored[-1][1]:
        stored.pop()  # After 25 s without an event the readings are unknown.
    expected: list[tuple[float, dict[str, Any]]] = []
    for wall, state in emitted_states(emitted):
        if not expected or expected[-1][1] != state:
            expected.append((wall, state))
    assert [state for _, state in stored] == [state for _, state in expected]
    shift = stored[-1][0] - expected[-1][0] if sped_up else 0
    late = [ts - wall - shift for (ts, _), (wall, _) in zip(stored, expected, strict=True)]
    assert max(map(abs, late)) <= tolerance, late
