"""The load tests of bench/ run, and no confirmed sample is missing."""

import re
import subprocess
import sys
from pathlib import Path

from tests.support.paths import ROOT

_SMALL = ["--participants", "300", "--seconds", "5", "--history", "50"]


def _run(script: str, *options: str, folder: Path) -> str:
    done = subprocess.run(
        [sys.executable, str(ROOT / "bench" / script), *options, "--folder", str(folder)],
        capture_output=True,
        text=True,
        timeout=110,
    )
    assert done.returncode == 0, done.stderr
    assert "confirmed and missing: 0; still held by browsers: 0" in done.stdout
    return done.stdout


def test_pushes_rejected_under_overload_are_stored_when_the_disk_is_fast_again(
    tmp_path: Path,
) -> None:
    options = ["--overload", "--participants", "100", "--seconds", "18", "--interval", "1"]
    output = _run("open_loop.py", *options, "--slow", "5200", folder=tmp_path)
    refused = re.search(r"'503 busy': (\d+)", output)
    assert refused is not None, "it was not overloaded"
    sampled, confirmed = re.findall(r"confirmed ([\d,]+) of ([\d,]+) samples", output)[0]
    assert sampled == confirmed
    assert re.search(r"since the last sample in it: median \d+ s, p99 \d+ s", output)


def test_a_short_soak_test_runs_all_its_phases(tmp_path: Path) -> None:
    output = _run("soak.py", *_SMALL, folder=tmp_path)
    for phase in ("pushes only", "a dashboard in use", "exports running", "both"):
        assert re.search(rf"^\| {phase} \| [\d.]+ \| [\d.]+ \| [\d.]+ \|$", output, re.MULTILINE)
    assert re.search(r"statuses \{'200': \d+\}; exports [1-9]", output)
