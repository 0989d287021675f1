"""Joins what is too much at the finest resolution that fits."""

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar


class _Timed(Protocol):
    @property
    def start(self) -> int: ...
    @property
    def end(self) -> int: ...


_T = TypeVar("_T", bound=_Timed)


def at_most(
    most: int, items: Sequence[_T], join: Callable[[Sequence[_T], int], tuple[_T, ...]]
) -> tuple[_T, ...]:
    """`items`, joined at the finest resolution (seconds) at which at most `most` are left."""
    if len(items) <= most:
        return tuple(items)
    resolution = max(1, (items[-1].end - items[0].start) // (4 * most))
    while len(joined := join(items, resolution)) > most:
        resolution *= 2
    return joined
