"""Watches the clock for retention, over the restarts of a collector."""

import time
from collections.abc import Callable

import msgspec

from jmmc.core.logging import logger
from jmmc.maintenance.clock_trust import DAY, Checkpoint, ClockTrust, known_time, observe
from jmmc.stores import Store

_log = logger(__name__)

_KIND, _NAME = "clock", "trusted"  # Of the record that holds the checkpoint.


class ClockGuard:
    """Knows whether retention may trust the clock of this process.

    `clock` gives Unix seconds, `monotonic` seconds of a clock that nobody sets.
    """

    def __init__(
        self,
        store: Store,
        *,
        clock: Callable[[], float],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._clock = clock
        self._monotonic = monotonic
        self._trust: ClockTrust | None = None

    async def begin(self) -> None:
        """Read what is known of the time, before this process stores anything.

        Does nothing when that is known already. Raises `StoreError`.
        """
        if self._trust is None:
            reports = self._store.reports
            record = (await reports.records(_KIND)).get(_NAME)
            checkpoint = msgspec.json.decode(record, type=Checkpoint) if record else None
            times = await self._store.session_times()
            known = known_time(checkpoint, times and times[1])
            if self._trust is None:  # Another request may have begun meanwhile.
                at = self._monotonic()
                self._trust = ClockTrust(self._clock() if known is None else known, at)

    def days_ahead(self) -> float | None:
        """Look at the clock; return by how many days it is ahead, None while it is trusted."""
        if self._trust is None:
            return None
        before = self._trust
        self._trust = trust = observe(before, self._clock(), self._monotonic())
        days = round(trust.ahead / DAY, 1)
        if trust.suspected and not before.suspected:
            _log.warning("retention_paused", days_ahead=days)
        elif before.suspected and not trust.suspected:
            _log.warning("retention_resumed")
        return days if trust.suspected else None

    async def trusts(self) -> bool:
        """Whether retention may delete now. Raises `StoreError`."""
        await self.begin()
        return self.days_ahead() is None

    async def check_point(self) -> None:
        """Store for the next start that the clock is trusted, if it is. Raises `StoreError`."""
        if await self.trusts():
            record = msgspec.json.encode(Checkpoint(int(self._clock())))
            await self._store.reports.put_record(_KIND, _NAME, record)


async def days_ahead_of_store(store: Store, now: float) -> float | None:
    """By how many days the clock is ahead for a process that starts now. Raises `StoreError`."""
    guard = ClockGuard(store, clock=lambda: now)
    await guard.begin()
    return guard.days_ahead()
