"""Background work that yields to the other tasks of its event loop."""

import asyncio
import time
from collections.abc import Awaitable, Callable

_MAX_SHARE = 0.8  # Of all time, other work included, so that pushes find the loop idle.
_LOOK_SECONDS = 0.25  # Of a pause, between two looks at how busy the loop is.
_LEAST_OWN = 0.25  # Of the time that a piece of work took: what it waits for is work elsewhere.
_MOST_OTHERS = 0.9  # Of the time, that other work of the process is believed to use.
_LONGEST_PAUSE = 10.0  # Seconds: work that took long because it waited must not wait for minutes.


def batch_size_for(count: int, worked: float, *, seconds: float, most: int) -> int:
    """Return how many items take `seconds` of work, when `count` items took `worked` seconds.

    At least 1, at most `most`.
    """
    return max(1, min(most, int(count * seconds / worked))) if worked > 0 else most


class LoadAwareYielder:
    """Pauses after each piece of work, the longer the busier the loop was in recent pauses.

    However busy it is, the work gets the share `least` of all time, so that it ends. What the work
    waited for the store counts little. `clock`, `busy` and `used` return seconds: of
    time, of CPU used by the loop's thread, and by the whole process.
    """

    def __init__(
        self,
        *,
        least: float = 0.02,
        clock: Callable[[], float] = time.perf_counter,
        busy: Callable[[], float] = time.thread_time,
        used: Callable[[], float] = time.process_time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._least = least
        self._clock = clock
        self._busy = busy
        self._used = used
        self._sleep = sleep
        self._began, self._used_before = clock(), used()
        self._load = 0.0
        self._others = 0.0  # Of the time, CPU that the rest of the process uses.

    def begin(self) -> None:
        """Start the clock for a piece of work."""
        self._began, self._used_before = self._clock(), self._used()

    async def pause(self) -> float:
        """Pause after a piece of work; the next one starts when this returns.

        The pause ends earlier when the loop becomes idle meanwhile. Returns the seconds that the
        piece of work took.
        """
        paused_at = looked_at = self._clock()
        worked = paused_at - self._began
        own = self._own(worked)
        left = self._rest_after(own)
        while True:
            busy, used, seconds = self._busy(), self._used(), min(left, _LOOK_SECONDS)
            await self._sleep(seconds)
            now = self._clock()
            if now > looked_at:
                passed = now - looked_at
                # Smoothed: a short pause may see a burst.
                self._load += (min(1.0, (self._busy() - busy) / passed) - self._load) / 2
                others = min(_MOST_OTHERS, (self._used() - used) / passed)
                self._others += (others - self._others) / 2
            looked_at = now
            left = min(left - seconds, self._rest_after(own) - (now - paused_at))
            if left <= 0:
                break
        self.begin()
        return worked

    def _own(self, worked: float) -> float:
        """The seconds of CPU of a piece of work: others used theirs while it waited."""
        used = self._used() - self._used_before
        own = (used - self._others * worked) / (1 - self._others)
        return min(worked, max(own, _LEAST_OWN * worked))

    def _rest_after(self, worked: float) -> float:
        share = max(self._least, _MAX_SHARE - self._load)
        return min(worked * (1 - share) / share, _LONGEST_PAUSE)
