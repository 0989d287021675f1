"""Stopping tasks, swallowed cancellations, and prefetching."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from jmmc.core.errors import StoreError
from jmmc.core.tasks import prefetch, raise_if_cancelled, stop


async def test_a_task_that_swallows_its_first_cancellation_is_cancelled_again() -> None:
    swallowed = 0

    async def stubborn() -> None:
        nonlocal swallowed
        while True:
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                swallowed += 1
                if swallowed == 2:
                    raise

    task = asyncio.create_task(stubborn())
    await asyncio.sleep(0)
    await asyncio.wait_for(stop(task), 10)
    assert (task.cancelled(), swallowed) == (True, 2)


async def test_tasks_that_have_ended_or_failed_can_be_stopped() -> None:
    async def fail() -> None:
        raise RuntimeError

    async def end() -> int:
        return 1

    failed, ended = asyncio.create_task(fail()), asyncio.create_task(end())
    await asyncio.sleep(0)
    await stop(failed, ended)
    await stop()


async def test_a_task_that_never_ends_is_logged_and_abandoned(
    caplog: pytest.LogCaptureFixture,
) -> None:
    ended = asyncio.Event()

    async def never() -> None:
        while not ended.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await ended.wait()

    task = asyncio.create_task(never(), name="stubborn")
    await asyncio.sleep(0)
    await asyncio.wait_for(stop(task, patience=0.05), 10)
    assert "task_shutdown_timed_out" in caplog.text
    assert "stubborn" in caplog.text
    ended.set()
    await task


async def _driver(succeeds: bool) -> None:
    try:
        await asyncio.sleep(3600)
    except asyncio.CancelledError:
        if not succeeds:
            raise StoreError("cancelled") from None


@pytest.mark.parametrize("succeeds", [True, False])
async def test_a_loop_ends_although_its_driver_swallows_the_cancellation(
    succeeds: bool,
) -> None:
    """The task is cancelled once, as `asyncio.run` does at its end."""

    async def run_endlessly() -> None:
        while True:
            raise_if_cancelled()
            with contextlib.suppress(StoreError):
                await _driver(succeeds)

    task = asyncio.create_task(run_endlessly())
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task], timeout=10)
    assert task.cancelled()


async def test_prefetch_fetches_the_next_item_while_one_is_used() -> None:
    fetched = [asyncio.Event() for _ in range(3)]

    async def numbers() -> AsyncIterator[int]:
        for number, event in enumerate(fetched):
            event.set()
            yield number

    used = []
    async for number in prefetch(numbers()):
        if number < 2:
            await asyncio.wait_for(fetched[number + 1].wait(), 10)
        used.append(number)
    assert used == [0, 1, 2]


async def test_prefetch_raises_in_the_consumer_and_closes_with_it() -> None:
    ended = asyncio.Event()

    async def numbers(error: Exception | None) -> AsyncIterator[int]:
        yield 1
        if error:
            raise error
        try:
            await asyncio.sleep(3600)
        finally:
            ended.set()

    with pytest.raises(StoreError):
        assert [number async for number in prefetch(numbers(StoreError("gone")))] == []
    async with contextlib.aclosing(prefetch(numbers(None))) as items:
        assert await anext(items) == 1
        await asyncio.sleep(0)
    assert ended.is_set()
