"""How soon the summary of a session that goes on is made anew: its figures change with its length.

A summary is made of all samples. So it is due when the session has grown by a twentieth: then a
long session costs little more than a short one, and all of them together not the square.
"""

from collections.abc import Iterable

PATIENCE = 90.0
"""Seconds after which it is due in any case: with the push, the live view is two minutes old."""

_GROWTH = 20


class Freshness:
    """When the summaries of the sessions that run are due; times are Unix seconds."""

    def __init__(self) -> None:
        self._due: dict[str, float] = {}

    def made(self, session: str, *, length: float, running: bool, now: float) -> None:
        """A summary has been made, of a session that is `length` seconds long by now."""
        if running:
            self._due[session] = now + min(PATIENCE, length / _GROWTH)
        else:
            self._due.pop(session, None)

    def due(self, sessions: Iterable[str], now: float) -> list[str]:
        """Those of the sessions that are due, the one first that waits for longest."""
        # A clock that was set back makes nobody wait for it.
        waiting = (
            session for session in sessions if not 0 < self._due.get(session, 0.0) - now <= PATIENCE
        )
        return sorted(waiting, key=lambda value: self._due.get(value, 0.0))
