"""When the summary of a running session is due again.

A summary is made of all samples of its session. It is due when the session has grown by a
twentieth, so that the cost of a long session does not grow with the square of its length.
"""

from collections.abc import Iterable

PATIENCE = 90.0
"""Seconds after which it is due in any case: the live view is at most two minutes old then."""

_GROWTH = 20  # A session is due when it has grown by its length divided by this.


class DueTimes:
    """Knows when the summaries of running sessions are due. Times are Unix seconds."""

    def __init__(self) -> None:
        self._due: dict[str, float] = {}

    def summarized(self, session: str, *, length: float, running: bool, now: float) -> None:
        """Note that a session of `length` seconds was summarized at `now`."""
        if running:
            self._due[session] = now + min(PATIENCE, length / _GROWTH)
        else:
            self._due.pop(session, None)

    def due(self, sessions: Iterable[str], now: float) -> list[str]:
        """Return the sessions that are due, the longest overdue first."""
        # A due time further ahead than PATIENCE comes from a clock that was set back.
        due = [
            session for session in sessions if not 0 < self._due.get(session, 0.0) - now <= PATIENCE
        ]
        return sorted(due, key=lambda session: self._due.get(session, 0.0))
