"""Starts commands without the half second that each process takes to import the package.

A `Warm` process imports it once, and forks for each command. So a command is a process of its own
all the same: with the environment, folder, umask, user and descriptors of its caller, and a process
id for signals. What a process only does at its start, it does not do: `Serve` has an option for it.

For a shell, `python -m tests.support.warm FOLDER` is such a process: it makes `FOLDER/jmmc` and
`FOLDER/python`, small programs that hand over what they were called with, and wait. `jmmc serve`,
which answers to signals, is a real one there.
"""

import ast
import atexit
import functools
import gc
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from struct import unpack
from typing import IO

from tests.support.paths import ROOT
from tests.support.waiting import wait_until

JMMC = "from jmmc.__main__ import main; main()"
"""The code of `python -m jmmc`."""

_PYTHON = "import sys; exec(compile(sys.stdin.read(), '<stdin>', 'exec'))"
_LOOK = 1.0  # Seconds between two looks whether the parent lives.
_SOCKET = "warm"
_FRONT = """#!{python} -IS
import os, socket, sys
if sys.argv[1:2] == ["serve"]:
    os.execv({python!r}, [{python!r}, "-m", "jmmc", *sys.argv[1:]])
with socket.socket(socket.AF_UNIX) as warm:
    warm.connect({address!r})
    mask = os.umask(0)
    socket.send_fds(warm, [b"+"], [0, 1, 2, os.open(".", os.O_RDONLY)])
    warm.sendall(repr((mask, {code!r}, sys.argv, dict(os.environ))).encode())
    warm.shutdown(socket.SHUT_WR)
    with warm.makefile() as answer:
        pid, code = answer.read().split()
sys.exit(int(code) % 256)
"""


class Forked:
    """A process that was forked; as a `subprocess.Popen` as far as tests need it."""

    def __init__(self, answers: socket.socket) -> None:
        self._answers = answers
        self._lock = threading.Lock()
        self.pid = int(self._read_line())
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """The exit code, or minus the number of the signal that ended it; None while it runs."""
        try:
            return self.wait(0)
        except subprocess.TimeoutExpired:
            return None

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end; the exit code. Raises `subprocess.TimeoutExpired`."""
        with self._lock:
            if self.returncode is None:
                self._answers.settimeout(timeout)
                try:
                    self.returncode = int(self._read_line())
                except (TimeoutError, BlockingIOError):
                    raise subprocess.TimeoutExpired(str(self.pid), timeout or 0) from None
                self._answers.close()
            return self.returncode

    def send_signal(self, number: int) -> None:
        """Send a signal, unless the process has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """Send SIGKILL."""
        self.send_signal(signal.SIGKILL)

    def _read_line(self) -> bytes:
        """Read a line that the process that waits for this one sends in one piece."""
        line = self._answers.recv(64)
        assert line, "the process that waits for this one was killed"
        return line


class Warm:
    """A process that forks; it ends with this one. `folder` has the programs for a shell's PATH."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="jmmc-warm-")
        self.folder = Path(self._folder.name)
        self._address = str(self.folder / _SOCKET)
        path = os.pathsep.join([str(ROOT), *sys.path])
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__, str(self.folder)],
            env={**os.environ, "PYTHONPATH": path},
        )
        wait_until(Path(self._address).is_socket, pause=0.01)

    def close(self) -> None:
        """End the process; those that it has forked go on."""
        self._process.terminate()
        self._process.wait(20)
        self._folder.cleanup()

    def start(
        self, code: str, arguments: Sequence[str], *, environ: Mapping[str, str], output: IO[bytes]
    ) -> Forked:
        """Run Python code in a fork, with arguments after the name of its program."""
        answers = socket.socket(socket.AF_UNIX)
        answers.connect(self._address)
        mask = os.umask(0)
        os.umask(mask)
        with Path(os.devnull).open("rb") as nothing:
            here = os.open(".", os.O_RDONLY)
            files = [nothing.fileno(), output.fileno(), output.fileno(), here]
            socket.send_fds(answers, [b"+"], files)
            os.close(here)
        answers.sendall(repr((mask, code, ["jmmc", *arguments], dict(environ))).encode())
        answers.shutdown(socket.SHUT_WR)
        return Forked(answers)


@functools.cache
def warm() -> Warm:
    """The one of this process."""
    process = Warm()
    atexit.register(process.close)
    return process


def _next_command(folder: Path) -> str:
    """Fork for each command as long as the parent lives; return the code of one in its fork."""
    _import_all()
    gc.freeze()  # A collection in a fork would copy all of it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    address = folder / _SOCKET
    for name, code in (("jmmc", JMMC), ("python", _PYTHON)):
        front = _FRONT.format(python=sys.executable, address=str(address), code=code)
        (folder / name).write_text(front)
        (folder / name).chmod(0o755)
    unready = folder / f"{_SOCKET}.new"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(unready))
        unready.chmod(0o666)
        listening.listen()
        unready.rename(address)
        parent = os.getppid()
        waiting: set[int] = set()
        while os.getppid() == parent:
            is_called = select.select([listening], [], [], _LOOK)[0]
            waiting = {pid for pid in waiting if os.waitpid(pid, os.WNOHANG) == (0, 0)}
            if not is_called:
                continue
            caller, _ = listening.accept()
            with caller:
                if child := os.fork():
                    waiting.add(child)
                    continue
                listening.close()
                return _command_of(caller)
    sys.exit()


def _command_of(caller: socket.socket) -> str:
    """Fork once more: one process waits and tells the caller; in the other, return its code."""
    _, descriptors, _, _ = socket.recv_fds(caller, 1, 4)
    with caller.makefile("rb") as rest:
        mask, code, arguments, environ = ast.literal_eval(rest.read().decode())
    if pid := os.fork():
        for descriptor in descriptors:
            os.close(descriptor)
        caller.sendall(b"%d\n" % pid)
        ended = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        with suppress(OSError):  # The caller has gone.
            caller.sendall(b"%d\n" % ended)
        os._exit(0)
    _, user, group = unpack("3i", caller.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    caller.close()
    for target, descriptor in enumerate(descriptors[:3]):
        os.dup2(descriptor, target)
    os.fchdir(descriptors[3])
    for descriptor in descriptors:
        os.close(descriptor)
    if user != os.geteuid():
        os.setgroups([])
        os.setresgid(group, group, group)
        os.setresuid(user, user, user)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.umask(mask)
    os.environ.clear()
    os.environ.update(environ)
    time.tzset()
    sys.argv = arguments
    return str(code)


def _import_all() -> None:
    """Import what commands and `jmmc serve` import, also in their functions.

    And load what they load at its first use: the templates of pages, the rules for user agents.
    """
    import jmmc.__main__
    import jmmc.server.serve
    from jmmc.cli import main
    from jmmc.protocol.useragent import load_rules
    from jmmc.web.dashboard.layout import Layout
    from jmmc.web.security.sessions import LoginSigner

    assert jmmc.server.serve
    for name in main.commands:
        main.load(name)  # type: ignore[attr-defined]
    load_rules()
    templates = Layout(LoginSigner("x"), lambda: "UTC").templates
    for name in templates.list_templates():
        templates.get_template(name)


if __name__ == "__main__":
    exec(_next_command(Path(sys.argv[1])), {"__name__": "__main__"})
