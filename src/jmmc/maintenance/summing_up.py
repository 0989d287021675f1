"""Sums up sessions for their summaries, where that delays pushes least."""

import asyncio
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

from jmmc.core.computing import pause
from jmmc.core.model import Progress, Sample, Session
from jmmc.maintenance.running_sessions import RememberedSession
from jmmc.maintenance.threads import in_background
from jmmc.quality.accumulator import Formula, SessionAccumulator
from jmmc.quality.summarize import sum_up
from jmmc.quality.summary import Summary
from jmmc.quality.timeline import Span

_T = TypeVar("_T")

_LONG_SESSION = 250  # Samples: 5 ms. A longer timeline in the event loop would delay pushes.
_FIXED_WORK = 20  # Of a summary besides its samples, in samples.
_SHORT_WORK = 200  # Samples: 4 ms. Of a busy loop, each turn takes some 20 ms.


class SummedUp(NamedTuple):
    """A session summed up: its summary, the spans of its new samples, and how it goes on.

    `remembered` is None when it is over, or cannot be continued.
    """

    summary: Summary
    spans: Sequence[Span]
    remembered: RememberedSession | None

    @staticmethod
    def of(accumulator: SessionAccumulator, now: float) -> "SummedUp":
        """Sum up a session so far, to which nothing can be added afterwards."""
        accumulated, encoded = accumulator.accumulated, accumulator.encode()
        summary = sum_up(accumulator, now)
        if encoded is None or accumulated.seq is None or not summary.running:
            return SummedUp(summary, accumulator.spans, None)
        progress = Progress(summary.session, summary.samples, accumulated.seq)
        return SummedUp(summary, accumulator.spans, RememberedSession(progress, encoded))


class SessionSums:
    """Sums up sessions by `formula`."""

    def __init__(self, formula: Formula) -> None:
        self._formula = formula
        self._in_a_row = 0  # Samples, since pushes were let through.

    async def go_on(
        self, remembered: RememberedSession, samples: Sequence[Sample], now: float
    ) -> SummedUp:
        """Sum up a session that is remembered, with its new samples."""

        def sum_up_more() -> SummedUp:
            accumulator = SessionAccumulator.decode(remembered.accumulated, self._formula)
            accumulator.advance(samples)
            return SummedUp.of(accumulator, now)

        return await self._compute(sum_up_more, len(samples))

    async def start(self, session: Session, now: float) -> SummedUp:
        """Sum up a session from all of its samples."""
        return await self._compute(
            lambda: SummedUp.of(SessionAccumulator.of(session, self._formula, pause=pause), now),
            len(session.samples),
        )

    async def _compute(self, work: Callable[[], _T], samples: int) -> _T:
        """Do work of so many samples, where it delays pushes least."""
        if samples > _LONG_SESSION:
            return await in_background(work)
        self._in_a_row += _FIXED_WORK + samples
        if self._in_a_row > _SHORT_WORK:
            self._in_a_row = 0
            await asyncio.sleep(0)  # Let pushes through.
        return work()
