"""Work in the event loop that yields to what is more urgent."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Generator
from types import coroutine
from typing import Any, TypeVar

_T = TypeVar("_T")

_MAX_SHARE = 0.8  # Of all time, other work included, so that pushes find the loop idle.
_LOOK_SECONDS = 0.25  # Of a pause, between two looks at how busy the loop is.
_SHORTEST_PAUSE = 0.001  # Seconds.
_LONGEST_PAUSE = 10.0  # Seconds: however long a piece of work was, the next one begins.


class LoadAwareYielder:
    """Pauses after each piece of work, the longer the busier the loop was of late.

    However busy it is, the work gets the share `least` of all time, so that it ends. What the work
    waits for, such as the store, does not count. `clock` and `busy` return seconds: of time, and of
    CPU used by the thread that asks.
    """

    def __init__(
        self,
        *,
        least: float = 0.02,
        clock: Callable[[], float] = time.perf_counter,
        busy: Callable[[], float] = time.thread_time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._least = least
        self._clock = clock
        self._busy = busy
        self._sleep = sleep
        self._load = 0.0  # Of the loop, without this work.
        self.worked = 0.0
        """Seconds of CPU that the last piece of `run` took in the loop."""

    async def run(self, work: Coroutine[Any, Any, _T]) -> _T:
        """Do a piece of work, and pause until it took no more than its share of all that time.

        While the work waits, the loop is as free as in a pause.
        """
        began, busy = self._clock(), self._busy()
        self.worked = 0.0
        result = await self._measured(work)
        ended = self._clock()
        while True:
            passed = self._clock() - began
            if (rest := passed - self.worked) >= _SHORTEST_PAUSE:
                load = min(1.0, max(0.0, self._busy() - busy - self.worked) / rest)
                self._load += (load - self._load) / 2
            share = _share(self._load, self._least)
            left = min(self.worked / share - passed, ended + _LONGEST_PAUSE - began - passed)
            if left < _SHORTEST_PAUSE:
                return result
            await self._sleep(min(left, _LOOK_SECONDS))

    @coroutine
    def _measured(self, work: Coroutine[Any, Any, _T]) -> Generator[Any, Any, _T]:
        """Await `work`, and add up in `worked` what each of its steps takes."""
        step, value = work.send, None
        while True:
            began = self._busy()
            try:
                waits_for = step(value)
            except StopIteration as end:
                result: _T = end.value
                return result
            finally:
                self.worked += self._busy() - began
            try:
                step, value = work.send, (yield waits_for)
            except BaseException as error:  # Cancelled, or what was awaited has failed.
                step, value = work.throw, error


def rest_after(worked: float, others: float, least: float) -> float:
    """Seconds of rest after `worked` seconds of work.

    `others` is what all other work uses, as a share of the time: the more it is, the longer is the
    rest. However much it is, the work gets the share `least` of all time.
    """
    share = _share(others, least)
    return worked * (1 - share) / share


def _share(others: float, least: float) -> float:
    return max(least, _MAX_SHARE - others)
