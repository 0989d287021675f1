"""Columns of days in real stores: they give the answers of the sessions, and never older ones."""

from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from jmmc.answers.queries import Queries
from jmmc.maintenance.column_days import ColumnDays
from jmmc.maintenance.erase import forget
from jmmc.maintenance.schedule import summarizer_of
from jmmc.privacy.receipts import Subject, SubjectKind
from jmmc.quality.day_columns import columns_of, pack, unpack
from jmmc.quality.filters import SummaryFilter
from jmmc.settings import Settings
from jmmc.stores import Store
from jmmc.stores.kept_days import KeptDays
from tests.stores.conftest import MakeStore
from tests.support.builders import RHYTHM
from tests.support.clock import Clock
from tests.support.stays import START, Made, attempt, push_of, stay

_DAY, _HOUR = 86_400, 3600
_DAYS = [START + number * _DAY for number in range(4)]
_NOW = START + 4 * _DAY + 3 * _HOUR
_CALLS: tuple[Made, ...] = (
    stay(_HOUR, 1800, person=1),
    stay(_HOUR + 60, 1200, person=2, region="us"),
    stay(_DAY - 600, 1200, person=3, room="night"),  # Over midnight.
    attempt(_DAY + 2 * _HOUR, person=4),
    stay(_DAY + 3 * _HOUR, 900, person=4, outcome="dropped", failure="ice_failed"),
    stay(2 * _DAY + _HOUR, 7200, person=1, room="board"),
    stay(3 * _DAY + _HOUR, 600, person=2, region="us"),
    stay(4 * _DAY + _HOUR, 600, person=1),  # Of today: it has no columns.
)
# Cuts the first session, and the one of today.
_WINDOW = {"since": START + _HOUR + 600, "until": START + 4 * _DAY + _HOUR + 300}
_CHROME = SummaryFilter(**_WINDOW, browser="Chrome")
_MINUTES = {"eu": 20 + 20 + 15 + 120 + 5, "us": 11 + 10}  # Counted by hand.


@pytest.fixture
async def filled(make_store: MakeStore) -> AsyncIterator[Store]:
    store = make_store()
    await store.open()
    await store.append([push_of(number, made) for number, made in enumerate(_CALLS, 1)])
    await _summarize(store)
    yield store
    await store.close()


async def _summarize(store: Store) -> None:
    await summarizer_of(store, Settings.of(), lambda: _NOW).step()


def _columns(store: Store) -> ColumnDays:
    return ColumnDays(store, lambda: True, clock=Clock(_NOW))


async def _answers(store: Store) -> list[Any]:
    queries = Queries(store, rhythm=RHYTHM, clock=Clock(_NOW))
    return [
        await queries.compare("region", _CHROME),
        await queries.crossed("browser", "region", _CHROME),
        await queries.crossed("browser", "region", SummaryFilter(**_WINDOW)),
        await queries.changes("region", _DAYS[2], _CHROME, "browser"),
        await queries.overview(_CHROME),
        await queries.overview(SummaryFilter(**_WINDOW, region="eu", browser="Chrome 131")),
        await queries.overview_detail(_CHROME, "region", worst=5),
        await queries.overview_detail(SummaryFilter(**_WINDOW), "region", worst=5),
        await queries.overview(SummaryFilter(**_WINDOW)),
        await queries.outliers(_CHROME, limit=5),
        *[
            await queries.overview(SummaryFilter(**_WINDOW, region=region))
            for region in ("eu", "us")
        ],
    ]


async def test_columns_give_the_answers_of_the_sessions(filled: Store) -> None:
    from_sessions = await _answers(filled)
    assert await _columns(filled).step() == 4
    assert await filled.reports.days_with_columns(0, _NOW) == _DAYS
    assert await _answers(filled) == from_sessions
    compared, _, _, _, overview, *_, in_eu, in_us = from_sessions
    assert {row.value: row.minutes for row in compared} == _MINUTES
    assert {row.value: row.sessions for row in compared} == {"eu": 5, "us": 2}
    assert (overview.sessions, overview.rooms, overview.joins.dropped) == (7, 3, 1)
    assert (in_eu.rooms, in_us.rooms) == (3, 1)
    assert await _columns(filled).step() == 0


def test_columns_are_kept_until_their_stored_form_changes_or_there_is_no_room() -> None:
    packed = [pack(columns_of([], start)) for start in _DAYS]
    kept = KeptDays(unpack, most_bytes=sum(map(len, packed[:3])))
    first, second = kept.unpacked([*zip(_DAYS[:2], packed[:2], strict=True)])
    assert kept.unpacked([(_DAYS[0], packed[0])])[0] is first
    assert kept.unpacked([(_DAYS[0], pack(None))]) == []  # As after a change.
    (again,) = kept.unpacked([(_DAYS[0], packed[0])])
    assert again == first and again is not first
    kept.unpacked([*zip(_DAYS[2:], packed[2:], strict=True)])
    assert kept.unpacked([(_DAYS[0], packed[0])])[0] is again
    assert kept.unpacked([(_DAYS[1], packed[1])])[0] is not second  # It was used least recently.


async def test_a_changed_summary_deletes_the_columns_of_its_day(filled: Store) -> None:
    await _columns(filled).step()
    (summary,) = await filled.reports.get_summaries([f"{6:024x}"])
    moved = msgspec.structs.replace(summary, region="us", began=summary.began - 2 * _DAY)
    for changed, left in (
        (msgspec.structs.replace(summary, region="us"), [_DAYS[0], _DAYS[1], _DAYS[3]]),
        (moved, [_DAYS[1], _DAYS[3]]),  # The day on which it began until now, and the new one.
    ):
        await filled.reports.put_summaries([changed])
        assert await filled.reports.days_with_columns(0, _NOW) == left
        answer = await Queries(filled, clock=Clock(_NOW)).compare("region", _CHROME)
        assert {row.value: row.sessions for row in answer} == {"eu": 4, "us": 3}


async def test_an_erasure_deletes_the_columns_of_the_days_of_its_sessions(filled: Store) -> None:
    await _columns(filled).step()
    summarizer = summarizer_of(filled, Settings.of(), lambda: _NOW)
    person = Subject(SubjectKind.PARTICIPANT, f"{2:08x}-0000-4000-8000-000000000000")
    async for _ in forget(filled, person, summarizer, clock=lambda: _NOW, settle=0):
        pass
    assert await filled.reports.days_with_columns(0, _NOW) == [_DAYS[1], _DAYS[2]]
    assert {row.value for row in (await _answers(filled))[0]} == {"eu"}


async def test_columns_of_summaries_that_changed_while_they_were_read_are_not_stored(
    filled: Store,
) -> None:
    reports = filled.reports
    await reports.claim_columns(_DAYS[0], "first")
    (summary,) = await reports.get_summaries([f"{1:024x}"])
    await reports.put_summaries([summary])
    assert not await reports.put_columns(_DAYS[0], "first", None, None)
    await reports.claim_columns(_DAYS[0], "second")
    assert await reports.days_with_columns(0, _NOW) == []
    assert await reports.put_columns(_DAYS[0], "second", None, None)
    assert await reports.day_columns(_DAYS) == []  # None: the sessions answer.
    assert await reports.day_totals(_DAYS) == []


async def test_retention_deletes_columns_with_their_summaries(filled: Store) -> None:
    await _columns(filled).step()
    while await filled.reports.prune(_DAYS[2]):
        pass
    assert await filled.reports.days_with_columns(0, _NOW) == _DAYS[2:]


async def test_a_start_has_the_columns_of_the_last_days_made_anew(filled: Store) -> None:
    """Collectors of an earlier version that still ran do not delete them."""
    columns = _columns(filled)
    await columns.step()
    await columns.renew()
    assert await filled.reports.days_with_columns(0, _NOW) == [_DAYS[0]]
    assert await columns.step() == 3


async def test_only_the_leading_collector_makes_columns(filled: Store) -> None:
    assert await ColumnDays(filled, lambda: False, clock=Clock(_NOW)).step() == 0
    assert await filled.reports.days_with_columns(0, _NOW) == []
