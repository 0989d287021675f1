"""Computations of answers: how many at a time, and their end when nobody waits."""

import asyncio
import threading
import time

import pytest

from jmmc.answers.threads import in_background, pause, paused


async def test_a_computation_returns_its_result_or_raises_its_error() -> None:
    assert await in_background(lambda: sum(paused(range(1000), 10))) == 499_500
    with pytest.raises(ZeroDivisionError):
        await in_background(lambda: 1 // 0)


async def test_a_computation_ends_when_its_caller_is_cancelled() -> None:
    began, ended = threading.Event(), threading.Event()

    def endless() -> None:
        try:
            while True:
                began.set()
                pause()
        finally:
            ended.set()

    task = asyncio.create_task(in_background(endless))
    await asyncio.to_thread(began.wait, 10)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await asyncio.to_thread(ended.wait, 10)


async def test_a_computation_whose_caller_was_cancelled_before_its_turn_never_begins() -> None:
    release, begun = threading.Event(), threading.Event()
    running = [asyncio.create_task(in_background(release.wait)) for _ in range(2)]
    await asyncio.sleep(0.05)
    waiting = asyncio.create_task(in_background(begun.set))
    await asyncio.sleep(0.05)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    release.set()
    await asyncio.gather(*running)
    await in_background(lambda: None)
    assert not begun.is_set()


async def test_two_computations_at_most_run_at_a_time() -> None:
    running: list[int] = []
    most = 0

    def compute() -> None:
        nonlocal most
        running.append(1)
        most = max(most, len(running))
        time.sleep(0.02)
        running.pop()

    await asyncio.gather(*(in_background(compute) for _ in range(10)))
    assert most == 2


def test_a_pause_outside_of_a_computation_does_nothing() -> None:
    pause()
    assert list(paused([1, 2, 3], 1)) == [1, 2, 3]
