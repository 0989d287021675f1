"""The nouns of answers: what the API, the command and the pages show.

Times (`Moment`) are Unix seconds, and ISO 8601 in UTC outside; durations are seconds, `minutes` are
person-minutes, whole and rounded, shares are 0 to 1 of the time whose grade is known.
"""

from typing import Annotated, Literal

from msgspec import Struct

from jmmc.core.fields import BrowserId, ExactMean, ExactShare, Hidden, Moment, ShareInterval
from jmmc.core.rounding import whole_minutes
from jmmc.quality.causes import Answer, Incident
from jmmc.quality.causes.recorded import RecordedIncident
from jmmc.quality.differences import NO_DIFFERENCE, Difference, Mark
from jmmc.quality.grading import Grade, Spell
from jmmc.quality.intervals import Replicates, interval
from jmmc.quality.losses import Loss
from jmmc.quality.ratings import Ratings
from jmmc.quality.rollups import Sums
from jmmc.quality.summary import CallEvent, GradeSpan, Summary
from jmmc.quality.ways import WayMatrix, Ways

FEW = 5
"""Sessions below which a share says too little to be shown."""


class Grades(Struct, frozen=True):
    """Person-seconds with a known and an unknown grade, and the share of each grade.

    The shares are of the known time; None when nothing is known.
    """

    known_seconds: int
    unknown_seconds: int
    good_share: ExactShare | None
    fair_share: ExactShare | None
    poor_share: ExactShare | None

    @property
    def bad_share(self) -> float | None:
        """The share of time that was fair or poor."""
        if self.fair_share is None or self.poor_share is None:
            return None
        return self.fair_share + self.poor_share

    @staticmethod
    def of(good: int, fair: int, poor: int, unknown: int) -> "Grades":
        """From the person-seconds of each grade."""
        known = good + fair + poor
        shares = [part / known if known else None for part in (good, fair, poor)]
        return Grades(known, unknown, *shares)


class JoinRates(Struct, frozen=True):
    """How joins went and stays ended, as far as scripts tell.

    `failed` joins failed for a technical reason; `refused` ones by a decision, such as a wrong
    password, and count in no share. `failed_share` is of joined and failed, `dropped_share` of
    ended stays; None where no script tells, or the selection leaves it open. The 95 % intervals are
    0 to 1 then. `setup_ms` is the time from asking to join until the first media.
    """

    joined: int
    failed: int
    refused: int
    ended: int
    dropped: int
    failed_share: ExactShare | None
    failed_interval: ShareInterval
    dropped_share: ExactShare | None
    dropped_interval: ShareInterval
    setup_ms_p50: int | None
    setup_ms_p95: int | None

    @property
    def are_known(self) -> bool:
        """Whether any script tells of a join or of the end of a stay."""
        return any((self.joined, self.failed, self.refused, self.ended))


class JoinReasons(Struct, frozen=True):
    """Why joins failed or were refused, and why stays were dropped: counts, most frequent first."""

    failed: dict[str, int]
    refused: dict[str, int]
    dropped: dict[str, int]


class Quantiles(Struct, frozen=True):
    """The median and the 95th percentile of `count` lengths in ms, each at most 1 % off."""

    count: int
    p50: int | None
    p95: int | None


class RecentJoins(Struct, frozen=True):
    """The joins of the last `seconds`, and the latest that failed or were refused, at most ten."""

    seconds: int
    rates: JoinRates
    reasons: JoinReasons
    latest: tuple[Summary, ...]


class Point(Struct, frozen=True):
    """One step of a time series: mean concurrent participants and their grades.

    `start` is where the step begins in the window, `seconds` how long it is in it. `partial`: that
    is less than `Overview.step`. `failed_joins` counts those that failed for a technical reason,
    `dropped_stays` those that a failure ended.
    """

    start: Moment
    seconds: int
    partial: bool
    participants: ExactMean
    grades: Grades
    failed_joins: int = 0
    dropped_stays: int = 0


class QualityPoint(Struct, frozen=True):
    """The share of bad (fair or poor) and of poor time in one step, with 95 % intervals.

    `start` and `seconds` as in `Point`. Steps of which nothing is known are left out.
    """

    start: Moment
    seconds: int
    known_seconds: int
    bad_share: ExactShare
    bad_interval: ShareInterval
    poor_share: ExactShare
    poor_interval: ShareInterval


class Cell(Struct, frozen=True, array_like=True):
    """One cell of a heat map: person-seconds of a known grade, and of those the fair and poor."""

    start: Moment
    known: int
    bad: int


class HeatRow(Struct, frozen=True):
    """One row of a heat map: a value of a dimension over time; a cell is `step` seconds long."""

    value: str
    step: int
    cells: tuple[Cell, ...]


class Now(Struct, frozen=True):
    """What runs now: connections, of how many people and rooms, and their grades."""

    connections: int
    people: int
    rooms: int
    grades: Grades


class Overview(Struct, frozen=True):
    """Totals and a time series of a window.

    `sessions` and `rooms` count those that were there in the window, `minutes` and `grades` their
    time in it. `peak_people` and `peak_connections` are the most at once; a person in two tabs has
    two connections. `step` is the length of a point of `series` in seconds; the first and the last
    point may be partly in the window. `setup` has the times of the steps of a join, in ms.
    `quality` has the shares of bad time in steps of `quality_step` seconds, an hour or more where
    the window is longer than six.
    """

    since: Moment
    until: Moment
    now: Now
    sessions: int
    rooms: int
    minutes: int
    peak_people: int
    peak_connections: int
    grades: Grades
    joins: JoinRates
    join_reasons: JoinReasons
    setup: dict[str, Quantiles]
    step: int
    series: tuple[Point, ...]
    ratings: Ratings = Ratings()
    quality_step: int = 0
    quality: tuple[QualityPoint, ...] = ()


class Comparison(Struct, frozen=True):
    """The grades of the sessions with one value of a dimension.

    `poor_interval` and `bad_interval` are the 95 % confidence intervals of the share of poor time,
    and of fair or poor time (`quality.intervals`). `ratings` are those of sessions in which this
    value held longest. `bad_difference` and `poor_difference` are from the rest: from all other
    values but those that are marked as worse. When two dimensions are crossed, `crossed` is the
    value of the second one.
    """

    value: str
    sessions: int
    minutes: int
    grades: Grades
    poor_interval: ShareInterval
    bad_interval: ShareInterval
    joins: JoinRates
    ratings: Ratings = Ratings()
    bad_difference: Difference = NO_DIFFERENCE
    poor_difference: Difference = NO_DIFFERENCE
    crossed: str = ""

    @staticmethod
    def of(value: str, sums: Sums, replicates: Replicates, joins: JoinRates) -> "Comparison":
        """From the sums of the sessions with `value`, and its joins."""
        return Comparison(
            value,
            sums.sessions,
            whole_minutes(sums.seconds),
            Grades.of(sums.good, sums.fair, sums.poor, sums.unknown),
            interval(replicates, Grade.POOR) or (0.0, 1.0),
            interval(replicates, Grade.FAIR) or (0.0, 1.0),
            joins,
        )


class Outlier(Struct, frozen=True):
    """A value of any dimension with more bad time than the rest; the fields are as in `Comparison`.

    `people` counts the persons who had the value; None in windows with too many sessions to count.
    """

    dimension: str
    value: str
    sessions: int
    people: int | None
    minutes: int
    grades: Grades
    bad_difference: Difference
    poor_difference: Difference


class Change(Struct, frozen=True):
    """A value of a dimension before and after a moment; of both "", all sessions together.

    `sessions`, `minutes`, `grades` and `joins` are those after it, `before_` those before it. A
    difference is positive when the share became larger. `crossed` as in `Comparison`.
    """

    dimension: str
    value: str
    before_sessions: int
    before_grades: Grades
    sessions: int
    minutes: int
    grades: Grades
    bad_difference: Difference
    poor_difference: Difference
    before_joins: JoinRates
    joins: JoinRates
    crossed: str = ""


class RoomActivity(Struct, frozen=True):
    """A room over all its meetings in the window.

    `began` is the start of its first session, `last` the end of its latest.
    """

    room: str
    sessions: int
    participants: int
    minutes: int
    began: Moment
    last: Moment
    grades: Grades


class Meeting(Struct, frozen=True):
    """A meeting: the sessions in a room until it was empty for ten minutes.

    `id` is that of its first session; in a list too, where that may have been before the window.
    There it begins with the first that was in the window. `peak_people` and `peak_connections` are
    the most at once; a person in two tabs has two connections. `minutes` and `grades` are of the
    time in the window.
    """

    id: str
    room: str
    began: Moment
    ended: Moment
    running: bool
    sessions: int
    participants: int
    peak_people: int
    peak_connections: int
    minutes: int
    grades: Grades


class Lane(Struct, frozen=True):
    """One session of a meeting: its summary and the grade of the whole session."""

    session: Summary
    grade: str


class MeetingDetail(Struct, frozen=True):
    """A meeting with its sessions (at most 1,000) its worst incidents, and who heard
    whom.

    `attempts` are joins of its room that failed or were refused, during the meeting and up to ten
    minutes before and after it, at most 200. A room in which nobody was has a meeting without
    sessions around each of them. `part_of` are the incidents that affected any of the sessions, the
    worst first.
    """

    meeting: Meeting
    lanes: tuple[Lane, ...]
    incidents: tuple[Incident, ...]
    ways: Ways
    attempts: tuple[Summary, ...] = ()
    matrix: WayMatrix = WayMatrix()
    part_of: Annotated[tuple[RecordedIncident, ...], Hidden] = ()


class SessionMark(Struct, frozen=True):
    """One of a participant's sessions on a time scale; `grade` is that of the whole session."""

    session: str
    room: str
    began: Moment
    ended: Moment
    grade: str


class OthersFigure(Struct, frozen=True):
    """A metric of the others in a meeting: the middle half of their medians, and its median.

    `sessions` counts the others who were there at the same time and whose median is known.
    """

    sessions: int
    low: float
    median: float
    high: float


class ExplainedSpell(Struct, frozen=True):
    """A spell of problems with its likely causes and the facts that decided.

    `incident` is the id of the incident that it is part of: then `answer` is that of the incident.
    Without one (None) the causes are those of the spell by itself. `losses` say which packets were
    lost, when `loss` is one of its reasons and samples are there.
    """

    spell: Spell
    answer: Answer
    losses: tuple[Loss, ...] = ()
    incident: str | None = None


class SessionDetail(Struct, frozen=True):
    """A session: its summary, its spells, its events and the curves of its readings.

    `times` are when readings changed, and the end. Each curve has one value for each time, None
    where it is unknown; the value at `times[i]` holds until `times[i + 1]`. `meeting` is the
    meeting's id. `ways` are those to and from this session, of the 200 longest of the meeting;
    `others` has the metrics (`Summary.quantiles`) of these. `recent` are the sessions of the same
    browser from 30 days before this one until a day after it, at most 500, the newest. `part_of`
    are the incidents that affected the session, the worst first.
    """

    summary: Summary
    grade: str
    meeting: str
    spells: tuple[ExplainedSpell, ...]
    grade_spans: tuple[GradeSpan, ...]
    times: tuple[Moment, ...]
    curves: dict[str, tuple[float | str | bool | None, ...]]
    events: tuple[CallEvent, ...]
    ways: Ways
    others: dict[str, OthersFigure] = {}
    recent: tuple[SessionMark, ...] = ()
    part_of: Annotated[tuple[RecordedIncident, ...], Hidden] = ()


class SessionCurves(Struct, frozen=True):
    """The part of a `SessionDetail` that is drawn: quick to make, as no causes are looked for."""

    summary: Summary
    times: tuple[Moment, ...]
    curves: dict[str, tuple[float | str | bool | None, ...]]
    events: tuple[CallEvent, ...]
    others: dict[str, OthersFigure]


class Participant(Struct, frozen=True):
    """One browser over a window: totals of its sessions, and the newest of them.

    `names` are those of these newest sessions, the newest first. `networks` and `browsers` count
    sessions; one that moved counts for each network that it had in the window. `best` and `worst`
    are the sessions with the smallest and the largest share of fair and poor time; None when no
    grade is known. `attempts` are the newest joins that failed or were refused; they are no
    sessions. `marks` are the newest sessions, at most 500, by time.
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
    joins: JoinRates
    attempts: tuple[Summary, ...] = ()
    names: tuple[str, ...] = ()
    marks: tuple[SessionMark, ...] = ()


class StoredValue(Struct, frozen=True):
    """A value that a filter may have, and how many sessions of the window have it."""

    value: str
    sessions: int


class Usage(Struct, frozen=True):
    """The usage of a day, week, month or year by meetings of five minutes and more.

    `partial`: the window of the question, or what is stored, has only a part of the period.
    `participants` is exact, or an estimate; `participants_interval` is its 95 % interval.
    `peak_people` and `peak_meetings` are the most at once. `meeting_lengths` counts the meetings
    that began in the period, and `stay_lengths` the stays that began in it: below 5 minutes, from 5
    to below 15, to below 30, 60, 120, 240 minutes, and longer. `grades`, their intervals and
    `joins` are those of all sessions, also in shorter meetings.
    """

    start: Moment
    end: Moment
    meetings: int
    participants: int
    minutes: int
    partial: bool
    participants_interval: tuple[int, int]
    peak_people: int
    peak_meetings: int
    meeting_lengths: tuple[int, ...]
    stay_lengths: tuple[int, ...]
    meeting_minutes_p50: int | None
    stay_minutes_p50: int | None
    grades: Grades
    poor_interval: ShareInterval
    bad_interval: ShareInterval
    joins: JoinRates


class GradeDistribution(Struct, frozen=True):
    """Sessions by the share of good time, and the worst meetings.

    `sessions` has ten counts: 0 to 10 % of the known time good, ..., 90 to 100 %.
    """

    sessions: tuple[int, ...]
    worst: tuple[Meeting, ...]


class LiveMeeting(Struct, frozen=True):
    """A running meeting: its people by their current grade, and their connections.

    `reasons` are the most frequent of the current problems, at most three.
    """

    id: str
    room: str
    began: Moment
    people: int
    good: int
    fair: int
    poor: int
    unknown: int
    connections: int
    reasons: tuple[str, ...]


class Hotspot(Struct, frozen=True):
    """A value of a dimension: how many participants are there now, how many have problems.

    `mark`: whether that is a larger part than of the rest, beyond chance; `few` with fewer than
    five people of whom a grade is known.
    """

    dimension: str
    value: str
    people: int
    affected: int
    mark: Mark = Mark.FEW


class Usual(Struct, frozen=True):
    """What the hour that begins at `start` was like on the same weekday in `weeks` weeks before.

    `people_low` and `people_high` are the fewest and the most people of its five minutes,
    `bad_share` the share of fair and poor time of `known_seconds`; None where too little is known.
    """

    start: Moment
    weeks: int
    people_low: int
    people_high: int
    bad_share: ExactShare | None
    known_seconds: int


class Live(Struct, frozen=True):
    """All people at this moment by grade, the running meetings, and where problems are.

    A person in two tabs is one of the people, with two of the connections.

    `meetings` (at most 1,000) and `hotspots` are sorted by affected participants, most first.
    `joins` are those of the last ten minutes, `last_hour` is a series by five minutes, `usual` what
    this hour is like in other weeks; None when there is too little of them.
    """

    at: Moment
    people: int
    good: int
    fair: int
    poor: int
    unknown: int
    meetings: tuple[LiveMeeting, ...]
    hotspots: tuple[Hotspot, ...]
    connections: int
    joins: RecentJoins
    last_hour: tuple[Point, ...] = ()
    usual: Usual | None = None

    @property
    def affected(self) -> int:
        """People whose grade is fair or poor now."""
        return self.fair + self.poor


class Share(Struct, frozen=True):
    """The known time of the participants with one `value` of a dimension, for alert rules.

    `known` and `poor` are person-seconds. `support` is how much stands behind the value: each
    network has one vote, shared by the known time in it (`quality.rollups.weights`).
    """

    value: str
    participants: int
    known: int
    poor: int
    support: float = 0.0


Failures = Literal["joins", "stays"]
"""What failed, for alert rules: joins, or stays that a failure ended."""


class FailureShare(Struct, frozen=True):
    """Joins or ends of stays with one `value` of a dimension, for alert rules.

    `failed` of `events` failed, of `people` different participants. `support` is how much stands
    behind the value (`quality.rollups.weights`).
    """

    value: str
    events: int
    failed: int
    people: int
    support: float = 0.0


class Silence(Struct, frozen=True):
    """The time of the newest sample, and who stopped sending then, for alert rules.

    `last` is Unix seconds; `fell_silent` counts participants who had not left their call.
    """

    last: int
    fell_silent: int
