"""Long computations of answers: in threads that leave the interpreter to the event loop.

Two threads at most compute for all readers together, however many ask. A computation calls `pause`
every few milliseconds; it ends there when its reader has gone.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

_T = TypeVar("_T")

_THREADS = 2
_WORK_SECONDS = 0.004  # Without a pause: a push waits that long for the interpreter.
_PAUSE_SECONDS = 0.001
_ROWS = 200  # Between two looks at the clock: less than a millisecond.

_threads = ThreadPoolExecutor(_THREADS, "jmmc-answers")
_current = threading.local()


class ReaderGone(Exception):
    """Nobody waits for this computation any more."""


class _Computation:
    """One call in a thread, and whether somebody still waits for it."""

    def __init__(self, function: Callable[[], object]) -> None:
        self.abandoned = False
        self.rested = 0.0
        self._function = function

    def __call__(self) -> object:
        _current.computation = self
        self.rested = time.perf_counter()
        try:
            return self._function()
        finally:
            _current.computation = None


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
    if computation is None:
        return
    if computation.abandoned:
        raise ReaderGone
    if time.perf_counter() - computation.rested >= _WORK_SECONDS:
        time.sleep(_PAUSE_SECONDS)
        computation.rested = time.perf_counter()


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
