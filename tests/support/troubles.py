"""Summaries of people who had problems at known times, to be compared with what is found."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import msgspec

from jmmc.core.model import Dialect, Session
from jmmc.quality.grading import Grade, Spell
from jmmc.quality.summarize import summarize
from jmmc.quality.summary import GradeSpan, Summary
from jmmc.quality.thresholds import preset
from tests.support.builders import RHYTHM

_REASON = {"cut": "interrupted", "machine": "cpu", "media": "concealed", "delay": "rtt"}
_PLACES: Mapping[str, str] = {
    **{"network": "n{}", "provider": "", "region": "us", "bridge": "b-us"},
    **{"browser": "Firefox 133", "os": "Windows 11", "transport": "udp"},
}


def person(
    number: int,
    *bad: tuple[int, int],
    there: tuple[int, int] = (1000, 2000),
    signs: Sequence[str] = ("up", "down"),
    senders: Sequence[int] = (),
    running: bool = False,
    **more: str,
) -> Summary:
    """Somebody who was `there`, and had problems in some spans; places have the number in them."""
    began, ended = there
    session = Session(f"{number:024}", "", f"uid-{number}", Dialect.V2, began, ())
    edges = [began, *(moment for span in bad for moment in span), ended]
    lane = tuple(
        GradeSpan(start, end, Grade.POOR if place % 2 else Grade.GOOD)
        for place, (start, end) in enumerate(pairwise(edges))
        if start < end
    )
    spells = tuple(
        Spell(
            start,
            end,
            Grade.POOR,
            {_REASON.get(signs[0], "loss"): end - start},
            dict.fromkeys(signs, end - start),
            dict.fromkeys((f"e{sender}" for sender in senders), end - start),
        )
        for start, end in bad
    )
    poor = sum(end - start for start, end in bad)
    places = {name: value.format(number) for name, value in _PLACES.items()}
    return msgspec.structs.replace(
        summarize(session, preset=preset("experience"), rhythm=RHYTHM),
        **{"began": began, "ended": ended, "last": ended, "running": running},
        **{"grade_spans": lane, "spells": spells, "endpoint_id": f"e{number}"},
        **{"good": ended - began - poor, "poor": poor},
        **{"room": f"room-{number}", **places, **more},
    )
