"""A disk that becomes slow and quick again, for a process that is started with it."""

import subprocess
from pathlib import Path

_SOURCE = Path(__file__).with_name("slow_disk.c")


class SlowDisk:
    """Give `environ` to a process: its fsync and fdatasync then take as long as told."""

    def __init__(self, folder: Path) -> None:
        self._told = folder / "slow-disk"
        library = folder / "slow_disk.so"
        command = ["cc", "-shared", "-fPIC", "-O1", "-o", str(library), str(_SOURCE), "-ldl"]
        subprocess.run(command, check=True, timeout=60)
        self.environ = {"LD_PRELOAD": str(library), "SLOW_DISK": str(self._told)}

    def slow(self, milliseconds: int) -> None:
        """From now on a sync takes so long."""
        told = self._told.with_suffix(".new")
        told.write_text(str(milliseconds))
        told.replace(self._told)

    def quick(self) -> None:
        """As quick as it is."""
        self._told.unlink(missing_ok=True)
