"""A run that hangs in a test or a fixture ends with an error and stack traces."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.paths import ROOT

_FIXTURE_HANGS_AFTER_A_FAILURE = """
import asyncio, pytest

@pytest.fixture
async def hangs():
    yield
    await asyncio.Event().wait()

async def test_that_fails(hangs):
    raise AssertionError

def test_after():
    pass
"""
# It mostly sleeps: the stack of a thread that goes on meanwhile may be printed in part.
_TASK_SWALLOWS_EVERY_EXCEPTION = """
import asyncio, time
async def test_that_never_ends():
    while True:
        try:
            await forever()
        except BaseException:  # Of the lines around the inner one.
            pass

async def forever():
    while True:
        try:
            time.sleep(0.2)
            await asyncio.sleep(0)
        except BaseException:
            pass

def test_after():
    pass
"""


@pytest.mark.parametrize(
    "code",
    [_FIXTURE_HANGS_AFTER_A_FAILURE, _TASK_SWALLOWS_EVERY_EXCEPTION],
    ids=["a fixture", "a task"],
)
def test_a_hanging_run_ends_with_stack_traces_and_an_exit_code_of_its_own(
    tmp_path: Path, code: str
) -> None:
    (tmp_path / "test_it.py").write_text(code)
    plugins = ("xdist.plugin", "pytest_timeout", "pytest_asyncio.plugin", "tests.support.watchdog")
    options = [item for plugin in plugins for item in ("-p", plugin)]
    options += ["-n", "1", "--dist", "loadfile", "--max-worker-restart", "0"]
    options += ["-c", str(ROOT / "pyproject.toml"), "--rootdir", str(tmp_path)]
    options += ["-p", "no:cacheprovider", "-o", "addopts="]  # The other plugins load for seconds.
    options += ["-o", "timeout=1", "-o", "faulthandler_timeout=2", "-o", "teardown_timeout=2"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, str(tmp_path)],
        cwd=ROOT,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},  # Quicker
        capture_output=True,
        text=True,
        timeout=60,
    )
    output = done.stdout + done.stderr
    assert done.returncode == pytest.ExitCode.INTERNAL_ERROR, output
    assert "Timeout (0:00:02)!" in output
    assert "run_forever" in output
    assert "crashed while running 'test_it.py::test_that_" in output
