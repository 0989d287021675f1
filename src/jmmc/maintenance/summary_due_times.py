"""When the summary of a running session is due again.

The summary of a session that is remembered as summed up so far costs the same at any length: it is
due as soon as there are new samples, or, of very many sessions, after every second or third push,
or, of a session that sends far more than browsers do, after up to half a minute.
Any other summary is made of all samples of its session. It is
due when the session has grown by a twentieth, so that the cost of a long session does not grow with
the square of its length.
"""

import math
from collections.abc import Iterable
from heapq import heappop, heappush

PATIENCE = 90.0
"""Seconds after which it is due in any case: the live view is at most two minutes old then."""

_SUMMARIES_A_SECOND = 1700  # Of running sessions: three fifths of a core.
_SAMPLE_SECONDS = 2.5  # A sample, as in a session's budget: four times as many as usual.
_AHEAD = 10.0  # Seconds by which a session may be ahead: the events of a join come together.
_LONGEST_PAUSE = 30.0  # Seconds, for a session that goes on sending more.
_GROWTH = 20  # A session is due when it has grown by its length divided by this.


def pushes_of_summary(sessions: int, push_interval: float) -> int:
    """How many pushes of each running session one summary is made of, so that there is time."""
    return max(1, math.ceil(sessions / (push_interval * _SUMMARIES_A_SECOND)))


def pause_of_quick_session(samples: int, seconds: int) -> float:
    """Seconds until a session is due again that sent `samples` in `seconds`, since its beginning.

    0 unless it sent far more than browsers do.
    """
    return min(_LONGEST_PAUSE, max(0.0, samples * _SAMPLE_SECONDS - seconds - _AHEAD))


class DueTimes:
    """Knows when the summaries of running sessions are due. Times are Unix seconds."""

    def __init__(self) -> None:
        self._due: dict[str, float] = {}
        self._waiting: list[tuple[float, str]] = []  # A heap: sessions that are due later.

    def summarized(
        self, session: str, *, length: float, running: bool, now: float, earliest: float = 0.0
    ) -> None:
        """Note that a session was summarized at `now`.

        Its next summary is made of samples of `length` seconds, besides the new ones, and not
        before `earliest`.
        """
        if running:
            wait = max(length / _GROWTH, earliest - now)
            self._due[session] = due = now + min(PATIENCE, wait)
            if due > now:
                heappush(self._waiting, (due, session))
        else:
            self._due.pop(session, None)

    def become_due(self, now: float, most: int) -> list[str]:
        """At most `most` sessions that had to wait until now, each once."""
        sessions: list[str] = []
        while self._waiting and self._waiting[0][0] <= now and len(sessions) < most:
            due, session = heappop(self._waiting)
            if self._due.get(session) == due:
                sessions.append(session)
        return sessions

    def wait_no_more(self) -> None:
        """Forget which sessions have to wait: those that have changed are due by `due` alone."""
        self._waiting.clear()

    def due(self, sessions: Iterable[str], now: float) -> list[str]:
        """Return the sessions that are due, the longest overdue first."""
        # A due time further ahead than PATIENCE comes from a clock that was set back.
        due = [
            session for session in sessions if not 0 < self._due.get(session, 0.0) - now <= PATIENCE
        ]
        return sorted(due, key=lambda session: self._due.get(session, 0.0))
