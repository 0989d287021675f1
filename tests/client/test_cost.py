"""The benchmark of the script still measures: a short run of it."""

import re
import subprocess
import sys

from tests.support.paths import ROOT

BENCH = ROOT / "bench" / "browser.py"


def test_the_benchmark_of_the_script_runs_and_what_it_measures_is_bounded() -> None:
    done = subprocess.run(
        [sys.executable, str(BENCH), "--minutes", "6"], capture_output=True, text=True, timeout=110
    )
    assert done.returncode == 0, done.stderr
    rows = re.findall(r"^\| (.+?) \| ([-\d,.]+) \|$", done.stdout, re.MULTILINE)
    figures = {name: float(figure.replace(",", "")) for name, figure in rows}
    assert 0 < figures["bodies, bytes a minute"] < 4000
    assert 0 < figures["storage after 6 min without a collector, KiB"] < 50
    assert figures["heap after 6 min, KiB"] < 4000
    assert figures["script, bytes gzipped"] <= 6144
    assert any(name.startswith("the ancestor") for name in figures)
