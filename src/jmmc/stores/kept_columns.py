"""Keeps the columns of days that were read last, so that questions about the same days are quick.

A store still reads the stored form each time: equal bytes are not unpacked again, others are.
"""

from collections import OrderedDict
from collections.abc import Sequence
from threading import Lock

from jmmc.quality.day_columns import DayColumns, unpack

_MOST_BYTES = 8 << 20  # As they are stored. In memory a day takes some five times as much.


class KeptColumns:
    """The columns of one store's days, as many as have `most_bytes` in their stored form."""

    def __init__(self, most_bytes: int = _MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._size = 0
        self._days: OrderedDict[int, tuple[bytes, DayColumns | None]] = OrderedDict()
        self._lock = Lock()  # Stores read in several threads.

    def unpacked(self, stored: Sequence[tuple[int, bytes]]) -> list[DayColumns]:
        """The columns of days, given by start and stored form, without those that have none."""
        return [columns for start, packed in stored if (columns := self._of_day(start, packed))]

    def _of_day(self, start: int, packed: bytes) -> DayColumns | None:
        with self._lock:
            kept = self._days.get(start)
            if kept is not None and kept[0] == packed:
                self._days.move_to_end(start)
                return kept[1]
        columns = unpack(packed)
        with self._lock:
            self._drop(start)
            self._days[start] = packed, columns
            self._size += len(packed)
            while self._size > self._most_bytes:
                self._drop(next(iter(self._days)))
        return columns

    def _drop(self, start: int) -> None:
        if start in self._days:
            self._size -= len(self._days.pop(start)[0])
