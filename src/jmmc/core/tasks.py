"""Helpers for asyncio tasks: stop them, honour cancellation, prefetch from iterators."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, TypeVar

from jmmc.core.logging import logger

_T = TypeVar("_T")

_log = logger(__name__)

_RETRY = 0.5  # Seconds between two cancellations.
_PATIENCE = 10.0  # Seconds


async def stop(*tasks: "asyncio.Task[Any]", patience: float = _PATIENCE) -> None:
    """Cancel tasks of this loop and wait until they have ended; their results are ignored.

    Tasks are cancelled repeatedly: a driver may turn a cancellation into an error of its own. A
    task that has not ended after `patience` seconds is logged as `task_shutdown_timed_out`.
    """
    waiting = {task for task in tasks if not task.done()}
    deadline = asyncio.get_running_loop().time() + patience
    while waiting and asyncio.get_running_loop().time() < deadline:
        for task in waiting:
            task.cancel()
        _, waiting = await asyncio.wait(waiting, timeout=min(_RETRY, patience))
    for task in waiting:
        _log.error("task_shutdown_timed_out", task=task.get_name())
    for task in tasks:
        if task.done() and not task.cancelled():
            task.exception()  # Retrieved, so that asyncio does not log it.


def raise_if_cancelled() -> None:
    """Raise `CancelledError` if this task was cancelled and a library swallowed the exception.

    Call it in each round of an endless loop: `asyncio.run` cancels tasks once, and then waits.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


async def prefetch(items: AsyncIterator[_T]) -> AsyncIterator[_T]:
    """Yield the same items, while the next one is already being fetched."""
    following = asyncio.ensure_future(anext(items, None))
    try:
        while (item := await following) is not None:
            following = asyncio.ensure_future(anext(items, None))
            yield item
    finally:
        await stop(following)
