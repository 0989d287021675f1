"""Caches a live view: it is queried and rendered once, however many browsers watch it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from jmmc.core.errors import StoreError


class LiveCache:
    """The result or the failure of `query`, kept for `seconds`."""

    def __init__(self, query: Callable[[], Awaitable[dict[str, Any]]], *, seconds: float) -> None:
        self._query = query
        self._seconds = seconds
        self._lock = asyncio.Lock()
        self._expires = float("-inf")
        self._result: dict[str, Any] | StoreError = {}
        self._rendered: dict[object, bytes] = {}

    async def rendered(self, variant: object, render: Callable[[dict[str, Any]], bytes]) -> bytes:
        """Return what `render` makes of the result, once for each `variant`.

        Raises `StoreError` if the query failed.
        """
        async with self._lock:
            if asyncio.get_running_loop().time() >= self._expires:
                self._rendered.clear()
                try:
                    self._result = await self._query()
                except StoreError as error:
                    self._result = error
                self._expires = asyncio.get_running_loop().time() + self._seconds
        if isinstance(self._result, StoreError):
            raise self._result
        if variant not in self._rendered:
            self._rendered[variant] = render(self._result)
        return self._rendered[variant]
