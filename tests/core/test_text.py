"""Texts as terminals, files and pages show them."""

import json

import pytest

from jmmc.core.text import (
    is_visible,
    printable,
    printable_json,
    without_controls,
    without_controls_in_markup,
)


def test_controls_have_their_code_in_a_terminal_and_a_no_break_space_is_a_space() -> None:
    assert printable("a\x1b[2Jb\n") == "a\\x1b[2Jb\n"
    assert printable("76\u00a0%") == "76 %"
    assert printable("é ● ▲") == "é ● ▲"


# Default_Ignorable_Code_Point of Unicode 15 (DerivedCoreProperties.txt), without control
# characters; a blank of Braille; an empty head of a note.
_IGNORABLE = [
    *(0xAD, 0x34F, 0x61C, 0x115F, 0x1160, 0x17B4, 0x17B5, *range(0x180B, 0x1810)),
    *(*range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2070), 0x3164),
    *(*range(0xFE00, 0xFE10), 0xFEFF, 0xFFA0, *range(0xFFF0, 0xFFF9)),
    *(*range(0x1BCA0, 0x1BCA4), *range(0x1D173, 0x1D17B), *range(0xE0000, 0xE1000)),
    *(0x2800, 0x1D159),
]


@pytest.mark.parametrize("name", ["standup{}", "stand{}up", "{}standup", "{0}{0}"])
def test_names_that_differ_in_invisible_characters_can_be_distinguished(name: str) -> None:
    for code in _IGNORABLE:
        hidden = name.format(chr(code))
        shown = hidden.replace(chr(code), chr(code).encode("unicode_escape").decode())
        assert printable(hidden) == shown
        assert without_controls(hidden) == shown
        assert without_controls_in_markup(f"<b>{hidden}</b>") == f"<b>{shown}</b>"
        assert not is_visible(hidden)
        document = json.dumps(hidden, ensure_ascii=False).encode()
        assert printable_json(document).isascii()
        assert json.loads(printable_json(document)) == hidden


@pytest.mark.parametrize(
    "name",
    [
        "می\u200cشود",  # Persian: without the joiner two letters would be one shape.
        "\u0647\u200d",  # Arabic: the first form of a letter that stands alone.
        "क्\u200dष",  # Devanagari: a half letter.
        "അവന്\u200d",  # Malayalam: a letter without its vowel.
        "❤\ufe0f",
        "1\ufe0f\u20e3",
        "👩\u200d💻",
        "👁\ufe0f\u200d🗨\ufe0f",
    ],
)
def test_joiners_and_the_selector_of_emoji_stay_where_they_change_what_is_shown(name: str) -> None:
    assert printable(name) == without_controls(name) == name
    assert is_visible(name)


@pytest.mark.parametrize(
    "name",
    [
        "د\u200cر",  # Letters that join nothing.
        "می\u200c\u200cشود",
        "می\u200c",
        "1\ufe0f",
        "😀\ufe0f",  # Emoji by default.
        "❤\ufe0f\ufe0f",
        "❤\ufe0e",
        "a\u200db",
        "a\u200d💻",
        "\u200d💻",
        "💻\u200d",
    ],
)
def test_joiners_and_selectors_that_change_nothing_have_codes(name: str) -> None:
    assert "\\u" in printable(name)
    assert printable(name) == without_controls(name)


def test_a_page_sends_the_values_of_its_fields_back_as_they_are() -> None:
    page = '<input value="a\u200bb"><td title="a\u200bb">a\u200bb</td>\n'
    assert without_controls_in_markup(page) == (
        '<input value="a\u200bb"><td title="a\\u200bb">a\\u200bb</td>\n'
    )


def test_spaces_of_other_kinds_have_codes_in_a_terminal_except_no_break_spaces() -> None:
    assert printable("a\u2003b") == "a\\u2003b"
    assert not is_visible("a\u00a0b")
    assert is_visible("a b")
