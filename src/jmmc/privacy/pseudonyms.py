"""Pseudonyms: keyed digests in place of browser ids and room names.

The same person keeps the same pseudonym. Pseudonyms differ from real names by their form, so that
a query may give either.
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
from jmmc.quality.filters import SummaryFilter

PseudonymizedFields = Literal["none", "uid", "conf", "both"]
_Filter = TypeVar("_Filter", SummaryFilter, SessionFilter)

_ROOM_PSEUDONYM = re.compile(r"p-[a-z2-7]{16}")
_BROWSER_PSEUDONYM = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}")

_UNRESERVED = "~()*!.'-_/"  # What Jitsi does not encode, and the slash after a tenant.
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Pseudonyms:
    """Makes what is stored in place of a browser id and a room: digests by HMAC-SHA-256.

    `which` says what gets a pseudonym, in the words of the setting. The methods `browser_id` and
    `room` return a stored form; what needs none comes back as it is.
    """

    def __init__(self, which: PseudonymizedFields = "none", key: str = "") -> None:
        self._key = key.encode()
        self._browser_ids = which in ("uid", "both")
        self._rooms = which in ("conf", "both")
        self.browser_id = lru_cache(maxsize=65_536)(self._browser_id)
        self.room = lru_cache(maxsize=65_536)(self._room)

    def _browser_id(self, browser_id: str) -> str:
        """The stored form of a browser id: a UUID of version 8 (RFC 9562, vendor-specific)."""
        if not self._browser_ids:
            return browser_id
        digits = self._digest("uid", browser_id).hex()[:32]
        return str(UUID(f"{digits[:12]}8{digits[13:16]}8{digits[17:]}"))

    def _room(self, room: str) -> str:
        """The stored form of a room's name, of 80 bits."""
        if not self._rooms:
            return room
        token = base64.b32encode(self._digest("conf", room)[:10]).decode()
        return f"p-{token.lower()}"

    def stored_browser_id(self, browser_id: str) -> str:
        """The stored form of a browser id that a query gives: a real id, or a pseudonym."""
        browser_id = browser_id.lower()
        return (
            browser_id if _BROWSER_PSEUDONYM.fullmatch(browser_id) else self.browser_id(browser_id)
        )

    def stored_room(self, room: str) -> str:
        """The stored form of a room that a query gives: a real name, or a pseudonym."""
        return room if _ROOM_PSEUDONYM.fullmatch(room) else self.room(room)

    def as_stored(self, selection: _Filter) -> _Filter:
        """The same filter, with its browser id and room in their stored form."""
        return replace(
            selection,
            browser_id=None
            if selection.browser_id is None
            else self.stored_browser_id(selection.browser_id),
            room=None if selection.room is None else self.stored_room(selection.room),
        )

    def search_texts(self, text: str) -> list[str]:
        """What to search for when a reader types `text`: the text itself, and its pseudonyms."""
        text = text.strip()
        found = [text]
        if text and self._rooms:
            found.append(self.stored_room(jitsi_room_name(text)))
        if self._browser_ids and _UUID.fullmatch(text.lower()):
            found.append(self.stored_browser_id(text))
        return list(dict.fromkeys(found))

    def _digest(self, kind: str, name: str) -> bytes:
        return hmac.digest(self._key, f"{kind} {name}".encode(), "sha256")


def jitsi_room_name(name: str) -> str:
    """A room's name, as people type it, in Jitsi's form: lower case and percent-encoded.

    That of a tenant has its name and a slash before it.
    """
    encoded = quote(name.strip().lower(), safe=_UNRESERVED + "%")
    return re.sub("%[0-9A-F]{2}", lambda escape: escape[0].lower(), encoded)


def stored_room_name(name: str) -> str:
    """A room's name in the form in which browsers send it; one that is in that form stays."""
    return name if quote(name, safe=_UNRESERVED + "%") == name else jitsi_room_name(name)
