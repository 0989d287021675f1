"""Holds back the refusals of clients that go on although they are refused."""

import asyncio
from collections import Counter
from collections.abc import Callable

from jmmc.protocol.rate_limit import RateLimiter

_PROMPT = 60.0
_HELD_SECONDS = 5.0  # Less than a browser waits for.
_MOST_HELD = 100  # Of one address: each is a connection, here and in a proxy.
_MOST_HELD_IN_ALL = 1000


class SlowRefusals:
    """Delays refusals, so that who waits for each before sending again costs next to nothing.

    A refused request costs a tenth of a millisecond; thousands a second would take half a core. Of
    an address `prompt` refusals are answered at once, and again as many each minute.
    """

    def __init__(self, clock: Callable[[], float], *, prompt: float = _PROMPT) -> None:
        self._clock = clock
        self._prompt = RateLimiter(prompt)
        self._held: Counter[int] = Counter()
        self._held_in_all = 0

    async def wait(self, key: int) -> None:
        """Wait for as long as the refusal of an address with this key is held back."""
        if not self._prompt.wait(key, self._clock()):
            return
        if self._held[key] >= _MOST_HELD or self._held_in_all >= _MOST_HELD_IN_ALL:
            return
        self._held[key] += 1
        self._held_in_all += 1
        try:
            await asyncio.sleep(_HELD_SECONDS)
        finally:
            self._held_in_all -= 1
            self._held[key] -= 1
            if not self._held[key]:
                del self._held[key]
