"""What questions are answered with: the nouns of the API, of the terminal and of the pages.

Times are Unix seconds; whoever shows them writes UTC. Shares are of time whose grade is known.
"""

from msgspec import Struct

from jmmc.core.fields import BrowserId, Moment
from jmmc.quality.attribution import Attribution, wilson
from jmmc.quality.grading import Spell
from jmmc.quality.incidents import Incident
from jmmc.quality.rollups import Part
from jmmc.quality.summary import CallEvent, GradeSpan, Summary

FEW = 5
"""Sessions under which a share is not worth a word."""


class Grades(Struct, frozen=True):
    """Person-seconds by grade, and the shares of those whose grade is known (None of none)."""

    known_seconds: int
    unknown_seconds: int
    good_share: float | None
    fair_share: float | None
    poor_share: float | None

    @staticmethod
    def of(good: int, fair: int, poor: int, unknown: int) -> "Grades":
        """From seconds of each grade."""
        known = good + fair + poor
        shares = [round(item / known, 4) if known else None for item in (good, fair, poor)]
        return Grades(known, unknown, *shares)


class Point(Struct, frozen=True):
    """A step of a series: participants at once on average, and how they fared."""

    start: Moment
    participants: float
    grades: Grades


class Cell(Struct, frozen=True, array_like=True):
    """An hour or a part of a window: person-seconds that are known, and those that were bad."""

    start: Moment
    known: int
    bad: int


class HeatRow(Struct, frozen=True):
    """One value of a dimension over time, `step` seconds a cell."""

    value: str
    step: int
    cells: tuple[Cell, ...]


class Now(Struct, frozen=True):
    """This moment."""

    sessions: int
    participants: int
    rooms: int
    grades: Grades


class Overview(Struct, frozen=True):
    """A window of time. `peak` is the most participants at once, by means of five minutes."""

    since: Moment
    until: Moment
    now: Now
    sessions: int
    rooms: int
    minutes: int
    peak: float
    grades: Grades
    step: int
    series: tuple[Point, ...]


class Comparison(Struct, frozen=True):
    """One value of a dimension. The interval is of the share of poor time, 95 %.

    The moments of one call are not independent, so its sample size is the number of sessions.
    """

    value: str
    sessions: int
    minutes: int
    grades: Grades
    poor_interval: tuple[float, float]

    @staticmethod
    def of(value: str, sums: Part) -> "Comparison":
        """From the sums of a value."""
        grades = Grades.of(sums.good, sums.fair, sums.poor, sums.unknown)
        interval = wilson(grades.poor_share or 0.0, sums.sessions if grades.known_seconds else 0)
        return Comparison(value, sums.sessions, sums.seconds // 60, grades, interval)


class RoomActivity(Struct, frozen=True):
    """A room, over all its meetings in the window."""

    room: str
    sessions: int
    participants: int
    minutes: int
    began: Moment
    last: Moment
    grades: Grades


class Meeting(Struct, frozen=True):
    """People in a room, until it was empty for ten minutes. Its id is that of its first session.

    `peak` is the most people at once, whoever has two tabs once.
    """

    id: str
    room: str
    began: Moment
    ended: Moment
    running: bool
    sessions: int
    participants: int
    peak: int
    minutes: int
    grades: Grades


class Lane(Struct, frozen=True):
    """One session of a meeting."""

    session: Summary
    grade: str


class MeetingDetail(Struct, frozen=True):
    """A meeting with everybody who was there, and the worst of what went wrong in it."""

    meeting: Meeting
    lanes: tuple[Lane, ...]
    incidents: tuple[Incident, ...]


class AttributedSpell(Struct, frozen=True):
    """A bad spell, and who else was bad then."""

    spell: Spell
    attribution: Attribution


class SessionDetail(Struct, frozen=True):
    """A session: its summary, its spells, and the curves of its readings.

    `times` are the samples'; each curve has a value for each, None where it is unknown. The
    sample at `times[i]` holds until the next one.
    """

    summary: Summary
    grade: str
    meeting: str
    spells: tuple[AttributedSpell, ...]
    grade_spans: tuple[GradeSpan, ...]
    times: tuple[Moment, ...]
    curves: dict[str, tuple[float | str | bool | None, ...]]
    events: tuple[CallEvent, ...]


class Participant(Struct, frozen=True):
    """A browser over the window: what its sessions come to, and the newest of them.

    `best` and `worst` are the sessions with the smallest and the largest bad share of a known
    time; None when nothing is known of any.
    """

    browser_id: BrowserId
    sessions: int
    rooms: int
    minutes: int
    grades: Grades
    networks: dict[str, int]
    browsers: dict[str, int]
    latest: tuple[Summary, ...]
    best: Summary | None
    worst: Summary | None


class Usage(Struct, frozen=True):
    """A day, week or month (UTC): meetings of five minutes and more, and who was there."""

    start: Moment
    meetings: int
    participants: int
    minutes: int


class GradeDistribution(Struct, frozen=True):
    """Sessions that had 0..10 %, ..., 90..100 % of their known time good; the worst meetings."""

    sessions: tuple[int, ...]
    worst: tuple[Meeting, ...]


class LiveMeeting(Struct, frozen=True):
    """A meeting that runs: how its people are at this moment, by grade."""

    id: str
    room: str
    began: Moment
    people: int
    good: int
    fair: int
    poor: int
    unknown: int
    reasons: tuple[str, ...]


class Hotspot(Struct, frozen=True):
    """A value of a dimension: of how many people there now, how many have problems."""

    dimension: str
    value: str
    people: int
    affected: int


class Live(Struct, frozen=True):
    """This moment: all who are there, their meetings (worst first), and where it is bad."""

    at: Moment
    people: int
    good: int
    fair: int
    poor: int
    unknown: int
    meetings: tuple[LiveMeeting, ...]
    hotspots: tuple[Hotspot, ...]


class Share(Struct, frozen=True):
    """The known time of the participants with one `value` of a dimension, for alert rules.

    `known` and `poor` are person-seconds.
    """

    value: str
    participants: int
    known: int
    poor: int


class Silence(Struct, frozen=True):
    """The time of the newest sample, and who stopped sending then, for alert rules.

    `last` is Unix seconds; `fell_silent` counts participants who had not left their call.
    """

    last: int
    fell_silent: int
