"""When the summary of a running session is due again.

The summary of a session that is remembered as summed up so far costs the same at any length: it is
due as soon as there are new samples. Any other summary is made of all samples of its session. It is
due when the session has grown by a twentieth, so that the cost of a long session does not grow with
the square of its length.
"""

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence

PATIENCE = 90.0
"""Seconds after which it is due in any case: the live view is at most two minutes old then."""

_SESSION_WORK = 20  # The work for a session without its samples, in samples.
_GROWTH = 20  # A session is due when it has grown by its length divided by this.


class DueTimes:
    """Knows when the summaries of running sessions are due. Times are Unix seconds."""

    def __init__(self) -> None:
        self._due: dict[str, float] = {}

    def summarized(self, session: str, *, length: float, running: bool, now: float) -> None:
        """Note that a session was summarized at `now`.

        Its next summary is made of samples of `length` seconds, besides the new ones.
        """
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


def in_fair_order(
    sessions: Sequence[str], sender_of: Callable[[str], tuple[Hashable, int] | None]
) -> list[str]:
    """Order sessions so that every sender gets the same share of the work (fair queueing).

    `sender_of` gives the sender of a session and its number of samples. A session comes after
    those that finish earlier: after all work for its sender, itself included, at an equal rate for
    all senders. A session of which nothing is known is short, and a sender of its own. Sessions of
    one sender keep their order.
    """
    work: Counter[Hashable] = Counter()
    finished: dict[str, int] = {}
    for session in sessions:
        known = sender_of(session)
        if known is None:
            finished[session] = _SESSION_WORK
        else:
            sender, samples = known
            work[sender] += _SESSION_WORK + samples
            finished[session] = work[sender]
    return sorted(sessions, key=finished.__getitem__)
