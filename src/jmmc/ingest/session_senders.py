"""Who sent which session, and how many samples: by this, summaries are divided among senders."""

from collections import OrderedDict

from jmmc.core.recent_sessions import MOST_RECENT


class SessionSenders:
    """The sender of each session that sent most recently, and its number of samples."""

    def __init__(self) -> None:
        self._sessions: OrderedDict[str, tuple[int, int]] = OrderedDict()

    def count(self, session: str, sender: int, samples: int) -> None:
        """Count the samples of a push. `sender` is the key of its rate limit."""
        known = self._sessions.get(session)
        self._sessions[session] = (sender, samples + (0 if known is None else known[1]))
        self._sessions.move_to_end(session)
        if len(self._sessions) > MOST_RECENT:
            self._sessions.popitem(last=False)

    def of(self, session: str) -> tuple[int, int] | None:
        """The sender of a session and its number of samples; None when they are not known."""
        return self._sessions.get(session)
