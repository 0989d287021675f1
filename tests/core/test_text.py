"""Texts as a terminal shows them."""

from jmmc.core.text import printable


def test_controls_have_their_code_in_a_terminal_and_a_no_break_space_is_a_space() -> None:
    assert printable("a\x1b[2Jb\n") == "a\\x1b[2Jb\n"
    assert printable("76\u00a0%") == "76 %"
    assert printable("é ● ▲") == "é ● ▲"
