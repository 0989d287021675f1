"""The records of the days before, as they are read from a store."""

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from jmmc.core.model import Dialect, Session
from jmmc.maintenance.cause_records import read_records
from jmmc.quality.causes.records import Record
from jmmc.quality.grading import Grade, Spell
from jmmc.quality.rollups import ALL, DAY, Rollup, Sums
from jmmc.quality.summarize import summarize
from jmmc.quality.summary import Summary
from jmmc.quality.thresholds import preset
from jmmc.stores import Store, open_store
from tests.support.builders import RHYTHM

_TODAY = 20_000 * DAY


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    opened = open_store(f"sqlite:///{tmp_path / 'records.db'}")
    await opened.open()
    yield opened
    await opened.close()


def _call(number: int, browser_id: str, began: int, bad: int) -> Summary:
    session = Session(f"{number:024}", "room", browser_id, Dialect.V2, began, ())
    spell = Spell(began, began + bad, Grade.POOR, {"cpu": bad}, {"machine": bad})
    return msgspec.structs.replace(
        summarize(session, preset=preset("experience"), rhythm=RHYTHM),
        **{"ended": began + 900, "last": began + 900, "good": 900 - bad, "poor": bad},
        **{"spells": (spell,) if bad else (), "browser": "Chrome 130", "region": "eu"},
    )


async def test_groups_count_the_last_whole_days_and_people_their_other_calls(store: Store) -> None:
    def day(before: int, dimension: str, **values: tuple[int, int]) -> Rollup:
        start = _TODAY - before * DAY
        sums = {
            value: (Sums(start, 10, known - bad, bad, 0, 0),)
            for value, (known, bad) in values.items()
        }
        return Rollup(DAY, start, dimension, sums)

    reports = store.reports
    chrome = {"Chrome 130": (5000, 1000), "Chrome 131": (2000, 20), "Firefox 133": (9000, 90)}
    await reports.put_rollups(
        [
            *(day(before, ALL, **{ALL: (20_000, 1500)}) for before in (0, 1, 2, 3, 4)),
            *(day(before, "browser", **chrome) for before in (0, 1, 3)),
        ]
    )
    now = _call(1, "me", _TODAY + 3600, 300)
    await reports.put_summaries(
        [now, _call(2, "me", _TODAY - DAY, 450), _call(3, "other", _TODAY - 8 * DAY, 900)]
    )
    records = await read_records(reports, [now], ["me", "other", "me"], now.began)
    assert records.all == Record(known=60_000, bad=4500, calls=30)
    assert records.groups == {
        ("browser", "Chrome 130"): Record(10_000, 2000, 20),
        ("browser", "Chrome"): Record(14_000, 2040, 40),
    }
    assert records.people == {"me": Record(known=900, bad=450, calls=1, machine=450)}
    assert records.base_rate == pytest.approx(0.075)


async def test_an_empty_store_has_no_records(store: Store) -> None:
    records = await read_records(store.reports, [], ["me"], _TODAY)
    assert (records.all, records.groups, records.people) == (Record(), {}, {})
    assert records.base_rate is None
