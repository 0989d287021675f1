"""Watches the free space of the disks that take the pushes."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence

from jmmc.core.errors import StoreError
from jmmc.core.logging import logger
from jmmc.core.model import Disk
from jmmc.core.tasks import raise_if_cancelled
from jmmc.ingest.disk_space import (
    LEVELS,
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


class DiskGuard:
    """Knows how much of a store's disks is free, what is therefore refused, and when one is full.

    `monotonic` gives seconds of a clock that nobody sets, `measure` the disks of the store. A store
    whose disks are not known, or cannot be measured, refuses nothing.
    """

    def __init__(
        self,
        store: Store,
        settings: Settings,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        measure: Callable[[], Awaitable[Sequence[Disk]]] | None = None,
    ) -> None:
        self._monotonic = monotonic
        self._measure = measure or (store.disks if isinstance(store, OnDisk) else _no_disks)
        self._readable = True
        self._watched: dict[str, _WatchedDisk] = {}  # By name.
        self._present: list[_WatchedDisk] = []  # As of the last measurement.
        self.refused: Level = "enough"
        """The level by which pushes are refused: that of the disks that they go to."""
        self.apply(settings)

    def apply(self, settings: Settings) -> None:
        """Use these settings from now on."""
        self.floor = settings.min_free_disk * _MEBIBYTE
        for watched in self._present:
            watched.judge(self.floor)
        self._find_refused()

    @property
    def free(self) -> int | None:
        """Free bytes of the disk with least, as of the last measurement; None if none is known."""
        return min((watched.disk.free for watched in self._present), default=None)

    @property
    def level(self) -> Level:
        """The level of the disk that is worst off."""
        return _worst(watched.level for watched in self._present)

    @property
    def until_full(self) -> float | None:
        """Seconds until a disk is full; None while that is not known, or when none fills."""
        times = (watched.until_full for watched in self._present)
        return min((seconds for seconds in times if seconds is not None), default=None)

    @property
    def problem(self) -> str:
        """What is wrong with a disk, as a sentence without a full stop; empty if nothing is."""
        if self.level == "enough":
            return ""
        worst = max(self._present, key=lambda watched: LEVELS.index(watched.level))
        free, floor = worst.disk.free / _MEBIBYTE, self.floor / _MEBIBYTE
        return (
            f"the disk of {worst.disk.name} has {free:.0f} MiB free,"
            f" min_free_disk is {floor:.0f} MiB{_EFFECTS[worst.refused]}"
        )

    async def look(self) -> None:
        """Measure once, and judge. Raises nothing."""
        try:
            disks = await self._measure()
        except StoreError as error:
            if self._readable:
                _log.warning("disk_unreadable", why=error)
            self._readable = False
            return
        self._readable = True
        self._present = [self._noted(disk) for disk in disks]
        self._find_refused()

    async def keep_looking(self) -> None:
        """Measure every few seconds. Never returns."""
        while True:
            await asyncio.sleep(_PERIOD)
            raise_if_cancelled()
            await self.look()

    def _find_refused(self) -> None:
        self.refused = _worst(watched.refused for watched in self._present)

    def _noted(self, disk: Disk) -> "_WatchedDisk":
        watched = self._watched.setdefault(disk.name, _WatchedDisk(disk))
        watched.note(disk, self._monotonic())
        watched.judge(self.floor)
        return watched


class _WatchedDisk:
    """One disk: what was measured, its level, and how fast it fills (bytes per second)."""

    def __init__(self, disk: Disk) -> None:
        self.disk = disk
        self.level: Level = "enough"
        self.growth: float | None = None
        self._readings: tuple[FreeSpace, ...] = ()

    @property
    def refused(self) -> Level:
        """The level by which pushes to this disk are refused."""
        return self.level if self.disk.takes_pushes else "enough"

    @property
    def until_full(self) -> float | None:
        """Seconds until this disk is full; None while that is not known, or never."""
        return seconds_until_full(self.disk.free, self.growth)

    def note(self, disk: Disk, now: float) -> None:
        """Note a measurement; `now` is seconds of a clock that nobody sets."""
        self.disk = disk
        readings = remembered(self._readings, FreeSpace(now, disk.free))
        if readings is not self._readings:
            self._readings = readings
            self.growth = growth_of(readings)

    def judge(self, floor: int) -> None:
        """Find the level, and log a change of it; `floor` is in bytes."""
        before, free = self.level, self.disk.free
        self.level = level_of(free, floor, before)
        if self.level == before:
            return
        fields = {"disk": self.disk.name, "free_bytes": free, "min_free_bytes": floor}
        if self.level == "enough":
            _log.warning("disk_space_recovered", **fields)
        elif self.level == "low":
            _log.error("disk_space_low", **fields)
        else:
            _log.error("disk_space_exhausted", **fields)


def _worst(levels: Iterable[Level]) -> Level:
    return max(levels, key=LEVELS.index, default="enough")


async def _no_disks() -> list[Disk]:
    return []
