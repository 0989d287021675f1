"""Usage over real stores: by hand-counted calls, live, from stored days, and after retention."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from jmmc.answers.model import Usage
from jmmc.answers.queries import Queries
from jmmc.core.calendar import Period
from jmmc.maintenance.erase import forget
from jmmc.maintenance.schedule import summarizer_of
from jmmc.maintenance.usage_days import UsageDays, stale_usage
from jmmc.privacy.receipts import Subject, SubjectKind
from jmmc.quality.filters import SummaryFilter
from jmmc.settings import Settings
from jmmc.stores import Store
from tests.stores.conftest import MakeStore
from tests.support.builders import RHYTHM
from tests.support.clock import Clock
from tests.support.stays import Made, push_of

_PARIS = ZoneInfo("Europe/Paris")
_DAY = 86_400


def _at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=_PARIS).timestamp())


def _made(began: str, minutes: int, person: int, room: str = "staff", **more: Any) -> Made:
    fields = {"outcome": "joined", "failure": "", "region": "eu", **more}
    start = _at(began)
    return Made(start, start + 60 * minutes, person=person, room=room, **fields)


# In Paris, clocks are put forward on 29 March 2026: that day has 23 hours.
_CALLS = (
    _made("2026-03-28T23:40", 50, 1),  # 20 minutes on Saturday, 30 on Sunday.
    _made("2026-03-28T23:50", 20, 2),  # 10 and 10.
    _made("2026-03-29T01:30", 60, 3),  # Over the hour that was not there: until 03:30.
    _made("2026-03-29T23:00", 59, 1, outcome="dropped", failure="ice_failed"),
    _made("2026-03-30T09:00", 30, 1),
    _made("2026-03-30T09:10", 20, 4),
    _made("2026-03-30T09:00", 4, 5, "test"),  # Too short for a meeting.
    _made("2026-03-30T08:59", 0, 4, outcome="failed", failure="ice_failed"),
    _made("2026-04-02T10:00", 90, 2, "board"),
)
# By day: meetings, people, person-minutes, most people at once, most meetings at once.
_TRUTH = {
    "2026-03-28": (1, 2, 30, 2, 1),
    "2026-03-29": (2, 3, 30 + 10 + 60 + 59, 2, 1),
    "2026-03-30": (1, 2, 50, 2, 1),
    "2026-03-31": (0, 0, 0, 0, 0),
    "2026-04-01": (0, 0, 0, 0, 0),
    "2026-04-02": (1, 1, 90, 1, 1),
}
_WINDOW = SummaryFilter(since=_at("2026-03-01T00:00"), until=_at("2026-05-01T00:00"))
_NOW = _at("2026-04-03T15:00")


@pytest.fixture
def clock() -> Clock:
    return Clock(_NOW)


@pytest.fixture
async def filled(make_store: MakeStore, clock: Clock) -> AsyncIterator[Store]:
    store = make_store()
    await store.open()
    await store.append([push_of(number, made) for number, made in enumerate(_CALLS, 1)])
    await summarizer_of(store, Settings.of(), lambda: _NOW - 3600).step()
    yield store
    await store.close()


def _days(store: Store, clock: Clock, holder: str = "one", **settings: Any) -> UsageDays:
    found = Settings.of(time_zone="Europe/Paris", **settings)
    return UsageDays(store, lambda: found, clock=clock, holder=holder)


async def _usage(
    store: Store, clock: Clock, period: Period = "day", zone: ZoneInfo = _PARIS
) -> list[Usage]:
    queries = Queries(store, rhythm=RHYTHM, clock=clock)
    return await queries.usage(period, _WINDOW, zone)


def _figures(rows: list[Usage]) -> dict[str, tuple[int, ...]]:
    return {
        datetime.fromtimestamp(row.start, _PARIS).date().isoformat(): (
            row.meetings,
            row.participants,
            row.minutes,
            row.peak_people,
            row.peak_meetings,
        )
        for row in rows
    }


async def test_days_over_a_change_of_clocks_are_as_counted_by_hand(
    filled: Store, clock: Clock
) -> None:
    rows = await _usage(filled, clock)
    assert _figures(rows[:-1]) == _TRUTH
    assert [row.partial for row in rows] == [True, False, False, False, False, False, True]
    sunday, monday = rows[1:3]
    assert sunday.end - sunday.start == 23 * 3600
    assert sunday.meeting_lengths == (0, 0, 0, 1, 1, 0, 0)
    assert monday.stay_lengths == (0, 0, 1, 1, 0, 0, 0)
    assert (monday.joins.joined, monday.joins.failed) == (3, 1)
    assert (sunday.joins.ended, sunday.joins.dropped) == (4, 1)
    assert sunday.grades.known_seconds == sunday.minutes * 60


@pytest.mark.parametrize("period", ["day", "week", "month", "year"])
async def test_stored_days_give_the_same_answer_as_sessions(
    filled: Store, clock: Clock, period: Period
) -> None:
    live = await _usage(filled, clock, period)
    assert await _days(filled, clock).step() == 6
    assert not await stale_usage(filled.reports)
    assert len(await filled.reports.usage(0, _NOW)) == 6
    assert await _usage(filled, clock, period) == live
    if period == "month":
        assert [row.participants for row in live] == [4, 1]
        assert [row.minutes for row in live] == [30 + 159 + 50, 90]


async def test_a_day_whose_sessions_change_is_counted_again(filled: Store, clock: Clock) -> None:
    """By an erasure: until its day is counted again, sessions are asked."""
    days = _days(filled, clock)
    await days.step()
    summarizer = summarizer_of(filled, Settings.of(), clock)
    person = Subject(SubjectKind.PARTICIPANT, f"{2:08x}-0000-4000-8000-000000000000")
    async for _ in forget(filled, person, summarizer, clock=clock, settle=0):
        pass
    without = {**_TRUTH, "2026-03-28": (1, 1, 20, 1, 1), "2026-03-29": (2, 2, 149, 1, 1)}
    without["2026-04-02"] = (0, 0, 0, 0, 0)
    assert _figures((await _usage(filled, clock))[:-1]) == without
    clock.now += 600
    assert await days.step() > 0
    assert await stale_usage(filled.reports) == {}
    assert _figures((await _usage(filled, clock))[:-1]) == without
    assert await days.step() == 0


async def test_usage_outlives_summaries_as_an_estimate_without_ids(
    filled: Store, clock: Clock
) -> None:
    days = _days(filled, clock, summary_retention_days=30)
    await days.step()
    clock.now = _at("2026-08-01T12:00")
    before = int(clock.now) - 30 * _DAY
    while await filled.reports.prune(before - before % _DAY):
        pass
    await days.step()
    assert not await filled.reports.summaries(SummaryFilter(attempts=None), limit=1)
    rows = await _usage(filled, clock)
    assert _figures(rows[:6]) == _TRUTH
    (march, april) = await _usage(filled, clock, "month")
    assert march.participants_interval == (4, 4)  # Too few people for an error of 3 %.
    assert (march.minutes, april.minutes) == (239, 90)
    assert all(not day.digests for day in await filled.reports.usage(0, _NOW))
    # Of a zone whose days were not kept, the sessions are gone: that is not zero.
    assert not [row for row in await _usage(filled, clock, zone=ZoneInfo("UTC")) if row.minutes]
    tokyo = ZoneInfo("Asia/Tokyo")
    assert not [row for row in await _usage(filled, clock, "month", tokyo) if row.minutes]


async def test_one_of_two_collectors_counts_the_days(filled: Store, clock: Clock) -> None:
    first, second = _days(filled, clock), _days(filled, clock, "second")
    assert await first.step() == 6
    assert await second.step() == 0
    await first.release()
    clock.now += 10
    assert await second.step() == 0  # It leads now, and nothing is missing.
    assert len(await filled.reports.usage(0, _NOW)) == 6


async def test_filters_leave_only_their_time(filled: Store, clock: Clock) -> None:
    await _days(filled, clock).step()
    queries = Queries(filled, rhythm=RHYTHM, clock=clock)
    selection = SummaryFilter(since=_WINDOW.since, until=_WINDOW.until, room="board")
    rows = await queries.usage("month", selection, _PARIS)
    assert [(row.meetings, row.minutes) for row in rows] == [(0, 0), (1, 90)]
    region = SummaryFilter(since=_WINDOW.since, until=_WINDOW.until, region="us")
    assert not any(row.minutes for row in await queries.usage("month", region, _PARIS))
