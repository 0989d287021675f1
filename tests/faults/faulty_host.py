"""A faulty host for one process: its clock jumps, its disk fails. Needs no root privileges."""

import os
import struct
import subprocess
from enum import IntEnum
from pathlib import Path

from tests.support.slow_disk import SlowDisk

_SOURCE = Path(__file__).with_name("faulty_host.c")


class Disk(IntEnum):
    """The result of writes: success, `ENOSPC`, `EROFS`, or `EIO` at the sync."""

    FINE = 0
    FULL = 1
    READ_ONLY = 2
    NO_SYNC = 3


class FaultyHost:
    """Start a process with `environ`; then set its clock, and the disk under the folder `disk`."""

    def __init__(self, folder: Path, disk: Path) -> None:
        folder.mkdir(parents=True)
        library = folder / "faulty_host.so"
        command = ["cc", "-shared", "-fPIC", "-O1", "-o", str(library), str(_SOURCE), "-ldl"]
        subprocess.run(command, check=True, timeout=60)
        self._slow_disk = SlowDisk(folder)
        self._file = folder / "state"
        self._clock, self._disk = 0, Disk.FINE
        self._write_state()
        self.environ = {
            **os.environ,
            **self._slow_disk.environ,
            "LD_PRELOAD": f"{library}:{self._slow_disk.environ['LD_PRELOAD']}",
            "FAULTY_HOST": str(self._file),
            "FAULTY_HOST_DISK": str(disk),
        }

    def jump(self, seconds: int) -> None:
        """Set the clock that far from the real time, whatever the last jump was."""
        self._clock = seconds
        self._write_state()

    def set_disk(self, state: Disk) -> None:
        """Set the result of writes, from now on."""
        self._disk = state
        self._write_state()

    def slow_down(self, milliseconds: int) -> None:
        """Set the duration of a sync, from now on; 0 restores the real one."""
        if milliseconds:
            self._slow_disk.slow(milliseconds)
        else:
            self._slow_disk.restore()

    def _write_state(self) -> None:
        state = struct.pack("@qq", self._clock, self._disk)
        if self._file.exists():
            with self._file.open("r+b") as file:  # Processes have mapped it: write in place.
                file.write(state)
        else:
            self._file.write_bytes(state)
