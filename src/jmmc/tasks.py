"""Ending what runs beside."""

import asyncio
from typing import Any

_PATIENCE = 0.5  # Seconds


async def stop(*tasks: "asyncio.Task[Any]") -> None:
    """Cancel tasks of this loop and wait until they have ended, whatever they end with.

    Once is not always enough: a driver may take a cancellation for a failure of its own.
    """
    waiting = {it for it in tasks if not it.done()}
    while waiting:
        for task in waiting:
            task.cancel()
        _, waiting = await asyncio.wait(waiting, timeout=_PATIENCE)
    for task in tasks:
        if not task.cancelled():
            task.exception()  # Looked at, so that nobody complains that it was not.
