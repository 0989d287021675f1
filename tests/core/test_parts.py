"""Parts of sequences that are worked on together."""

import pytest

from jmmc.core.parts import parts_of, parts_within


def test_parts_have_the_size_and_the_last_what_is_left() -> None:
    assert list(parts_of([1, 2, 3, 4, 5], 2)) == [[1, 2], [3, 4], [5]]
    assert list(parts_of([], 2)) == []


@pytest.mark.parametrize(
    ("sizes", "parts"),
    [
        ([], []),
        ([4, 6, 1], [[4, 6], [1]]),
        ([11, 1], [[11], [1]]),
        ([1, 11, 1], [[1], [11], [1]]),
        ([0, 10, 0, 1], [[0, 10, 0], [1]]),
    ],
)
def test_parts_are_as_large_as_they_may_be(sizes: list[int], parts: list[list[int]]) -> None:
    assert list(parts_within(sizes, 10, lambda size: size)) == parts
