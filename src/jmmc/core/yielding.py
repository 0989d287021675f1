"""Background work that yields to the other tasks of its event loop."""

import asyncio
import time
from collections.abc import Awaitable, Callable

_MAX_SHARE = 0.8  # Of all time, other work included, so that pushes find the loop idle.
_MIN_SHARE = 0.02  # Of all time, however busy the loop is, so that the work ends.
_LOOK_SECONDS = 0.25  # Of a pause, between two looks at how busy the loop is.
_LONGEST_PAUSE = 10.0  # Seconds: work that took long because it waited must not wait for minutes.


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

        The pause ends earlier when the loop becomes idle meanwhile. Returns the seconds that the
        piece of work took.
        """
        paused_at = looked_at = self._clock()
        worked = paused_at - self._began
        left = self._rest_after(worked)
        while True:
            busy, seconds = self._busy(), min(left, _LOOK_SECONDS)
            await self._sleep(seconds)
            now = self._clock()
            if now > looked_at:
                load = min(1.0, (self._busy() - busy) / (now - looked_at))
                self._load += (load - self._load) / 2  # Smoothed: a short pause may see a burst.
            looked_at = now
            left = min(left - seconds, self._rest_after(worked) - (now - paused_at))
            if left <= 0:
                break
        self._began = self._clock()
        return worked

    def _rest_after(self, worked: float) -> float:
        share = max(_MIN_SHARE, _MAX_SHARE - self._load)
        return min(worked * (1 - share) / share, _LONGEST_PAUSE)
