"""A short run of the benchmark measures every case."""

import re
import subprocess
import sys
from pathlib import Path

from tests.support.paths import ROOT

BENCH = ROOT / "bench" / "run"


def test_the_benchmark_runs_and_every_acknowledged_push_is_stored(tmp_path: Path) -> None:
    options = ["--seconds", "1", "--rounds", "1", "--sessions", "100", "--folder", str(tmp_path)]
    options += ["--quick", "--connections", "64", "--warm-up", "0"]
    done = subprocess.run(
        [sys.executable, str(BENCH), *options], capture_output=True, text=True, timeout=110
    )
    assert done.returncode == 0, done.stderr
    rows = re.findall(
        r"^\| (\w[^|]*?) \| [^|]* \| ([\d,]+) \|.*\| (\d+) \|$", done.stdout, re.MULTILINE
    )
    rates = {name: int(rate.replace(",", "")) for name, rate, _ in rows}
    assert len(rates) == 7
    assert {failed for _, _, failed in rows} == {"0"}
    stored = re.findall(r"([\d,]+) samples stored", done.stdout)
    cases = ("jmmc, SQLite FULL", "jmmc, mongod majority + journal")
    for name, samples in zip(cases, stored, strict=True):
        # The rate is a second's worth; a measurement lasts a second or more.
        assert int(samples.replace(",", "")) >= rates[name]
