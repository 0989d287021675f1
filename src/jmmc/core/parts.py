"""Cuts sequences into parts that are worked on together, in bounded memory."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

_T = TypeVar("_T")


def parts_of(items: Sequence[_T], size: int) -> Iterator[Sequence[_T]]:
    """Yield `size` items at a time."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


def parts_within(
    items: Iterable[_T], most: int, size_of: Callable[[_T], int]
) -> Iterator[list[_T]]:
    """Yield as many items at a time as have `most` in size together, or a larger one alone."""
    part: list[_T] = []
    left = most
    for item in items:
        size = size_of(item)
        if part and size > left:
            yield part
            part, left = [], most
        part.append(item)
        left -= size
    if part:
        yield part
