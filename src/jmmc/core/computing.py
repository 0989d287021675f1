"""Long computations, in threads that leave the GIL to the event loop.

One thread of the process computes at a time, for readers and for background work alike: each
further one would make a push wait once more for the GIL. They take turns of a few milliseconds, so
that a short computation does not wait for the end of a long one. Between two turns nobody computes,
the longer the busier the process is with other work. A long computation calls `pause` often, where
its turn may end. When its caller is cancelled, it ends at its next `pause`.
"""

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from jmmc.core.yielding import rest_after

_T = TypeVar("_T")

_TURN_SECONDS = 0.004  # Less than the 5 ms after which the GIL is taken from a thread.
_LEAST_SHARE = 0.2  # Of the time, of all computations together, however busy the process is.
_LOOK_SECONDS = 0.05  # Between two looks at how busy the process is.
_LONGEST_REST = 0.1  # Seconds: others do not wait for long, when one has worked without a pause.
_ITEMS = 200  # Between two looks at the clock: less than a millisecond.

_current = threading.local()


class Abandoned(Exception):
    """The caller of this computation has been cancelled."""


class _Turns:
    """A fair lock (first in, first out) with a rest between two holders."""

    def __init__(self) -> None:
        self._state = threading.Lock()
        self._is_taken = False
        self._waiting: deque[threading.Lock] = deque()
        # What follows belongs to the thread that has the turn.
        self._used = 0.0  # CPU of computations since the last rest,
        self._rested_until = 0.0
        self._looked_at, self._process_used = time.perf_counter(), time.process_time()
        self._computed = 0.0  # and since the last look.
        self._others = 0.0  # CPU that the rest of the process uses, as a share of the time.

    def take(self) -> None:
        """Wait for a turn, and for the end of the rest after the one before."""
        with self._state:
            called = None
            if self._is_taken:
                called = threading.Lock()
                called.acquire()
                self._waiting.append(called)
            self._is_taken = True
        if called is not None:
            called.acquire()  # Until `end` has passed the turn on.
        time.sleep(max(0.0, self._rested_until - time.perf_counter()))

    def end(self, used: float) -> None:
        """End a turn that used so many seconds of CPU; the thread that waits longest is next."""
        self._computed += used
        self._used += used
        if self._used >= _TURN_SECONDS / 2:
            self._look()
            rest = min(rest_after(self._used, self._others, _LEAST_SHARE), _LONGEST_REST)
            self._rested_until = time.perf_counter() + rest
            self._used = 0.0
        with self._state:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._is_taken = False

    def _look(self) -> None:
        passed = time.perf_counter() - self._looked_at
        if passed >= _LOOK_SECONDS:
            used = time.process_time()
            others = min(1.0, max(0.0, used - self._process_used - self._computed) / passed)
            self._others += (others - self._others) / 2
            self._looked_at, self._process_used = self._looked_at + passed, used
            self._computed = 0.0


_turns = _Turns()


class _Computation:
    """A function that runs in a thread, and whether its caller has been cancelled."""

    def __init__(self, function: Callable[[], object]) -> None:
        self.abandoned = False
        self._began = self._used = 0.0  # The present turn: its begin, and the thread's CPU then.
        self._function = function

    def __call__(self) -> object:
        self._take_turn()
        _current.computation = self
        try:
            self.end_if_abandoned()
            return self._function()
        finally:
            _current.computation = None
            self._end_turn()

    def end_if_abandoned(self) -> None:
        if self.abandoned:
            raise Abandoned

    def let_others_work(self) -> None:
        """Let another computation have its turn, if this one has lasted long enough."""
        if time.perf_counter() - self._began >= _TURN_SECONDS:
            self._end_turn()
            self._take_turn()

    def _take_turn(self) -> None:
        _turns.take()
        self._began, self._used = time.perf_counter(), time.thread_time()

    def _end_turn(self) -> None:
        _turns.end(time.thread_time() - self._used)


class Computations:
    """Runs functions in at most `threads` threads, which take turns with all of the process.

    Each thread has the memory of one computation; more of them wait. `name` is that of the threads.
    """

    def __init__(self, name: str, threads: int) -> None:
        self._threads = ThreadPoolExecutor(threads, name)

    async def __call__(self, function: Callable[[], _T]) -> _T:
        """Return what `function` returns, or raise what it raises.

        When the caller is cancelled, `function` is not begun, or ends at its next `pause`.
        """
        computation = _Computation(function)
        try:
            result = await asyncio.get_running_loop().run_in_executor(self._threads, computation)
        except asyncio.CancelledError:
            computation.abandoned = True
            raise
        return result  # type: ignore[return-value]


def pause() -> None:
    """Let the event loop have the GIL, when this thread had it for milliseconds.

    Does nothing outside of `Computations`. Raises `Abandoned` to end the computation.
    """
    computation: _Computation | None = getattr(_current, "computation", None)
    if computation is not None:
        computation.end_if_abandoned()
        computation.let_others_work()


def paused(items: Iterable[_T], every: int = _ITEMS) -> Iterator[_T]:
    """The same items, with a `pause` after `every` few of them."""
    for number, item in enumerate(items, 1):
        yield item
        if number % every == 0:
            pause()
