"""Background work that yields to the other tasks of its event loop."""

import asyncio
import time
from collections.abc import Awaitable, Callable

_MAX_SHARE = 0.8  # Of all time, other work included, so that pushes find the loop idle.
_MIN_SHARE = 0.02  # Of all time, however busy the loop is, so that the work ends.


def batch_size_for(count: int, worked: float, *, seconds: float, most: int) -> int:
    """Return how many items take `seconds` of work, when `count` items took `worked` seconds.

    At least 1, at most `most`.
    """
    return max(1, min(most, int(count * seconds / worked))) if worked > 0 else most


class LoadAwareYielder:
    """Pauses after each piece of work, the longer the busier the loop was in recent pauses.

    `clock` and `busy` return seconds: of time, and of CPU used by the loop's thread.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.perf_counter,
        busy: Callable[[], float] = time.thread_time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._clock = clock
        self._busy = busy
        self._sleep = sleep
        self._began = clock()
        self._load = 0.0

    def begin(self) -> None:
        """Start the clock for a piece of work."""
        self._began = self._clock()

    async def pause(self) -> float:
        """Pause after a piece of work; the next one starts when this returns.

        Returns the seconds that the piece of work took.
        """
        worked = self._clock() - self._began
        share = max(_MIN_SHARE, _MAX_SHARE - self._load)
        began, busy = self._clock(), self._busy()
        await self._sleep(worked * (1 - share) / share)
        self._began = self._clock()
        if self._began > began:
            load = min(1.0, (self._busy() - busy) / (self._began - began))
            self._load += (load - self._load) / 2  # Smoothed: a short pause may see a burst.
        return worked
