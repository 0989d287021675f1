"""Makes the columns and the totals of days that are over (`quality.day_columns`, `day_totals`).

A store deletes the columns of a day when one of its summaries changes; they are made again within
half an hour. Until then, and for today, the sessions themselves answer.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Sequence

from jmmc.core.computing import paused
from jmmc.core.logging import logger
from jmmc.core.repeating import repeat_every
from jmmc.core.tasks import raise_if_cancelled
from jmmc.core.yielding import LoadAwareYielder
from jmmc.maintenance.rollups import FACT_COLUMNS, fact_of
from jmmc.maintenance.threads import in_background
from jmmc.quality.day_columns import columns_of
from jmmc.quality.day_totals import RATED_COLUMNS, TOTAL_COLUMNS, totals_of
from jmmc.quality.filters import SummaryFilter
from jmmc.quality.outcomes import ATTEMPTS
from jmmc.quality.rollups import ALL, DAY, HOUR, Fact
from jmmc.stores import Reports, Store

_log = logger(__name__)

_SETTLED = 2 * HOUR  # Seconds after a day: until then its last sessions change all the time.
_RENEWED = 4 * DAY  # Seconds before a start: browsers resend samples for a day.
_PERIOD = 1800.0  # Seconds between two looks.
_MOST_SESSIONS = 50_000  # Of a day: 150 MB while its columns are made.
_MOST_DAYS = 500  # Whose rollups are read at a time, to see which days have sessions.
_OF_FACT = len(FACT_COLUMNS)
_COLUMNS = (
    *("session", *FACT_COLUMNS),
    *(name for name in (*TOTAL_COLUMNS, "rating") if name not in FACT_COLUMNS),
)
_BEGAN, _OUTCOME, _RATING = map(_COLUMNS.index, ("began", "outcome", "rating"))
_OF_RATED = tuple(map(_COLUMNS.index, RATED_COLUMNS))
_OF_TOTALS = tuple(map(_COLUMNS.index, TOTAL_COLUMNS))
_DAY_BREAK = 0.05  # Seconds between two days, in which pushes are stored.


class ColumnDays:
    """Makes the columns of one store. `clock` gives Unix seconds.

    `leading` says whether this process has the lease for summaries.
    """

    def __init__(
        self, store: Store, leading: Callable[[], bool], *, clock: Callable[[], float]
    ) -> None:
        self._store = store
        self._leading = leading
        self._clock = clock
        self._yielder = LoadAwareYielder()
        self._renewed = False

    async def keep_making(self) -> None:
        """Look now and then. Never returns."""
        await repeat_every(
            _PERIOD, self._look, failed=lambda error: _log.warning("columns_failed", why=error)
        )

    async def _look(self) -> None:
        if not self._renewed:
            await self.renew()
        await self.step()

    async def renew(self) -> None:
        """Let the columns of the last days be made anew. Raises `StoreError`.

        While collectors are upgraded one after the other, those of an earlier version store
        summaries and do not delete columns. The last one that starts comes after all of these.
        """
        now = int(self._clock())
        for start in await self._store.reports.days_with_columns(now - _RENEWED, now):
            await self._store.reports.claim_columns(start, secrets.token_hex(8))
        self._renewed = True

    async def step(self) -> int:
        """Make the columns that are missing, of the latest days first; return of how many days.

        Raises `StoreError`.
        """
        made = 0
        over = int(self._clock()) - _SETTLED
        async for start in self._missing(over - over % DAY):
            if not self._leading():
                break
            made += await self._make(self._store.reports, start)
            raise_if_cancelled()
            await asyncio.sleep(_DAY_BREAK)
        if made:
            _log.info("columns_made", days=made)
        return made

    async def _missing(self, until: int) -> AsyncIterator[int]:
        """The days before `until` with sessions but without columns, the latest first."""
        reports = self._store.reports
        times = await self._store.session_times()
        first = min(times[0] if times else until, await self._first_rollup(until))
        for end in range(until, first - first % DAY, -_MOST_DAYS * DAY):
            start = max(end - _MOST_DAYS * DAY, first - first % DAY)
            present = {*await reports.days_with_columns(start, end)}
            days = await reports.rollups(ALL, DAY, start, end)
            for day in reversed(days):
                if day.start not in present:
                    yield day.start

    async def _first_rollup(self, until: int) -> int:
        for start in range(0, until, _MOST_DAYS * DAY):
            end = min(until, start + _MOST_DAYS * DAY)
            if days := await self._store.reports.rollups(ALL, DAY, start, end):
                return days[0].start
        return until

    async def _make(self, reports: Reports, start: int) -> bool:
        token = secrets.token_hex(8)
        await reports.claim_columns(start, token)
        sessions: list[tuple[str, Fact]] = []
        rows: list[Sequence[object]] = []
        rated: list[Sequence[object]] = []

        async def read(hour: int) -> None:
            part = SummaryFilter(since=hour, until=hour + HOUR, attempts=None)
            for row in await reports.facts(_COLUMNS, part):
                if hour <= row[_BEGAN] < hour + HOUR:
                    sessions.append((row[0], fact_of(row[1 : _OF_FACT + 1])))
                    rows.append([row[place] for place in _OF_TOTALS])
                    if row[_RATING] is not None and row[_OUTCOME] not in ATTEMPTS:
                        rated.append([row[place] for place in _OF_RATED])

        for hour in range(start, start + DAY, HOUR):
            await self._yielder.run(read(hour))
            if len(sessions) > _MOST_SESSIONS:
                return await reports.put_columns(start, token, None, None)
        columns = await in_background(lambda: columns_of(paused(sessions), start))
        facts = [fact for _, fact in sessions]
        totals = await in_background(lambda: totals_of(paused(rows), paused(rated), start, facts))
        return await reports.put_columns(start, token, columns, totals)
