"""Runs `jmmc`: in this process, which saves each command its imports, or in one of its own."""

import asyncio
import ctypes
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import chdir
from functools import partial
from pathlib import Path

from click.testing import CliRunner

from jmmc.cli import main

_PR_CAPBSET_DROP, _CAP_DAC_OVERRIDE, _CAP_DAC_READ_SEARCH = 24, 1, 2  # linux/prctl.h, capability.h


def jmmc(
    *arguments: str, folder: Path = Path(), answer: str = "", **environ: str
) -> subprocess.CompletedProcess[str]:
    """Run a command in `folder`, with `environ` added to its environment, and `answer` as input.

    It runs in a thread of its own where an event loop runs already, such as that of Playwright;
    elsewhere it does not, since signal handlers need the main thread.
    """
    runner = CliRunner(env={"COLUMNS": "160", **environ})
    run = partial(runner.invoke, main, arguments, input=answer)
    with chdir(folder), ThreadPoolExecutor(1) as thread:
        done = thread.submit(run).result() if _in_a_loop() else run()
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return subprocess.CompletedProcess(arguments, done.exit_code, done.stdout, done.stderr)


def _in_a_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def jmmc_process(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "jmmc", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "COLUMNS": "160"},
    )


def jmmc_without_privileges(
    *commands: Sequence[str], folder: Path
) -> list[subprocess.CompletedProcess[str]]:
    """Run commands that file permissions bind, also where the tests run as root.

    They share one process, which imports the package once.
    """
    done = subprocess.run(
        [sys.executable, "-c", f"from {__name__} import run_all; run_all()"],
        input=json.dumps([str(folder), commands]),
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        preexec_fn=_drop_privileges if os.geteuid() == 0 else None,
    )
    assert done.returncode == 0, done.stderr
    results = zip(commands, json.loads(done.stdout), strict=True)
    return [subprocess.CompletedProcess(command, *result) for command, result in results]


def run_all() -> None:
    """Run the commands given on standard input; print exit code, output and errors of each."""
    folder, commands = json.load(sys.stdin)
    done = [jmmc(*command, folder=Path(folder)) for command in commands]
    print(json.dumps([(run.returncode, run.stdout, run.stderr) for run in done]))


def _drop_privileges() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    for capability in (_CAP_DAC_OVERRIDE, _CAP_DAC_READ_SEARCH):
        if libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0):
            raise OSError(ctypes.get_errno(), "prctl")
