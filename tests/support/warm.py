"""Runs commands of a shell without the half second that each takes to import the package.

A `Warm` process imports it once. In the place of `jmmc` and `python` on a shell's PATH stands a
small program that hands over its arguments, environment, umask, folder and descriptors, and waits:
the process forks for each, and the fork runs the command as the user who called it. It is thus a
process of its own, apart from its start; `jmmc serve`, which answers to signals, is a real one.
"""

import ast
import os
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from struct import unpack
from types import TracebackType
from typing import Self

from tests.support.paths import ROOT
from tests.support.waiting import wait_until

_FRONT = """#!{python} -IS
import os, socket, sys
if sys.argv[1:2] == ["serve"]:
    os.execv({python!r}, [{python!r}, "-m", "jmmc", *sys.argv[1:]])
with socket.socket(socket.AF_UNIX) as warm:
    warm.connect({address!r})
    mask = os.umask(0)
    socket.send_fds(warm, [b"+"], [0, 1, 2, os.open(".", os.O_RDONLY)])
    warm.sendall(repr((mask, sys.argv, dict(os.environ))).encode())
    warm.shutdown(socket.SHUT_WR)
    code = warm.recv(4)
sys.exit(int(code) if code else "the command was killed")
"""


class Warm:
    """Makes `folder/jmmc` and `folder/python`, which work until it is closed."""

    def __init__(self, folder: Path, *, python: str = sys.executable) -> None:
        self.folder = folder
        address = folder / "warm"
        for name in ("jmmc", "python"):
            (folder / name).write_text(_FRONT.format(python=python, address=str(address)))
            (folder / name).chmod(0o755)
        path = os.pathsep.join([str(ROOT), *sys.path])
        self._process = subprocess.Popen(
            [python, "-m", __name__, str(address)], env={**os.environ, "PYTHONPATH": path}
        )
        wait_until(address.is_socket)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: object, _traceback: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.wait(20)


def _serve(address: str) -> None:
    import pyarrow.parquet

    from jmmc.cli import main

    assert pyarrow.parquet
    for name in main.commands:
        main.load(name)  # type: ignore[attr-defined]
    signal.signal(signal.SIGCHLD, _collect)
    unready = Path(f"{address}.new")
    with socket.socket(socket.AF_UNIX) as warm:
        warm.bind(str(unready))
        unready.chmod(0o666)
        warm.listen()
        unready.rename(address)
        while True:
            caller, _ = warm.accept()
            with caller:
                if not os.fork():
                    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                    warm.close()
                    _answer(caller)


def _collect(_signal: int, _frame: object) -> None:
    """Wait for children that ended, so that their CPU time counts as this process's."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _answer(caller: socket.socket) -> None:
    """Run one command as its caller, and end this process."""
    _, descriptors, _, _ = socket.recv_fds(caller, 1, 4)
    with caller.makefile("rb") as rest:
        mask, arguments, environ = ast.literal_eval(rest.read().decode())
    for target, descriptor in enumerate(descriptors[:3]):
        os.dup2(descriptor, target)
    os.fchdir(descriptors[3])
    for descriptor in descriptors:
        os.close(descriptor)
    _, user, group = unpack("3i", caller.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    if os.geteuid() == 0:
        os.setgroups([])
        os.setresgid(group, group, group)
        os.setresuid(user, user, user)
    os.umask(mask)
    os.environ.clear()
    os.environ.update(environ)
    sys.argv = arguments
    caller.sendall(str(_exit_code(Path(arguments[0]).name)).encode())
    os._exit(0)


def _exit_code(program: str) -> int:
    from jmmc.__main__ import main

    code: object = 0
    try:
        if program == "jmmc":
            main()
        else:
            exec(compile(sys.stdin.read(), "<stdin>", "exec"), {"__name__": "__main__"})
    except SystemExit as end:
        code = end.code
    except BaseException:
        sys.excepthook(*sys.exc_info())
        code = 1
    if isinstance(code, str):
        print(code, file=sys.stderr)
    sys.stdout.flush()
    sys.stderr.flush()
    return code if isinstance(code, int) else int(code is not None)


if __name__ == "__main__":
    _serve(sys.argv[1])
