"""Keeps what was read of days last, so that questions about the same days are quick.

A store still reads the stored form each time: equal bytes are not unpacked again, others are.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from threading import Lock
from typing import Generic, TypeVar

_T = TypeVar("_T")

MOST_BYTES = 8 << 20  # As they are stored. In memory a day takes some five times as much.


class KeptDays(Generic[_T]):
    """The days of one store, as many as have `most_bytes` in their stored form.

    `unpack` makes a day of its stored form; None where that has none.
    """

    def __init__(self, unpack: Callable[[bytes], _T | None], most_bytes: int = MOST_BYTES) -> None:
        self._unpack = unpack
        self._most_bytes = most_bytes
        self._size = 0
        self._days: OrderedDict[int, tuple[bytes, _T | None]] = OrderedDict()
        self._lock = Lock()  # Stores read in several threads.

    def unpacked(self, stored: Sequence[tuple[int, bytes]]) -> list[_T]:
        """The days given by start and stored form, without those that have none."""
        days = (self._of_day(start, packed) for start, packed in stored)
        return [day for day in days if day is not None]

    def _of_day(self, start: int, packed: bytes) -> _T | None:
        with self._lock:
            kept = self._days.get(start)
            if kept is not None and kept[0] == packed:
                self._days.move_to_end(start)
                return kept[1]
        day = self._unpack(packed)
        with self._lock:
            self._drop(start)
            self._days[start] = packed, day
            self._size += len(packed)
            while self._size > self._most_bytes:
                self._drop(next(iter(self._days)))
        return day

    def _drop(self, start: int) -> None:
        if start in self._days:
            self._size -= len(self._days.pop(start)[0])
