"""Measure how the cost of a push on MongoDB depends on the length of its session.

Time and mongod's CPU for push number 10, 1,000 and 20,000 of a session. Each figure is a mean over
50 sessions, which each get as many further pushes as a document has samples.
"""

import asyncio
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from jmmc.core.model import Push, Sample
from jmmc.stores.mongo.documents import SAMPLES
from jmmc.stores.mongo.store import MongoStore
from tests.support.builders import UID, push
from tests.support.mongod import Mongod

_READINGS = (
    b'{"cq":93,"u":{"bw":1347.33,"ab":38.33,"vb":912.67},"d":{"bw":3817.33,"ab":41,"vb":850.67},'
    b'"rtt":57}'
)
_SESSIONS = 50


async def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        mongod = Mongod(Path(folder))
        mongod.start()
        try:
            store = MongoStore(url=mongod.url, timeout=60)
            await store.open()
            await _measure(store, mongod, 0, "warm-up")
            print("| push number | ms per batch of 50 pushes | mongod CPU ms per push |")
            print("|---|---|---|")
            figures = [
                await _measure(store, mongod, number, f"{number:,}")
                for number in (10, 1000, 20_000)
            ]
            times, cpus = zip(*figures, strict=True)
            print(f"\nlargest / smallest: {max(times) / min(times):.2f} in time, ", end="")
            print(f"{max(cpus) / min(cpus):.2f} in CPU")
            await store.close()
        finally:
            mongod.stop()


async def _measure(
    store: MongoStore, mongod: Mongod, number: int, name: str
) -> tuple[float, float]:
    sessions = [f"{number:08x}{index:016x}" for index in range(_SESSIONS)]
    for first in range(0, number, 500):
        seqs = range(first, min(first + 500, number))
        await store.append([_push(session, *seqs) for session in sessions])
    began, cpu = time.perf_counter(), mongod.cpu()
    for seq in range(number, number + SAMPLES):
        await store.append([_push(session, seq) for session in sessions])
    took = (time.perf_counter() - began) / SAMPLES * 1000
    used = (mongod.cpu() - cpu) / SAMPLES / _SESSIONS * 1000
    if name != "warm-up":
        print(f"| {name} | {took:.2f} | {used:.3f} |")
    return took, used


def _push(session: str, *seqs: int) -> Push:
    samples = tuple(Sample(seq, 1_700_000_000 + 30 * seq, _READINGS) for seq in seqs)
    return push(samples=samples, session=session, browser_id=UID)


if __name__ == "__main__":
    asyncio.run(main())
