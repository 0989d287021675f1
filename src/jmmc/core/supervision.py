"""Background tasks that are restarted when they fail, and whose state can be asked for."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from jmmc.core.logging import logger
from jmmc.core.tasks import raise_if_cancelled, stop

_log = logger(__name__)

_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0  # Seconds until a failed task is started again.
_RECOVERED = 300.0  # Seconds without a failure after which the pause is the first one again.


@dataclass
class TaskState:
    """How a background task is doing.

    `failures` counts its failures since the start. `error` is the type of the last one, and None
    while the task runs well: from its restart on, once it has run for as long as it paused.
    """

    name: str
    failures: int = 0
    error: str | None = None


class Supervisor:
    """Runs background tasks of one event loop until `close`.

    A task that raises is logged with its stack and started again after a pause, which doubles up
    to a minute while it keeps failing.
    """

    def __init__(self) -> None:
        self._states: dict[str, TaskState] = {}
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def states(self) -> tuple[TaskState, ...]:
        """The state of each task, in the order in which they were started."""
        return tuple(self._states.values())

    def start(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        """Run `work`, which is meant to run for ever, in a task of this name."""
        state = self._states.setdefault(name, TaskState(name))
        self._tasks.append(asyncio.create_task(_keep_running(state, work), name=f"jmmc-{name}"))

    async def close(self) -> None:
        """Cancel all tasks and wait until they have ended."""
        tasks, self._tasks = self._tasks, []
        await stop(*tasks)


async def _keep_running(state: TaskState, work: Callable[[], Awaitable[None]]) -> None:
    clock = asyncio.get_running_loop().time
    pause = _FIRST_PAUSE
    while True:
        began = clock()
        recovery = asyncio.get_running_loop().call_later(pause, _clear, state)
        try:
            await work()
            return
        except Exception as error:
            raise_if_cancelled()
            state.failures += 1
            state.error = type(error).__name__
            _log.exception("background_task_failed", task=state.name, restart_seconds=pause)
        finally:
            recovery.cancel()
        await asyncio.sleep(pause)
        again = clock() - began < _RECOVERED
        pause = min(2 * pause, _LONGEST_PAUSE) if again else _FIRST_PAUSE


def _clear(state: TaskState) -> None:
    state.error = None
