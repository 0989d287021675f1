"""What people type is compared in the form in which it is stored."""

from jmmc.quality.filters import support_code


def test_a_support_code_is_read_as_people_say_it() -> None:
    assert support_code(" ol-i00 z") == "01100Z"
    assert [support_code(text) for text in ("", "0000U0", "12345", "1234567", "réunio")] == [""] * 5
