"""Which packets were lost in a spell of problems: audio or video, received or sent."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

from jmmc.quality.grading import number
from jmmc.quality.timeline import Span

_WORTH_NAMING = 2.0  # Percent.


class Loss(Struct, frozen=True):
    """The mean packet loss (%) of one kind and direction; `kind` is "" where it is not known."""

    kind: Literal["audio", "video", ""]
    direction: Literal["received", "sent"]
    percent: float


_KINDS: Sequence[tuple[Literal["audio", "video", ""], str]] = (
    ("audio", "apl"),
    ("video", "vpl"),
    ("", "pl"),
)
_DIRECTIONS: Sequence[tuple[Literal["received", "sent"], str]] = (("received", "d"), ("sent", "u"))


def losses_in(spans: Sequence[Span], start: int, end: int) -> tuple[Loss, ...]:
    """The losses of a part of a timeline, worst first: those of 2 % and more, or the worst one."""
    first = bisect_right(spans, start, key=lambda span: span.end)
    after = bisect_left(spans, end, key=lambda span: span.start)
    found: list[Loss] = []
    for direction, link in _DIRECTIONS:
        for kind, leaf in _KINDS:
            if kind or not any(loss.direction == direction for loss in found):
                mean = _mean(spans[first:after], f"{link}.{leaf}", start, end)
                if mean is not None:
                    found.append(Loss(kind, direction, round(mean, 1)))
    worst = sorted(found, key=lambda loss: -loss.percent)
    return tuple(loss for loss in worst if loss.percent >= _WORTH_NAMING) or tuple(worst[:1])


def _mean(spans: Sequence[Span], path: str, start: int, end: int) -> float | None:
    total, known = 0.0, 0
    for span in spans:
        value = None if span.state is None else number(span.state, path)
        if value is not None:
            seconds = min(span.end, end) - max(span.start, start)
            total += value * seconds
            known += seconds
    return total / known if known else None
