"""What is freed is given back to the system."""

import subprocess
import sys

_FREE_BETWEEN_KEPT = """
from pathlib import Path
from jmmc.server.memory import give_back, set_up_heaps

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 2**20

set_up_heaps()
blocks = [b"x" * 8192 for _ in range(10_000)]
kept = blocks[::10]
del blocks
before = resident()
give_back()
print(before - resident())
"""


def test_memory_that_is_free_between_kept_blocks_is_given_back() -> None:
    command = [sys.executable, "-c", _FREE_BETWEEN_KEPT]
    given_back = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert float(given_back) > 50, "of 70 MB"
