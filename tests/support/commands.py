"""Runs `jmmc`: in this process, which saves each command its imports, or in one of its own."""

import ctypes
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import chdir
from pathlib import Path

from click.testing import CliRunner

from jmmc.cli import main

_PR_CAPBSET_DROP, _CAP_DAC_OVERRIDE, _CAP_DAC_READ_SEARCH = 24, 1, 2  # linux/prctl.h, capability.h


def jmmc(*arguments: str, folder: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run a command in `folder`, with `environ` added to its environment."""
    with chdir(folder):
        done = CliRunner(env={"COLUMNS": "160", **environ}).invoke(main, arguments)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return subprocess.CompletedProcess(arguments, done.exit_code, done.stdout, done.stderr)


def jmmc_process(
    *arguments: str, folder: Path, prepare: Callable[[], None] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command in a process of its own, which calls `prepare` first."""
    return subprocess.run(
        [sys.executable, "-m", "jmmc", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "COLUMNS": "160"},
        preexec_fn=prepare,
    )


def jmmc_without_privileges(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command that file permissions bind, also where the tests run as root."""
    root = os.geteuid() == 0
    return jmmc_process(*arguments, folder=folder, prepare=_drop_privileges if root else None)


def _drop_privileges() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    for capability in (_CAP_DAC_OVERRIDE, _CAP_DAC_READ_SEARCH):
        if libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0):
            raise OSError(ctypes.get_errno(), "prctl")
