"""Runs `jmmc` in this process, which saves each command its imports."""

import subprocess
from contextlib import chdir
from pathlib import Path

from click.testing import CliRunner

from jmmc.cli import main


def jmmc(*arguments: str, folder: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run a command in `folder`, with `environ` added to its environment."""
    with chdir(folder):
        done = CliRunner(env={"COLUMNS": "160", **environ}).invoke(main, arguments)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return subprocess.CompletedProcess(arguments, done.exit_code, done.stdout, done.stderr)
