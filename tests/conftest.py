"""Props that several kinds of tests share."""

import gc
import shutil
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import Phase, settings
from playwright.sync_api import Browser, expect, sync_playwright

import jmmc
from tests.support.mongod import Mongod, ReplicaSet, started

pytest_plugins = ["tests.support.watchdog", "tests.support.collectors"]
pytest.register_assert_rewrite("tests.e2e.truth", "tests.support.oracle")

# For `./run mutants`: the first example that fails is enough, nobody reads the smallest.
settings.register_profile(
    "mutants",
    phases=[Phase.explicit, Phase.generate],
    derandomize=True,
    deadline=None,
    database=None,
)

# The shell is Chromium without a window around its pages: each page costs a third. It is what
# Playwright itself takes.
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
    """Whether the source or the built wheel is tested."""
    return f"jmmc from {Path(jmmc.__file__).parent}"


expect.set_options(timeout=15_000)  # ms, for a machine that is busy with other tests

# Those that take longest come first, so that no worker is left alone with one.
_LONG = (
    "web/dashboard/test_pages.py",
    "faults/test_mongo.py",
    "e2e/test_page_lifecycle.py",
    "stores/test_reports.py",
    "faults/test_rounds.py",
    "web/demo/test_demo.py",
    "client/test_behaviour.py",
    "alerting/test_evaluator.py",
    "stores/test_spool.py",
    "bench/test_open_loop.py",
    "web/dashboard/test_markup.py",
    "stores/mongo/test_store.py",
    "web/dashboard/test_crowd.py",
    "e2e/test_faults.py",
    "faults/test_kill.py",
    "server/test_slow_clients.py",
    "stores/test_contract.py",
    "web/api/test_schema.py",
    "stores/test_copy.py",
    "bench/test_bench.py",
    "e2e/test_forget.py",
    "stores/test_erasing.py",
    "docs/test_site.py",
    "cli/test_answers.py",
    "cli/test_command.py",
    "client/test_readings.py",
    "e2e/test_two_collectors.py",
)
_UNCLOSED = "unclosed (<socket|transport)"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put long files first, and let the driver of MongoDB leave what it leaves."""
    here = Path(__file__).parent
    order = {here / name: place for place, name in enumerate(_LONG)}
    items.sort(key=lambda item: order.get(item.path, len(order)))
    for item in items:
        if _speaks_to_mongodb(item.path):
            item.add_marker(pytest.mark.filterwarnings(f"ignore:{_UNCLOSED}:ResourceWarning"))


def pytest_xdist_node_collection_finished(ids: list[str]) -> None:
    """Raise pytest.UsageError if two tests have one name: pytest-xdist would run one of them."""
    for name, times in Counter(ids).most_common(1):
        if times > 1:
            raise pytest.UsageError(f"{times} tests have the name {name}")


def _speaks_to_mongodb(path: Path) -> bool:
    return "stores" in path.parts or "faults" in path.parts or path.stem == "test_evaluator"


@pytest.fixture(autouse=True, scope="module")
def driver_garbage(request: pytest.FixtureRequest) -> Iterator[None]:
    """PyMongo (4.20) does not close a connection when it is told to stop while it connects.

    The garbage collector would find its socket, or its transport, in the middle of any later test.
    """
    yield
    if _speaks_to_mongodb(request.path):
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", _UNCLOSED, ResourceWarning)
            gc.collect()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A real Chromium; a test that has none fails."""
    assert CHROMIUM, "install Debian's chromium-headless-shell, or call ./run test"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=CHROMIUM_OPTIONS, headless=True
        )
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def mongod(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mongod]:
    """One real MongoDB server, that no test stops."""
    with started(tmp_path_factory.mktemp("mongod")) as mongod:
        yield mongod


@pytest.fixture(scope="session")
def replica_set(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReplicaSet]:
    """Three real MongoDB servers, that no test stops."""
    replica_set = ReplicaSet(tmp_path_factory.mktemp("replica-set"))
    yield replica_set
    replica_set.close()
