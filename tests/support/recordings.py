"""Recordings of lib-jitsi-meet in Chromium 156 and Firefox 153."""

import json
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

from jmmc.quality.timeline import Span, State
from tests.support.oracle import is_cut, readings

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


def call_stats() -> list[Record]:
    """The same of whole calls, with `limitation`: what limited the sent video."""
    return _lines("call-stats.jsonl")


def participants() -> dict[tuple[str, str], list[Record]]:
    """All recorded events by recording and participant, who is another after a move."""
    found: dict[tuple[str, str], list[Record]] = {}
    for record in sorted((*stats_events(), *call_stats()), key=lambda record: record["at"]):
        found.setdefault((record["setup"], f"{record['page']} {record['me']}"), []).append(record)
    return found


def spans_of(records: list[Record]) -> list[Span]:
    """What one participant's readings were: those of an event hold for the time before it.

    Time without a connection is interrupted. One such event alone is the first of a new peer
    connection: it has no readings yet.
    """
    spans: list[Span] = []
    for place, (before, record) in enumerate(pairwise(records), 1):
        neighbours = records[place - 1], *records[place + 1 : place + 2]
        state: State | None = readings(record) or None
        if is_cut(record):
            state = {"interrupted": True} if any(map(is_cut, neighbours)) else None
        elif "limitation" in record:
            state = {**(state or {}), "u.lim": record["limitation"]}
        spans.append(Span(before["at"] // 1000, record["at"] // 1000, state))
    return spans


def v1_bodies() -> list[Record]:
    """The exact pushes of the Express.js middleware's script."""
    return _lines("v1-bodies.jsonl")


def reports() -> list[Record]:
    """Whole reports of `RTCPeerConnection.getStats()`, one a browser."""
    return _lines("getstats-dumps.jsonl")


def analytics_of(scenario: str) -> list[Record]:
    """The events that a handler of Jitsi's analytics got in the real app, without its devices."""
    return [row for row in _lines("analytics-events.jsonl") if row["scenario"] == scenario]


@cache
def calls() -> dict[tuple[str, str], list[Record]]:
    """Whole calls by run and page: the statistics and events of each, in order of time."""
    found: dict[tuple[str, str], list[Record]] = {}
    for record in _lines("calls-2026-11.jsonl"):
        found.setdefault((record["run"], record["page"]), []).append(record)
    return {call: sorted(records, key=lambda item: item["at"]) for call, records in found.items()}


def lossy_call() -> list[Record]:
    """A call in Chromium through a relay that lost packets, as `bench/lossy_call.py` writes it."""
    return _lines("lossy-call.jsonl")
