"""Text for people: what others chose is made safe to print, and French has its spaces.

Browsers choose names, and terminals obey escapes.
"""

import json
import re

from jmmc.core.invisible import UNSEEN, has_effect

_JOINERS = "\u200c\u200d"  # Not printable to Python, although some scripts and emoji need them.
_IN_MARKUP = re.compile(f'value="[^"]*"|{UNSEEN.pattern}')
_FRENCH_SPACES = re.compile(r" (?=[:;?!%»])|(?<=«) |(?<=\d) (?=\d{3}\b)")


def with_french_spaces(text: str) -> str:
    """Replace the spaces of French typography that must not end a line by no-break spaces.

    They stand before `: ; ? ! % »`, after `«` and between thousands.
    """
    return _FRENCH_SPACES.sub("\u00a0", text)


def printable(text: str, *, keep: str = "\n") -> str:
    """Replace characters that are not printable or not seen by their codes, except `keep`.

    A code is such as `\\x1b`. A no-break space, which is not printable to Python, becomes a space.
    """
    if text.isprintable() and (text.isascii() or not UNSEEN.search(text)):
        return text
    return "".join(
        char if char.isprintable() or char in keep or char in _JOINERS else _code(char)
        for char in UNSEEN.sub(_code_unless_seen, text.replace("\u00a0", " "))
    )


def is_visible(text: str) -> bool:
    """Whether every character of a line is seen, and is no other space than U+0020."""
    return printable(text, keep="") == text


def without_controls(text: str) -> str:
    """Replace control characters and those not seen by their codes; keep tabs and line ends."""
    return UNSEEN.sub(_code_unless_seen, text)


def without_controls_in_markup(html: str) -> str:
    """Do the same in a page, except in the values of its form fields, which are sent back."""
    return _IN_MARKUP.sub(_code_in_markup, html) if UNSEEN.search(html) else html


def printable_json(document: bytes) -> bytes:
    """The same JSON value, with what is not printable or not seen as JSON escapes (`\\u001b`).

    JSON encoders escape control characters below U+0020 only. Line feeds between values are kept.
    """
    if document.isascii() and b"\x7f" not in document:
        return document
    text = UNSEEN.sub(lambda match: json.dumps(match[0])[1:-1], document.decode())
    return "".join(
        char if char.isprintable() or char == "\n" else json.dumps(char)[1:-1] for char in text
    ).encode()


def _code_unless_seen(match: re.Match[str]) -> str:
    return match[0] if has_effect(match.string, match.start()) else _code(match[0])


def _code_in_markup(match: re.Match[str]) -> str:
    return match[0] if match[0].startswith("value=") else _code_unless_seen(match)


def _code(char: str) -> str:
    return char.encode("unicode_escape").decode()


def counted(number: int, thing: str, things: str = "") -> str:
    """A number of things: `1 session`, `1,200 sessions`; `things` where that is not `thing`s."""
    return f"{number:,} {thing if number == 1 else things or thing + 's'}"
