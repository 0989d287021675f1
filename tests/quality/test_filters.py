"""What people type is compared in the form in which it is stored."""

import pytest

from jmmc.quality.filters import CHOICES, FILTERS, SummaryFilter, support_code
from jmmc.quality.outcomes import OUTCOMES


def test_a_support_code_is_read_as_people_say_it() -> None:
    assert support_code(" ol-i00 z") == "01100Z"
    assert [support_code(text) for text in ("", "0000U0", "12345", "1234567", "réunio")] == [""] * 5


@pytest.mark.parametrize(
    ("selected", "value", "fits"),
    [
        ("Chrome 131", "Chrome 131", True),
        ("Chrome", "Chrome 131", True),
        ("Chrome 13", "Chrome 131", False),
        ("Firefox|Chrome 130", "Chrome 130", True),
        ("Firefox|Chrome 130", "Firefox 132", True),
        ("Firefox|Chrome 130", "Chrome 131", False),
        ("odd|name", "odd|name 1", True),
        ("131 chrome", "Chrome 131", False),
    ],
)
def test_a_value_fits_whole_words_of_any_selected_value(
    selected: str, value: str, fits: bool
) -> None:
    assert SummaryFilter(browser=selected).fits({"browser": value}) is fits


def test_every_filter_is_a_field_of_a_selection_and_tells_its_choices() -> None:
    assert {row.field for row in FILTERS} <= {*SummaryFilter.__struct_fields__}
    assert CHOICES == {
        "grade": ("good", "fair", "poor", "unknown"),
        "outcome": OUTCOMES,
        "rating": ("1", "2", "3", "4", "5"),
    }


def test_a_window_is_whole_or_refused() -> None:
    assert SummaryFilter(since=0, until=9).window == (0, 9)
    for selection in (SummaryFilter(since=1), SummaryFilter(until=1), SummaryFilter()):
        with pytest.raises(ValueError, match="give since and until"):
            _ = selection.window
