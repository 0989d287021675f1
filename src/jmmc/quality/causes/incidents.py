"""Incidents: problems that have one cause in common, of any number of people and meetings."""

from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from itertools import islice

from msgspec import Struct
from msgspec.structs import replace

from jmmc.core.fields import Moment
from jmmc.quality.causes.answer import OTHER_END, SIDES, Answer, Cause, Verdict, is_tie
from jmmc.quality.causes.parameters import CANDIDATE, CLEAR, MOMENT, VERSION
from jmmc.quality.causes.signs import signs_of
from jmmc.quality.grading import Grade, Spell, added_reasons
from jmmc.quality.summary import Summary

APART = 60
"""Seconds between two problems of one incident."""
APART_OF_ONE = 300
"""The same of problems that one participant causes: a weak line comes and goes."""

_LEAST = 0.25  # Probability of causes in common by which problems of one moment are joined.
_PERSON = "person"
_OWN = frozenset(kind for kind, side in SIDES.items() if side == "participant")
_OF_ONE = _OWN | {OTHER_END}
_OWN_LINE = Cause("line", "", 0.0, 0, 0, 0, 0)
_MOST_CAUSES = 6
_MOST_LOOKS = 200  # Problems of the same moment that one is compared with.

Key = tuple[str, str]
"""A cause: its kind and value; what one participant has is that person's, whoever receives it."""


class Incident(Struct, frozen=True):
    """A time with problems of one cause: the affected sessions and rooms, and the cause.

    `reasons` are person-seconds, `people` counts each person once. `answer` is that of all its
    problems together: the probability of a cause is the mean, by seconds. `id` is that of the
    incident over all meetings that these problems are part of; None where none is stored.
    """

    start: Moment
    end: Moment
    grade: Grade
    reasons: dict[str, int]
    sessions: tuple[str, ...]
    rooms: tuple[str, ...]
    people: int
    seconds: int
    answer: Answer
    id: str | None = None


class Explained(Struct, frozen=True):
    """One spell of a session with its likely causes."""

    summary: Summary
    spell: Spell
    answer: Answer

    @property
    def seconds(self) -> int:
        """The length of the spell, at least one second."""
        return max(1, self.spell.end - self.spell.start)


class Beginning(Struct, frozen=True, array_like=True):
    """How one problem began, to be compared with others of the same moment.

    `likely` is the kind of the cause that is named, or empty; `shared` are the causes in common.
    """

    start: int
    room: str
    signs: tuple[str, ...]
    likely: str
    shared: tuple[tuple[str, str, float], ...]

    @classmethod
    def of(cls, problem: Explained) -> "Beginning":
        """That of a problem."""
        answer = problem.answer
        named = answer.likely if answer.verdict is Verdict.LIKELY else None
        return cls(
            problem.spell.start,
            problem.summary.room,
            tuple(sorted(signs_of(problem.spell))),
            named.kind if named else "",
            tuple(
                (cause.kind, cause.value, cause.probability)
                for cause in answer.causes
                if cause.kind not in _OF_ONE
            ),
        )

    def is_one_with(self, other: "Beginning") -> bool:
        """Whether two problems of the same moment are one incident without a clear cause."""
        if not set(self.signs) & set(other.signs):
            return False
        if self.room == other.room and not (self.likely or other.likely):
            return True
        if self.likely in _OF_ONE or other.likely in _OF_ONE:
            return False
        of_other = {(kind, value): weight for kind, value, weight in other.shared}
        common = sum(
            min(weight, of_other.get((kind, value), 0.0)) for kind, value, weight in self.shared
        )
        return common >= _LEAST


class Earlier(Struct, frozen=True):
    """What was found of an incident before: its id, its end, and the mean weight of its causes.

    `beginnings` are those of its problems that began last, of which others may be the same moment.
    """

    id: str
    end: int
    seconds: int
    weights: Mapping[Key, float]
    beginnings: tuple[Beginning, ...] = ()


class Group:
    """Problems of one incident; `earlier` is what was found of it before, if anything was.

    `person_of` has the person of each session.
    """

    def __init__(self, person_of: Mapping[str, str], earlier: Earlier | None = None) -> None:
        self._person_of = person_of
        self.earlier = earlier
        self.problems: list[Explained] = []
        self.start = self.end = earlier.end if earlier else 0
        self._weights: dict[Key, float] = {}
        self._seconds = 0
        if earlier:
            self._seconds = earlier.seconds
            self._weights = {
                key: weight * earlier.seconds for key, weight in earlier.weights.items()
            }

    def add(self, problem: Explained, weights: Mapping[Key, float]) -> None:
        """Add a problem; none that begins earlier may follow."""
        if not self.problems:
            self.start = problem.spell.start
        self.problems.append(problem)
        self._seconds += problem.seconds
        self.end = max(self.end, problem.spell.end)
        for key, weight in weights.items():
            self._weights[key] = self._weights.get(key, 0.0) + weight * problem.seconds

    def share(self, key: Key) -> float:
        """The mean probability of a cause."""
        return self._weights.get(key, 0.0) / self._seconds

    @property
    def shares(self) -> dict[Key, float]:
        """The mean probability of each cause by which another problem may join."""
        return {
            key: round(weight / self._seconds, 3)
            for key, weight in self._weights.items()
            if weight >= CLEAR * self._seconds
        }

    def take(self, other: "Group") -> None:
        """Take the problems of another group."""
        self.earlier = self.earlier or other.earlier
        self.problems = sorted(self.problems + other.problems, key=_by_time)
        self.start, self.end = min(self.start, other.start), max(self.end, other.end)
        self._seconds += other._seconds
        for key, weight in other._weights.items():
            self._weights[key] = self._weights.get(key, 0.0) + weight

    def reaches(self, start: int, key: Key) -> bool:
        """Whether it is still open for a problem of this cause that begins at `start`."""
        return self.end + (APART_OF_ONE if key[0] == _PERSON else APART) >= start

    @property
    def answer(self) -> Answer:
        """One answer of all problems."""
        return _together(self.problems, self._person_of)

    def shown_problem(self, answer: Answer) -> Explained:
        """The problem that the facts of the most probable cause are of."""
        weighed = _weighed(self.problems, self._person_of)
        return self.problems[place_of_facts(weighed, answer.causes[0])]


def incidents(
    problems: Iterable[Explained],
    person_of: Mapping[str, str],
    *,
    pause: Callable[[], None] = lambda: None,
) -> list[Incident]:
    """Join problems by cause and time (see `joined`); the incidents are in order of time."""
    groups = joined(problems, person_of, pause=pause)
    found = [incident_of(group.problems, group.answer) for group in groups]
    return sorted(found, key=lambda incident: (incident.start, incident.sessions))


def joined(
    problems: Iterable[Explained],
    person_of: Mapping[str, str],
    earlier: Iterable[Earlier] = (),
    *,
    pause: Callable[[], None] = lambda: None,
) -> list[Group]:
    """Join problems by cause and time, also with incidents that were found before.

    `person_of` has the person (`browser_id`) of each session. Two problems are one incident where
    they overlap and the same cause is named for each of them, or is in a tie that is as probable as
    a whole. Those that begin at the same moment with the same sign are also one where causes in
    common are probable only together; or where no cause is clear and they are in the same meeting.
    """
    groups: list[Group] = []
    open_by_key: dict[Key, list[Group]] = {}
    before: list[tuple[Beginning, Group]] = []
    for former in earlier:
        seed = Group(person_of, former)
        for key in _joining(former.weights):
            open_by_key.setdefault(key, []).append(seed)
        before += [(beginning, seed) for beginning in former.beginnings]
    at_once = deque(sorted(before, key=lambda pair: pair[0].start))
    for problem in sorted(problems, key=_by_time):
        pause()
        weights = _weights(problem, person_of)
        here = Beginning.of(problem)
        while at_once and at_once[0][0].start < here.start - MOMENT:
            at_once.popleft()
        joining = _joining(weights)
        group = _group_of(here.start, joining, open_by_key) or _group_at_once(here, at_once)
        if group is None:
            group = Group(person_of)
        if not group.problems:
            groups.append(group)
        group.add(problem, weights)
        at_once.append((here, group))
        for key in joining:
            of_key = open_by_key.setdefault(key, [])
            if group not in of_key:
                of_key.append(group)
    return _merged(groups, pause)


def _by_time(problem: Explained) -> tuple[int, str]:
    return problem.spell.start, problem.summary.session


def _weights(problem: Explained, person_of: Mapping[str, str]) -> dict[Key, float]:
    """How probable each cause of a problem is; what one participant has is one cause.

    Groups that are a tie have what speaks for them together, as a part of all that is said: nothing
    tells them apart, and where that is why none is named, they are not less in common. The two ends
    of a path are no group: each of them may have other problems.
    """
    answer = problem.answer
    keys = [_key(cause, problem.summary, person_of) for cause in answer.causes]
    weights: dict[Key, float] = {}
    for key, cause in zip(keys, answer.causes, strict=True):
        weights[key] = weights.get(key, 0.0) + cause.probability
    tied = {keys[at] for at in (0, *answer.ties)} if answer.ties else set[Key]()
    if tied and not any(kind == _PERSON for kind, _ in tied):
        together = sum(weights[key] for key in tied) / sum(weights.values())
        weights |= dict.fromkeys(tied, together)
    return weights


def _joining(weights: Mapping[Key, float]) -> dict[Key, float]:
    """The cause by which a problem, or an incident, joins others: the one that is named, if any."""
    return {key: weight for key, weight in weights.items() if weight >= CLEAR}


def _key(cause: Cause, summary: Summary, person_of: Mapping[str, str]) -> Key:
    if cause.kind in _OWN:
        return _PERSON, summary.browser_id
    if cause.kind == OTHER_END:
        return _PERSON, person_of.get(cause.value, cause.value)
    return cause.kind, cause.value


def _group_of(
    start: int, weights: Mapping[Key, float], open_by_key: dict[Key, list[Group]]
) -> Group | None:
    """The incident that a problem is part of, by the most probable cause in common."""
    best: tuple[float, Group] | None = None
    for key, weight in weights.items():
        if key not in open_by_key:
            continue
        still_open = [group for group in open_by_key[key] if group.reaches(start, key)]
        open_by_key[key] = still_open
        for group in reversed(still_open):
            common = min(weight, group.share(key))
            if common >= CLEAR and (not best or common > best[0]):
                best = common, group
    return best[1] if best else None


def _group_at_once(here: Beginning, at_once: deque[tuple[Beginning, Group]]) -> Group | None:
    for other, group in islice(reversed(at_once), _MOST_LOOKS):
        if here.is_one_with(other):
            return group
    return None


def _merged(groups: Sequence[Group], pause: Callable[[], None]) -> list[Group]:
    """Join incidents that have come to have a cause in common; not two that were found before."""
    kept: list[Group] = []
    open_by_key: dict[Key, list[Group]] = {}
    for group in sorted(groups, key=lambda group: (group.start, _by_time(group.problems[0]))):
        pause()
        whole: Group | None = None
        for key in _joining(group.shares):
            still_open = [
                other for other in open_by_key.get(key, ()) if other.reaches(group.start, key)
            ]
            open_by_key[key] = still_open
            for other in still_open:
                two_known = other.earlier is not None and group.earlier is not None
                if not two_known and other.share(key) >= CLEAR:
                    whole = other
        if whole is None:
            whole = group
            kept.append(group)
        else:
            whole.take(group)
        for key in _joining(whole.shares):
            of_key = open_by_key.setdefault(key, [])
            if whole not in of_key:
                of_key.append(whole)
    return kept


def incident_of(problems: Sequence[Explained], answer: Answer, id_: str | None = None) -> Incident:
    """The incident of some problems, in order of time, with the answer of all of them."""
    spells = [problem.spell for problem in problems]
    summaries = [problem.summary for problem in problems]
    return Incident(
        min(spell.start for spell in spells),
        max(spell.end for spell in spells),
        max(spell.grade for spell in spells),
        added_reasons(spell.reasons for spell in spells),
        tuple(dict.fromkeys(summary.session for summary in summaries)),
        tuple(dict.fromkeys(summary.room for summary in summaries)),
        len({summary.browser_id for summary in summaries}),
        sum(problem.seconds for problem in problems),
        answer,
        id_,
    )


def _together(problems: Sequence[Explained], person_of: Mapping[str, str]) -> Answer:
    """One answer of several problems: what one participant has and others receive is one cause."""
    return mean_answer(_weighed(problems, person_of))


def _weighed(
    problems: Sequence[Explained], person_of: Mapping[str, str]
) -> list[tuple[Answer, int]]:
    """The answer of each problem, as all who are affected are told, with its seconds."""
    if len(problems) == 1:
        return [(problems[0].answer, problems[0].seconds)]
    of_one = len({problem.summary.browser_id for problem in problems}) == 1
    answers = [
        (
            problem.answer
            if of_one
            else as_seen_by_others(problem.answer, problem.summary.session),
            problem.seconds,
        )
        for problem in problems
    ]
    return with_one_end_each(answers, person_of)


def place_of_facts(answers: Sequence[tuple[Answer, int]], cause: Cause) -> int:
    """Which of some answers the facts of a cause in their mean are of (`mean_answer`)."""

    def probability(place: int) -> float:
        found = (
            other.probability
            for other in answers[place][0].causes
            if (other.kind, other.value) == (cause.kind, cause.value)
        )
        return max(found, default=-1.0)

    return max(range(len(answers)), key=probability)


def with_one_end_each(
    answers: Sequence[tuple[Answer, int]], person_of: Mapping[str, str]
) -> list[tuple[Answer, int]]:
    """The answers, each with its seconds, in which a participant of several sessions is one cause.

    Its session is the one that explains most.
    """
    weights: dict[str, float] = {}
    for answer, seconds in answers:
        for cause in answer.causes:
            if cause.kind == OTHER_END:
                weights[cause.value] = weights.get(cause.value, 0.0) + cause.probability * seconds
    session_of: dict[str, str] = {}
    for session in sorted(weights, key=lambda session: (-weights[session], session)):
        session_of.setdefault(person_of.get(session, session), session)
    if len(session_of) == len(weights):
        return list(answers)

    def renamed(cause: Cause) -> Cause:
        if cause.kind != OTHER_END:
            return cause
        return replace(cause, value=session_of[person_of.get(cause.value, cause.value)])

    return [
        (replace(answer, causes=tuple(map(renamed, answer.causes))), seconds)
        for answer, seconds in answers
    ]


def as_seen_by_others(answer: Answer, session: str) -> Answer:
    """The answer in which what the participant of a session has alone is that one's problem."""
    causes = tuple(
        replace(cause, kind=OTHER_END, value=session) if cause.kind in _OWN else cause
        for cause in answer.causes
    )
    return replace(answer, causes=causes)


def has_end_of(answer: Answer, sessions: Collection[str]) -> bool:
    """Whether one of the causes is what the participant of these sessions has."""
    return any(cause.kind == OTHER_END and cause.value in sessions for cause in answer.causes)


def as_seen_by_itself(answer: Answer, sessions: Collection[str], own: Answer) -> Answer:
    """The answer in which what the participant of some sessions has is called its own.

    Which of its own causes that is, and the facts, are those of `own`; probabilities stay.
    """
    mine = next((cause for cause in own.causes if cause.kind in _OWN), _OWN_LINE)
    causes = tuple(
        replace(mine, probability=cause.probability)
        if cause.kind == OTHER_END and cause.value in sessions
        else cause
        for cause in answer.causes
    )
    probable = [cause.probability for cause in causes if cause.kind in _OWN]
    sides = dict(answer.sides)
    of_people = sides.pop("participant", 0.0) + sides.pop("other participant", 0.0)
    sides["participant"] = max(probable, default=0.0)
    sides["other participant"] = round(max(0.0, of_people - sides["participant"]), 3)
    return replace(answer, causes=causes, sides=sides)


def mean_answer(answers: Sequence[tuple[Answer, int]]) -> Answer:
    """One answer of several, each with its seconds: the means, with the facts of the surest."""
    if len(answers) == 1:
        return answers[0][0]
    total = sum(seconds for _, seconds in answers)
    means: dict[Key, float] = {}
    surest: dict[Key, Cause] = {}
    sides: dict[str, float] = {}
    for answer, seconds in answers:
        for side, weight in answer.sides.items():
            sides[side] = sides.get(side, 0.0) + weight * seconds / total
        for cause in answer.causes:
            key = cause.kind, cause.value
            means[key] = means.get(key, 0.0) + cause.probability * seconds / total
            if key not in surest or cause.probability > surest[key].probability:
                surest[key] = cause
    ranked = sorted(means, key=lambda key: (-means[key], key))[:_MOST_CAUSES]
    causes = tuple(
        replace(surest[key], probability=round(means[key], 3))
        for key in ranked
        if means[key] >= CANDIDATE or key == ranked[0]
    )
    held = _tied_with((causes[0].kind, causes[0].value), answers)
    ties = tuple(
        at for at, cause in enumerate(causes) if 2 * held.get((cause.kind, cause.value), 0) > total
    )
    missing = set(answers[0][0].missing)
    for answer, _ in answers:
        missing &= set(answer.missing)
    sides = {side: round(weight, 3) for side, weight in sides.items()}
    is_named = causes[0].probability >= CLEAR
    of_one = Verdict.LIKELY if is_named else Verdict.UNCLEAR
    verdict = Verdict.TIE if is_tie(causes, ties) else of_one
    return Answer(
        verdict,
        causes,
        ties,
        tuple(name for name in answers[0][0].missing if name in missing),
        sides,
        VERSION,
    )


def _tied_with(first: Key, answers: Iterable[tuple[Answer, int]]) -> Mapping[Key, int]:
    """For how many seconds each other cause is said to explain as much as the first one."""
    held: dict[Key, int] = {}
    for answer, seconds in answers:
        tied = [answer.causes[at] for at in (0, *answer.ties)] if answer.ties else []
        names = {(cause.kind, cause.value) for cause in tied}
        if first in names:
            for name in names - {first}:
                held[name] = held.get(name, 0) + seconds
    return held
