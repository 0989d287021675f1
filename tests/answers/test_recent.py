"""What is usual at an hour, and the last hour."""

from pathlib import Path

import pytest

from jmmc.answers.model import Point
from jmmc.answers.overviews import Overviews
from jmmc.answers.recent import LastHour, usual
from jmmc.quality.filters import SummaryFilter
from jmmc.quality.rollups import ALL, HOUR, Rollup, Sums
from jmmc.stores.sqlite.store import SqliteStore
from tests.support.stays import START

_WEEK = 7 * 86_400
_NOW = START + 5 * _WEEK + 14 * HOUR + 1234  # A Monday, 14:20 UTC.


def _hour(week: int, *parts: tuple[int, int, int, int]) -> Rollup:
    """The hour of 14:00 so many weeks ago; each part: its start, good, poor seconds, people."""
    start = _NOW - 1234 - week * _WEEK
    sums = [
        Sums(start + at, 1, good, 0, poor, 0, people, people) for at, good, poor, people in parts
    ]
    return Rollup(HOUR, start, ALL, {ALL: tuple(sums)})


@pytest.fixture
async def store(tmp_path: Path) -> SqliteStore:
    store = SqliteStore(tmp_path / "calls.db")
    await store.open()
    return store


async def test_the_usual_is_that_of_the_same_hour_in_the_four_weeks_before(
    store: SqliteStore,
) -> None:
    await store.reports.put_rollups(
        [
            _hour(1, (0, 3000, 0, 12), (3300, 300, 60, 20)),
            _hour(2, *((at, 600, 30, 4) for at in range(0, 3600, 300))),
            _hour(4, *((at, 600, 0, 7) for at in range(0, 3600, 300))),
            _hour(5, (0, 9, 9, 999)),  # Too long ago.
        ]
    )
    found = await usual(store.reports, _NOW)
    assert found is not None
    assert (found.start, found.weeks) == (_NOW - 1234, 3)
    assert (found.people_low, found.people_high) == (0, 20), "nobody from 5 to 55 minutes past"
    assert found.known_seconds == 3360 + 12 * 630 + 12 * 600
    assert found.bad_share == (60 + 12 * 30) / found.known_seconds
    await store.close()


async def test_two_weeks_are_not_enough_to_call_anything_usual(store: SqliteStore) -> None:
    await store.reports.put_rollups([_hour(1, (0, 3000, 0, 12)), _hour(3, (0, 3000, 0, 12))])
    await store.reports.put_rollups([_hour(2)])  # The collector ran, or it did not: nobody knows.
    assert await usual(store.reports, _NOW) is None
    await store.close()


async def test_the_last_hour_is_asked_for_again_after_half_a_minute(store: SqliteStore) -> None:
    asked: list[int | None] = []
    now = [float(_NOW)]

    class Counted(Overviews):
        async def series(self, selection: SummaryFilter) -> tuple[Point, ...]:
            asked.append(selection.until)
            return await super().series(selection)

    last_hour = LastHour(Counted(store), lambda: now[0])
    assert await last_hour.points() == ()
    now[0] += 29
    await last_hour.points()
    assert asked == [_NOW]
    now[0] += 1
    await last_hour.points()
    now[0] -= 3600  # The clock was set back.
    await last_hour.points()
    assert asked == [_NOW, _NOW + 30, _NOW + 30 - 3600]
    await store.close()
