"""Asks one question of a store."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from jmmc.answers.queries import Queries
from jmmc.answers.short_ids import AmbiguousId, AmbiguousSession
from jmmc.cli.common import configured_rhythm, existing_store, fail
from jmmc.cli.terminal import room_text
from jmmc.cli.times import local_time
from jmmc.core.errors import JmmcError

_Answer = TypeVar("_Answer")


def ask(url: str, collection: str, query: Callable[[Queries], Awaitable[_Answer]]) -> _Answer:
    """Return what `query` answers on an existing store; exit with its error."""

    async def run() -> _Answer:
        store = existing_store(url, collection, read_only=True)
        rhythm = configured_rhythm()
        try:
            await store.open()
            return await query(Queries(store, rhythm=rhythm, clock=time.time))
        finally:
            await store.close()

    try:
        return asyncio.run(run())
    except AmbiguousId as error:
        fail("\n  ".join([f"{error}:", *_candidates(error)]), 1)
    except (JmmcError, ValueError) as error:
        fail(error, 1)


def _candidates(error: AmbiguousId) -> list[str]:
    """The ids among which a short one does not tell, a line each."""
    if not isinstance(error, AmbiguousSession):
        return list(error.candidates)
    return [
        f"{summary.session}  {local_time(summary.began)}  {room_text(summary.room)}"
        for summary in error.sessions
    ]
