"""Text for people: what others chose is made safe to print, and French has its spaces.

Browsers choose names, and terminals obey escapes.
"""

import json
import re

# What moves a cursor, ends a line elsewhere, reverses text or cannot be seen. Joiners stay: some
# scripts, and emoji, need them.
_CONTROLS = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f"
    "\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)


_FRENCH_SPACES = re.compile(r" (?=[:;?!%»])|(?<=«) |(?<=\d) (?=\d{3}\b)")


def with_french_spaces(text: str) -> str:
    """Replace the spaces of French typography that must not end a line by no-break spaces.

    They stand before `: ; ? ! % »`, after `«` and between thousands.
    """
    return _FRENCH_SPACES.sub("\u00a0", text)


def printable(text: str, *, keep: str = "\n") -> str:
    """Replace characters that are not printable by their codes, such as `\\x1b`, except `keep`.

    A no-break space, which is none to Python, becomes a space.
    """
    if text.isprintable():
        return text
    text = text.replace("\u00a0", " ")
    return "".join(
        char if char.isprintable() or char in keep else char.encode("unicode_escape").decode()
        for char in text
    )


def without_controls(text: str) -> str:
    """Replace control characters and invisible ones by their codes; keep tabs and line ends."""
    return _CONTROLS.sub(lambda match: match[0].encode("unicode_escape").decode(), text)


def printable_json(document: bytes) -> bytes:
    """The same JSON value, with what is not printable in it as JSON escapes (`\\u001b`).

    JSON encoders escape control characters below U+0020 only. Line feeds between values are kept.
    """
    if document.isascii() and b"\x7f" not in document:
        return document
    text = document.decode()
    return "".join(
        char if char.isprintable() or char == "\n" else json.dumps(char)[1:-1] for char in text
    ).encode()
