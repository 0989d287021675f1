"""Group commit: pushes that wait at the same time are committed in one transaction.

A disk confirms a few hundred writes a second, of any size. Whatever arrives while one batch is
being committed forms the next batch, and each push is answered after its own commit. A small
batch waits some milliseconds for more pushes: browsers do not notice, and the disk has a third of
the work.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable

from jmmc.core.errors import Rejected, StoreError
from jmmc.core.logging import logger
from jmmc.core.model import Push, Receipt, Refusal
from jmmc.core.tasks import raise_if_cancelled
from jmmc.ingest.counters import Counters
from jmmc.stores import Store

_log = logger(__name__)

_Waiting = tuple[Push, asyncio.Future[Receipt | Refusal]]

_BATCH = 1000  # Pushes; keeps one commit under 50 ms, and so the answer to /readyz prompt.
_BATCH_SAMPLES = 5000  # Small pushes of a batch end with the one that reaches this many.
_LARGE = 20  # Samples of a large push: browsers send one to three, and more after an outage.
_BATCH_LARGE_SAMPLES = 1000  # Large pushes of a batch end with the one that reaches this many.
_QUEUED_SAMPLES = 20  # For each push of the limit: a full queue takes some 100 MB at most.
_FULL_ENOUGH = 40  # Pushes that are committed without waiting for more.
_LINGER = 0.003  # Seconds that fewer pushes wait for more,
_LONG_LINGER = 0.04  # and that very few do, while more come: of 300 a second a commit has 13.
_VERY_FEW = 16  # Pushes
_RETRY_AFTER = 5  # Seconds
_PATIENCE = 5.0  # Seconds. A browser gives up after 15, and then sends again what is stored by now.


class _Queue:
    """Pushes that wait for their commit, of which a batch has about `batch_samples` at most."""

    def __init__(self, batch_samples: int) -> None:
        self.batch_samples = batch_samples
        self.pushes: deque[_Waiting] = deque()
        self.samples = 0

    @property
    def full_batches(self) -> int:
        """How many batches wait before the one that the next push will be in."""
        return max(len(self.pushes) // _BATCH, self.samples // self.batch_samples)

    def add(self, push: Push, answer: "asyncio.Future[Receipt | Refusal]") -> None:
        self.pushes.append((push, answer))
        self.samples += len(push.samples)

    def take(self) -> _Waiting:
        push, answer = self.pushes.popleft()
        self.samples -= len(push.samples)
        return push, answer


class Writer:
    """Commits pushes to a store in batches. Lives in one event loop.

    Large pushes follow the small ones of a batch, and take a limited part of it.

    At most `limit` pushes may wait; the next one is refused at once, and so is one that would have
    to wait longer than `patience` seconds. `counters` counts commits and failures. `trim` takes
    erased samples out of a push: at the last moment, since a push may wait for longer than an
    erasure takes.
    """

    def __init__(
        self,
        store: Store,
        counters: Counters,
        *,
        limit: int,
        patience: float = _PATIENCE,
        trim: Callable[[Push], Push | None] = lambda push: push,
    ) -> None:
        self._store = store
        self._counters = counters
        self._limit = limit
        self._patience = patience
        self._trim = trim
        self._small = _Queue(_BATCH_SAMPLES)
        self._large = _Queue(_BATCH_LARGE_SAMPLES)
        self._arrived = asyncio.Event()
        self._enough = asyncio.Event()  # Enough pushes wait, or they have waited long enough.
        self._is_alone = True  # The push of the last batch, or there was none.
        self._closing = False
        self._began: float | None = None  # When the batch under way was handed to the store.
        self._took = 0.0  # Seconds that the last batch took, committed or not.
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.create_task(self._run(), name="jmmc-writer")

    @property
    def waiting(self) -> int:
        """Pushes that have not been handed to the store yet."""
        return len(self._small.pushes) + len(self._large.pushes)

    @property
    def delay(self) -> float:
        """Seconds that a push waits for further batches before its own; 0 unless it is overloaded.

        How long a single commit takes does not count: a slow disk takes larger batches.
        """
        return self._took * max(self._small.full_batches, self._large.full_batches)

    @property
    def task(self) -> "asyncio.Task[None]":
        """The task that commits: it ends when the writer is closed, or by a bug."""
        return self._task

    @property
    def alive(self) -> bool:
        """Whether the event loop that this writer lives in still runs."""
        return not self._loop.is_closed() and not self._task.done()

    def commit(self, push: Push) -> "asyncio.Future[Receipt | Refusal]":
        """Return a future that is done when `push` is on stable storage, or refused by the store.

        Raises `Rejected` with `busy` when too many are waiting or the writer is closing; the
        future may raise it with `store_down`. In both cases the push was not stored.
        """
        if self._closing:
            raise Rejected("busy", "shutting down", retry_after=_RETRY_AFTER)
        samples = self._small.samples + self._large.samples
        if self.waiting >= self._limit or samples >= self._limit * _QUEUED_SAMPLES:
            raise Rejected("busy", "too many pushes are waiting", retry_after=_RETRY_AFTER)
        queue = self._large if len(push.samples) >= _LARGE else self._small
        if self._began is not None and self._expected_wait(queue, self._began) > self._patience:
            raise Rejected("busy", "the store is slow", retry_after=_RETRY_AFTER)
        answer: asyncio.Future[Receipt | Refusal] = self._loop.create_future()
        queue.add(push, answer)
        self._arrived.set()
        if self.waiting >= _FULL_ENOUGH:
            self._enough.set()
        return answer

    async def close(self) -> None:
        """Refuse new pushes, commit those that wait, and return when they are answered."""
        self._closing = True
        self._arrived.set()
        self._enough.set()
        await self._task

    def _expected_wait(self, queue: _Queue, began: float) -> float:
        """Estimate the seconds until a push that comes now would be handed to the store."""
        return max(self._loop.time() - began, self._took * (queue.full_batches + 1))

    async def _run(self) -> None:
        try:
            while self.waiting or not self._closing:
                raise_if_cancelled()
                self._arrived.clear()
                if not self.waiting:
                    await self._arrived.wait()
                    continue
                await self._linger()
                if batch := self._next_batch():
                    await self._commit_batch(batch)
        finally:
            self._fail_waiting()  # However this ends, no request waits for ever.

    def _next_batch(self) -> list[_Waiting]:
        """Take the next pushes, at most `_BATCH`: small ones first, so that large ones fill it.

        A push of which everything was erased is answered: its browser lets go of it.
        """
        batch: list[_Waiting] = []
        for queue in (self._small, self._large):
            samples = 0
            # One large push in any case: many small ones must not hold it up for ever.
            most = _BATCH + (queue is self._large)
            while queue.pushes and len(batch) < most and samples < queue.batch_samples:
                push, answer = queue.take()
                kept = self._trim(push)
                if kept is not None:
                    samples += len(kept.samples)
                    batch.append((kept, answer))
                elif not answer.done():
                    answer.set_result(Receipt(push.samples[-1].seq, gap=True))
        return batch

    async def _linger(self) -> None:
        """Return when enough pushes wait for a commit, or the first has waited long enough.

        One that comes alone, as the one before did, does not wait long: no other is to be expected.
        """
        if self.waiting >= _FULL_ENOUGH or self._closing:
            return
        self._enough.clear()
        await self._wait_for_more(_LINGER)
        if self.waiting < _VERY_FEW and not self._is_alone and not self._closing:
            await self._wait_for_more(_LONG_LINGER - _LINGER)

    async def _wait_for_more(self, seconds: float) -> None:
        timer = self._loop.call_later(seconds, self._enough.set)
        try:
            await self._enough.wait()
        finally:
            timer.cancel()
            self._enough.clear()

    async def _commit_batch(self, batch: list[_Waiting]) -> None:
        began = self._began = self._loop.time()
        self._is_alone = len(batch) == 1
        try:
            receipts = await self._store.append([push for push, _ in batch])
        except StoreError as error:
            self._counters.fail("commit", self._loop.time() - began)
            _log.error("store_down", pushes=len(batch), why=error)
            self._fail(batch)
            if self._closing:  # The next batches would take as long to fail.
                self._fail_waiting()
        except BaseException:
            self._fail(batch)
            raise
        else:
            self._counters.commit(len(batch), self._loop.time() - began)
            for (_, answer), receipt in zip(batch, receipts, strict=True):
                if not answer.done():
                    answer.set_result(receipt)
        finally:
            self._began, self._took = None, self._loop.time() - began

    def _fail_waiting(self) -> None:
        for queue in (self._small, self._large):
            while queue.pushes:
                self._fail([queue.take()])

    def _fail(self, batch: Iterable[_Waiting]) -> None:
        for _, answer in batch:
            if not answer.done():
                answer.set_exception(
                    Rejected("store_down", "cannot store now", retry_after=_RETRY_AFTER)
                )
