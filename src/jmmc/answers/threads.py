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

_T = TypeVar("_T")

_THREADS = 4  # Each has the memory of one computation.
_WORK_SECONDS = 0.004  # Of a turn.
_MOST_SHARE = 0.8  # Of the time, all other work of the process included.
_LEAST_SHARE = 0.15  # Of the time, however busy the process is.
_LOOK_SECONDS = 0.05  # Between two looks at how busy it is.
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


def rest_after(worked: float, others: float) -> float:
    """Seconds of rest after a turn of `worked` seconds of CPU.

    `others` is the CPU that the rest of the process uses, as a share of the time: the busier it is
    with pushes, the longer is the rest.
    """
    share = max(_LEAST_SHARE, _MOST_SHARE - others)
    return worked * (1 - share) / share


class _Others:
    """The CPU that the rest of the process uses, as a share of the time. Whoever has the turn asks."""

    def __init__(self) -> None:
        self._looked_at, self._used = time.perf_counter(), time.process_time()
        self._worked = 0.0  # By computations, since then.
        self._share = 0.0

    def share_after(self, worked: float) -> float:
        """The share after a turn of `worked` seconds of CPU."""
        self._worked += worked
        passed = time.perf_counter() - self._looked_at
        if passed >= _LOOK_SECONDS:
            used = time.process_time()
            share = min(1.0, max(0.0, used - self._used - self._worked) / passed)
            self._share += (share - self._share) / 2
            self._looked_at, self._used, self._worked = self._looked_at + passed, used, 0.0
        return self._share


_others = _Others()


class ReaderGone(Exception):
    """Nobody waits for this computation any more."""


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
            raise ReaderGone

    def let_others_work(self) -> None:
        """Rest, and let another computation have its turn, if this one has lasted long enough."""
        if time.perf_counter() - self._began >= _WORK_SECONDS:
            worked = time.thread_time() - self._used
            time.sleep(rest_after(worked, _others.share_after(worked)))
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

    Does nothing outside of `in_background`. Raises `ReaderGone` to end the computation.
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
