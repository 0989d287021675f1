"""What alert rules look at: the share of poor time, and when the last sample came."""

import asyncio

from jmmc.answers.model import Share, Silence
from jmmc.quality.filters import SummaryFilter
from jmmc.quality.grading import Grade
from jmmc.quality.rollups import ALL, weights
from jmmc.quality.segments import pieces, track_of
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
