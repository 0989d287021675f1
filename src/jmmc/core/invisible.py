"""Characters that are not seen: with them, two names that look the same may differ.

Unicode calls most of them default-ignorable; some fonts show others as a space or as nothing.
Joiners and the selector of emoji are ignored only where they have no effect on what is shown.
"""

import re
import unicodedata
from functools import cache

UNSEEN = re.compile(
    # Control characters but tabs and line ends; marks that end a line or reverse text.
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ufff9-\ufffb"
    # The property Default_Ignorable_Code_Point of Unicode 15.
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3"
    "\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
    # The blank of Braille and an empty head of a note.
    "\u2800\U0001d159]"
)
"""Matches a character that is not seen, or may not be: see `has_effect`."""

_NON_JOINER, _JOINER, _EMOJI_SELECTOR, _KEYCAP = "\u200c", "\u200d", "\ufe0f", "\u20e3"
_VIRAMA = 9  # The combining class of marks that remove the vowel of a letter.
_PICTURES = ("So", "Sk", "Sm")

# What is text unless the selector makes it an emoji: emoji-variation-sequences.txt of Unicode 15
# without those that are emoji by default (Emoji_Presentation).
_TEXT_BY_DEFAULT = re.compile(
    "["
    "\u00a9\u00ae\u203c\u2049\u2122\u2139\u2194-\u2199\u21a9\u21aa\u2328\u23cf\u23ed-\u23ef"
    "\u23f1\u23f2\u23f8-\u23fa\u24c2\u25aa\u25ab\u25b6\u25c0\u25fb\u25fc\u2600-\u2604\u260e"
    "\u2611\u2618\u261d\u2620\u2622\u2623\u2626\u262a\u262e\u262f\u2638-\u263a\u2640\u2642"
    "\u265f\u2660\u2663\u2665\u2666\u2668\u267b\u267e\u2692\u2694-\u2697\u2699\u269b\u269c"
    "\u26a0\u26a7\u26b0\u26b1\u26c8\u26cf\u26d1\u26d3\u26e9\u26f0\u26f1\u26f4\u26f7-\u26f9"
    "\u2702\u2708\u2709\u270c\u270d\u270f\u2712\u2714\u2716\u271d\u2721\u2733\u2734\u2744"
    "\u2747\u2763\u2764\u27a1\u2934\u2935\u2b05-\u2b07\U0001f170\U0001f171"
    "\U0001f17e\U0001f17f\U0001f321\U0001f324-\U0001f32c\U0001f336\U0001f37d"
    "\U0001f396\U0001f397\U0001f399-\U0001f39b\U0001f39e\U0001f39f\U0001f3cb-\U0001f3ce"
    "\U0001f3d4-\U0001f3df\U0001f3f3\U0001f3f5\U0001f3f7\U0001f43f\U0001f441\U0001f4fd"
    "\U0001f549\U0001f54a\U0001f56f\U0001f570\U0001f573-\U0001f579\U0001f587"
    "\U0001f58a-\U0001f58d\U0001f590\U0001f5a5\U0001f5a8\U0001f5b1\U0001f5b2\U0001f5bc"
    "\U0001f5c2-\U0001f5c4\U0001f5d1-\U0001f5d3\U0001f5dc-\U0001f5de\U0001f5e1\U0001f5e3"
    "\U0001f5e8\U0001f5ef\U0001f5f3\U0001f5fa\U0001f6cb\U0001f6cd-\U0001f6cf"
    "\U0001f6e0-\U0001f6e5\U0001f6e9\U0001f6f0\U0001f6f3"
    "]"
)


def has_effect(text: str, at: int) -> bool:
    """Whether a character that `UNSEEN` matches changes how its neighbours are shown.

    So do joiners by the contextual rules of RFC 5892 (appendix A.1 and A.2), and between two
    symbols, which many fonts show as one emoji.
    """
    char, before, after = text[at], text[at - 1 : at] if at else "", text[at + 1 : at + 2]
    if not before:
        return False
    if char == _EMOJI_SELECTOR:
        is_keycap = before in "#*0123456789" and after == _KEYCAP
        return is_keycap or _TEXT_BY_DEFAULT.match(before) is not None
    if char not in (_NON_JOINER, _JOINER):
        return False
    if unicodedata.combining(before) == _VIRAMA:
        return True
    end = at
    while end and unicodedata.category(text[end - 1]) == "Mn" and text[end - 1] != _EMOJI_SELECTOR:
        end -= 1
    joins = end > 0 and text[end - 1] in _dual_joining()
    if char == _NON_JOINER:
        return joins and _is_arabic(after)
    return (joins and not _is_arabic(after)) or _is_picture(text[:at], after)


def _is_arabic(char: str) -> bool:
    return char != "" and unicodedata.bidirectional(char) == "AL"


def _is_picture(before: str, after: str) -> bool:
    left = before[-2:].removesuffix(_EMOJI_SELECTOR)[-1:]
    return all(char and unicodedata.category(char) in _PICTURES for char in (left, after))


@cache
def _dual_joining() -> frozenset[str]:
    """The Arabic letters that join the next letter: those that have a form at a word's start."""
    forms = (unicodedata.decomposition(chr(code)) for code in range(0xFB50, 0xFEFD))
    return frozenset(
        chr(int(form.split()[1], 16))
        for form in forms
        if form.startswith("<initial>") and len(form.split()) == 2
    )
