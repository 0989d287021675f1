"""Caches a live view: it is queried and rendered once, however many browsers watch it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from jmmc.core.errors import StoreError

_REST = 4  # Times as long as a query took, it is not asked again: at most a fifth of a core.


class LiveCache:
    """The result or the failure of `query`, kept for `seconds`, or longer if the query is slow."""

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
        clock = asyncio.get_running_loop().time
        async with self._lock:
            if (began := clock()) >= self._expires:
                self._rendered.clear()
                try:
                    self._result = await self._query()
                except StoreError as error:
                    self._result = error
                now = clock()
                self._expires = now + max(self._seconds, _REST * (now - began))
        if isinstance(self._result, StoreError):
            raise self._result
        if variant not in self._rendered:
            self._rendered[variant] = render(self._result)
        return self._rendered[variant]
