"""SIGHUP of `jmmc serve`, from the first moment of the process to its last.

By default SIGHUP ends a process, and an event loop sets that default again when it is closed.
Imports nothing that is slow, so it can be the first import of a process.
"""

import signal
from collections.abc import Callable
from types import FrameType


class ReloadSignal:
    """Receives SIGHUP: remembers it while the server starts, ignores it while the server ends."""

    def __init__(self) -> None:
        self._reload: Callable[[], object] | None = None
        self._pending = False

    def hold(self) -> None:
        """Remember SIGHUP from now on, until `deliver_to`."""
        signal.signal(signal.SIGHUP, self._receive)

    def deliver_to(self, reload: Callable[[], object]) -> None:
        """Call `reload` at each SIGHUP from now on, and now if one came before.

        `reload` runs between any two steps of the main thread, so it should only schedule work.
        """
        self._reload = reload
        if self._pending:
            self._pending = False
            reload()

    def ignore(self) -> None:
        """Ignore SIGHUP until the process ends, also while the interpreter ends."""
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        self._reload = None

    def _receive(self, _number: int, _frame: FrameType | None) -> None:
        if self._reload is None:
            self._pending = True
        else:
            self._reload()


RELOAD_SIGNAL = ReloadSignal()
"""The one of this process."""
