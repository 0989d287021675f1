"""Ends a test process whose fixtures hang, and shows where.

pytest-timeout and pytest's faulthandler bound a test, but both stop their clocks at its first
failure. A teardown that hangs after that would hang for ever; this clock is set for it alone.

The tests that a process left when it ended are not run by another one. So that nobody takes the run
for a whole one with a failure, it ends with a code of its own.
"""

import faulthandler
import os
from collections.abc import Generator
from typing import Any

import pytest

_STDERR = pytest.StashKey[int]()
_DIED = pytest.StashKey[bool]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addini("teardown_timeout", "seconds that the fixtures of a test have to end", default=60)


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_STDERR] = os.dup(2)  # Later it is captured.


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
