"""`jmmc.Reader`: the answers of a store for scripts, against values counted by hand.

`tests/data/README.md` says what is in the store.
"""

import asyncio
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import get_type_hints

import pytest

import jmmc
from jmmc import Queries, Reader, StoreError, SummaryFilter, UnusableStore
from jmmc.answers.details import NotFoundError
from jmmc.answers.reader import Filters
from jmmc.maintenance.schedule import summarizer_of
from jmmc.quality.filters import FIELD_OF_FILTER
from jmmc.settings import load_settings
from tests.support.paths import ROOT

_TEN = datetime(2026, 11, 24, 10, tzinfo=UTC)
_DAY = "2026-11-24"
_NEXT = "2026-11-25"


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A store of today's version with the four sessions, summarized."""
    path = tmp_path_factory.mktemp("reader") / "calls.db"
    shutil.copy(ROOT / "tests" / "data" / "first-schema.db", path)

    async def summarize() -> None:
        store = jmmc.open_store(f"sqlite:///{path}")
        await store.open()
        settings = load_settings(flags={}, environ={}, file=None)
        summarizer = summarizer_of(store, settings, lambda: _TEN.timestamp() + 86_400)
        while await summarizer.step():
            pass
        await store.close()

    asyncio.run(summarize())
    return f"sqlite:///{path}"


@pytest.fixture(scope="module")
def reader(url: str) -> Iterator[Reader]:
    with Reader(url) as opened:
        yield opened


def test_totals_and_comparisons_of_a_window_are_those_counted_by_hand(reader: Reader) -> None:
    overview = reader.overview(_DAY, _NEXT)
    assert (overview.sessions, overview.minutes, overview.peak_people) == (4, 31, 3)
    assert overview.grades.poor_share == 120 / 1860
    (minute,) = [reader.overview(_TEN, int(_TEN.timestamp()) + 60)]
    assert (minute.sessions, minute.grades.known_seconds) == (2, 120)
    rows = {row.value: row.sessions for row in reader.compare("network", _DAY, _NEXT)}
    assert rows["203.0.113.0/24"] == 3
    (day,) = reader.usage("day", _DAY, _NEXT)
    assert (day.meetings, day.participants) == (2, 4)


def test_sessions_are_selected_by_the_filters_of_the_api(reader: Reader) -> None:
    assert [row.session[0] for row in reader.sessions(_DAY, _NEXT)] == ["d", "c", "b", "a"]
    assert [row.session[0] for row in reader.sessions(room="standup", browser="Chrome")] == [
        *("c", "b", "a")
    ]
    assert [row.session[0] for row in reader.sessions(_DAY, "2026-11-24T10:30Z")] == ["c", "b", "a"]
    with pytest.raises(TypeError, match="no filter 'color'; filters are room, participant"):
        next(reader.sessions(color="red"))  # type: ignore[call-arg]
    with pytest.raises(ValueError, match="expected a time with its zone"):
        reader.overview(datetime(2026, 11, 24))


def test_a_session_has_its_spell_and_its_curves(reader: Reader) -> None:
    detail = reader.session("bbbb")
    (spell,) = [explained.spell for explained in detail.spells]
    began = int(_TEN.timestamp()) + 240
    assert (spell.start, spell.end) == (began, began + 120)
    losses = dict(zip(detail.times, detail.curves["up_loss_percent"], strict=True))
    assert (losses[began], losses[began + 120]) == (20, 0)
    (standup,) = [row for row in reader.meetings(_DAY, _NEXT) if row.room == "standup"]
    assert (standup.peak_people, len(reader.meeting(standup.id).lanes)) == (3, 3)
    assert reader.participant(detail.summary.browser_id, _DAY).sessions == 1
    assert [hit.name for hit in reader.search("stand")] == ["standup"]
    with pytest.raises(NotFoundError):
        reader.session("eeee")


def test_rows_and_tables_have_the_columns_of_the_export(reader: Reader) -> None:
    table = reader.table("timeline", participant="b" * 8 + "-0000-4000-8000-000000000000")
    assert (table.num_rows, str(table.schema.field("time").type)) == (61, "timestamp[s, tz=UTC]")
    lossy = table.filter([value == 20 for value in table["up_loss_percent"].to_pylist()])
    assert sum(lossy["seconds"].to_pylist()) == 120
    rows = list(reader.rows("summaries", grade="good"))
    assert [row["began"] for row in rows][-1] == _TEN
    assert reader.table("summaries", _DAY, _NEXT).num_rows == 4
    assert reader.table("attempts").num_rows == 0
    assert list(reader.rows("incidents")) == []
    with pytest.raises(ValueError, match="only be selected by time"):
        list(reader.rows("incidents", room="standup"))


async def test_it_works_where_an_event_loop_is_running_as_in_a_notebook(url: str) -> None:
    with Reader(url) as reader:
        assert len(list(reader.sessions())) == 4


async def test_the_same_answers_come_from_queries_in_an_event_loop(url: str) -> None:
    store = jmmc.open_store(url, read_only=True)
    await store.open()
    overview = await Queries(store).overview(SummaryFilter(since=0, until=2_000_000_000))
    await store.close()
    assert overview.sessions == 4


def test_a_closed_reader_and_a_missing_store_say_so(url: str, tmp_path: Path) -> None:
    reader = Reader(url)
    next(reader.sessions())  # A walk that is not finished is no obstacle.
    reader.close()
    reader.close()
    with pytest.raises(StoreError, match="the reader is closed"):
        reader.search("x")
    with pytest.raises(UnusableStore):
        Reader(f"sqlite:///{tmp_path}/none.db")
    assert not (tmp_path / "none.db").exists()


def test_the_typed_filters_are_all_filters() -> None:
    assert get_type_hints(Filters).keys() == FIELD_OF_FILTER.keys()
