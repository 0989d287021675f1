"""Retention: deletes what is older than the settings keep, as long as the clock can be trusted."""

import asyncio
from collections.abc import Awaitable, Callable

from jmmc.core.logging import logger
from jmmc.core.model import SessionFilter
from jmmc.core.tasks import raise_if_cancelled
from jmmc.maintenance.clock_guard import ClockGuard
from jmmc.maintenance.clock_trust import DAY, portions
from jmmc.quality.filters import SummaryFilter
from jmmc.settings import Settings
from jmmc.stores import Store

_log = logger(__name__)

_PORTION_BREAK = 2.0  # Seconds between two days' sessions: a wrong clock may be set meanwhile.
_PIECE_BREAK = 0.2  # Seconds between two pieces of work on a store, in which pushes are stored.


async def delete_old(
    store: Store, settings: Settings, clock: Callable[[], float], clock_guard: ClockGuard
) -> None:
    """Delete samples, and summaries, that are older than their retention. Raises `StoreError`.

    Sessions are deleted a day at a time. The clock (Unix seconds) is looked at again before each
    piece.
    """
    days, summary_days = settings.retention_days, settings.summary_retention_days
    if not (days or summary_days):
        return
    trusts = clock_guard.trusts
    await clock_guard.check_point()
    if days and await trusts():
        before = retention_limit(days, clock())
        times = await store.session_times()
        for portion in portions(times[0] if times else before, before):
            if count := await repeat_in_pieces(store.prune, portion, trusts):
                _log.info("old_deleted", what="sessions", count=count, before=portion)
                await asyncio.sleep(_PORTION_BREAK)
    if summary_days and await trusts():
        # Whole days: rollups are deleted together with all that they were made of.
        before = retention_limit(summary_days, clock(), whole_days=True)
        if count := await repeat_in_pieces(store.reports.prune, before, trusts):
            _log.info("old_deleted", what="summaries", count=count, before=before)


async def repeat_in_pieces(
    work: Callable[[int], Awaitable[int]],
    before: int,
    allowed: Callable[[], Awaitable[bool]] | None = None,
) -> int:
    """Call `work` (which does a little at a time) until nothing older is left; return the total.

    Stops when it is not `allowed` any more.
    """
    total = 0
    while (allowed is None or await allowed()) and (done := await work(before)):
        total += done
        raise_if_cancelled()
        await asyncio.sleep(_PIECE_BREAK)
    return total


def retention_limit(days: int, now: float, *, whole_days: bool = False) -> int:
    """The moment (Unix seconds) before which retention deletes."""
    before = int(now) - days * DAY
    return before - before % DAY if whole_days else before


async def old_data(store: Store, settings: Settings, now: float) -> list[tuple[str, int, int]]:
    """What retention would delete at `now`: sessions and summaries, each with its limit.

    A session counts that began before the limit, also if it continued after it. Raises
    `StoreError`.
    """
    found = []
    if days := settings.retention_days:
        before = retention_limit(days, now)
        found.append(("sessions", await store.count(SessionFilter(until=before)), before))
    if days := settings.summary_retention_days:
        before = retention_limit(days, now, whole_days=True)
        parts = store.reports.columns(("began",), SummaryFilter(until=before, attempts=None))
        found.append(("summaries", sum([len(part[0]) async for part in parts]), before))
    return found
