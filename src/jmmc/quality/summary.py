"""The summary of a session, and what stores return beside it."""

from collections.abc import Mapping
from itertools import groupby
from operator import attrgetter
from sys import intern
from typing import Annotated, NamedTuple

import msgspec
from msgspec import Struct

from jmmc.core.fields import BrowserId, Hidden, Moment
from jmmc.quality.devices import DEVICES
from jmmc.quality.filters import DIMENSIONS, SummaryFilter
from jmmc.quality.grades import Grade
from jmmc.quality.grades import GradeSpan as GradeSpan
from jmmc.quality.grades import grade_at as grade_at
from jmmc.quality.grading import Spell
from jmmc.quality.segments import Segment, values_at

_STORED_NAMES = {
    "room": "conf",
    "browser_id": "uid",
    "gaps": "holes",
    "grade_spans": "lane",
    "endpoint_id": "participant",
    "jitsi_meeting_id": "meeting",
    "events": "happenings",
}
"""Names in stores, of the fields that have another name here."""


_values_of = attrgetter(*DIMENSIONS)
_LANE = msgspec.json.Decoder(tuple[GradeSpan, ...])


def lane_of(lane: str) -> tuple[GradeSpan, ...]:
    """Decode grade spans from JSON, the form in which `Reports.facts` returns them."""
    return _LANE.decode(lane)


class WorstMinute(NamedTuple):
    """The minute with the most bad time: `badness` is 0 (all good) to 1 (all poor)."""

    start: Moment
    badness: float


class CallEvent(NamedTuple):
    """An event in a call: `what` happened, and when."""

    at: Moment
    what: str


class Setup(Struct, frozen=True, omit_defaults=True):
    """How long it took to join, in ms; None where unknown.

    `ask`: from the start of the script until the join was asked for; `join`: from there until
    joined, or until that failed; `ice` and `media`: from joined until the media path was connected,
    and until the first media arrived.
    """

    ask: int | None = None
    join: int | None = None
    ice: int | None = None
    media: int | None = None

    @property
    def whole(self) -> int | None:
        """From asking to join until the first media arrived."""
        return None if self.join is None or self.media is None else self.join + self.media

    @property
    def steps(self) -> tuple[int | None, ...]:
        """The lengths of the steps, in the order of the fields."""
        return self.ask, self.join, self.ice, self.media

    @property
    def text(self) -> str:
        """The steps as one word, "" when none is known."""
        if not any(step is not None for step in self.steps):
            return ""
        return ",".join("" if step is None else str(step) for step in self.steps)

    @staticmethod
    def of_text(text: str) -> "Setup":
        """The inverse of `text`."""
        return (
            Setup(*(int(step) if step else None for step in text.split(","))) if text else Setup()
        )


class Sender(Struct, frozen=True, array_like=True, gc=False):
    """Whose media arrived badly: the endpoint, for how many seconds, and how bad it was then.

    The others are percentages, means over those seconds; None where unknown.
    """

    endpoint: str
    seconds: int
    audio_lost: float | None = None
    concealed: float | None = None
    video_lost: float | None = None
    frozen: float | None = None


GRADE_PERCENT = 10
"""A session is poor when so much of its known time was, and fair when so much was fair or poor."""


class Summary(Struct, frozen=True, rename=_STORED_NAMES):
    """One session. Times are Unix seconds, lengths seconds.

    `formula` names the version of the formulas and the preset; `samples` is the number of samples,
    `last` the time of the last one. The value of a dimension is the one that held longest, ""
    when it is unknown; `segments` has the values over time when one changed. `quantiles` has p5,
    p50 and p95 by name of the metric, and of `mos`; shares are of known time. `outcome` is one of
    `quality.outcomes.OUTCOMES`, "" when the script does not tell; `failure` is why the join failed
    or the stay ended. `senders` are those whose media arrived worst. `resumed`: a summary before
    this one said that the session had ended.
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
    gaps: int
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
    segments: tuple[Segment, ...] = ()
    bridge: str = ""
    outcome: str = ""
    failure: str = ""
    setup: Setup = Setup()
    senders: tuple[Sender, ...] = ()
    name: str = ""
    code: str = ""
    microphone: str = ""
    camera: str = ""
    speaker: str = ""
    rating: int | None = None
    rating_reason: str = ""
    resumed: Annotated[bool, Hidden] = False

    @property
    def name_key(self) -> str:
        """The name in lower case, by which it is found."""
        return self.name.lower()

    @property
    def devices_key(self) -> str:
        """The names of its devices in lower case, one a line, by which it is found."""
        if not (self.microphone or self.camera or self.speaker or self.segments):
            return ""
        devices = (name for device in DEVICES.values() for name in self.values_of(device))
        return "\n".join(dict.fromkeys(name.lower() for name in devices if name))

    @property
    def who(self) -> str:
        """What people see of the participant: the name, if it is known, and a short id."""
        short = self.endpoint_id or self.browser_id[:8]
        return f"{self.name} ({short})" if self.name else short

    @property
    def setup_ms(self) -> int | None:
        """Milliseconds from asking to join until the first media arrived; None when unknown."""
        return self.setup.whole

    @property
    def setup_steps(self) -> str:
        """The steps of the join as one word (`Setup.text`)."""
        return self.setup.text

    @property
    def known(self) -> int:
        """Seconds of which the grade is known."""
        return self.good + self.fair + self.poor

    @property
    def at_present(self) -> Grade:
        """The grade at the last sample."""
        return grade_at(self.grade_spans, self.last)

    @property
    def bad_since(self) -> int | None:
        """When the problem began that a running session has at its last sample; None without one.

        What the session has since that sample is not known yet.
        """
        if not (self.running and self.spells):
            return None
        spell = self.spells[-1]
        return spell.start if spell.end >= self.last else None

    def after(self, before: "Summary | None") -> "Summary":
        """This summary as the one that follows `before` of the same session."""
        if before is None or not (before.resumed or (self.running and not before.running)):
            return self
        return msgspec.structs.replace(self, resumed=True)

    def values_of(self, dimension: str) -> list[str]:
        """The values of a dimension over time: one, or more when it changed."""
        if not (self.segments and dimension in self.segments[0].values):
            return [getattr(self, dimension)]
        over_time = (segment.values[dimension] for segment in self.segments)
        return [value for value, _ in groupby(over_time)]

    def values_at(self, moment: int) -> Mapping[str, str]:
        """The dimensions at a moment."""
        return values_at(
            dict(zip(DIMENSIONS, _values_of(self), strict=True)), self.segments, moment
        )

    def fits_at_once(self, selection: SummaryFilter) -> bool:
        """Whether all that is selected by dimensions held at a moment of the selection's window.

        Stores select by values that a session had at any time, each on its own.
        """
        since, until = selection.since, selection.until
        last = len(self.segments) - 1
        return not self.segments or any(
            selection.fits(segment.values)
            for place, segment in enumerate(self.segments)
            if (since is None or since < segment.end or place == last)
            and (until is None or segment.start < until or place == 0)
        )

    @property
    def grade(self) -> str:
        """Poor or fair when `GRADE_PERCENT` of the known time was, else good; or unknown."""
        if not self.known:
            return "unknown"
        if self.poor * 100 >= self.known * GRADE_PERCENT:
            return "poor"
        return "fair" if (self.fair + self.poor) * 100 >= self.known * GRADE_PERCENT else "good"


class LiveSession(Struct, frozen=True, rename=_STORED_NAMES, gc=False):
    """The part of a running session's summary that the live view needs.

    It is decoded from the same JSON, which takes a quarter of the time of a whole summary.
    """

    session: str
    room: str
    browser_id: str
    began: int
    last: int
    grade_spans: tuple[GradeSpan, ...]
    spells: tuple[Spell, ...]
    browser: str
    region: str
    network: str
    provider: str = ""
    segments: tuple[Segment, ...] = ()
    bridge: str = ""
    jitsi_meeting_id: str = ""

    @staticmethod
    def of(summary: Summary) -> "LiveSession":
        """What is now, by a summary: of grades, problems and values over time only the last."""
        values = summary.segments[-1].values if summary.segments else {}
        last = summary.last
        span = next((span for span in reversed(summary.grade_spans) if span.start < last), None)
        return LiveSession(
            session=summary.session,
            room=intern(summary.room),
            browser_id=summary.browser_id,
            began=summary.began,
            last=last,
            grade_spans=() if span is None else (span,),
            spells=tuple(spell for spell in summary.spells[-1:] if spell.end >= last),
            browser=intern(values.get("browser") or summary.browser),
            region=intern(values.get("region") or summary.region),
            network=intern(values.get("network") or summary.network),
            provider=intern(values.get("provider") or summary.provider),
            bridge=intern(values.get("bridge") or summary.bridge),
            jitsi_meeting_id=intern(summary.jitsi_meeting_id),
        )

    @property
    def at_present(self) -> Grade:
        """The grade at the last sample."""
        return grade_at(self.grade_spans, self.last)

    def value_now(self, dimension: str) -> str:
        """The value of a dimension at the last sample."""
        changed = self.segments[-1].values if self.segments else {}
        return str(changed.get(dimension) or getattr(self, dimension))


class Decile(NamedTuple):
    """The sessions of a room with one tenth of good time, and their fair and poor seconds.

    `tenth` is 0 to 9 by the share of known time that was good, 9 includes all of it; None when
    nothing is known.
    """

    room: str
    tenth: int | None
    sessions: int
    fair: int
    poor: int


class SearchHit(Struct, frozen=True):
    """A name that a search found: its `kind`, and when it was last used.

    `session` is the session of a support code, else "".
    """

    kind: str
    name: str
    last: Moment
    session: str = ""
