"""Props that several kinds of tests share."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

import jmmc
from tests.mongod import Mongod, ReplicaSet

pytest_plugins = ["tests.watchdog"]
pytest.register_assert_rewrite("tests.e2e.truth", "tests.oracle")

CHROMIUM = "/usr/bin/chromium"
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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files come first, so that no worker is left alone with one: they are in folders."""
    items.sort(key=lambda it: it.path.parent == Path(__file__).parent)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A real Chromium; a test that has none fails."""
    assert Path(CHROMIUM).exists(), "install Debian's chromium, or call ./run test"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=CHROMIUM_OPTIONS, headless=True
        )
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def mongod(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mongod]:
    """One real MongoDB server, that no test stops."""
    mongod = Mongod(tmp_path_factory.mktemp("mongod"))
    mongod.start()
    yield mongod
    mongod.stop()


@pytest.fixture(scope="session")
def replica_set(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReplicaSet]:
    """Three real MongoDB servers, that no test stops."""
    replica_set = ReplicaSet(tmp_path_factory.mktemp("replica-set"))
    yield replica_set
    replica_set.close()
