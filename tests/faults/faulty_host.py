"""Trouble for one process: a clock that jumps, a disk that fails. Needs no rights of root."""

import os
import struct
import subprocess
from enum import IntEnum
from pathlib import Path

from tests.support.slow_disk import SlowDisk

_SOURCE = Path(__file__).with_name("faulty_host.c")


class Disk(IntEnum):
    """What becomes of writes: `ENOSPC`, `EROFS`, or `EIO` when they are to be synced."""

    FINE = 0
    FULL = 1
    READ_ONLY = 2
    NO_SYNC = 3


class Trouble:
    """Give `environ` to a process; then its clock and its disk, all under `disk`, do as told."""

    def __init__(self, folder: Path, disk: Path) -> None:
        folder.mkdir(parents=True)
        library = folder / "trouble.so"
        command = ["cc", "-shared", "-fPIC", "-O1", "-o", str(library), str(_SOURCE), "-ldl"]
        subprocess.run(command, check=True, timeout=60)
        self._slow = SlowDisk(folder)
        self._file = folder / "told"
        self._clock, self._disk = 0, Disk.FINE
        self._tell()
        self.environ = {
            **os.environ,
            **self._slow.environ,
            "LD_PRELOAD": f"{library}:{self._slow.environ['LD_PRELOAD']}",
            "TROUBLE": str(self._file),
            "TROUBLE_UNDER": str(disk),
        }

    def jump(self, seconds: int) -> None:
        """Set the clock that far from what it is, not from what it was told last."""
        self._clock = seconds
        self._tell()

    def disk(self, how: Disk) -> None:
        """From now on."""
        self._disk = how
        self._tell()

    def slow(self, milliseconds: int) -> None:
        """How long a sync takes from now on; 0 is as long as it takes."""
        if milliseconds:
            self._slow.slow(milliseconds)
        else:
            self._slow.restore()

    def _tell(self) -> None:
        told = struct.pack("@qq", self._clock, self._disk)
        if self._file.exists():
            with self._file.open("r+b") as file:  # It is mapped: the same file, as it stands.
                file.write(told)
        else:
            self._file.write_bytes(told)
