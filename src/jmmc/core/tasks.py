"""What runs beside: ending it, and having the next thing made while one is used."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, TypeVar

from jmmc.core.logging import logger

_T = TypeVar("_T")

_log = logger(__name__)

_AGAIN = 0.5  # Seconds
_PATIENCE = 10.0  # Seconds


async def stop(*tasks: "asyncio.Task[Any]", patience: float = _PATIENCE) -> None:
    """Cancel tasks of this loop and wait until they have ended, whatever they end with.

    Once is not always enough: a driver may take a cancellation for a failure of its own. One
    that has not ended after `patience` seconds is told in the log and left.
    """
    waiting = {item for item in tasks if not item.done()}
    deadline = asyncio.get_running_loop().time() + patience
    while waiting and asyncio.get_running_loop().time() < deadline:
        for task in waiting:
            task.cancel()
        _, waiting = await asyncio.wait(waiting, timeout=min(_AGAIN, patience))
    for task in waiting:
        _log.error("task_left", task=task.get_name())
    for task in tasks:
        if task.done() and not task.cancelled():
            task.exception()  # Looked at, so that nobody complains that it was not.


def heed_cancellation() -> None:
    """Raise `CancelledError` when this task was told to end and somebody kept that to himself.

    For each round of a loop that runs for ever: `asyncio.run` tells it once, and then waits.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


async def ahead(items: AsyncIterator[_T]) -> AsyncIterator[_T]:
    """The same items; while one of them is used, the next is made."""
    following = asyncio.ensure_future(anext(items, None))
    try:
        while (item := await following) is not None:
            following = asyncio.ensure_future(anext(items, None))
            yield item
    finally:
        await stop(following)
