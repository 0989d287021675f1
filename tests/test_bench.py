"""The benchmark still measures: a short run of it."""

import re
import subprocess
import sys
from pathlib import Path

BENCH = Path(__file__).parent.parent / "bench" / "pushes.py"


def test_the_benchmark_runs_and_every_acknowledged_push_is_stored(tmp_path: Path) -> None:
    options = ["--seconds", "1", "--rounds", "1", "--sessions", "100", "--folder", str(tmp_path)]
    done = subprocess.run(
        [sys.executable, str(BENCH), *options], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    rows = re.findall(r"^\| (ASGI echo|jmmc.*?) \| ([\d,]+) \|.*\| (\d+) \|$", done.stdout, re.M)
    assert [(name.split(",")[0], failed) for name, _, failed in rows] == [
        ("ASGI echo", "0"),
        ("jmmc", "0"),
    ]
    stored = re.search(r"([\d,]+) samples stored", done.stdout)
    assert stored
    acknowledged = int(rows[1][1].replace(",", ""))  # a second's worth; the warm-up comes on top
    assert int(stored[1].replace(",", "")) >= acknowledged
