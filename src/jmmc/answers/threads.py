"""Long computations of answers: in threads that leave the interpreter to the event loop.

Some threads compute for all readers together, however many ask, and only one of them at a time:
each further one would make a push wait once more for the interpreter. They take turns of a few
milliseconds, so that a short computation does not wait for the end of a long one. Between two turns
they rest, the longer the busier the process is with other work. A computation calls `pause` more
often than that; it ends there when its reader has gone.
"""

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from jmmc.core.yielding import WORK_SECONDS, Abandoned, ThreadRests

_T = TypeVar("_T")

_THREADS = 4  # Each has the memory of one computation.
_LEAST_SHARE = 0.15  # Of the time, however busy the process is.
_ROWS = 200  # Between two looks at the clock: less than a millisecond.

_threads = ThreadPoolExecutor(_THREADS, "jmmc-answers")
_current = threading.local()


class _Turns:
    """A lock that is passed on in the order in which threads ask for it."""

    def __init__(self) -> None:
        self._state = threading.Lock()
        self._is_taken = False
        self._waiting: deque[threading.Lock] = deque()

    def take(self) -> None:
        """Wait for a turn."""
        with self._state:
            if not self._is_taken:
                self._is_taken = True
                return
            called = threading.Lock()
            called.acquire()
            self._waiting.append(called)
        called.acquire()  # Until `end` has passed the turn on.

    def end(self) -> None:
        """End a turn, which begins that of the thread that has waited longest."""
        with self._state:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._is_taken = False


_turns = _Turns()
_rests = ThreadRests(_LEAST_SHARE)


class _Computation:
    """One call in a thread, and whether somebody still waits for it."""

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
            _turns.end()

    def end_if_abandoned(self) -> None:
        if self.abandoned:
            raise Abandoned

    def let_others_work(self) -> None:
        """Rest, and let another computation have its turn, if this one has lasted long enough."""
        if time.perf_counter() - self._began >= WORK_SECONDS:
            _rests.rest(time.thread_time() - self._used)
            _turns.end()
            self._take_turn()

    def _take_turn(self) -> None:
        _turns.take()
        self._began, self._used = time.perf_counter(), time.thread_time()


async def in_background(function: Callable[[], _T]) -> _T:
    """Return what `function` returns; run it in one of few threads.

    When the caller is cancelled, `function` is not begun, or ends at its next `pause`.
    """
    computation = _Computation(function)
    try:
        result = await asyncio.get_running_loop().run_in_executor(_threads, computation)
    except asyncio.CancelledError:
        computation.abandoned = True
        raise
    return result  # type: ignore[return-value]


def pause() -> None:
    """Let the event loop have the interpreter, when this thread had it for milliseconds.

    Does nothing outside of `in_background`. Raises `Abandoned` to end the computation.
    """
    computation: _Computation | None = getattr(_current, "computation", None)
    if computation is not None:
        computation.end_if_abandoned()
        computation.let_others_work()


def paused(items: Iterable[_T], every: int = _ROWS) -> Iterator[_T]:
    """The same items, with a `pause` after `every` few of them."""
    for number, item in enumerate(items, 1):
        yield item
        if number % every == 0:
            pause()


def parts_of(items: Sequence[_T], size: int) -> Iterator[Sequence[_T]]:
    """Yield `size` items at a time."""
    for start in range(0, len(items), size):
        yield items[start : start + size]
