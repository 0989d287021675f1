"""Asks one question of a store, and formats times of its answer."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

from jmmc.answers.queries import Queries
from jmmc.cli.common import configured_rhythm, existing_store, fail
from jmmc.core.errors import JmmcError


def ask(url: str, collection: str, query: Callable[[Queries], Awaitable[Any]]) -> Any:
    """Return what `query` answers on an existing store; exit with its error."""

    async def run() -> Any:
        store = existing_store(url, collection, read_only=True)
        rhythm = configured_rhythm()
        try:
            await store.open()
            return await query(Queries(store, rhythm=rhythm, clock=time.time))
        finally:
            await store.close()

    try:
        return asyncio.run(run())
    except (JmmcError, ValueError) as error:
        fail(error, 1)


def local_time(second: int) -> str:
    """A moment (Unix seconds) in the time zone of this machine."""
    return datetime.fromtimestamp(second).astimezone().strftime("%Y-%m-%d %H:%M:%S")
