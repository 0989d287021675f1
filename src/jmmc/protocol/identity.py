"""Ids of sessions, and the cookie of dialect v1.

A v2 browser proves that it owns a session by knowing `sid`. Only a digest of it is stored and
shown, so access to the store does not allow writing to the session.
"""

import hashlib
import re
from functools import lru_cache

from itsdangerous import BadSignature, Signer

COOKIE = "jmmc_objectId"

_LONGEST = 100
_SESSION_ID = re.compile(r"[0-9a-f]{24}")


def session_of(sid: str) -> str:
    """The session's id: 24 hex digits, so that it reads like a MongoDB ObjectId."""
    return hashlib.sha256(b"jmmc session " + sid.encode()).hexdigest()[:24]


def is_session_id(text: str) -> bool:
    """Whether `text` has the form of a session's id, in lower or upper case."""
    return _SESSION_ID.fullmatch(text.lower()) is not None


class CookieSigner:
    """Signs the session id that a v1 browser carries, and reads it back."""

    def __init__(self, secret: str) -> None:
        self._signer = Signer(secret, salt=COOKIE, digest_method=hashlib.sha256)
        # A v1 browser sends the same cookie every 30 s; a signature takes 10 µs, a hit 0.1 µs.
        self._unsigned = lru_cache(maxsize=65_536)(self._unsign)

    def sign(self, session: str) -> str:
        """The cookie's value for a session id."""
        return self._signer.sign(session).decode()

    def read(self, header: str) -> str | None:
        """The session id in a Cookie header, None without a cookie that this server signed."""
        for part in header.split(";"):
            name, _, value = part.strip().partition("=")
            # Ours has 68 characters; the limit bounds the memory of the cache.
            if name == COOKIE and len(value) <= _LONGEST and (found := self._unsigned(value)):
                return found
        return None

    def _unsign(self, value: str) -> str | None:
        try:
            session = self._signer.unsign(value).decode()
        except (BadSignature, UnicodeError):
            return None
        return session if is_session_id(session) else None
