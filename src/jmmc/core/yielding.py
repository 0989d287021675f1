"""Work that yields to what is more urgent: in the event loop, and in threads that compute."""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine, Generator
from types import coroutine
from typing import Any, TypeVar

_T = TypeVar("_T")

_MAX_SHARE = 0.8  # Of all time, other work included, so that pushes find the loop idle.
_THREAD_LOOK_SECONDS = 0.05  # Between two looks of a thread at how busy the process is.
_LOOK_SECONDS = 0.25  # Of a pause, between two looks at how busy the loop is.
WORK_SECONDS = 0.004
"""Of a thread that computes, between two rests."""
_SHORTEST_PAUSE = 0.001  # Seconds.
_LONGEST_PAUSE = 10.0  # Seconds: however long a piece of work was, the next one begins.


def batch_size_for(count: int, worked: float, *, seconds: float, most: int) -> int:
    """Return how many items take `seconds` of work, when `count` items took `worked` seconds.

    At least 1, at most `most`.
    """
    return max(1, min(most, int(count * seconds / worked))) if worked > 0 else most


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
        """Seconds of CPU that the last piece of `run` took,"""
        self._in_threads = 0.0  # and those of them that it took in threads.

    async def run(self, work: Coroutine[Any, Any, _T]) -> _T:
        """Do a piece of work, and pause until it took no more than its share of all that time.

        While the work waits, the loop is as free as in a pause.
        """
        began, busy = self._clock(), self._busy()
        self.worked = self._in_threads = 0.0
        result = await self._measured(work)
        ended = self._clock()
        while True:
            passed = self._clock() - began
            own = self.worked - self._in_threads
            if (rest := passed - own) >= _SHORTEST_PAUSE:
                load = min(1.0, max(0.0, self._busy() - busy - own) / rest)
                self._load += (load - self._load) / 2
            share = _share(self._load, self._least)
            left = min(self.worked / share - passed, ended + _LONGEST_PAUSE - began - passed)
            if left < _SHORTEST_PAUSE:
                return result
            await self._sleep(min(left, _LOOK_SECONDS))

    async def in_thread(self, work: Callable[[], _T]) -> _T:
        """Do a part of the piece of `run` in a thread; its seconds of CPU are counted."""

        def measured() -> tuple[_T, float]:
            began = self._busy()
            return work(), self._busy() - began

        result, seconds = await asyncio.to_thread(measured)
        self.worked += seconds
        self._in_threads += seconds
        return result

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


class ThreadRests:
    """The rests of threads that compute, of which one at a time works: it leaves the GIL to
    pushes. However busy the process is, they work for the share `least` of all time.
    """

    def __init__(self, least: float) -> None:
        self._least = least
        self._looked_at, self._used = time.perf_counter(), time.process_time()
        self._worked = 0.0  # Since then.
        self._others = 0.0  # CPU that the rest of the process uses, as a share of the time.

    def rest(self, worked: float) -> None:
        """Sleep in the thread that asks, after `worked` seconds of its CPU."""
        self._worked += worked
        passed = time.perf_counter() - self._looked_at
        if passed >= _THREAD_LOOK_SECONDS:
            used = time.process_time()
            others = min(1.0, max(0.0, used - self._used - self._worked) / passed)
            self._others += (others - self._others) / 2
            self._looked_at, self._used, self._worked = self._looked_at + passed, used, 0.0
        time.sleep(rest_after(worked, self._others, self._least))


class Abandoned(Exception):
    """Nobody waits for this computation any more."""


class ThreadBreaks:
    """Called often by the thread that made it: rests after each few milliseconds of work.

    `abandoned` is set to end the computation.
    """

    def __init__(self, least: float, abandoned: threading.Event | None = None) -> None:
        self._rests = ThreadRests(least)
        self._abandoned = abandoned
        self._began, self._used = time.perf_counter(), time.thread_time()

    def __call__(self) -> None:
        """Rest, if the thread has worked for long enough since its last rest.

        Raises `Abandoned` to end the computation.
        """
        if self._abandoned is not None and self._abandoned.is_set():
            raise Abandoned
        if time.perf_counter() - self._began >= WORK_SECONDS:
            self._rests.rest(time.thread_time() - self._used)
            self._began, self._used = time.perf_counter(), time.thread_time()


async def with_breaks(work: Callable[[ThreadBreaks], _T], least: float) -> _T:
    """Do a long computation in a thread, which rests in its breaks: see `ThreadRests`.

    When the caller is cancelled, `work` ends at its next break: a process that stops would wait.
    """
    abandoned = threading.Event()
    try:
        return await asyncio.to_thread(lambda: work(ThreadBreaks(least, abandoned)))
    except asyncio.CancelledError:
        abandoned.set()
        raise
