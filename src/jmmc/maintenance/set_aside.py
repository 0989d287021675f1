"""What could not be stored or computed: left out for a while, so that the rest goes on."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from jmmc.core.tasks import raise_if_cancelled

_K = TypeVar("_K")
_T = TypeVar("_T")

_FIRST_PAUSE, _LONGEST_PAUSE = 300.0, 86_400.0  # Seconds until the next attempt.
_LONGEST_REASON = 300  # Characters: a driver may quote the whole document.
_MOST = 10_000  # Beyond it the oldest is forgotten, and tried again.


class SetAside(Generic[_K]):
    """Keys of sessions or hours that failed, each until its next attempt (Unix seconds)."""

    def __init__(self) -> None:
        self._pauses: dict[_K, tuple[float, float]] = {}  # When the next attempt is, and its pause.

    def add(self, key: _K, now: float) -> float:
        """Leave out `key` from now on; return for how many seconds. Twice as long each time."""
        _, before = self._pauses.pop(key, (0.0, _FIRST_PAUSE / 2))
        pause = min(2 * before, _LONGEST_PAUSE)
        self._pauses[key] = (now + pause, pause)
        if len(self._pauses) > _MOST:
            del self._pauses[next(iter(self._pauses))]
        return pause

    def remove(self, key: _K) -> None:
        """Note that `key` succeeded."""
        self._pauses.pop(key, None)

    def is_due(self, key: _K, now: float) -> bool:
        """Whether `key` may be tried: it never failed, or its pause is over."""
        until, pause = self._pauses.get(key, (now, 0.0))
        return not now < until <= now + pause  # The clock may have been set back.


def reason_of(error: Exception) -> str:
    """The type and the text of an error, for the log."""
    return f"{type(error).__name__}: {error}"[:_LONGEST_REASON]


async def isolate(
    items: Sequence[_T],
    work: Callable[[Sequence[_T]], Awaitable[None]],
    *,
    works: Callable[[], Awaitable[bool]],
    failed: Callable[[_T, Exception], None],
    succeeded: Callable[[_T], None],
) -> None:
    """Do `work` on all items together, or where that fails on each half, down to each item.

    Says of each item whether it `failed` or `succeeded`. Raises the error when the store does not
    work at all (`works`).
    """
    try:
        await work(items)
    except Exception as error:
        raise_if_cancelled()
        if not await works():
            raise
        if len(items) == 1:
            failed(items[0], error)
            return
        middle = len(items) // 2
        for half in (items[:middle], items[middle:]):
            if half:
                await isolate(half, work, works=works, failed=failed, succeeded=succeeded)
        return
    for item in items:
        succeeded(item)
