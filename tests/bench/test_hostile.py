"""A short hostile soak: attackers of every kind work, and honest calls are stored and counted."""

import re
import subprocess
import sys
from pathlib import Path

from bench.attackers import KINDS
from tests.support.paths import ROOT

_SMALL = ["--participants", "50", "--each", "1", "--minutes", "0.08", "--interval", "1"]
# What is right must be right on a busy machine, too; how fast it is, the real run measures.
_BUSY = ["--p99", "60000", "--rss", "2000", "--settle", "60"]


def test_a_short_hostile_soak_loses_nothing_and_answers_right(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "bench" / "hostile.py"), *_SMALL, *_BUSY, "--folder", tmp_path],
        capture_output=True,
        text=True,
        timeout=115,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "All is right." in done.stdout
    confirmed, stored, lost = re.findall(
        r"missing, duplicated \| ([\d,]+), ([\d,]+), (\d+, \d+) \|", done.stdout
    )[0]
    assert confirmed == stored
    assert lost == "0, 0"
    requests = dict(re.findall(r"^\| ([^|]+?) \| ([\d,]+) \| ", done.stdout, re.MULTILINE))
    for kind in KINDS:
        # The collector closes a held connection after ten seconds only.
        assert requests[kind.name] != "0" or kind.name == "held connections", kind.name
