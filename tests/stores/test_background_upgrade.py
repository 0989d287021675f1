"""What an earlier version graded is graded anew in the background, on every store."""

import asyncio

import msgspec
import pytest

from jmmc.ingest.counters import Counters
from jmmc.maintenance import summarizer
from jmmc.maintenance.summarizer import Summarizer, keep_summarizing
from jmmc.quality.accumulator import formula_of
from jmmc.quality.filters import DIMENSIONS, SummaryFilter
from jmmc.quality.rollups import ALL, DAY, HOUR, Rollup
from jmmc.quality.summary import Summary
from jmmc.quality.thresholds import preset
from jmmc.simulation.scenario import Scenario, simulate
from jmmc.stores import Store
from tests.support.builders import RHYTHM
from tests.support.waiting import wait_until_async

_START = 1_789_948_800  # A Monday, 00:00 UTC
_END = _START + 2 * DAY
_LIVES = list(simulate(Scenario(participants=40, rooms=6, minutes=600, seed=2, start=_START)))
_JITSI = preset("jitsi")


def _summarizer(store: Store) -> Summarizer:
    return Summarizer(store, preset=_JITSI, rhythm=RHYTHM, clock=lambda: _END, holder="me")


async def _stored(store: Store) -> tuple[list[Summary], list[Rollup]]:
    rollups: list[Rollup] = []
    for dimension in (ALL, *DIMENSIONS):
        for length in (HOUR, DAY):
            rollups += await store.reports.rollups(dimension, length, _START, _END)
    summaries = await store.reports.summaries(SummaryFilter(), limit=1000)
    return summaries, [rollup for rollup in rollups if rollup.values]


async def _run_until(store: Store, formula: str, enough: int) -> None:
    """Run the background task until so many summaries have this formula, and kill it."""
    work = keep_summarizing(_summarizer(store), Counters(), pause=0.01)
    task = asyncio.create_task(work)

    async def has_enough() -> bool:
        found = await store.reports.summaries(SummaryFilter(), limit=1000)
        is_over = enough < len(_LIVES) or await _summarizer(store).formula() == formula
        return is_over and sum(summary.formula == formula for summary in found) >= enough

    await wait_until_async(has_enough, lambda: "not graded anew", within=60)
    task.cancel()
    await asyncio.wait([task])


async def test_a_store_of_an_earlier_version_is_graded_anew_also_when_that_is_interrupted(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    formula = formula_of(_JITSI)
    await store.append([life.session.as_push() for life in _LIVES])
    while await _summarizer(store).step():
        pass
    summaries, rollups = await _stored(store)
    await store.reports.put_summaries(
        [
            msgspec.structs.replace(summary, formula="1-jitsi", good=0, grade_spans=())
            for summary in summaries
        ]
    )
    await store.reports.put_rollups(
        [msgspec.structs.replace(rollup, values={}, replicates={}) for rollup in rollups]
    )
    await store.reports.put_record("formula", "current", b'"1-jitsi"')

    monkeypatch.setattr(summarizer, "_GROUP_SESSIONS", 7)
    await _run_until(store, formula, 7)
    await _run_until(store, formula, len(_LIVES))
    await _summarizer(store).rollups.roll_up()
    assert await _stored(store) == (summaries, rollups)
    async for _ in _summarizer(store).upgrade():
        pass  # Rollups of all dimensions are looked at once.
    assert [piece async for piece in _summarizer(store).upgrade()] == [], "once is enough"


async def test_only_a_store_that_had_sessions_at_the_start_is_graded_anew(store: Store) -> None:
    running = _summarizer(store)
    await running.step()
    await store.append([life.session.as_push() for life in _LIVES[:3]])
    async for _ in running.upgrade():
        assert running.upgraded is None
    assert await running.formula() == formula_of(_JITSI)

    await store.reports.delete_record("formula", "current")  # Another program wrote the sessions.
    running = _summarizer(store)
    await running.step()
    assert await running.formula() is None
    graded = [running.upgraded async for _ in running.upgrade()]
    assert (3, 3) in graded
