"""A disk that can be slowed down, for processes that are started with its environment."""

import subprocess
from pathlib import Path

_SOURCE = Path(__file__).with_name("slow_disk.c")


class SlowDisk:
    """Start a process with `environ`: its fsync and fdatasync then take as long as set."""

    def __init__(self, folder: Path) -> None:
        self._control = folder / "slow-disk"
        library = folder / "slow_disk.so"
        command = ["cc", "-shared", "-fPIC", "-O1", "-o", str(library), str(_SOURCE), "-ldl"]
        subprocess.run(command, check=True, timeout=60)
        self.environ = {"LD_PRELOAD": str(library), "SLOW_DISK": str(self._control)}

    def slow(self, milliseconds: int) -> None:
        """Make each sync take that long, from now on."""
        new = self._control.with_suffix(".new")
        new.write_text(str(milliseconds))
        new.replace(self._control)

    def restore(self) -> None:
        """Make syncs as fast as the disk again."""
        self._control.unlink(missing_ok=True)
