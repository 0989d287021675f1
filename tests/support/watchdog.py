"""A pytest plugin that ends a test process whose fixtures hang, and prints where.

pytest-timeout and pytest's faulthandler limit the time of a test, but both stop at its first
failure. A teardown that hangs after that would never end: this plugin limits its time.

The remaining tests of a process that was ended are not run. The run then ends with an exit code of
its own, so that it is not taken for a complete run with one failure.
"""

import faulthandler
import os
from collections.abc import Generator
from typing import Any

import pytest

_STDERR = pytest.StashKey[int]()
_DIED = pytest.StashKey[bool]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addini(
        "teardown_timeout", "seconds in which the fixtures of a test must end", default=60
    )


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_STDERR] = os.dup(2)  # Before pytest captures it.


def pytest_unconfigure(config: pytest.Config) -> None:
    os.close(config.stash[_STDERR])


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    if error:
        node.config.stash[_DIED] = True


def pytest_sessionfinish(session: pytest.Session) -> None:
    if session.config.stash.get(_DIED, False):
        session.exitstatus = pytest.ExitCode.INTERNAL_ERROR


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, None, None]:
    seconds = float(item.config.getini("teardown_timeout"))
    faulthandler.dump_traceback_later(seconds, exit=True, file=item.config.stash[_STDERR])
    try:
        return (yield)
    finally:
        faulthandler.cancel_dump_traceback_later()
