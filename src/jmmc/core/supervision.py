"""Background tasks that are restarted when they fail, and whose state can be asked for."""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
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

    def fail(self, error: BaseException) -> None:
        """Count a failure."""
        self.failures += 1
        self.error = type(error).__name__


class Supervisor:
    """Runs background tasks of one event loop until `close`.

    A task that raises is logged with its stack and started again after a pause, which doubles up
    to a minute while it keeps failing.
    """

    def __init__(self) -> None:
        self._states: dict[str, TaskState] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def states(self) -> tuple[TaskState, ...]:
        """The state of each task, in the order in which they were started."""
        return tuple(self._states.values())

    @property
    def alive(self) -> bool:
        """Whether tasks were started in the event loop of the caller, and are not closed."""
        return bool(self._tasks) and self._loop is asyncio.get_running_loop()

    def start(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        """Run `work`, which is meant to run for ever, in a task of this name."""
        state = self._states.setdefault(name, TaskState(name))
        self._loop = asyncio.get_running_loop()
        self._tasks.append(asyncio.create_task(keep_running(state, work), name=f"jmmc-{name}"))

    def watch(self, name: str, task: "asyncio.Task[None]") -> None:
        """Log and show a failure of a task that is started and ended elsewhere.

        Its state is there from its first failure on. It runs well again when a task of this name
        that is watched next has run for a second.
        """

        def note(ended: "asyncio.Task[None]") -> None:
            error = None if ended.cancelled() else ended.exception()
            if error is not None:
                self._states.setdefault(name, TaskState(name)).fail(error)
                _log.error("background_task_failed", task=name, exc_info=error)

        def clear() -> None:
            if name in self._states and not task.done():
                _clear(self._states[name])

        task.add_done_callback(note)
        asyncio.get_running_loop().call_later(_FIRST_PAUSE, clear)

    async def close(self) -> None:
        """Cancel all tasks and wait until they have ended."""
        tasks, self._tasks = self._tasks, []
        await stop(*tasks)


async def keep_running(state: TaskState, work: Callable[[], Awaitable[None]]) -> None:
    """Do `work`, again after a pause whenever it raises, until it returns; note it in `state`.

    A host that runs the loop in a thread may end without a `close`: then work ends, too, with the
    first thread that it asks for.
    """
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
            if isinstance(error, RuntimeError) and _interpreter_is_ending():
                return
            state.fail(error)
            _log.exception("background_task_failed", task=state.name, restart_seconds=pause)
        finally:
            recovery.cancel()
        await asyncio.sleep(pause)
        again = clock() - began < _RECOVERED
        pause = min(2 * pause, _LONGEST_PAUSE) if again else _FIRST_PAUSE


def _clear(state: TaskState) -> None:
    state.error = None


def _interpreter_is_ending() -> bool:
    """Whether Python has ended the threads of all executors, the first step of its own end."""
    try:
        with ThreadPoolExecutor(1) as executor:
            executor.submit(int)
    except RuntimeError:
        return True
    return False
