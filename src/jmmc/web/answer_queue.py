"""Lets few answers be computed at a time: each holds what it has read until it is done.

Answers that wait for their turn have read nothing yet. So the memory of answers is that of a few of
them, however many readers ask.
"""

import asyncio
import math
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Hashable
from contextlib import asynccontextmanager

from starlette.requests import Request

from jmmc.web.problems import Problem

_AT_A_TIME = 3  # While one computes, another one reads; the third is prompt where both take long.
_MOST_WAITING = 50  # Of one address, which may be that of an office.
_MOST_WAITING_IN_ALL = 200  # Each has a connection, a request and a task: some 20 KB.
_PATIENCE = 30.0  # Seconds that an answer waits: half of what proxies wait for a response.
_HALF_LIFE = 10.0  # Seconds after which half of what a reader has used counts.
_FORGOTTEN = 0.001  # Seconds that do not matter any more.
_RETRY_SECONDS = 5
_TITLE = "Too many questions at the same time"


class AnswerQueue:
    """Places in which answers are computed; next is the reader whose answers took least of late.

    So who asks now and then waits for no more than the end of one answer in progress, and of those
    who ask without a pause each gets as much. `reader` tells readers apart, by their addresses;
    `clock` gives seconds that nobody sets.
    """

    def __init__(
        self,
        reader: Callable[[Request], Hashable],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._reader = reader
        self._clock = clock
        self._free = _AT_A_TIME
        self._waiting = 0
        self._readers: dict[Hashable, _Reader] = {}

    @asynccontextmanager
    async def place(self, request: Request) -> AsyncIterator[None]:
        """Wait for a place, and have it until the answer to a request is there.

        Raises `Problem` when too many wait already, and after waiting for too long.
        """
        reader = self._readers.setdefault(self._reader(request), _Reader())
        reader.requests += 1
        try:
            await self._take(reader)
            reader.answers += 1
            began = self._clock()
            try:
                yield
            finally:
                reader.answers -= 1
                reader.use(self._clock() - began, self._clock())
                self._pass_on()
        finally:
            reader.requests -= 1
            self._forget_idle()

    async def _take(self, reader: "_Reader") -> None:
        if self._free:
            self._free -= 1
            return
        if len(reader.turns) >= _MOST_WAITING:
            raise _busy(429, "wait for the answers to your earlier questions")
        if self._waiting >= _MOST_WAITING_IN_ALL:
            raise _busy(503)
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        reader.turns.append(turn)
        self._waiting += 1
        try:
            async with asyncio.timeout(_PATIENCE):
                await turn
        except BaseException as error:
            if turn.done() and not turn.cancelled():  # The turn came when nobody waited any more.
                self._pass_on()
            else:
                reader.turns.remove(turn)
                self._waiting -= 1
            if isinstance(error, TimeoutError):
                raise _busy(503) from None
            raise

    def _pass_on(self) -> None:
        """Give a place that became free to the next answer."""
        now = self._clock()
        waiting = [reader for reader in self._readers.values() if reader.next_turn() is not None]
        if not waiting:
            self._free += 1
            return
        reader = min(waiting, key=lambda reader: (reader.answers, reader.used(now)))
        turn = reader.next_turn()
        assert turn is not None
        reader.turns.remove(turn)
        self._waiting -= 1
        turn.set_result(None)

    def _forget_idle(self) -> None:
        now = self._clock()
        idle = [
            key
            for key, reader in self._readers.items()
            if not reader.requests and reader.used(now) < _FORGOTTEN
        ]
        for key in idle:
            del self._readers[key]


class _Reader:
    """One reader: its requests, how many of them are being answered, and those that wait."""

    __slots__ = ("_at", "_seconds", "answers", "requests", "turns")

    def __init__(self) -> None:
        self.requests = 0
        self.answers = 0
        self.turns: deque[asyncio.Future[None]] = deque()
        self._seconds = 0.0  # That its answers have taken, as they counted
        self._at = 0.0  # at this time.

    def next_turn(self) -> asyncio.Future[None] | None:
        """The turn that waits longest; not one whose reader has just gone."""
        return next((turn for turn in self.turns if not turn.done()), None)

    def used(self, now: float) -> float:
        """How many seconds its answers have taken of late."""
        return self._seconds * math.exp2((self._at - now) / _HALF_LIFE)

    def use(self, seconds: float, now: float) -> None:
        """Count the seconds of an answer."""
        self._seconds = self.used(now) + seconds
        self._at = now


def _busy(status: int, sentence: str = "others ask as well: try again in some seconds") -> Problem:
    return Problem(status, _TITLE, sentence, retry_after=_RETRY_SECONDS)
