"""Incidents as they are kept: by hours, bounded in size, with an id that stays while they grow.

An incident is a chain of parts, one for each hour in which problems of it begin. An hour is found
anew by itself: the parts before it say which incidents its problems may continue.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from hashlib import blake2b
from heapq import nlargest

from msgspec import Struct

from jmmc.core.fields import Moment
from jmmc.quality.causes.answer import OTHER_END, SIDES, Answer, Cause
from jmmc.quality.causes.crowd import Crowd
from jmmc.quality.causes.incidents import (
    APART,
    APART_OF_ONE,
    Beginning,
    Earlier,
    Explained,
    Group,
    Key,
    as_seen_by_others,
    joined,
    mean_answer,
    place_of_facts,
    with_one_end_each,
)
from jmmc.quality.causes.model import likely_causes
from jmmc.quality.causes.parameters import MOMENT
from jmmc.quality.causes.parameters import VERSION as CAUSES_VERSION
from jmmc.quality.causes.records import Records
from jmmc.quality.causes.signs import signs_of
from jmmc.quality.grading import Grade, Spell, added_reasons
from jmmc.quality.rollups import HOUR
from jmmc.quality.summary import Summary

VERSION = f"{CAUSES_VERSION}.2"
"""Version of the incidents that are kept: of likely causes, and of how they are joined."""

BEFORE, AFTER = 300, 900
"""Seconds around an hour in which others are compared with the problems that begin in it."""
MOST_PROBLEMS = 3000
"""Of an hour: those are explained, each in a millisecond; of the others, those that clearly belong
to an incident count in it."""
_MEETING = 100  # Others in a meeting that take as long as a problem of a meeting without others.
MOST_INCIDENTS = 500
"""Of an hour that are kept: 12,000 a day, whatever browsers say."""
MOST_HOURS = 48
"""Of one incident: what goes on for longer is the next one."""
MOST_LISTED = 50
"""Sessions and meetings that an incident lists."""
_MOST_COUNTED = 1000  # People, meetings and sessions of a part that are told apart over hours.
_MOST_NETWORKS = 100  # Of a part.
_MOST_BEGINNINGS = 20  # Problems of the last moments of an hour that a part has.
_MOST_KEYS = 8  # Causes of a part by which problems of the next hour join.
_SHOWN_SHARES = frozenset(
    ("region", "bridge", "network", "provider", "browser", "os", "meeting", "transport", "service")
)


class AffectedMeeting(Struct, frozen=True, array_like=True):
    """A meeting in an incident: its room, any session of it, and its affected people and time."""

    room: str
    session: str
    people: int
    seconds: int


class AffectedSession(Struct, frozen=True, array_like=True):
    """A session in an incident, from its first to its last problem, with its affected seconds."""

    session: str
    start: Moment
    end: Moment
    grade: Grade
    seconds: int


class GroupShare(Struct, frozen=True):
    """How many of those with one value of a dimension had problems then, and of everybody else.

    They are sessions whose grade was known during one problem, without the one that had it: the
    problem that the facts of the likely cause are of.
    """

    kind: str
    value: str
    affected: int
    known: int
    others_affected: int
    others_known: int


class RecordedIncident(Struct, frozen=True):
    """An incident: when it was, its likely causes, and whom it affected.

    `people`, `meetings` and `sessions` count those affected, `seconds` and `reasons` are affected
    person-seconds. `worst_meetings` and `worst_sessions` are the most affected ones, at most 50.
    `running`: a problem of it has not ended. `names` has what participants are called by the id of
    their session: those of the causes, and the most affected one.
    """

    id: str
    start: Moment
    end: Moment
    running: bool
    grade: Grade
    people: int
    meetings: int
    sessions: int
    seconds: int
    reasons: dict[str, int]
    answer: Answer
    shares: tuple[GroupShare, ...]
    worst_meetings: tuple[AffectedMeeting, ...]
    worst_sessions: tuple[AffectedSession, ...]
    names: dict[str, str] = {}

    @property
    def cause(self) -> Cause:
        """The most probable cause."""
        return self.answer.causes[0]


class Counted(Struct, frozen=True, array_like=True):
    """Things of one kind that are counted once: digests of the first ones, and how many more."""

    digests: tuple[str, ...]
    more: int = 0

    @classmethod
    def of(cls, names: Collection[str]) -> "Counted":
        """Count names."""
        listed = sorted(names)[:_MOST_COUNTED]
        return cls(tuple(map(_digest, listed)), len(names) - len(listed))


class Part(Struct, frozen=True):
    """The problems of an incident that begin in one hour.

    `weights` are the mean probabilities of the causes by which others may join. `is_open`: one of
    the problems has not ended.
    """

    hour: int
    start: int
    end: int
    is_open: bool
    grade: Grade
    seconds: int
    reasons: dict[str, int]
    people: Counted
    meetings: Counted
    sessions: Counted
    weights: tuple[tuple[str, str, float], ...]
    answer: Answer
    shares: tuple[GroupShare, ...]
    worst_meetings: tuple[AffectedMeeting, ...]
    worst_sessions: tuple[AffectedSession, ...]
    names: dict[str, str] = {}
    networks: tuple[tuple[str, int], ...] = ()
    """The affected seconds of each network, of those with the most."""
    beginnings: tuple[Beginning, ...] = ()
    """How the problems of the hour's last moments began; the next hour may have others of them."""
    problems: Counted = Counted(())
    """Its problems, each a session and when it began there."""
    person_of: dict[str, str] = {}
    """By session of `names` a digest of its person, who may have had several."""


class StoredIncident(Struct, frozen=True):
    """An incident with the parts that it is made of, in order of time."""

    incident: RecordedIncident
    parts: tuple[Part, ...]

    def affects(self, sessions: Collection[str]) -> bool:
        """Whether any of these sessions (`session_digests`) is in it, of those it tells apart."""
        return any(digest in sessions for part in self.parts for digest in part.sessions.digests)

    def problems_among(self, digests: Collection[str]) -> list[str]:
        """Which of these problems are in it, as far as it tells them apart (`problem_digest`)."""
        return [
            digest for part in self.parts for digest in part.problems.digests if digest in digests
        ]

    @classmethod
    def of(cls, id_: str, parts: Sequence[Part]) -> "StoredIncident":
        """Join the parts of an incident."""
        parts = sorted(parts, key=lambda part: part.hour)
        people = _count(part.people for part in parts)
        answers = [part.answer if people == 1 else _of_part(part) for part in parts]
        person_of = {
            session: person for part in parts for session, person in part.person_of.items()
        }
        weighed = [(of_part, part.seconds) for of_part, part in zip(answers, parts, strict=True)]
        weighed = with_one_end_each(weighed, person_of)
        answer = mean_answer(weighed)
        shown = parts[place_of_facts(weighed, answer.causes[0])]
        sessions = _worst_sessions(session for part in parts for session in part.worst_sessions)
        named = {sessions[0].session, *(cause.value for cause in answer.causes)}
        incident = RecordedIncident(
            id_,
            min(part.start for part in parts),
            max(part.end for part in parts),
            any(part.is_open for part in parts),
            max(part.grade for part in parts),
            people,
            _count(part.meetings for part in parts),
            _count(part.sessions for part in parts),
            sum(part.seconds for part in parts),
            added_reasons(part.reasons for part in parts),
            answer,
            shown.shares,
            _worst_meetings(meeting for part in parts for meeting in part.worst_meetings),
            sessions,
            {id_: name for part in parts for id_, name in part.names.items() if id_ in named},
        )
        return cls(incident, tuple(parts))


def _of_part(part: Part) -> Answer:
    """The answer of a part of several people's incident: what one of them has, others receive."""
    return as_seen_by_others(part.answer, part.worst_sessions[0].session)


_KeptAnswer = tuple[Spell, tuple[int, ...], Answer]
"""A problem, what was around it (`_Seen.around`), and its answer."""


class HourAnswers:
    """The answers for problems of one hour, kept while nothing around them changes."""

    def __init__(self) -> None:
        self._answers: dict[tuple[str, int], _KeptAnswer] = {}
        self._used: dict[tuple[str, int], _KeptAnswer] = {}

    def __len__(self) -> int:
        return len(self._answers)

    def answer(self, summary: Summary, spell: Spell, seen: "_Seen", records: Records) -> Answer:
        """The likely causes of a problem; those of before when the same was seen around it."""
        key, around = (summary.session, spell.start), seen.around(spell)
        known = self._answers.get(key)
        if known is None or known[:2] != (spell, around):
            known = spell, around, likely_causes(summary, spell, seen.crowd, records)
        self._used[key] = known
        return known[2]

    def forget_unused(self) -> None:
        """Keep only the answers that were asked for since the last time: others have taken turns.

        So an hour has at most `MOST_PROBLEMS` of them, however many problems browsers make up.
        """
        self._answers, self._used = self._used, {}


class _Seen:
    """Everybody of an hour, and how many of them there were at a moment, to notice changes."""

    def __init__(self, present: Sequence[Summary], hour: int, pause: Callable[[], None]) -> None:
        self.crowd = Crowd(present, hour - BEFORE, hour + HOUR + AFTER, pause=pause)
        self._marks = [
            sorted(moments)
            for moments in (
                (summary.began for summary in present),
                (summary.ended for summary in present),
                (spell.start for summary in present for spell in summary.spells),
                (spell.end for summary in present for spell in summary.spells),
            )
        ]

    def around(self, spell: Spell) -> tuple[int, ...]:
        """How many sessions and problems had begun and ended at the ends of a problem."""
        return tuple(
            bisect_right(moments, at + MOMENT)
            for moments in self._marks
            for at in (spell.start, spell.end)
        )


def parts_of_hour(
    hour: int,
    present: Sequence[Summary],
    records: Records,
    earlier: Iterable[Earlier],
    answers: HourAnswers,
    *,
    pause: Callable[[], None] = lambda: None,
) -> list[tuple[Part, Earlier | None]]:
    """The incidents of the problems that begin in an hour, each with the one that it continues.

    `present` are the sessions from `BEFORE` to `AFTER` it, `records` those of the days before.
    """
    problems = [
        (summary, spell)
        for summary in present
        for spell in summary.spells
        if hour <= spell.start < hour + HOUR
    ]
    earlier = list(earlier)
    if not problems:
        return []
    seen = _Seen(present, hour, pause)
    pause()
    in_turn = _in_turn(problems)
    explained: list[Explained] = []
    most = _affordable(in_turn, seen.crowd)
    for summary, spell in in_turn[:most]:
        pause()
        answer = answers.answer(summary, spell, seen, records)
        explained.append(Explained(summary, spell, answer))
    answers.forget_unused()
    person_of = {summary.session: summary.browser_id for summary in present}
    groups = joined(explained, person_of, earlier, pause=pause)
    _add_rest(groups, in_turn[most:], pause)
    kept = _most_important(groups)
    parts = []
    for group in kept:
        pause()
        parts.append((_part_of(group, hour, seen.crowd), group.earlier))
    return parts


def _in_turn(problems: Iterable[tuple[Summary, Spell]]) -> list[tuple[Summary, Spell]]:
    """The longest problem of each network, then the second of each: nobody crowds out others."""
    of_network: dict[str, int] = {}
    ranked: list[tuple[int, int, str, int, tuple[Summary, Spell]]] = []
    by_length = sorted(problems, key=lambda pair: (pair[1].start - pair[1].end, pair[0].session))
    for summary, spell in by_length:
        place = of_network[summary.network] = of_network.get(summary.network, 0) + 1
        length = spell.end - spell.start
        ranked.append((place, -length, summary.session, spell.start, (summary, spell)))
    ranked.sort(key=lambda row: row[:4])
    return [row[4] for row in ranked]


def _affordable(problems: Iterable[tuple[Summary, Spell]], crowd: Crowd) -> int:
    """How many of the first problems are explained: fewer of large meetings, which take longer."""
    left = float(MOST_PROBLEMS)
    count = 0
    for summary, _ in problems:
        left -= 1 + (len(crowd.in_room(summary.room)) - 1) / _MEETING
        if left < 0:
            break
        count += 1
    return count


def _add_rest(
    groups: Sequence[Group],
    problems: Iterable[tuple[Summary, Spell]],
    pause: Callable[[], None],
) -> None:
    """Add problems that were not explained to the incident of a group that they are in."""
    by_cause: dict[Key, list[Group]] = {}
    for group in groups:
        cause = group.answer.likely
        if cause is not None and SIDES[cause.kind] != "participant" and cause.kind != OTHER_END:
            by_cause.setdefault((cause.kind, cause.value), []).append(group)
    for summary, spell in problems if by_cause else ():
        pause()
        values = {**summary.values_at(spell.start), "meeting": summary.room, "service": ""}
        for key, of_cause in by_cause.items():
            same = next(
                (
                    group
                    for group in of_cause
                    if group.start - MOMENT <= spell.start <= group.end
                    and signs_of(spell) & signs_of(group.problems[0].spell)
                ),
                None,
            )
            if same is not None and values.get(key[0]) == key[1]:
                same.add(Explained(summary, spell, same.problems[0].answer), {})
                break


def _most_important(groups: Sequence[Group]) -> list[Group]:
    """At most `MOST_INCIDENTS`: those of several people, then the longest of each network."""
    if len(groups) <= MOST_INCIDENTS:
        return list(groups)
    of_network: dict[str, int] = {}
    ranked: list[tuple[int, int, int]] = []
    lengths = [sum(problem.seconds for problem in group.problems) for group in groups]
    for place in sorted(range(len(groups)), key=lambda place: -lengths[place]):
        networks = {problem.summary.network for problem in groups[place].problems}
        turn = 0
        if len(networks) == 1:
            (network,) = networks
            turn = of_network[network] = of_network.get(network, 0) + 1
        ranked.append((turn, -lengths[place], place))
    return [groups[place] for _, _, place in sorted(ranked)[:MOST_INCIDENTS]]


def _part_of(group: Group, hour: int, crowd: Crowd) -> Part:
    problems = group.problems
    of_meeting: dict[str, list[Explained]] = {}
    of_session: dict[str, list[Explained]] = {}
    for problem in problems:
        of_meeting.setdefault(problem.summary.room, []).append(problem)
        of_session.setdefault(problem.summary.session, []).append(problem)
    of_network: Counter[str] = Counter()
    for problem in problems:
        of_network[problem.summary.network] += problem.seconds
    answer = group.answer
    sessions = _worst_sessions(_session(session, listed) for session, listed in of_session.items())
    named = {sessions[0].session}
    named |= {cause.value for cause in answer.causes if cause.kind == OTHER_END}
    of_named = {
        session: crowd.sessions[crowd.place_of[session]]
        for session in sorted(named)
        if session in crowd.place_of
    }
    weights = nlargest(_MOST_KEYS, group.shares.items(), key=lambda item: (item[1], item[0]))
    return Part(
        hour,
        min(problem.spell.start for problem in problems),
        max(problem.spell.end for problem in problems),
        any(problem.spell.start == problem.summary.bad_since for problem in problems),
        max(problem.spell.grade for problem in problems),
        sum(problem.seconds for problem in problems),
        added_reasons(problem.spell.reasons for problem in problems),
        Counted.of({problem.summary.browser_id for problem in problems}),
        Counted.of({*of_meeting}),
        Counted.of({*of_session}),
        tuple((kind, value, weight) for (kind, value), weight in weights),
        answer,
        _shares(group.shown_problem(answer), crowd),
        _worst_meetings(_meeting(room, listed) for room, listed in of_meeting.items()),
        sessions,
        {session: _short_name(summary) for session, summary in of_named.items()},
        tuple(of_network.most_common(_MOST_NETWORKS)),
        tuple(
            Beginning.of(problem)
            for problem in problems
            if problem.spell.start >= hour + HOUR - MOMENT
        )[-_MOST_BEGINNINGS:],
        Counted.of(
            {_problem_name(problem.summary.session, problem.spell.start) for problem in problems}
        ),
        {session: _digest(summary.browser_id) for session, summary in of_named.items()},
    )


def _short_name(summary: Summary) -> str:
    return summary.endpoint_id or summary.browser_id[:8]


def _meeting(room: str, problems: Sequence[Explained]) -> AffectedMeeting:
    return AffectedMeeting(
        room,
        min(problem.summary.session for problem in problems),
        len({problem.summary.browser_id for problem in problems}),
        sum(problem.seconds for problem in problems),
    )


def _session(session: str, problems: Sequence[Explained]) -> AffectedSession:
    return AffectedSession(
        session,
        min(problem.spell.start for problem in problems),
        max(problem.spell.end for problem in problems),
        max(problem.spell.grade for problem in problems),
        sum(problem.seconds for problem in problems),
    )


def _shares(problem: Explained, crowd: Crowd) -> tuple[GroupShare, ...]:
    """How others were during a problem, by what they have in common with its session."""
    scene = crowd.scene(problem.summary, problem.spell.start, problem.spell.end)
    known, affected = scene.known.bit_count(), scene.affected.bit_count()
    shares = []
    for group in scene.groups:
        inside = (scene.known & group.members).bit_count()
        bad = (scene.affected & group.members).bit_count()
        if group.kind in _SHOWN_SHARES:
            shares.append(
                GroupShare(group.kind, group.value, bad, inside, affected - bad, known - inside)
            )
    return tuple(shares)


def _worst_meetings(meetings: Iterable[AffectedMeeting]) -> tuple[AffectedMeeting, ...]:
    """The most affected ones; one that is in several parts counts once."""
    by_room: dict[str, AffectedMeeting] = {}
    for meeting in meetings:
        if (before := by_room.get(meeting.room)) is not None:
            people = max(before.people, meeting.people)
            seconds = before.seconds + meeting.seconds
            meeting = AffectedMeeting(meeting.room, before.session, people, seconds)
        by_room[meeting.room] = meeting
    return tuple(
        nlargest(MOST_LISTED, by_room.values(), key=lambda meeting: (meeting.seconds, meeting.room))
    )


def _worst_sessions(sessions: Iterable[AffectedSession]) -> tuple[AffectedSession, ...]:
    by_id: dict[str, AffectedSession] = {}
    for session in sessions:
        if (before := by_id.get(session.session)) is not None:
            session = AffectedSession(
                session.session,
                min(before.start, session.start),
                max(before.end, session.end),
                max(before.grade, session.grade),
                before.seconds + session.seconds,
            )
        by_id[session.session] = session
    return tuple(nlargest(MOST_LISTED, by_id.values(), key=lambda row: (row.seconds, row.session)))


def earlier_of(stored: StoredIncident, hour: int) -> Earlier | None:
    """What an hour may continue of an incident; None when it was over, or has been too long."""
    before = [part for part in stored.parts if part.hour < hour]
    if not before or len(before) >= MOST_HOURS:
        return None
    end = max(part.end for part in before)
    if end + APART_OF_ONE < hour:
        return None
    total = sum(part.seconds for part in before)
    weights: dict[Key, float] = {}
    for part in before:
        for kind, value, weight in part.weights:
            weights[kind, value] = weights.get((kind, value), 0.0) + weight * part.seconds / total
    last = before[-1]
    beginnings = last.beginnings if last.hour == hour - HOUR else ()
    return Earlier(stored.incident.id, end, total, weights, beginnings)


class Change(Struct, frozen=True):
    """What finding an hour anew changes: ids that are gone, and incidents to store."""

    gone: tuple[str, ...]
    changed: tuple[StoredIncident, ...]
    continues: bool
    """Whether the hour after it has to be found anew, too."""


def change_of_hour(
    hour: int,
    found: Sequence[tuple[Part, Earlier | None]],
    stored: Sequence[StoredIncident],
) -> Change:
    """Put the parts of an hour in the place of those that were stored.

    `stored` are all incidents that touch the hour or the minutes around it. An incident keeps its
    id while it grows; where two become one, or one becomes two, the larger one keeps it.
    """
    former = {incident.incident.id: incident for incident in stored}
    parts: dict[str, list[Part]] = {
        id_: [part for part in incident.parts if part.hour != hour]
        for id_, incident in former.items()
    }
    taken = {earlier.id for _, earlier in found if earlier is not None}
    free = [
        (id_, part)
        for id_, incident in former.items()
        for part in incident.parts
        if part.hour == hour and id_ not in taken and not any(p.hour < hour for p in parts[id_])
    ]
    new = [part for part, earlier in found if earlier is None]
    ids = _ids_for(new, free, former)
    for part, earlier in found:
        if earlier is not None:
            parts[earlier.id].append(part)
    for part, id_ in zip(new, ids, strict=True):
        parts.setdefault(id_, []).append(part)
    changed = []
    for id_, of_id in parts.items():
        now = StoredIncident.of(id_, of_id) if of_id else None
        if now is not None and now != former.get(id_):
            changed.append(now)
    after = [StoredIncident.of(id_, of_id) for id_, of_id in parts.items() if of_id]
    edge = hour + HOUR
    return Change(
        tuple(id_ for id_, of_id in parts.items() if not of_id and id_ in former),
        tuple(changed),
        _at_edge(former.values(), edge) != _at_edge(after, edge)
        and any(part.hour >= edge for of_id in parts.values() for part in of_id),
    )


def _at_edge(stored: Iterable[StoredIncident], edge: int) -> set[tuple[object, ...]]:
    """What the next hour may continue."""
    found: set[tuple[object, ...]] = set()
    for incident in stored:
        earlier = earlier_of(incident, edge)
        if earlier is not None:
            weights = tuple(sorted(earlier.weights.items()))
            found.add((earlier.id, earlier.end, weights, earlier.beginnings))
    return found


def _ids_for(
    parts: Sequence[Part],
    free: Sequence[tuple[str, Part]],
    former: Mapping[str, StoredIncident],
) -> list[str]:
    """The ids of new parts: of the former part with which each has most sessions in common."""
    with_session: dict[str, list[int]] = {}
    for place, part in enumerate(parts):
        for digest in part.sessions.digests:
            with_session.setdefault(digest, []).append(place)
    common: dict[tuple[int, str], int] = {}
    former_of = dict(free)
    for id_, part in free:
        for digest in part.sessions.digests:
            for place in with_session.get(digest, ()):
                if _overlap(parts[place], part):
                    common[place, id_] = common.get((place, id_), 0) + 1
    ids: dict[int, str] = {}
    used: set[str] = set()
    for place, id_ in sorted(
        common,
        key=lambda pair: (
            -common[pair],
            abs(former_of[pair[1]].start - parts[pair[0]].start),
            -former_of[pair[1]].seconds,
            pair,
        ),
    ):
        if place not in ids and id_ not in used:
            ids[place] = id_
            used.add(id_)
    for place, part in enumerate(parts):
        number = 0
        while place not in ids:
            id_ = _new_id(part, number)
            if id_ not in used and (id_ not in former or id_ in former_of):
                ids[place] = id_
                used.add(id_)
            number += 1
    return [ids[place] for place in range(len(parts))]


def _overlap(part: Part, other: Part) -> bool:
    return part.start <= other.end + APART and other.start <= part.end + APART


def _new_id(part: Part, number: int) -> str:
    text = f"{part.start} {part.worst_sessions[0].session} {number}"
    return f"i{blake2b(text.encode(), digest_size=8).hexdigest()}"


def session_digests(sessions: Iterable[str]) -> frozenset[str]:
    """By what incidents know sessions."""
    return frozenset(map(_digest, sessions))


def problem_digest(session: str, start: int) -> str:
    """By what incidents know the problem of a session that began at `start` (Unix seconds)."""
    return _digest(_problem_name(session, start))


def _problem_name(session: str, start: int) -> str:
    return f"{session} {start}"


def _digest(name: str) -> str:
    return blake2b(name.encode(), digest_size=6).hexdigest()


def _count(counted: Iterable[Counted]) -> int:
    digests: set[str] = set()
    more = 0
    for of_part in counted:
        digests.update(of_part.digests)
        more = max(more, of_part.more)
    return len(digests) + more
