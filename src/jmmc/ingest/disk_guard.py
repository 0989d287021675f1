"""Watches the free space of the disk that takes the pushes."""

import asyncio
import os
import time
from collections.abc import Callable
from pathlib import Path

from jmmc.core.logging import logger
from jmmc.core.tasks import raise_if_cancelled
from jmmc.ingest.disk_space import (
    FreeSpace,
    Level,
    growth_of,
    level_of,
    remembered,
    seconds_until_full,
)
from jmmc.settings import Settings
from jmmc.stores import OnDisk, Store

_log = logger(__name__)

_MEBIBYTE = 2**20
_EFFECTS: dict[Level, str] = {
    "enough": "",
    "low": ": new sessions are refused",
    "exhausted": ": all pushes are refused",
}
_PERIOD = 5.0  # Seconds between two measurements; a push measures nothing.


def free_bytes(folder: Path) -> int:
    """Bytes of a folder's file system that this user may still use. Raises `OSError`."""
    status = os.statvfs(folder)
    return status.f_bavail * status.f_frsize


class DiskGuard:
    """Knows how much of a store's disk is free, what is therefore refused, and when it is full.

    `monotonic` gives seconds of a clock that nobody sets, `measure` the free bytes of a folder. A
    store that is not on a disk of this machine, or whose disk cannot be measured, refuses nothing.
    """

    def __init__(
        self,
        store: Store,
        settings: Settings,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        measure: Callable[[Path], int] = free_bytes,
    ) -> None:
        self._store = store if isinstance(store, OnDisk) else None
        self._monotonic = monotonic
        self._measure = measure
        self._readings: tuple[FreeSpace, ...] = ()
        self._readable = True
        self.free: int | None = None
        """Free bytes as of the last measurement; None while they are not known."""
        self.level: Level = "enough"
        self._growth: float | None = None
        self.apply(settings)

    def apply(self, settings: Settings) -> None:
        """Use these settings from now on."""
        self.floor = settings.min_free_disk * _MEBIBYTE
        if self.free is not None:
            self._judge(self.free)

    @property
    def refused(self) -> Level:
        """The level by which pushes are refused: only while they go to this disk."""
        return self.level if self._store is not None and self._store.fills_disk else "enough"

    @property
    def until_full(self) -> float | None:
        """Seconds until nothing is free; None while that is not known, or when it does not fill."""
        return None if self.free is None else seconds_until_full(self.free, self._growth)

    @property
    def problem(self) -> str:
        """What is wrong with the disk, as a sentence without a full stop; empty if nothing is."""
        if self.level == "enough" or self._store is None:
            return ""
        free, floor = (self.free or 0) / _MEBIBYTE, self.floor / _MEBIBYTE
        return (
            f"the disk of {self._store.folder} has {free:.0f} MiB free,"
            f" min_free_disk is {floor:.0f} MiB{_EFFECTS[self.refused]}"
        )

    async def look(self) -> None:
        """Measure once, and judge. Raises nothing."""
        if self._store is None:
            return
        try:
            # In a thread: a network disk that is away blocks.
            free = await asyncio.to_thread(self._measure, self._store.folder)
        except OSError as error:
            if self._readable:
                _log.warning("disk_unreadable", folder=self._store.folder, why=error)
            self._readable = False
            return
        self._readable = True
        self._judge(free)
        readings = remembered(self._readings, FreeSpace(self._monotonic(), free))
        if readings is not self._readings:
            self._readings = readings
            self._growth = growth_of(readings)

    async def keep_looking(self) -> None:
        """Measure every few seconds. Never returns."""
        while True:
            await asyncio.sleep(_PERIOD)
            raise_if_cancelled()
            await self.look()

    def _judge(self, free: int) -> None:
        before, self.free = self.level, free
        self.level = level_of(free, self.floor, before)
        if self.level == before:
            return
        fields = {"free_bytes": free, "min_free_bytes": self.floor}
        if self.level == "enough":
            _log.warning("disk_space_recovered", **fields)
        elif self.level == "low":
            _log.error("disk_space_low", **fields)
        else:
            _log.error("disk_space_exhausted", **fields)
