"""Short ids: the beginning of an id stands for the one id that begins so."""

import re
from collections.abc import Sequence

from jmmc.answers.details import NotFoundError
from jmmc.core.errors import JmmcError
from jmmc.quality.summary import Summary
from jmmc.stores import Reports

SHORTEST = 4
"""Minimum length of a short id in characters."""

_CANDIDATES = 20  # Ids that an ambiguous one lists at most.
_SESSION = re.compile("[0-9a-f]{24}")
_BROWSER = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class AmbiguousId(JmmcError):
    """Several ids begin like a short one; `candidates` are some of them."""

    def __init__(self, text: str, candidates: Sequence[str]) -> None:
        super().__init__(f"{text!r} is the beginning of several ids; give more of it")
        self.candidates = candidates


class AmbiguousSession(AmbiguousId):
    """Several sessions have an id that begins so; `sessions` are the summaries of some."""

    def __init__(self, text: str, sessions: Sequence[Summary]) -> None:
        super().__init__(text, [summary.session for summary in sessions])
        self.sessions = sessions


async def whole_session_id(reports: Reports, text: str) -> str:
    """The id of the session whose id is or begins with `text`.

    Raises `NotFoundError` and `AmbiguousSession`.
    """
    text = text.strip().lower()
    if _SESSION.fullmatch(text):
        return text
    if not re.fullmatch(f"[0-9a-f]{{{SHORTEST},23}}", text):
        raise NotFoundError(
            "session {id}: not known; an id has 24 hex digits, its first {shortest} or more are"
            " enough",
            id=text,
            shortest=SHORTEST,
        )
    found = await reports.sessions_beginning(text, _CANDIDATES)
    if not found:
        raise NotFoundError("session {id}: not known", id=text)
    if len(found) > 1:
        raise AmbiguousSession(text, await reports.get_summaries(found))
    return found[0]


async def whole_browser_id(reports: Reports, text: str) -> str:
    """The participant id, as stored, that is or begins with `text`.

    A whole id comes back as it is. Raises `NotFoundError` and `AmbiguousId`.
    """
    text = text.strip().lower()
    if _BROWSER.fullmatch(text):
        return text
    if len(text) < SHORTEST:
        raise NotFoundError(
            "participant {id}: {shortest} characters or more are needed", id=text, shortest=SHORTEST
        )
    hits = await reports.search(text, 10 * _CANDIDATES)
    found = [hit.name for hit in hits if hit.kind == "participant" and hit.name.startswith(text)]
    if not found:
        raise NotFoundError("participant {id}: not known", id=text)
    if len(found) > 1:
        raise AmbiguousId(text, found[:_CANDIDATES])
    return found[0]
