"""One look for all who watch the same: however many they are, it is taken and drawn once."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from jmmc.core.errors import StoreError


class SharedView:
    """What `look` finds, kept for `seconds`; a failure too, for nobody should wait for it again."""

    def __init__(self, look: Callable[[], Awaitable[dict[str, Any]]], *, seconds: float) -> None:
        self._look = look
        self._seconds = seconds
        self._taken = asyncio.Lock()
        self._until = float("-inf")
        self._found: dict[str, Any] | StoreError = {}
        self._drawn: dict[object, bytes] = {}

    async def drawn(self, kind: object, draw: Callable[[dict[str, Any]], bytes]) -> bytes:
        """What `draw` makes of it, once for each `kind`. Raises what `look` has: `StoreError`."""
        async with self._taken:
            if asyncio.get_running_loop().time() >= self._until:
                self._drawn.clear()
                try:
                    self._found = await self._look()
                except StoreError as error:
                    self._found = error
                self._until = asyncio.get_running_loop().time() + self._seconds
        if isinstance(self._found, StoreError):
            raise self._found
        if kind not in self._drawn:
            self._drawn[kind] = draw(self._found)
        return self._drawn[kind]
