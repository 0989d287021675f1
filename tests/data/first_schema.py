# ruff: noqa: I001 - the imports are those of the revision that it was run with.
"""Made `first-schema.db` and `first-schema.ndjson` with the code of revision 7d292a9.

That is the last one before the second schema of SQLite. To make them again: check that revision out
into a folder, put its `src` on PYTHONPATH, and give the URL of a MongoDB with an empty database:
`python first_schema.py mongodb://127.0.0.1:27017/old`. `README.md` tells what is in them.
"""

import asyncio
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pymongo
from bson import json_util
from jmmc.model import Dialect, Push, Sample
from jmmc.stores import Store
from jmmc.stores.mongo import MongoStore
from jmmc.stores.sqlite import SqliteStore

TEN = 1_795_514_400  # 2026-11-24 10:00:00 UTC
FOLDER = Path(__file__).parent

ANN, BEN, CAT, DAN = (f"{letter * 8}-0000-4000-8000-000000000000" for letter in "abcd")
GOOD: dict[str, Any] = {"cq": 100, "rtt": 40, "u": {"pl": 0, "ab": 40}, "d": {"pl": 0, "ab": 40}}


def v2(letter: str, room: str, uid: str, start: int, end: int, bad: range) -> Iterator[Push]:
    """A sample every ten seconds from `start` to `end`, in seconds after ten o'clock.

    In `bad`, a fifth of what is sent is lost.
    """
    session, lossy = letter * 24, False
    for seq, second in enumerate(range(start, end + 1, 10)):
        readings: dict[str, Any] = {}
        if seq == 0:
            readings = {"br": "Chrome 131", "os": "Windows 10", "pid": letter, "n": 3}
            readings["t"] = {"sr": "eu-west", "net": "wifi", "rip": "203.0.113.7"}
        elif seq == 1:
            readings = GOOD
        if (second - 1 in bad) != lossy:
            lossy = not lossy
            readings = {**readings, "cq": 20 if lossy else 100, "u": {"pl": 20 if lossy else 0}}
        bye = second == end
        sample = Sample(seq, TEN + second, json.dumps(readings).encode(), seq == 0, bye)
        yield Push(session, room, uid, Dialect.V2, (sample,))


def v1(room: str, uid: str, start: int, end: int) -> Iterator[Push]:
    """A sample every thirty seconds, without numbers: the Express.js middleware's dialect."""
    for second in range(start, end + 1, 30):
        readings = {**GOOD, "rtt": None, "t": {"sr": "eu-west"}} if second == start else {"cq": 100}
        readings = {name: value for name, value in readings.items() if value is not None}
        sample = Sample(None, TEN + second, json.dumps(readings).encode())
        yield Push("d" * 24, room, uid, Dialect.V1, (sample,), second == start)


async def fill(store: Store) -> None:
    await store.open()
    for push in (
        *v2("a", "standup", ANN, 0, 600, range(0)),
        *v2("b", "standup", BEN, 0, 600, range(240, 360)),
        *v2("c", "standup", CAT, 120, 480, range(0)),
        *v1("retro", DAN, 3600, 3900),
    ):
        (receipt,) = await store.append([push])
        assert not isinstance(receipt, Exception), receipt
    await store.close()


def dump(url: str) -> Iterator[str]:
    """All documents, in MongoDB's extended JSON, in order of their ids."""
    collection = pymongo.MongoClient[dict[str, Any]](url).get_default_database()[
        "metrics-collector"
    ]
    for document in collection.find().sort("_id", 1):
        yield json_util.dumps(document, json_options=json_util.CANONICAL_JSON_OPTIONS) + "\n"


if __name__ == "__main__":
    file = FOLDER / "first-schema.db"
    asyncio.run(fill(SqliteStore(file)))
    asyncio.run(fill(MongoStore(url=sys.argv[1])))
    (FOLDER / "first-schema.ndjson").write_text("".join(dump(sys.argv[1])))
