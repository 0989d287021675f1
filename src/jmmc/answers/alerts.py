"""What alert rules look at: poor time, failed joins, drops, and when the last sample came."""

import asyncio

from jmmc.answers.model import Failures, FailureShare, Share, Silence
from jmmc.quality.filters import SummaryFilter
from jmmc.quality.grading import Grade
from jmmc.quality.joins import join_events
from jmmc.quality.rollups import ALL, weights
from jmmc.quality.segments import pieces, track_of, values_at
from jmmc.stores import Reports

_AT_ONCE = 500  # Sessions between two yields to the event loop: some 5 ms.
_TOGETHER = 90  # Seconds: participants whose last samples are closer fell silent together.


async def shares(reports: Reports, by: str, since: int, until: int) -> list[Share]:
    """The known time of participants by a dimension, or of all together (`ALL`).

    Made from summaries, because rollups do not count participants. Each second counts for the value
    that held then.
    """
    columns = ("browser_id", "lane", "segments", "network", *([by] if by else ()))
    sums: dict[str, tuple[set[str], list[int]]] = {}
    seconds_by_network: list[tuple[str, str, int]] = []
    rows = await reports.facts(columns, SummaryFilter(since=since, until=until))
    for number, (browser_id, lane, segments, network, *values) in enumerate(rows):
        if number % _AT_ONCE == 0:
            await asyncio.sleep(0)  # Pushes come first.
        for piece in pieces(track_of(lane, segments), since, until):
            if piece.grade is Grade.UNKNOWN:
                continue
            value = piece.values.get(by, values[0]) if by else ALL
            participants, seconds = sums.setdefault(value, (set(), [0, 0]))
            participants.add(browser_id)
            known = piece.end - piece.start
            seconds[0] += known
            seconds[1] += known if piece.grade is Grade.POOR else 0
            seconds_by_network.append((value, piece.values.get("network", network), known))
    support = weights(seconds_by_network)
    return [
        Share(value, len(participants), seconds[0], seconds[1], support[value])
        for value, (participants, seconds) in sorted(sums.items())
    ]


async def failures(
    reports: Reports, kind: Failures, by: str, since: int, until: int
) -> list[FailureShare]:
    """The joins, or the ends of stays, by a dimension, or of all together (`ALL`).

    Joins that somebody refused are neither. Each counts for the value that held at its moment.
    """
    columns = ("began", "ended", "running", "outcome", "browser_id", "network", "segments")
    sums: dict[str, list[int]] = {}
    people: dict[str, set[str]] = {}
    events_by_network: list[tuple[str, str, int]] = []
    window = SummaryFilter(since=since, until=until, attempts=None)
    rows = await reports.facts((*columns, *([by] if by else ())), window)
    for number, row in enumerate(rows):
        began, ended, running, outcome, browser_id, network, segments, *values = row
        if number % _AT_ONCE == 0:
            await asyncio.sleep(0)  # Pushes come first.
        for at, counts in join_events(outcome, began, ended, running=bool(running)):
            happened, failed = counts.attempts, counts.failed
            if kind == "stays":
                happened, failed = counts.ended, counts.dropped
            if not (happened and since <= at < until):
                continue
            moved = values_at({}, track_of("[]", segments).segments, at)
            value = moved.get(by, values[0]) if by else ALL
            of_value = sums.setdefault(value, [0, 0])
            of_value[0] += happened
            of_value[1] += failed
            if failed:
                people.setdefault(value, set()).add(browser_id)
            events_by_network.append((value, moved.get("network", network), happened))
    support = weights(events_by_network)
    return [
        FailureShare(value, events, failed, len(people.get(value, ())), support[value])
        for value, (events, failed) in sorted(sums.items())
    ]


async def silence(reports: Reports, since: int, until: int, *, quiet: int) -> Silence | None:
    """The time of the newest sample in a window; None without any session.

    Participants who fell silent are counted only if that was `quiet` seconds before `until`.
    """
    rows = await reports.facts(("last", "session"), SummaryFilter(since=since, until=until))
    if not rows:
        return None
    last = max(row[0] for row in rows)
    if until - last < quiet:
        return Silence(last, 0)
    together = [row[1] for row in rows if row[0] > last - _TOGETHER]
    summaries = await reports.get_summaries(together)
    return Silence(last, len({summary.browser_id for summary in summaries if not summary.left}))
