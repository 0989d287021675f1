"""A spell of loss says which packets were lost."""

from typing import Any

import pytest

from jmmc.quality.losses import Loss, losses_in
from jmmc.quality.timeline import Span


def _spans(*states: dict[str, Any] | None) -> list[Span]:
    return [Span(10 * n, 10 * n + 10, state) for n, state in enumerate(states)]


@pytest.mark.parametrize(
    ("state", "losses"),
    [
        ({"d.pl": 8.3, "d.apl": 13.84, "d.vpl": 1}, [Loss("audio", "received", 13.8)]),
        (
            {"d.apl": 3, "d.vpl": 20, "u.apl": 0, "u.pl": 9},
            [Loss("video", "received", 20.0), Loss("audio", "received", 3.0)],
        ),
        ({"d.pl": 1, "u.pl": 9}, [Loss("", "sent", 9.0)]),
        ({"d.apl": 0, "u.pl": 9}, [Loss("", "sent", 9.0)]),
        ({"u.apl": 1.5, "d.pl": 1}, [Loss("audio", "sent", 1.5)]),
        ({"d.apl": 2, "u.apl": 3}, [Loss("audio", "sent", 3.0), Loss("audio", "received", 2.0)]),
        ({"cq": 5}, []),
        (None, []),
    ],
)
def test_kinds_and_directions_are_named_worst_first(
    state: dict[str, Any] | None, losses: list[Loss]
) -> None:
    assert list(losses_in(_spans(state, state), 0, 20)) == losses


def test_a_mean_is_of_the_known_time_of_the_spell() -> None:
    spans = _spans({"d.apl": 90}, {"d.apl": 10}, None, {"d.apl": 20}, {"cq": 1}, {"d.apl": 90})
    assert losses_in(spans, 18, 50) == (Loss("audio", "received", 18.3),)
    assert losses_in(spans, 10, 20) == (Loss("audio", "received", 10.0),)
    assert losses_in(spans, 20, 30) == ()
