"""A background task that fails is logged with its stack, restarted, and shows its state."""

import asyncio
import logging
import subprocess
import sys
from collections.abc import Callable

import pytest

from jmmc.core import supervision
from jmmc.core.supervision import Supervisor


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervision, "_FIRST_PAUSE", 0.01)
    monkeypatch.setattr(supervision, "_LONGEST_PAUSE", 0.02)


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - a state that nobody announces
            await asyncio.sleep(0.005)


async def test_a_task_that_raises_is_restarted_and_its_stack_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    runs = 0
    third_run = asyncio.Event()

    async def fails_twice() -> None:
        nonlocal runs
        runs += 1
        if runs < 3:
            raise KeyError("missing")
        third_run.set()
        await asyncio.Event().wait()

    supervisor = Supervisor()
    with caplog.at_level(logging.ERROR):
        supervisor.start("summaries", fails_twice)
        await asyncio.wait_for(third_run.wait(), 10)
    (state,) = supervisor.states
    assert (state.name, state.failures) == ("summaries", 2)
    assert caplog.text.count("background_task_failed") == 2
    assert "fails_twice" in caplog.text
    await supervisor.close()


async def test_a_failing_task_shows_its_error_until_it_runs_well_again() -> None:
    broken = True

    async def work() -> None:
        if broken:
            raise ZeroDivisionError
        await asyncio.Event().wait()

    supervisor = Supervisor()
    supervisor.start("retention", work)
    (state,) = supervisor.states
    await _until(lambda: state.failures >= 2)
    assert state.error == "ZeroDivisionError"
    broken = False
    await _until(lambda: state.error is None)
    assert state.failures >= 2
    await supervisor.close()


async def test_closing_ends_tasks_also_while_they_wait_for_their_restart() -> None:
    async def fails() -> None:
        raise RuntimeError

    supervisor = Supervisor()
    supervisor.start("alerts", fails)
    await asyncio.sleep(0.02)
    await asyncio.wait_for(supervisor.close(), 5)
    assert not [task for task in asyncio.all_tasks() if task.get_name() == "jmmc-alerts"]


_HOST = """
import asyncio, threading, time
from jmmc.core.supervision import Supervisor

async def work():
    while True:
        try:
            await asyncio.to_thread(time.sleep, 0.001)
        except RuntimeError as error:
            print(error)
            raise
        began.set()

async def main():
    Supervisor().start("summaries", work)

began = threading.Event()
loop = asyncio.new_event_loop()
threading.Thread(target=loop.run_forever, daemon=True).start()
asyncio.run_coroutine_threadsafe(main(), loop).result()
began.wait(10)
threading.Thread(target=time.sleep, args=(0.5,)).start()  # The interpreter waits for it.
"""


def test_a_task_of_a_host_that_ends_without_closing_the_collector_ends_silently() -> None:
    """As under WSGI servers, where the event loop is a thread that nobody stops."""
    done = subprocess.run([sys.executable, "-c", _HOST], capture_output=True, text=True, timeout=60)
    assert "cannot schedule new futures" in done.stdout
    assert (done.returncode, done.stderr) == (0, "")


async def test_a_runtime_error_of_a_running_host_is_a_failure() -> None:
    async def work() -> None:
        raise RuntimeError("a bug")

    supervisor = Supervisor()
    supervisor.start("summaries", work)
    (state,) = supervisor.states
    await _until(lambda: state.failures > 1)
    await supervisor.close()
