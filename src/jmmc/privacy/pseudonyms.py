"""Names that stand for others: the same person stays the same person, and nobody reads who it is.

Pseudonyms can be told from names by their form, so that what is asked for may be either.
"""

import base64
import hmac
import re
from functools import lru_cache
from typing import Literal, TypeVar
from urllib.parse import quote
from uuid import UUID

from msgspec.structs import replace

from jmmc.core.model import SessionFilter
from jmmc.quality.summary import SummaryFilter

Which = Literal["none", "uid", "conf", "both"]
_Asked = TypeVar("_Asked", SummaryFilter, SessionFilter)

_CONF = re.compile(r"p-[a-z2-7]{16}")
_UID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}")

_ANY_UID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Pseudonyms:
    """What is stored in place of a `browser_id` and a `room`: keyed digests (HMAC-SHA-256)."""

    def __init__(self, which: Which = "none", key: str = "") -> None:
        self._key = key.encode()
        self._browser_ids = which in ("uid", "both")
        self._rooms = which in ("conf", "both")
        self.browser_id = lru_cache(maxsize=65_536)(self._browser_id)
        self.room = lru_cache(maxsize=65_536)(self._room)

    def _browser_id(self, browser_id: str) -> str:
        """The stored form of a browser's id: a UUID of version 8, "for experiments"."""
        if not self._browser_ids:
            return browser_id
        digits = self._digest("uid", browser_id).hex()[:32]
        return str(UUID(f"{digits[:12]}8{digits[13:16]}8{digits[17:]}"))

    def _room(self, room: str) -> str:
        """The stored form of a conference's name, of 80 bits."""
        if not self._rooms:
            return room
        token = base64.b32encode(self._digest("conf", room)[:10]).decode()
        return f"p-{token.lower()}"

    def stored_browser_id(self, browser_id: str) -> str:
        """The stored form of what somebody asks for: a real id, or a stored one."""
        browser_id = browser_id.lower()
        return browser_id if _UID.fullmatch(browser_id) else self.browser_id(browser_id)

    def stored_room(self, room: str) -> str:
        """The stored form of what somebody asks for: a real name, or a stored one."""
        return room if _CONF.fullmatch(room) else self.room(room)

    def as_stored(self, asked: _Asked) -> _Asked:
        """A filter, with its uid and conf as they are stored."""
        return replace(
            asked,
            browser_id=None
            if asked.browser_id is None
            else self.stored_browser_id(asked.browser_id),
            room=None if asked.room is None else self.stored_room(asked.room),
        )

    def texts(self, text: str) -> list[str]:
        """What to search for when somebody types `text`: itself, and what stands for it."""
        text = text.strip()
        found = [text]
        if text and self._rooms:
            found.append(self.stored_room(as_jitsi_has_it(text)))
        if self._browser_ids and _ANY_UID.fullmatch(text.lower()):
            found.append(self.stored_browser_id(text))
        return list(dict.fromkeys(found))

    def _digest(self, kind: str, name: str) -> bytes:
        return hmac.digest(self._key, f"{kind} {name}".encode(), "sha256")


def as_jitsi_has_it(name: str) -> str:
    """A conference's name as people type it, in lower case and percent-encoded."""
    encoded = quote(name.strip().lower(), safe="~()*!.'-_%")
    return re.sub("%[0-9A-F]{2}", lambda value: value[0].lower(), encoded)
