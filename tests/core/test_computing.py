"""Long computations: one at a time, in turns, and their end when nobody waits."""

import asyncio
import threading
import time
from functools import partial

import pytest

from jmmc.core.computing import Computations, pause, paused

in_background = Computations("jmmc-tests", threads=4)
others = Computations("jmmc-others", threads=4)


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
    running = [asyncio.create_task(in_background(release.wait)) for _ in range(2)]  # One works.
    await asyncio.sleep(0.05)
    waiting = asyncio.create_task(in_background(begun.set))
    await asyncio.sleep(0.05)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    release.set()
    await asyncio.gather(*running)
    await in_background(lambda: None)
    assert not begun.is_set()


async def test_one_computation_works_at_a_time() -> None:
    running: list[int] = []
    most = 0

    def compute() -> None:
        nonlocal most
        running.append(1)
        most = max(most, len(running))
        time.sleep(0.005)
        running.pop()

    both = (computations for computations in (in_background, others) for _ in range(10))
    await asyncio.gather(*(computations(compute) for computations in both))
    assert most == 1, "readers and background work together"


async def test_a_short_computation_does_not_wait_for_the_end_of_a_long_one() -> None:
    has_begun, is_done = threading.Event(), threading.Event()

    def compute_long() -> bool:
        has_begun.set()
        deadline = time.monotonic() + 10
        while not is_done.is_set() and time.monotonic() < deadline:
            pause()
        return is_done.is_set()

    computing = asyncio.create_task(in_background(compute_long))
    await asyncio.to_thread(has_begun.wait, 10)
    await in_background(is_done.set)
    assert await computing


async def test_long_computations_take_turns() -> None:
    turns: list[int] = []

    def compute(number: int) -> None:
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline and not all(turns.count(n) >= 3 for n in range(3)):
            if turns[-1:] != [number]:
                turns.append(number)
            pause()

    await asyncio.gather(*(in_background(partial(compute, number)) for number in range(3)))
    assert all(turns.count(number) >= 3 for number in range(3)), turns


async def test_computations_leave_most_of_the_interpreter_to_other_work() -> None:
    is_over = threading.Event()

    def work() -> None:
        while not is_over.is_set():
            sum(range(1000))

    def compute() -> float:
        began, used = time.perf_counter(), time.thread_time()
        while time.perf_counter() - began < 1:
            sum(range(1000))
            pause()
        return time.thread_time() - used

    worker = threading.Thread(target=work)
    worker.start()
    try:
        assert await in_background(compute) < 0.4, "by turns of the interpreter it were half"
    finally:
        is_over.set()
        worker.join()


async def test_others_wait_shortly_after_a_computation_without_pauses() -> None:
    def compute_long() -> None:
        used = time.thread_time()
        while time.thread_time() - used < 0.5:
            sum(range(1000))

    await in_background(compute_long)
    began = time.perf_counter()
    await others(lambda: None)
    assert time.perf_counter() - began < 0.4, "by its share of a busy process it were 2 s"


def test_a_pause_outside_of_a_computation_does_nothing() -> None:
    pause()
    assert list(paused([1, 2, 3], 1)) == [1, 2, 3]
