"""A process knows that it was forked."""

import subprocess
import sys

_PROGRAM = """
import os
from jmmc.core.forks import forks
before = forks()
if os.fork() == 0:
    os._exit(forks() - before)
_, status = os.wait()
print(os.waitstatus_to_exitcode(status), forks() - before)
"""


def test_a_fork_is_counted_in_the_child_only() -> None:
    run = subprocess.run([sys.executable, "-c", _PROGRAM], capture_output=True, text=True)
    assert run.stdout.split() == ["1", "0"], run.stderr
