"""One collector for each store, with all calls of `cases`. Its clock stands where tests set it."""

import json
import mmap
import struct
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.oracle import cases
from tests.oracle.asking import Asked
from tests.oracle.pushing import Collector, Sample, pushes_of, samples_of
from tests.oracle.truth import Call
from tests.support.builders import CHROME
from tests.support.mongod import Mongod
from tests.support.servers import FASTER, Serve
from tests.support.waiting import wait_until

_LATE = 60  # Seconds after a call at which its samples are pushed.

# The process's time.time() is what a file says. All other clocks are as ever.
_CLOCK = """
import mmap, os, struct, time
with open(os.environ["ORACLE_CLOCK"], "r+b") as file:
    clock = mmap.mmap(file.fileno(), 8)
time.time = lambda: struct.unpack("d", clock[:8])[0]
"""


# Incidents may wait for minutes where finding them took long: on a busy machine.
_FASTER = FASTER.replace("delay < 60", "delay <= 300")


class Clock:
    """The clock of a collector's process, in a file that both have mapped."""

    def __init__(self, path: Path, now: int) -> None:
        path.write_bytes(struct.pack("d", now))
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), 8)
        self.now = now

    def set(self, now: int) -> None:
        assert now >= self.now, "the clock only goes forward"
        self._map[:8] = struct.pack("d", now)
        self.now = now


def _configuration(url: str, collection: str, folder: Path) -> str:
    alerts = "".join(
        "[[alerts]]\n"
        + "".join(f"{key} = {value!r}\n" for key, value in {"kind": "poor_share", **rule}.items())
        for rule in cases.ALERTS
    )
    return f"""
store = {url!r}
collection = {collection!r}
spool_dir = {str(folder / "spool")!r}
push_interval = 30
sample_interval = 10
max_pushes_per_minute = 0
max_queries_per_minute = 0
collect_devices = true
authorized_regions = {cases.REGIONS!r}
{alerts}"""


class World:
    """A collector that has got every call."""

    def __init__(self, folder: Path, store: str, collection: str) -> None:
        folder.mkdir()
        configuration = folder / "jmmc.toml"
        configuration.write_text(_configuration(store, collection, folder))
        first = min(call.joined for call in cases.PAST)
        self.clock = Clock(folder / "clock", first)
        self.serve = Serve(
            folder,
            f"--config={configuration}",
            store=store,
            environ={"ORACLE_CLOCK": str(folder / "clock")},
            code=_CLOCK + _FASTER,
            fresh=True,  # The clock is a default argument of much that is imported.
        )
        self.asked = Asked(self.serve.url, store, collection, folder)
        self._collector = Collector(self.serve.url)
        self.asked.dropped = self._collector.dropped

    def fill(self) -> "World":
        """Push all calls, each soon after its end; the last ones are running at the end."""
        past = [*cases.PAST, *cases.PAST_ATTEMPTS, cases.V1]
        for call in sorted(past, key=lambda call: call.left):
            if call is cases.V1:
                self._push_v1(call)
            else:
                self.clock.set(max(self.clock.now, call.left + _LATE))
                self._push(call, samples_of(call))
        random = [(call, samples_of(call)) for call in [*cases.RANDOM, *cases.RANDOM_ATTEMPTS]]
        self.clock.set(cases.HALFWAY)
        for call, samples in random:
            if call not in cases.LATE:
                self._push(call, [sample for sample in samples if sample.at <= cases.HALFWAY])
        self._wait("summaries", "rollups")
        self.clock.set(cases.NOW)
        for call, samples in random:
            is_late = call in cases.LATE
            self._push(call, [s for s in samples if is_late or s.at > cases.HALFWAY])
        for call in [*cases.RUNNING, *cases.ALARM_ATTEMPTS]:
            self._push(call, samples_of(call))
        self._wait("summaries", "rollups", "incidents")
        return self

    def close(self) -> None:
        self._collector.close()
        self.serve.close()

    def _push(self, call: Call, samples: list[Sample]) -> None:
        for push in pushes_of(samples, call):
            self._collector.push(push.body(self.clock.now), push.samples[0].address)

    def _push_v1(self, call: Call) -> None:
        """As the script of the Express.js middleware: the server's clock dates each push."""
        cookie: dict[str, str] = {}
        who = {"uid": call.uid, "conf": call.room}
        for offset in range(0, call.length + 1, call.every):
            m = {"cq": 100, "u": {"pl": 0, "bw": 2500}, "d": {"pl": 0, "bw": 2500}}
            if offset and call.held[offset - 1].quality == "poor":
                m = {"cq": 5, "u": {"pl": 40, "bw": 90}, "d": {"pl": 40, "bw": 90}}
            if not offset:
                m = {"br": "br", "os": "os", "pid": "8b4139fa"}
            self.clock.set(call.joined + offset)
            body = json.dumps({**who, "m": m}).encode()
            address = call.held[0].address
            self._collector.push(body, address, {"User-Agent": CHROME, **cookie})
            cookie = cookie or {"Cookie": self._collector.cookie}

    def _wait(self, *parts: str) -> None:
        """Wait until these have everything, and the sums over summaries do not change."""
        seen: list[object] = []

        def is_done() -> bool:
            metrics = self.asked.metrics()
            backlogs = [metrics.get(f"jmmc_{part}_backlog") for part in parts]
            if backlogs != [[({}, 0)]] * len(parts):
                seen.clear()
                return False
            days = {"since": cases.RANDOM_SINCE - 5 * 86_400, "until": cases.NOW}
            seen.append(self.asked.api("overview", **days))
            return len(seen) > 3 and all(answer == seen[-1] for answer in seen[-4:])

        wait_until(is_done, self.serve.log.read_text, within=90, pause=0.3)


@pytest.fixture(scope="package")  # Their processes would work through all later tests, too.
def worlds(tmp_path_factory: pytest.TempPathFactory, mongod: Mongod) -> Iterator[dict[str, World]]:
    """The collector of each store."""
    folder = tmp_path_factory.mktemp("oracle")
    stores = {"sqlite": f"sqlite:///{folder}/calls.db", "mongodb": mongod.url}
    with ThreadPoolExecutor(2) as executor:
        made = executor.map(
            lambda name: World(folder / name, stores[name], f"oracle-{folder.name}"), stores
        )
        worlds = dict(zip(stores, made, strict=True))
        try:
            list(executor.map(World.fill, worlds.values()))
            yield worlds
        finally:
            for world in worlds.values():
                world.close()


@pytest.fixture(params=("sqlite", "mongodb"))
def asked(request: pytest.FixtureRequest, worlds: dict[str, World]) -> Asked:
    """The questions to one of the collectors."""
    return worlds[request.param].asked
