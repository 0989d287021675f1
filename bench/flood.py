"""One address sends one kind of request as fast as it is answered: what that costs the collector.

    python bench/flood.py --seconds 4
    python bench/flood.py --kind login --kind "wrong token"

Each kind is sent over four connections, through a trusted proxy (X-Forwarded-For) and directly: at
first with the allowance of a fresh address, then with what refills. A connection that is closed is
opened again at once. The limits are those of the default settings.

Prints requests a second, CPU of the collector as a share of a core and for each request, and how
often each status came (0: the connection was reset). CPU is counted, so other work of the machine
changes rates more than costs.
"""

import argparse
import socket
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from bench.attackers import Attacker, Target, sign_in_form
from bench.open_loop import ProcessState
from tests.support.commands import jmmc
from tests.support.servers import PREFIX, Serve

_CONNECTIONS = 4
_TIMEOUT = 30.0

KINDS: dict[str, Callable[[Attacker], bytes]] = {
    "push": lambda attacker: attacker.post(attacker.body(['{"seq":0,"age":0,"m":{"cq":90}}'])),
    "push of 60 KB": lambda attacker: attacker.post(b"x" * 60_000),
    "script": lambda attacker: attacker.get(f"{PREFIX}/getClient"),
    "script, 30 KB in 90 headers": lambda attacker: attacker.get(
        f"{PREFIX}/getClient", *(f"a{number}: {'x' * 330}" for number in range(90))
    ),
    "script, 30 KB in 3,000 headers": lambda attacker: attacker.get(
        f"{PREFIX}/getClient", *(f"a{number}: {number}" for number in range(3000))
    ),
    "objectId": lambda attacker: attacker.get(f"{PREFIX}/objectId?jmmc_id={'0' * 24}"),
    "readyz": lambda attacker: attacker.get("/readyz"),
    "unknown page": lambda attacker: attacker.get("/nothing"),
    "login": lambda attacker: attacker.get("/login"),
    "wrong token": lambda attacker: attacker.get("/api/v1/sessions", "Authorization: Bearer x"),
    "wrong password": lambda attacker: attacker.sign_in(),
    "static file": lambda attacker: attacker.get("/static/pages.css"),
}


def main() -> None:
    """Measure the kinds that the command line names, or all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=4, help="of each measurement")
    parser.add_argument("--kind", action="append", choices=KINDS, help="only this kind; repeatable")
    parser.add_argument("--accept", default="", help="as browsers do: text/html")
    options = parser.parse_args()
    print("| kind | way | | requests/s | % of a core | µs each | statuses |")
    print("|---|---|---|--:|--:|--:|---|")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        serve = Serve(folder, "--max-pushes-per-minute", "6000", fresh=True)
        try:
            jmmc("token", "create", "someone", "--store", serve.store)
            target = Target(serve.port, "", form=sign_in_form(serve.port))
            for number, kind in enumerate(options.kind or KINDS):
                for is_direct in (False, True):
                    index = 2 * number + is_direct
                    for phase in ("at first", "then"):
                        attacker = _Flooder(index, kind, target, accept=options.accept)
                        print(_measured(serve, attacker, is_direct, phase, options.seconds))
        finally:
            serve.close()


class _Flooder(Attacker):
    """An attacker whose requests say what they accept."""

    def __init__(self, index: int, kind: str, target: Target, *, accept: str) -> None:
        super().__init__(index, kind, target, seed=1)
        self.index = index
        self._accept = [f"Accept: {accept}"] if accept else []

    def _common(self) -> list[str]:
        return [*super()._common(), *self._accept]


def _measured(serve: Serve, attacker: _Flooder, is_direct: bool, phase: str, seconds: float) -> str:
    assert serve.process is not None
    source = f"127.0.1.{attacker.index + 1}" if is_direct else "127.0.0.1"
    statuses: Counter[int] = Counter()
    before = ProcessState.read(serve.process.pid, serve.log.parent)
    until = before.at + seconds
    threads = [
        threading.Thread(target=_send, args=(serve.port, source, attacker, until, statuses))
        for _ in range(_CONNECTIONS)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    after = ProcessState.read(serve.process.pid, serve.log.parent)
    took, cpu, requests = after.at - before.at, after.cpu - before.cpu, statuses.total()
    counts = ", ".join(f"{status}: {count:,}" for status, count in statuses.most_common())
    way = "direct" if is_direct else "proxy"
    return (
        f"| {attacker.kind} | {way} | {phase} | {requests / took:,.0f}"
        f" | {100 * cpu / took:.1f} | {1e6 * cpu / max(1, requests):,.0f} | {counts} |"
    )


def _send(port: int, source: str, attacker: Attacker, until: float, statuses: Counter[int]) -> None:
    """Send the attacker's requests one after the other over one connection at a time."""
    connection: socket.socket | None = None
    while time.monotonic() < until:
        try:
            if connection is None:
                address = ("127.0.0.1", port)
                connection = socket.create_connection(address, _TIMEOUT, (source, 0))
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.sendall(KINDS[attacker.kind](attacker))
            status, is_closing = _answer(connection)
        except OSError:
            status, is_closing = 0, True
        statuses[status] += 1
        if is_closing and connection is not None:
            connection.close()
            connection = None
    if connection is not None:
        connection.close()


def _answer(connection: socket.socket) -> tuple[int, bool]:
    """Read a response; its status, and whether it ends the connection. Raises `OSError`."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += _received(connection)
    head, _, body = received.lower().partition(b"\r\n\r\n")
    missing = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0) - len(body)
    while missing > 0:
        missing -= len(_received(connection))
    return int(head.split()[1]), b"\r\nconnection: close" in head


def _received(connection: socket.socket) -> bytes:
    if part := connection.recv(262_144):
        return part
    raise ConnectionResetError


if __name__ == "__main__":
    main()
