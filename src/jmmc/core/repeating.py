"""The loop of every background task that works on a store."""

import asyncio
from collections.abc import Awaitable, Callable

from jmmc.core.errors import StoreError
from jmmc.core.tasks import raise_if_cancelled

Step = Callable[[], Awaitable[float]]
"""Does a piece of work, and returns how many seconds to wait before the next one."""


async def repeat(
    step: Step, *, failed: Callable[[StoreError], None], pause_after_failure: float
) -> None:
    """Do `step` again and again. Never returns.

    An error of the store goes to `failed`: the task goes on after a pause, in seconds. Any other
    error ends the loop.
    """
    while True:
        try:
            pause = await step()
        except StoreError as error:
            failed(error)
            pause = pause_after_failure
        raise_if_cancelled()
        await asyncio.sleep(pause)


async def repeat_every(
    period: float, work: Callable[[], Awaitable[object]], *, failed: Callable[[StoreError], None]
) -> None:
    """Do `work`, with `period` seconds between one and the next. Otherwise as `repeat`."""

    async def step() -> float:
        await work()
        return period

    await repeat(step, failed=failed, pause_after_failure=period)
