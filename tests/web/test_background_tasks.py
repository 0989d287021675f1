"""A failing background task is visible wherever an operator looks, and pushes are still stored."""

from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from jmmc import MetricsCollector, dashboard
from jmmc.ingest.writer import Writer
from jmmc.maintenance.summarizer import Summarizer
from jmmc.stores.sqlite.store import SqliteStore
from tests.support.builders import body, call
from tests.support.waiting import wait_until_async


async def test_a_failing_task_shows_on_readyz_the_health_page_and_metrics(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def summarize(_: Summarizer) -> int:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(Summarizer, "summarize", summarize)
    metrics = MetricsCollector(store=SqliteStore(tmp_path / "calls.db"), secret="x")
    app = Starlette(routes=[Mount("/jmmc", metrics), Mount("/calls", dashboard(metrics))])
    await call(app, "GET", "/jmmc/readyz")

    async def fails() -> bool:
        return any(task.error for task in metrics.collector.background_tasks)

    await wait_until_async(fails)
    answer = await call(app, "GET", "/jmmc/readyz")
    assert answer.status == 200, "pushes are stored"
    assert answer.json["status"] == "ready"
    assert answer.json["detail"] == "background task summaries fails: ZeroDivisionError"
    assert (await call(app, "POST", "/jmmc/push", body())).status == 200
    page = await call(app, "GET", "/calls/health", client="127.0.0.1")
    assert b"<code>summaries</code> (ZeroDivisionError" in page.body
    exposed = await call(app, "GET", "/calls/metrics", client="127.0.0.1")
    lines = exposed.body.decode().splitlines()
    assert 'jmmc_background_task_failures_total{task="summaries"} 1.0' in lines
    assert 'jmmc_background_task_failing{task="summaries"} 1.0' in lines
    assert 'jmmc_background_task_failing{task="alerts"} 0.0' in lines
    assert "jmmc_retention_paused 0.0" in lines
    await metrics.close()


async def test_a_writer_that_dies_is_replaced_and_no_other_task_runs_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    linger = Writer._linger
    broken = True

    async def dies(writer: Writer) -> None:
        if broken:
            raise ZeroDivisionError("a bug")
        await linger(writer)

    monkeypatch.setattr(Writer, "_linger", dies)
    app = MetricsCollector(store=SqliteStore(tmp_path / "calls.db"), secret="x")
    assert (await call(app, "POST", "/push", body())).status == 503

    def writer_failures() -> list[int]:
        return [task.failures for task in app.collector.background_tasks if task.name == "writer"]

    await wait_until_async(writer_failures)
    assert writer_failures() == [1]
    assert "background_task_failed" in caplog.text
    assert "ZeroDivisionError" in (await call(app, "GET", "/readyz")).json["detail"]
    broken = False
    tasks = len(app.collector.background_tasks)
    assert (await call(app, "POST", "/push", body())).status == 200
    assert len(app.collector._supervisor._tasks) == tasks - 1, "the writer is only watched"
    await app.close()
