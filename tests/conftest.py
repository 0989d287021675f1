"""Configuration of the test run, and fixtures for browsers and MongoDB."""

import asyncio
import gc
import os
import shutil
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, settings
from playwright.sync_api import Browser, expect, sync_playwright
from xdist.scheduler import LoadFileScheduling

import jmmc
from tests.support.mongod import Mongod, ReplicaSet, started

pytest_plugins = ["tests.support.watchdog", "tests.support.collectors"]
pytest.register_assert_rewrite("tests.e2e.truth", "tests.support.oracle")

os.environ["TZ"] = "UTC"  # Commands read and show local times.
time.tzset()

# A busy machine takes longer than any deadline for an example.
settings.register_profile("tests", deadline=None)
settings.load_profile("tests")
# For `./run mutants`: the first failing example is enough, without shrinking it.
settings.register_profile(
    "mutants",
    phases=[Phase.explicit, Phase.generate],
    derandomize=True,
    deadline=None,
    database=None,
)

# The headless shell needs a third of the time per page. Playwright prefers it, too.
_CHROMIUMS = ("chromium-headless-shell", "chromium")
CHROMIUM = next(filter(None, map(shutil.which, _CHROMIUMS)), "")
CHROMIUM_OPTIONS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def pytest_report_header() -> str:
    """Show whether the source or the built wheel is tested."""
    return f"jmmc from {Path(jmmc.__file__).parent}"


expect.set_options(timeout=15_000)  # ms, for a busy machine

# The slowest files (and one folder) run first, so that no worker has one left at the end.
_SLOW = (
    "web/dashboard/test_pages.py",
    "stores/test_reports.py",
    "client/test_timing.py",
    "alerting/test_evaluator.py",
    "oracle",
    "client/test_behaviour.py",
    "stores/test_spool.py",
    "web/demo/test_demo.py",
    "stores/test_contract.py",
    "stores/mongo/test_hosted.py",
    "e2e/test_page_lifecycle.py",
    "faults/test_mongo.py",
    "client/test_readings.py",
    "faults/test_rounds.py",
    "cli/test_command.py",
    "server/test_slow_clients.py",
    "docs/test_site.py",
    "web/dashboard/test_markup.py",
    "client/test_events.py",
    "client/test_people.py",
    "bench/test_open_loop.py",
    "web/browser/test_endpoints.py",
    "client/test_kinds.py",
    "client/test_joins.py",
    "web/dashboard/test_notes_and_views.py",
    "web/test_root_path.py",
    "web/api/test_schema.py",
    "deploy/test_debian_package.py",
    "stores/mongo/test_store.py",
    "web/dashboard/test_crowd.py",
    "web/api/test_routes.py",
    "deploy/test_proxies.py",
    "cli/test_answers.py",
    "web/security/test_large_requests.py",
    "e2e/test_faults.py",
    "client/test_embedder.py",
    "alerting/test_services.py",
    "bench/test_bench.py",
    "simulation/test_scenario.py",
    "web/security/test_forgery.py",
    "cli/test_terminal.py",
    "client/test_streams.py",
    "stores/test_erasing.py",
    "e2e/test_forget.py",
    "simulation/test_demo.py",
    "server/test_readers.py",
    "e2e/test_wrong_clock.py",
    "deploy/test_dockerfile.py",
    "client/test_cost.py",
    "docs/test_examples.py",
    "bench/test_hostile.py",
    "web/dashboard/test_users.py",
    "web/browser/test_v1.py",
    "server/test_reload.py",
    "deploy/test_monitoring_files.py",
    "client/test_types.py",
    "web/dashboard/test_waiting.py",
    "alerting/test_destinations.py",
    "stores/sqlite/test_read_only.py",
    "e2e/test_two_collectors.py",
    "web/dashboard/test_lists.py",
    "web/dashboard/test_reliability.py",
    "cli/test_completion.py",
    "web/security/test_proxied.py",
    "monitoring/test_otlp.py",
    "docs/test_operator_pages.py",
    "e2e/test_lost_file.py",
    "server/test_hostile_input.py",
    "maintenance/test_call_time_metrics.py",
    "protocol/test_decoding.py",
    "reporting/test_report.py",
    "ingest/test_disk_guard.py",
    "ingest/test_geo.py",
    "docs/test_packaging.py",
    "support/test_watchdog.py",
    "ingest/test_writer.py",
)
_UNCLOSED = "unclosed (<socket|transport)"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort slow files first, and ignore the warnings of MongoDB's driver."""
    folder = Path(__file__).parent
    order = {folder / name: place for place, name in enumerate(_SLOW)}
    last = len(order)
    items.sort(key=lambda item: order.get(item.path, order.get(item.path.parent, last)))
    unclosed = pytest.mark.filterwarnings(f"ignore:{_UNCLOSED}:ResourceWarning")
    for item in items:
        if _uses_mongodb(item.path):
            item.add_marker(unclosed)


def pytest_collection_finish() -> None:
    """Let garbage collection pass over the tests themselves, which took an eighth of all CPU."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


class OneWorkerPerFile(LoadFileScheduling):
    """As `--dist loadfile`, but all files of tests/oracle share one worker and its collectors."""

    def _split_scope(self, nodeid: str) -> str:
        file: str = super()._split_scope(nodeid)
        folder = file.rpartition("/")[0]
        return folder if folder.endswith("tests/oracle") else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadFileScheduling | None:
    """Distribute files to workers, and some folders as one."""
    return OneWorkerPerFile(config, log) if config.getoption("dist") == "loadfile" else None


def pytest_xdist_node_collection_finished(ids: list[str]) -> None:
    """Raise pytest.UsageError if two tests have the same name: pytest-xdist would skip one."""
    for name, times in Counter(ids).most_common(1):
        if times > 1:
            raise pytest.UsageError(f"{times} tests have the name {name}")


@cache
def _uses_mongodb(path: Path) -> bool:
    return bool({"stores", "faults", "oracle"} & {*path.parts}) or path.stem == "test_evaluator"


@pytest.fixture(autouse=True, scope="module")
def driver_garbage(request: pytest.FixtureRequest) -> Iterator[None]:
    """Collect the sockets that PyMongo (4.20) leaves open if it is closed while it connects.

    Otherwise the garbage collector would report them during a later test.
    """
    yield
    if _uses_mongodb(request.path):
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", _UNCLOSED, ResourceWarning)
            gc.collect()


@pytest.fixture(scope="session")
def chromium() -> Iterator[tuple[Browser, asyncio.AbstractEventLoop]]:
    """A Chromium for all tests of this process, and the event loop of the driver."""
    assert CHROMIUM, "install Debian's chromium-headless-shell, or call ./run test"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=CHROMIUM_OPTIONS, headless=True
        )
        loop = asyncio.get_running_loop()
        asyncio._set_running_loop(None)
        yield browser, loop
        asyncio._set_running_loop(loop)
        browser.close()


@pytest.fixture(scope="module")
def browser(chromium: tuple[Browser, asyncio.AbstractEventLoop]) -> Iterator[Browser]:
    """A Chromium; without one the test fails.

    The driver's loop looks as if it ran while these tests do. For the other files it must not:
    their tests run loops of their own.
    """
    browser, loop = chromium
    asyncio._set_running_loop(loop)
    yield browser
    for context in browser.contexts:
        context.close()  # Else its pages would work through all later tests, too.
    asyncio._set_running_loop(None)


@pytest.fixture(scope="session")
def mongod(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mongod]:
    """A MongoDB server for all tests; no test may stop it."""
    with started(tmp_path_factory.mktemp("mongod")) as mongod:
        yield mongod


@pytest.fixture(scope="module")
def replica_set(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReplicaSet]:
    """A replica set for the tests of a file; no test may stop it.

    Of one server: writes and sessions are those of a larger one, which takes four times the CPU.
    `faults` has the deaths and the elections of three.
    """
    replica_set = ReplicaSet(tmp_path_factory.mktemp("replica-set"), size=1)
    replica_set.start()
    yield replica_set
    replica_set.close()
