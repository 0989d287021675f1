"""Tasks end when they are told to, however they take it."""

import asyncio

from jmmc.tasks import stop


async def test_a_task_that_swallows_its_first_cancellation_is_ended_too() -> None:
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


async def test_what_has_ended_or_failed_is_no_trouble() -> None:
    async def fail() -> None:
        raise RuntimeError

    async def end() -> int:
        return 1

    failed, ended = asyncio.create_task(fail()), asyncio.create_task(end())
    await asyncio.sleep(0)
    await stop(failed, ended)
    await stop()
