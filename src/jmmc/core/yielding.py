"""Work that gives way to what else its event loop has to do."""

import asyncio
import time
from collections.abc import Awaitable, Callable

_MOST = 0.8  # Of all time, what others do included: a push that comes finds the loop free.
_LEAST = 0.02  # Of all time, however busy the loop is: the work has to come to an end.


def fitting(count: int, worked: float, *, seconds: float, most: int) -> int:
    """How many things fit into `seconds` of work when `count` of them took `worked` seconds.

    One at least, and no more than `most`.
    """
    return max(1, min(most, int(count * seconds / worked))) if worked > 0 else most


class Yielder:
    """Rests after each piece of work, and the longer, the busier the loop was in the last rests.

    `clock` and `busy` give seconds: of time, and of CPU that the loop's thread has taken.
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
        """A piece of work begins."""
        self._began = self._clock()

    async def rest(self) -> float:
        """A piece of work has ended, and the next begins when this returns.

        Answers how many seconds of the clock it took.
        """
        worked = self._clock() - self._began
        share = max(_LEAST, _MOST - self._load)
        began, busy = self._clock(), self._busy()
        await self._sleep(worked * (1 - share) / share)
        self._began = self._clock()
        if self._began > began:
            load = min(1.0, (self._busy() - busy) / (self._began - began))
            self._load += (load - self._load) / 2  # One rest may be short and see a burst.
        return worked
