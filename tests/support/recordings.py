"""Recordings of lib-jitsi-meet in Chromium 156 and Firefox 153."""

import json
from functools import cache
from pathlib import Path
from typing import Any

DATA = Path(__file__).parent / "data"

Record = dict[str, Any]


def _lines(name: str) -> list[Record]:
    return [json.loads(line) for line in (DATA / name).read_text("utf-8").splitlines()]


@cache
def stats_events() -> list[Record]:
    """Payloads of `cq.local_stats_updated`, each with its place in the file as `index`."""
    return [{**record, "index": i} for i, record in enumerate(_lines("stats-events.jsonl"))]


def stats_of(setup: str, page: str) -> list[Record]:
    """One participant's events of one recording, in order of time."""
    records = [
        record for record in stats_events() if (record["setup"], record["page"]) == (setup, page)
    ]
    assert records, (setup, page)
    return sorted(records, key=lambda record: record["at"])


def v1_bodies() -> list[Record]:
    """The exact pushes of the Express.js middleware's script."""
    return _lines("v1-bodies.jsonl")


def reports() -> list[Record]:
    """Whole reports of `RTCPeerConnection.getStats()`, one a browser."""
    return _lines("getstats-dumps.jsonl")
