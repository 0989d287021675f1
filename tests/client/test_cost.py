"""A short run of the script's benchmark."""

import re
import subprocess
import sys

from tests.support.paths import ROOT

BENCH = ROOT / "bench" / "browser.py"


def test_the_script_benchmark_runs_and_its_results_are_within_bounds() -> None:
    done = subprocess.run(
        [sys.executable, str(BENCH), "--minutes", "6"], capture_output=True, text=True, timeout=110
    )
    assert done.returncode == 0, done.stderr
    rows = re.findall(r"^\| (.+?) \| ([-\d,.]+) \|$", done.stdout, re.MULTILINE)
    figures = {name: float(figure.replace(",", "")) for name, figure in rows}
    assert 0 < figures["bodies, bytes per minute"] < 4000
    assert 0 < figures["storage after 6 min with the collector offline, KiB"] < 50
    assert figures["heap after 6 min, KiB"] < 4000
    assert figures["script, bytes gzipped"] <= 8192
    assert any(name.startswith("dialect v1 bodies") for name in figures)
