"""Ending what runs beside."""

import asyncio
from typing import Any

from jmmc.logs import logger

_log = logger(__name__)

_AGAIN = 0.5  # Seconds
_PATIENCE = 10.0  # Seconds


async def stop(*tasks: "asyncio.Task[Any]", patience: float = _PATIENCE) -> None:
    """Cancel tasks of this loop and wait until they have ended, whatever they end with.

    Once is not always enough: a driver may take a cancellation for a failure of its own. One
    that has not ended after `patience` seconds is told in the log and left.
    """
    waiting = {it for it in tasks if not it.done()}
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
