"""Incidents: problems that have one cause in common, of any number of people and meetings."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from jmmc.core.fields import Moment
from jmmc.quality.causes.answer import OTHER_END, SIDES, Answer, Cause, Verdict
from jmmc.quality.causes.parameters import CANDIDATE, CLEAR, MOMENT, VERSION
from jmmc.quality.causes.signs import signs_of
from jmmc.quality.grading import Grade, Spell, added_reasons
from jmmc.quality.summary import Summary

_APART = 60  # Seconds between two problems of one incident.
_LEAST = 0.25  # Probability of a cause by which two problems are joined.
_OWN = frozenset(kind for kind, side in SIDES.items() if side == "participant")
_MOST_CAUSES = 6

Key = tuple[str, str]
"""A cause: its kind and value; what one participant has is that person's, whoever receives it."""


class Incident(Struct, frozen=True):
    """A time with problems of one cause: the affected sessions and rooms, and the cause.

    `reasons` are person-seconds, `people` counts each person once. `answer` is that of all its
    problems together: the probability of a cause is the mean, by seconds.
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


class Explained(Struct, frozen=True):
    """One spell of a session with its likely causes."""

    summary: Summary
    spell: Spell
    answer: Answer


def incidents(
    problems: Iterable[Explained],
    person_of: Mapping[str, str],
    *,
    pause: Callable[[], None] = lambda: None,
) -> list[Incident]:
    """Join problems by cause and time; the incidents are in order of time.

    `person_of` has the person (`browser_id`) of each session. Two problems are one incident where
    they overlap and have a cause in common that each of them makes probable; or, while no cause is
    clear, where they begin at the same moment in the same meeting with the same sign.
    """
    found: list[_Open] = []
    by_key: dict[Key, list[_Open]] = {}
    for problem in sorted(problems, key=lambda item: (item.spell.start, item.summary.session)):
        pause()
        weights = _weights(problem, person_of)
        same = _incident_of(problem, weights, by_key)
        if same is None:
            same = _Open()
            found.append(same)
        same.add(problem, weights)
        for key in (*weights, ("moment", problem.summary.room)):
            of_key = by_key.setdefault(key, [])
            if same not in of_key:
                of_key.append(same)
    return sorted(
        (item.closed() for item in found), key=lambda incident: (incident.start, incident.sessions)
    )


class _Open:
    """An incident to which problems are added."""

    def __init__(self) -> None:
        self.problems: list[Explained] = []
        self.weights: dict[Key, float] = {}
        self.seconds = 0
        self.end = 0

    def add(self, problem: Explained, weights: Mapping[Key, float]) -> None:
        length = max(1, problem.spell.end - problem.spell.start)
        self.problems.append(problem)
        self.seconds += length
        self.end = max(self.end, problem.spell.end)
        for key, weight in weights.items():
            self.weights[key] = self.weights.get(key, 0.0) + weight * length

    def share(self, key: Key) -> float:
        """The mean probability of a cause."""
        return self.weights.get(key, 0.0) / self.seconds

    def closed(self) -> Incident:
        spells = [problem.spell for problem in self.problems]
        summaries = [problem.summary for problem in self.problems]
        return Incident(
            min(spell.start for spell in spells),
            self.end,
            max(spell.grade for spell in spells),
            added_reasons(spell.reasons for spell in spells),
            tuple(dict.fromkeys(summary.session for summary in summaries)),
            tuple(dict.fromkeys(summary.room for summary in summaries)),
            len({summary.browser_id for summary in summaries}),
            self.seconds,
            _together(self.problems),
        )


def _weights(problem: Explained, person_of: Mapping[str, str]) -> dict[Key, float]:
    weights: dict[Key, float] = {}
    for cause in problem.answer.causes:
        key = _key(cause, problem.summary, person_of)
        weights[key] = weights.get(key, 0.0) + cause.probability
    return weights


def _key(cause: Cause, summary: Summary, person_of: Mapping[str, str]) -> Key:
    if cause.kind in _OWN:
        return "person", summary.browser_id
    if cause.kind == OTHER_END:
        return "person", person_of.get(cause.value, cause.value)
    return cause.kind, cause.value


def _incident_of(
    problem: Explained, weights: Mapping[Key, float], by_key: Mapping[Key, Sequence[_Open]]
) -> _Open | None:
    """The incident that a problem is part of, by the most probable cause in common."""
    start = problem.spell.start
    best: tuple[float, _Open] | None = None
    for key, weight in weights.items():
        if weight < _LEAST:
            continue
        for item in reversed(by_key.get(key, ())):
            common = min(weight, item.share(key))
            if item.end + _APART >= start and common >= _LEAST and (not best or common > best[0]):
                best = common, item
    if best is not None:
        return best[1]
    if problem.answer.verdict is Verdict.LIKELY:
        return None
    signs = signs_of(problem.spell)
    for item in reversed(by_key.get(("moment", problem.summary.room), ())):
        last = item.problems[-1]
        if (
            last.answer.verdict is not Verdict.LIKELY
            and abs(last.spell.start - start) <= MOMENT
            and signs & signs_of(last.spell)
        ):
            return item
    return None


def _together(problems: Sequence[Explained]) -> Answer:
    """One answer of several: the mean of the probabilities, with the facts of the surest."""
    if len(problems) == 1:
        return problems[0].answer
    total = sum(max(1, problem.spell.end - problem.spell.start) for problem in problems)
    means: dict[tuple[str, str], float] = {}
    surest: dict[tuple[str, str], Cause] = {}
    own = {problem.summary.session for problem in problems}
    sides: dict[str, float] = {}
    for problem in problems:
        share = max(1, problem.spell.end - problem.spell.start) / total
        for side, weight in problem.answer.sides.items():
            sides[side] = sides.get(side, 0.0) + weight * share
        for cause in problem.answer.causes:
            key = cause.kind, cause.value
            # What a participant has and others receive is one cause: that it is their own.
            if cause.kind in _OWN and len(problems) > 1:
                key = OTHER_END, problem.summary.session
                cause = replace(cause, kind=OTHER_END, value=problem.summary.session)
            means[key] = means.get(key, 0.0) + cause.probability * share
            if key not in surest or cause.probability > surest[key].probability:
                surest[key] = cause
    ranked = sorted(means, key=lambda key: (-means[key], key))[:_MOST_CAUSES]
    causes = tuple(
        replace(surest[key], probability=round(means[key], 3))
        for key in ranked
        if means[key] >= CANDIDATE or key == ranked[0]
    )
    if len(own) == 1 and causes[0].kind == OTHER_END and causes[0].value in own:
        return max(problems, key=lambda problem: problem.spell.end - problem.spell.start).answer
    likely = causes[0].probability >= CLEAR
    tied = [problem.answer for problem in problems if problem.answer.verdict is Verdict.TIE]
    ties: tuple[int, ...] = ()
    if len(tied) * 2 > len(problems):
        names = {(tied[0].causes[at].kind, tied[0].causes[at].value) for at in tied[0].ties}
        ties = tuple(
            at for at, cause in enumerate(causes) if at and (cause.kind, cause.value) in names
        )
    missing = set(problems[0].answer.missing)
    for problem in problems:
        missing &= set(problem.answer.missing)
    verdict = Verdict.TIE if ties else Verdict.LIKELY if likely else Verdict.UNCLEAR
    return Answer(
        verdict,
        causes,
        ties,
        tuple(name for name in problems[0].answer.missing if name in missing),
        {side: round(weight, 3) for side, weight in sides.items()},
        VERSION,
    )
