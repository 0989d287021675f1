"""The worst minute of a call, found while the call goes on.

The sum of badness over 60 seconds is largest where they begin or end with a change of grade, or
with the call. A minute that is over cannot change, so of the past only the best candidate is kept.
"""

from collections.abc import Sequence

from msgspec import Struct

from jmmc.quality.grades import Grade, GradeSpan

_MINUTE = 60
_WEIGHTS = (0.0, 0.0, 0.5, 1.0)  # By grade: a fair second is half as bad as a poor one.


class WorstMinuteSearch(Struct, array_like=True):
    """The minute with the most bad time of the spans so far.

    `worst` has the badness of the worst complete minute, and its start as a negative number, so
    that of equal ones the first is the largest. `pending` are changes of grade that began less
    than a minute before the end.
    """

    known: bool = False
    worst: tuple[float, int] = (-1.0, 0)
    pending: list[int] = []

    def extend(self, spans: Sequence[GradeSpan], *, changed: bool) -> None:
        """Follow the last of `spans`, which got longer, or which is new (`changed`)."""
        last = spans[-1]
        self.known = self.known or last.grade is not Grade.UNKNOWN
        if changed:
            if last.start - _MINUTE >= spans[0].start:
                self._consider(spans, last.start - _MINUTE)
            self.pending.append(last.start)
        while self.pending and self.pending[0] + _MINUTE <= last.end:
            self._consider(spans, self.pending.pop(0))

    def finish(self, spans: Sequence[GradeSpan]) -> tuple[int, float] | None:
        """Start and badness (0 is all good, 1 is all poor) of the worst minute.

        None when every moment is unknown. A call shorter than a minute is taken whole.
        """
        if not self.known:
            return None
        began, ended = spans[0].start, spans[-1].end
        self._consider(spans, max(began, ended - _MINUTE))
        badness, start = self.worst
        return -start, round(badness / (min(_MINUTE, ended - began) or 1), 4)

    def _consider(self, spans: Sequence[GradeSpan], start: int) -> None:
        self.worst = max(self.worst, (_badness(spans, start), -start))


def _badness(spans: Sequence[GradeSpan], start: int) -> float:
    """The weighted seconds of the minute that begins at `start`, near the end of `spans`."""
    end = start + _MINUTE
    total = 0.0
    for span in reversed(spans):
        if span.end <= start:
            break
        if weight := _WEIGHTS[span.grade]:
            total += weight * max(0, min(span.end, end) - max(span.start, start))
    return total
