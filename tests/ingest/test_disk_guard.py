"""The free space of a disk in a collector: what is refused, and where an operator sees that."""

import logging
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from jmmc import MetricsCollector, dashboard
from jmmc.core.errors import StoreError
from jmmc.core.model import Disk, SessionFilter
from jmmc.ingest.disk_guard import DiskGuard
from jmmc.maintenance.compression import OlderData
from jmmc.server import preflight
from jmmc.server.preflight import inspect
from jmmc.settings import Settings
from jmmc.stores import OnDisk, open_store
from jmmc.stores.mongo.store import MongoStore
from jmmc.stores.sqlite.store import SqliteStore
from tests.support.builders import Answer, body, call, push, v1_body, wire_sample
from tests.support.collectors import MakeCollector, stored
from tests.support.mongod import Mongod

_MIB = 2**20
_NEW = "0" * 31 + "1"


def _set_free(collector: MetricsCollector, mebibytes: float) -> None:
    """Let the disk have this much free space from the next measurement on."""

    async def measure() -> list[Disk]:
        store = collector.collector.store
        assert isinstance(store, OnDisk)
        return [disk._replace(free=int(mebibytes * _MIB)) for disk in await store.disks()]

    collector.collector.disk._measure = measure


async def _look(collector: MetricsCollector, mebibytes: float) -> None:
    _set_free(collector, mebibytes)
    await collector.collector.disk.look()


async def _push(app: Any, seq: int, **more: Any) -> Answer:
    return await call(app, "POST", "/push", body(wire_sample(seq, {"cq": 90}), **more))


async def test_new_sessions_are_refused_while_running_ones_are_stored(
    make_collector: MakeCollector,
) -> None:
    app = make_collector()
    assert (await _push(app, 0)).status == 200
    await _look(app, 255)
    refused = await _push(app, 0, sid=_NEW)
    assert (refused.status, refused.json["error"]) == (503, "store_down")
    assert refused.headers["retry-after"] == "60"
    assert refused.json["detail"] == "the disk is nearly full"
    assert (await _push(app, 5, sid=_NEW)).status == 503, "whatever its first sample is"
    assert (await _push(app, 1)).json["ack"] == 1
    assert (await _push(app, 1)).json["ack"] == 1, "sent again"
    await app.close()  # What is remembered of sessions is lost.
    assert (await _push(app, 2)).json["ack"] == 2
    assert (await _push(app, 0, sid=_NEW)).status == 503
    await _look(app, 300)
    assert (await _push(app, 0, sid=_NEW)).status == 200
    lengths = sorted(len(session.samples) for session in await stored(app))
    assert lengths == [1, 3]


async def test_sessions_of_the_express_middlewares_script_are_refused_alike(
    make_collector: MakeCollector,
) -> None:
    app = make_collector()
    opened = await call(app, "POST", "/push", v1_body({"br": "Chrome", "cq": 90}))
    cookie = {"Cookie": opened.headers["set-cookie"].partition(";")[0]}
    await _look(app, 255)
    refused = await call(app, "POST", "/push", v1_body({"br": "Chrome", "cq": 90}))
    assert (refused.status, refused.json["error"]) == (503, "store_down")
    assert (await call(app, "POST", "/push", v1_body({"cq": 80}), headers=cookie)).status == 200


async def test_below_a_quarter_of_the_floor_every_push_is_refused_and_nothing_is_lost(
    make_collector: MakeCollector,
) -> None:
    app = make_collector()
    assert (await _push(app, 0)).status == 200
    await _look(app, 63)
    refused = await _push(app, 1)
    assert (refused.status, refused.json["error"]) == (503, "store_down")
    await _look(app, 69)
    assert (await _push(app, 1)).status == 503, "a tenth more than the bound must be free"
    await _look(app, 71)
    assert (await _push(app, 1)).status == 200
    assert (await _push(app, 0, sid=_NEW)).status == 503
    (session,) = await stored(app)
    assert [sample.seq for sample in session.samples] == [0, 1]


async def test_the_free_space_is_known_before_the_first_push(
    make_collector: MakeCollector,
) -> None:
    app = make_collector()
    _set_free(app, 63)
    assert (await _push(app, 0)).status == 503


async def test_without_a_floor_nothing_is_refused(make_collector: MakeCollector) -> None:
    app = make_collector(min_free_disk=0)
    await _look(app, 0)
    assert (await _push(app, 0)).status == 200


async def test_a_live_change_of_the_floor_applies_at_once(make_collector: MakeCollector) -> None:
    app = make_collector()
    await _look(app, 300)
    settings = app.collector.settings.model_copy(update={"min_free_disk": 400})
    assert app.collector.adopt(settings).applied == ["min_free_disk"]
    assert (await _push(app, 0)).status == 503


async def test_check_says_that_the_folder_of_the_spool_is_made_at_the_first_start(
    tmp_path: Path,
) -> None:
    settings = Settings.of(store="mongodb://db/jmmc", spool_dir=f"{tmp_path}/spool")
    store = open_store(f"sqlite:///{tmp_path}/calls.db")  # What it measures is not of interest.
    spool, _ = [finding async for finding in preflight._disks(store, settings)]
    assert spool.what == f"spool: the folder {tmp_path}/spool is made at the first start"


async def test_the_disk_shows_on_readyz_the_health_page_and_metrics(
    make_collector: MakeCollector, tmp_path: Path
) -> None:
    metrics = make_collector()
    app = Starlette(routes=[Mount("/jmmc", metrics), Mount("/calls", dashboard(metrics))])

    async def shown(path: str) -> str:
        return (await call(app, "GET", path, client="127.0.0.1")).body.decode()

    async def exposed() -> dict[str, float]:
        lines = (await shown("/calls/metrics")).splitlines()
        pairs = (line.split() for line in lines if "{" not in line and not line.startswith("#"))
        return {name: float(value) for name, value in pairs}

    await _look(metrics, 2048)
    ready = await call(app, "GET", "/jmmc/readyz")
    assert (ready.status, set(ready.json)) == (200, {"status", "waiting"})
    assert "2.0 GiB" in await shown("/calls/health")
    await _look(metrics, 200)
    ready = await call(app, "GET", "/jmmc/readyz")
    assert (ready.status, ready.json["status"]) == (200, "ready"), "running sessions are stored"
    assert ready.json["disk_free_bytes"] == 200 * _MIB
    assert ready.json["detail"] == (
        f"the disk of {tmp_path} has 200 MiB free, min_free_disk is 256 MiB:"
        " new sessions are refused"
    )
    assert "New sessions are refused" in await shown("/calls/health")
    values = await exposed()
    assert values["jmmc_disk_free_bytes"] == 200 * _MIB
    assert values["jmmc_disk_min_free_bytes"] == 256 * _MIB
    assert values["jmmc_store_up"] == 1
    assert "jmmc_disk_full_seconds" not in values
    await _look(metrics, 20)
    ready = await call(app, "GET", "/jmmc/readyz")
    assert (ready.status, ready.json["status"]) == (503, "store_down")
    assert ready.json["detail"].endswith(": all pushes are refused")
    assert "All pushes are refused" in await shown("/calls/health")
    assert (await exposed())["jmmc_store_up"] == 0


async def test_the_time_until_the_disk_is_full_is_a_metric_and_on_the_health_page(
    make_collector: MakeCollector,
) -> None:
    metrics = make_collector()
    app = Starlette(routes=[Mount("/jmmc", metrics), Mount("/calls", dashboard(metrics))])
    disk = metrics.collector.disk
    await call(app, "GET", "/jmmc/readyz")
    disk._watched.clear()
    disk._monotonic = iter(range(0, 9 * 3600, 600)).__next__
    for number in range(19):
        await _look(metrics, 1024 * (20 - number / 6))
    assert disk.until_full == pytest.approx(17 * 3600)
    page = await call(app, "GET", "/calls/health", client="127.0.0.1")
    assert "full in hours: 17" in page.body.decode()
    exposed = await call(app, "GET", "/calls/metrics", client="127.0.0.1")
    lines = exposed.body.decode().splitlines()
    (line,) = (line for line in lines if line.startswith("jmmc_disk_full_seconds "))
    assert float(line.split()[1]) == pytest.approx(17 * 3600)


async def test_the_floor_holds_on_the_disk_of_mongodb(mongod: Mongod) -> None:
    """Nobody has 2**30 MiB free."""
    store = MongoStore(url=mongod.url, name="floor")
    app = MetricsCollector(store=store, secret="x", min_free_disk=2**30)
    try:
        refused = await _push(app, 0)
        assert (refused.status, refused.json["detail"]) == (503, "the disk is nearly full")
        ready = await call(app, "GET", "/readyz")
        assert ready.json["detail"].startswith("the disk of MongoDB has ")
        settings = app.collector.settings.model_copy(update={"min_free_disk": 1})
        app.collector.adopt(settings)
        assert (await _push(app, 0)).status == 200
    finally:
        await app.close()


async def test_each_crossing_is_logged_once(
    make_collector: MakeCollector, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    app = make_collector()
    for mebibytes in (300, 255, 250, 270, 255, 63, 60, 65, 80, 300, 400):
        await _look(app, mebibytes)
    assert re.findall(r"disk_space_\w+", caplog.text) == [
        "disk_space_low",
        "disk_space_exhausted",
        "disk_space_low",
        "disk_space_recovered",
    ]


async def test_a_disk_that_cannot_be_measured_refuses_nothing_and_is_logged_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    disk = DiskGuard(SqliteStore(tmp_path / "missing" / "calls.db"), Settings.of())
    await disk.look()
    await disk.look()
    assert (disk.free, disk.refused, disk.problem) == (None, "enough", "")
    assert caplog.text.count("disk_unreadable") == 1


@pytest.mark.parametrize(
    ("floor", "verdict", "words"),
    [(1, "ok", "GiB free, min_free_disk is 1 MiB"), (2**30, "fail", ": all pushes are refused")],
)
async def test_check_says_how_much_is_free(
    tmp_path: Path, floor: int, verdict: str, words: str
) -> None:
    settings = Settings.of(store=f"sqlite:///{tmp_path}/calls.db", min_free_disk=floor)
    findings = [finding async for finding in inspect(settings)]
    (disk,) = (finding for finding in findings if finding.what.startswith("store: the disk"))
    assert disk.verdict == verdict
    assert disk.what.endswith(words)


async def test_the_free_space_is_that_of_the_folders_file_system(tmp_path: Path) -> None:
    (disk,) = await SqliteStore(tmp_path / "calls.db").disks()
    assert disk.name == str(tmp_path.resolve())
    usage = shutil.disk_usage(tmp_path)
    assert disk.free == pytest.approx(usage.free, abs=usage.total / 100)
    with pytest.raises(StoreError, match="No such file"):
        await SqliteStore(tmp_path / "missing" / "calls.db").disks()


async def test_of_two_disks_the_worst_counts_and_only_that_of_the_pushes_refuses(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    disks = [Disk("the spool", 100 * _MIB, takes_pushes=False), Disk("MongoDB", 300 * _MIB)]

    async def measure() -> list[Disk]:
        return disks

    guard = DiskGuard(SqliteStore(tmp_path / "calls.db"), Settings.of(), measure=measure)
    await guard.look()
    assert (guard.free, guard.level, guard.refused) == (100 * _MIB, "low", "enough")
    assert guard.problem == "the disk of the spool has 100 MiB free, min_free_disk is 256 MiB"
    disks[1] = Disk("MongoDB", 20 * _MIB)
    await guard.look()
    assert (guard.free, guard.level, guard.refused) == (20 * _MIB, "exhausted", "exhausted")
    assert guard.problem.startswith("the disk of MongoDB has 20 MiB free")
    assert guard.problem.endswith(": all pushes are refused")
    assert "disk_space_exhausted disk=MongoDB" in caplog.text
    disks[:] = [Disk("the spool", 200 * _MIB)]
    await guard.look()
    assert guard.refused == "low", "the database is away, so pushes go to the spool"


async def test_the_disk_that_is_full_first_gives_the_forecast(tmp_path: Path) -> None:
    hours, free = [0.0], [1000 * 2**30, 500 * 2**30]

    async def measure() -> list[Disk]:
        return [Disk("the spool", free[0]), Disk("MongoDB", free[1])]

    guard = DiskGuard(
        SqliteStore(tmp_path / "calls.db"),
        Settings.of(),
        monotonic=lambda: hours[0] * 3600,
        measure=measure,
    )
    for _ in range(13):
        await guard.look()
        hours[0] += 0.25
        free[0] -= 2**30
        free[1] -= 10 * 2**30
    # MongoDB has 380 GiB left, and takes 40 an hour.
    assert guard.until_full == pytest.approx((500 - 12 * 10) / 40 * 3600)


async def test_the_health_page_says_what_is_free_in_the_file_and_when_the_disk_is_full(
    make_collector: MakeCollector,
) -> None:
    metrics = make_collector()
    app = Starlette(routes=[Mount("/jmmc", metrics), Mount("/calls", dashboard(metrics))])
    collector, disk = metrics.collector, metrics.collector.disk
    await call(app, "GET", "/jmmc/readyz")
    disk._watched.clear()
    disk._monotonic = iter(range(0, 9 * 3600, 600)).__next__
    for number in range(19):
        await _look(metrics, 10_240 - number * 5)  # 30 MiB an hour: 10,150 MiB last 14 days.
    await collector.store.append([push(*range(6000), opens=True)])
    await collector.store.erase(SessionFilter())
    # The task of the collector has the other one, and nothing left to do.
    waiting = OlderData(collector.store, lambda: False)
    waiting.progress = (1200, 3400)
    collector._maintenance._older_data = waiting
    page = (await call(app, "GET", "/calls/health", client="127.0.0.1")).body.decode()
    assert "full in days: 14" in page
    assert re.search(r"of these free for new data: 0\.[1-9] MiB", page)
    assert "1,200 of 3,400" in page
