"""What a session comes to: a page of figures, made from its samples and from nothing else."""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, ip_address, ip_network
from typing import Annotated, NamedTuple

import msgspec
from msgspec import Struct

from jmmc.core.fields import BrowserId, Hidden, Moment
from jmmc.core.model import Session
from jmmc.core.readings import METRICS, READINGS
from jmmc.quality.grading import (
    VERSION,
    Grade,
    Judged,
    Spell,
    judge,
    moment_mos,
    number,
    quantiles,
    verdict,
)
from jmmc.quality.thresholds import Preset
from jmmc.quality.timeline import Span, State, Timeline, build_timeline

BUCKET = 300
"""Seconds of a slice of `Summary.series`."""

_HAPPENINGS = 100  # Kept in a summary.

SHARES = (0.05, 0.5, 0.95)
"""Which quantiles: of time, not of samples."""


class Slice(Struct, frozen=True, array_like=True, gc=False):
    """Seconds of each grade in the five minutes that begin at `start`."""

    start: int
    good: int
    fair: int
    poor: int
    unknown: int


_SLICES = msgspec.json.Decoder(tuple[Slice, ...])


def slices_of(series: str) -> tuple[Slice, ...]:
    """`Summary.series` as a column of `Reports.facts` has it: JSON."""
    return _SLICES.decode(series)


class GradeSpan(Struct, frozen=True, array_like=True, gc=False):
    """A stretch of one grade."""

    start: Moment
    end: Moment
    grade: Grade


_STORED_NAMES = {
    "room": "conf",
    "browser_id": "uid",
    "grade_spans": "lane",
    "endpoint_id": "participant",
    "jitsi_meeting_id": "meeting",
    "events": "happenings",
}
"""Fields whose name in a store is older than the one here."""


class WorstMinute(NamedTuple):
    """The minute with the most bad time: `badness` is 0 (all good) to 1 (all poor)."""

    start: Moment
    badness: float


class CallEvent(NamedTuple):
    """Something that happened in a call at a moment."""

    at: Moment
    what: str


class Summary(Struct, frozen=True, rename=_STORED_NAMES):
    """One session. Times are Unix seconds, lengths seconds.

    `formula` names the version of the formulas and the preset; `samples` is how many it was made
    of, `last` the time of the last one. A value of a dimension is the one that held longest, ""
    when nothing is known.
    `quantiles` has p5, p50 and p95 by name of the metric, and of `mos`; shares are of known time.
    `events` has what happened in the call, and when.
    """

    session: str
    room: str
    browser_id: BrowserId
    began: Moment
    ended: Moment
    last: Moment
    running: bool
    left: bool
    samples: int
    holes: int
    formula: str
    good: int
    fair: int
    poor: int
    unknown: int
    worst_minute: WorstMinute | None
    quantiles: dict[str, list[float | None]]
    reasons: dict[str, int]
    spells: tuple[Spell, ...]
    grade_spans: tuple[GradeSpan, ...]
    series: Annotated[tuple[Slice, ...], Hidden]
    browser: str
    os: str
    region: str
    network: str
    transport: str
    codec: str
    relay_share: float
    tcp_share: float
    p2p_share: float
    address: str
    endpoint_id: str
    jitsi_meeting_id: str
    events: tuple[CallEvent, ...] = ()
    provider: str = ""
    country: str = ""

    @property
    def known(self) -> int:
        """Seconds of which the grade is known."""
        return self.good + self.fair + self.poor

    @property
    def at_present(self) -> Grade:
        """The grade of the last moment."""
        return _last_grade(self.grade_spans)

    @property
    def grade(self) -> str:
        """The call in a word: poor or fair when a tenth of the known time was, else good."""
        if not self.known:
            return "unknown"
        if self.poor * 10 >= self.known:
            return "poor"
        return "fair" if (self.fair + self.poor) * 10 >= self.known else "good"


class LiveSession(Struct, frozen=True, rename=_STORED_NAMES):
    """Of a summary that runs, what tells how somebody is at this moment.

    Read from the same JSON, of which the rest is skipped: in a quarter of the time.
    """

    session: str
    room: str
    began: int
    ended: int
    grade_spans: tuple[GradeSpan, ...]
    spells: tuple[Spell, ...]
    browser: str
    region: str
    network: str
    provider: str = ""

    @property
    def at_present(self) -> Grade:
        """The grade of the last moment."""
        return _last_grade(self.grade_spans)


class Filter(NamedTuple):
    """How sessions may be selected by one field of `SummaryFilter`.

    `name` is what it is called outside (flag, query parameter). `dimension`: sessions are also
    compared by it. `prefix`: its first words are enough (a browser without its version, a
    provider by its number).
    """

    field: str
    name: str
    dimension: bool = False
    prefix: bool = False


FILTERS: tuple[Filter, ...] = (
    Filter("room", "room"),
    Filter("browser_id", "participant"),
    Filter("browser", "browser", dimension=True, prefix=True),
    Filter("os", "os", dimension=True, prefix=True),
    Filter("region", "region", dimension=True),
    Filter("network", "network", dimension=True),
    Filter("provider", "provider", dimension=True, prefix=True),
    Filter("country", "country", dimension=True),
    Filter("transport", "transport", dimension=True),
    Filter("codec", "codec", dimension=True),
    Filter("grade", "grade"),
)
"""Every filter, defined once: stores, API, pages and command take theirs from here."""

FIELD_OF_FILTER: Mapping[str, str] = {row.name: row.field for row in FILTERS}
"""The field of `SummaryFilter` by the filter's name outside."""

DIMENSIONS: tuple[str, ...] = tuple(row.field for row in FILTERS if row.dimension)
"""By what calls are compared."""


class SummaryFilter(Struct, frozen=True):
    """Selects summaries: those that fit every part that is given. Its fields are `FILTERS`.

    `since` and `until` (Unix seconds) mean sessions that were there in between.
    """

    since: int | None = None
    until: int | None = None
    room: str | None = None
    browser_id: str | None = None
    region: str | None = None
    browser: str | None = None
    os: str | None = None
    network: str | None = None
    provider: str | None = None
    country: str | None = None
    transport: str | None = None
    codec: str | None = None
    grade: str | None = None
    running: bool | None = None


class Decile(NamedTuple):
    """Sessions of a conference, a tenth of whose known time was good; and their bad seconds.

    `tenth` is 0 to 9, the last with those that were wholly good; None when nothing is known.
    """

    room: str
    tenth: int | None
    sessions: int
    fair: int
    poor: int


class SearchHit(Struct, frozen=True):
    """A name that was searched for: of what `kind`, and when it was last there."""

    kind: str
    name: str
    last: Moment


def formula_of(preset: Preset) -> str:
    """What a summary says of how it was made."""
    return f"{VERSION}-{preset.name}"


def summarize(
    session: Session, *, preset: Preset, lifetime: float, now: float | None = None
) -> Summary:
    """The summary of a session; `lifetime` and `now` as in `fold`."""
    return sum_up(session, build_timeline(session, lifetime=lifetime, now=now), preset)


def sum_up(session: Session, timeline: Timeline, preset: Preset) -> Summary:
    """The summary of a session that has been folded."""
    judged = judge(timeline.spans, preset)
    call = verdict(judged)
    held = _held(timeline)
    reasons: dict[str, int] = {}
    for spell in call.spells:
        for reason, seconds in spell.reasons.items():
            reasons[reason] = reasons.get(reason, 0) + seconds
    known = sum(span.end - span.start for span in timeline.spans if span.state is not None) or 1
    relay, tcp, p2p = (held.get(name, {}) for name in ("relay", "t.tp", "t.p2p"))
    address = readable_address(_longest(held, "t.rip"))
    return Summary(
        session=session.id,
        room=session.room,
        browser_id=session.browser_id,
        began=timeline.began,
        ended=timeline.ended,
        last=max((sample.ts for sample in session.samples), default=session.began),
        running=timeline.running,
        left=timeline.left,
        samples=len(session.samples),
        holes=timeline.holes,
        formula=formula_of(preset),
        good=call.good,
        fair=call.fair,
        poor=call.poor,
        unknown=call.unknown,
        worst_minute=WorstMinute(*call.worst_minute) if call.worst_minute else None,
        quantiles=_quantiles(timeline.spans),
        reasons=reasons,
        spells=call.spells,
        grade_spans=_grade_spans(judged),
        series=_series(judged),
        browser=str(_longest(held, "br") or ""),
        os=str(_longest(held, "os") or ""),
        region=str(_longest(held, "t.sr") or ""),
        network=network_of(address),
        transport=_transport(held),
        codec=str(_longest(held, "cdc.v") or _longest(held, "cdc.a") or ""),
        relay_share=round(relay.get(True, 0) / known, 4),
        tcp_share=round(sum(s for value, s in tcp.items() if "tcp" in str(value)) / known, 4),
        p2p_share=round(p2p.get(True, 0) / known, 4),
        address=address,
        endpoint_id=str(_longest(held, "pid") or ""),
        jitsi_meeting_id=str(_longest(held, "mid") or ""),
        events=events(timeline)[:_HAPPENINGS],
        provider=str(_longest(held, "t.asn") or ""),
        country=str(_longest(held, "t.cc") or ""),
    )


def events(timeline: Timeline) -> tuple[CallEvent, ...]:
    """When the browser said that what had happened, and when its packets took another path."""
    found = [CallEvent(event.at, event.what) for event in timeline.events]
    before: tuple[object, ...] | None = None
    for span in timeline.spans:
        path = tuple(map((span.state or {}).get, _PATH))
        if path[0] is None:
            continue
        if before is not None and path != before:
            found.append(CallEvent(span.start, "path"))
        before = path
    return tuple(sorted(found, key=lambda event: event.at))


@lru_cache(maxsize=4096)  # Takes 15 µs, and a session keeps its address.
def network_of(address: str) -> str:
    """The /24 of an IPv4 address, the /48 of an IPv6 one; "" for what is none."""
    try:
        it = ip_address(address.partition("%")[0])
    except ValueError:
        return ""
    return str(ip_network((it, 24 if it.version == 4 else 48), strict=False))


def readable_address(stored: object) -> str:
    """An address as people write it, of the form in which it is stored."""
    if isinstance(stored, int) and 0 <= stored < 2**32:
        return str(IPv4Address(stored))
    return stored if isinstance(stored, str) else ""


_PATH = ("t.tp", "t.ip", "t.lip", "t.lct", "t.rct")
_HELD = tuple(row.path for row in READINGS if row.summary)
_TRANSPORT, _LOCAL, _REMOTE = map(_HELD.index, ("t.tp", "t.lct", "t.rct"))


_NOTHING_HELD = {list, dict}  # No reading of ours; files of others may have anything.


def _held(timeline: Timeline) -> dict[str, dict[object, int]]:
    """For how long each value of the readings that are not measures held."""
    together: dict[tuple[object, ...], int] = {}
    for span in timeline.spans:
        if span.state is None:
            continue
        its: tuple[object, ...] = tuple(map(span.state.get, _HELD))
        if not _NOTHING_HELD.isdisjoint(map(type, its)):
            its = tuple(None if type(item) in _NOTHING_HELD else item for item in its)
        together[its] = together.get(its, 0) + span.end - span.start
    held: dict[str, dict[object, int]] = {}
    for its, seconds in together.items():
        relayed = "relay" in (its[_LOCAL], its[_REMOTE]) or str(its[_TRANSPORT]).startswith("relay")
        for path, value in (*zip(_HELD, its, strict=True), ("relay", relayed or None)):
            if value is not None:
                values = held.setdefault(path, {})
                values[value] = values.get(value, 0) + seconds
    return held


def _longest(held: Mapping[str, Mapping[object, int]], path: str) -> object:
    values = held.get(path)
    return max(values.items(), key=lambda value: (value[1], str(value[0])))[0] if values else None


def _transport(held: Mapping[str, Mapping[object, int]]) -> str:
    """In a word: p2p, relay, or the protocol."""
    protocol = _longest(held, "t.tp")
    if protocol is None:
        return ""
    total = sum(held["t.tp"].values())
    if held.get("t.p2p", {}).get(True, 0) * 2 > total:
        return "p2p"
    if held.get("relay", {}).get(True, 0) * 2 > total:
        return "relay"
    return str(protocol)


def _quantiles(spans: Sequence[Span]) -> dict[str, list[float | None]]:
    known = [(span.state, span.end - span.start) for span in spans if span.state is not None]
    found = {name: quantiles(_weighted(known, path), SHARES) for name, path in METRICS.items()}
    scores = [(score, s) for state, s in known if (score := moment_mos(state)) is not None]
    found["mos"] = [
        None if quantile is None else round(quantile, 2) for quantile in quantiles(scores, SHARES)
    ]
    return {name: values for name, values in found.items() if values[0] is not None}


def _weighted(known: Iterable[tuple[State, int]], path: str) -> list[tuple[float, int]]:
    return [(value, s) for state, s in known if (value := number(state, path)) is not None]


def _last_grade(spans: Sequence[GradeSpan]) -> Grade:
    return spans[-1].grade if spans else Grade.UNKNOWN


def _grade_spans(judged: Sequence[Judged]) -> tuple[GradeSpan, ...]:
    lane: list[GradeSpan] = []
    for judgement in judged:
        start = judgement.start
        if lane and lane[-1].end == judgement.start and lane[-1].grade == judgement.grade:
            start = lane.pop().start
        lane.append(GradeSpan(start, judgement.end, judgement.grade))
    return tuple(lane)


def _series(judged: Sequence[Judged]) -> tuple[Slice, ...]:
    slices: dict[int, list[int]] = {}
    place = {Grade.GOOD: 0, Grade.FAIR: 1, Grade.POOR: 2, Grade.UNKNOWN: 3}
    for judgement in judged:
        start = judgement.start
        while start < judgement.end:
            bucket = start - start % BUCKET
            end = min(judgement.end, bucket + BUCKET)
            slices.setdefault(bucket, [0, 0, 0, 0])[place[judgement.grade]] += end - start
            start = end
    return tuple(Slice(start, *slices[start]) for start in sorted(slices))
