"""The answer, of all causes that were considered: ranked, with the facts that decided."""

from collections.abc import Sequence
from math import exp

from jmmc.quality.causes import parameters as p
from jmmc.quality.causes.answer import OTHER_END, SIDES, Answer, Cause, Fact, Verdict, is_tie
from jmmc.quality.causes.hypothesis import Hypothesis
from jmmc.quality.causes.problem import Counts, Problem
from jmmc.quality.causes.records import Record
from jmmc.quality.signs import SIGNS

_MOST_CAUSES = 6
_MOST_FACTS = 3
_LEAST_FACT = 0.7  # Nats.
_OF_PATH = frozenset(("line", "chance", OTHER_END))
_TIE_OF_PATH = 4.0  # Times as probable as another is no tie, of the ends of a path.
_TIE = 40.0  # The same of groups, whoever is in both.


def ranked_answer(problem: Problem, hypotheses: Sequence[Hypothesis]) -> Answer:
    """The answer of all hypotheses, whose scores are logarithms that have no scale."""
    most = max(hypothesis.score for hypothesis in hypotheses)
    weights = [exp(hypothesis.score - most) for hypothesis in hypotheses]
    total = sum(weights)
    ranked = sorted(
        zip((weight / total for weight in weights), hypotheses, strict=True),
        key=lambda pair: (-pair[0], pair[1].kind, pair[1].value),
    )
    shown = [
        pair for at, pair in enumerate(ranked[:_MOST_CAUSES]) if not at or pair[0] >= p.CANDIDATE
    ]
    ties = _ties(problem, shown)
    probabilities = _said([share for share, _ in ranked], [other.kind for _, other in ranked], ties)
    sides: dict[str, float] = {}
    for probability, (_, hypothesis) in zip(probabilities, ranked, strict=True):
        side = SIDES[hypothesis.kind]
        sides[side] = sides.get(side, 0.0) + probability
    everybody = problem.counts(-1, problem.expected)
    causes = tuple(
        _cause(problem, probability, hypothesis, ranked, everybody)
        for probability, (_, hypothesis) in zip(probabilities, shown, strict=False)
    )
    missing = _missing(problem)
    shares = {side: round(share, 3) for side, share in sides.items() if share >= p.CANDIDATE}
    verdict = _verdict(missing, causes, ties)
    return Answer(verdict, causes, ties, missing, shares)


def _said(shares: Sequence[float], kinds: Sequence[str], ties: Sequence[int]) -> list[float]:
    """The probabilities that are said, of those by the model, the largest first.

    Corrected by how often such answers were right, and less where an innocent one may be first.
    """
    sharp = [share**p.SHARPNESS for share in shares]
    total = sum(sharp)
    sharp = [share / total for share in sharp]
    sure = sharp[0] + sum(sharp[at] for at in ties)
    if SIDES[kinds[0]] == "participant":
        own = zip(kinds, sharp, strict=True)
        sure = max(sure, sum(share for kind, share in own if SIDES[kind] == "participant"))
    least = p.CLEAR / p.SURE
    above = min(1.0, max(0.0, (sure - p.SURE) / (p.CERTAIN - p.SURE)))
    return [(least + (1 - least) * above) * share for share in sharp]


def _ties(problem: Problem, shown: Sequence[tuple[float, Hypothesis]]) -> tuple[int, ...]:
    """The causes whose groups have the same known people as that of the first."""
    probability, first = shown[0]
    if first.members is None:
        return _ties_of_path(problem, shown)
    known = problem.scene.known
    return tuple(
        at
        for at, (other, hypothesis) in enumerate(shown[1:], 1)
        if hypothesis.members is not None
        and hypothesis.members & known == first.members & known
        and other * _TIE >= probability
    )


def _ties_of_path(problem: Problem, shown: Sequence[tuple[float, Hypothesis]]) -> tuple[int, ...]:
    """The other end of a call from peer to peer, where both ends measure the same path."""
    probability, first = shown[0]
    if not problem.scene.direct or first.kind not in _OF_PATH:
        return ()
    return tuple(
        at
        for at, (other, hypothesis) in enumerate(shown[1:], 1)
        if hypothesis.kind in _OF_PATH
        and OTHER_END in (first.kind, hypothesis.kind)
        and other * _TIE_OF_PATH >= probability
    )


def _missing(problem: Problem) -> tuple[str, ...]:
    missing = []
    if sum(problem.all) < p.FEW:
        missing.append("others")
    if not any(True for _ in problem.there()):
        missing.append("other end")
    if not problem.person.known:
        missing.append("other calls")
    if problem.records.base_rate is None:
        missing.append("record")
    return tuple(missing)


def _cause(
    problem: Problem,
    probability: float,
    hypothesis: Hypothesis,
    ranked: Sequence[tuple[float, Hypothesis]],
    everybody: Counts,
) -> Cause:
    members = hypothesis.members
    if members is None:
        members = problem.meeting.members
    inside = problem.counts(members, problem.expected)
    bad, known = inside.bad, sum(inside)
    return Cause(
        hypothesis.kind,
        hypothesis.value,
        round(probability, 3),
        bad,
        known,
        everybody.bad - bad,
        sum(everybody) - known,
        _facts(problem, hypothesis, inside, everybody, ranked),
    )


def _facts(
    problem: Problem,
    hypothesis: Hypothesis,
    inside: Counts,
    everybody: Counts,
    ranked: Sequence[tuple[float, Hypothesis]],
) -> tuple[Fact, ...]:
    """The facts that speak most for a cause, against the best one of another kind."""
    rival = next(
        (other for _, other in ranked if SIDES[other.kind] != SIDES[hypothesis.kind]),
        None,
    )
    gains = {
        name: said - (rival.parts.get(name, 0.0) if rival else 0.0)
        for name, said in hypothesis.parts.items()
    }
    facts: list[tuple[float, Fact]] = []
    counts: dict[str, float | str] = {
        "bad": inside.bad,
        "known": sum(inside),
        "others_bad": everybody.bad - inside.bad,
        "others_known": sum(everybody) - sum(inside),
        "at_once": inside.at_once,
    }
    if hypothesis.members is not None:
        facts.append((gains["others"], Fact("group", counts)))
        if counts["at_once"]:
            facts.append((gains["others"] / 2, Fact("at once", counts)))
    elif sum(inside):
        alone = "nobody else" if not inside.bad else "others"
        facts.append((max(_LEAST_FACT, -gains.get("others", 0.0)), Fact(alone, counts)))
    for sign in sorted(problem.signs, key=SIGNS.index):
        facts.append((gains["signs"], Fact(f"sign {sign}", {})))
    if "sender" in gains and gains["sender"] > 0:
        facts.append((gains["sender"] + 1, Fact("sender", {})))
    if gains.get("named", 0.0) > 0:
        facts.append((gains["named"] + 1, Fact("named", {})))
    if "events" in gains and gains["events"] > 0:
        facts.append((gains["events"], Fact("events", {})))
    person = problem.person
    if hypothesis.kind == OTHER_END:
        place = problem.crowd.place_of[hypothesis.value]
        person = problem.records.people.get(problem.crowd.sessions[place].browser_id, Record())
    if person.known and gains.get("history", 0.0) > 0:
        numbers: dict[str, float | str] = {
            "share": round(person.share, 3),
            "calls": person.calls,
        }
        facts.append((gains["history"], Fact("other calls", numbers)))
    record = problem.records.groups.get((hypothesis.kind, hypothesis.value))
    if record is not None and gains.get("record", 0.0) > 0:
        rest = problem.records.all.less(record)
        numbers = {"share": round(record.share, 3), "others_share": round(rest.share, 3)}
        facts.append((gains["record"], Fact("record", numbers)))
    facts = [fact for at, fact in enumerate(facts) if not at or fact[0] >= _LEAST_FACT]
    facts.sort(key=lambda pair: -pair[0])
    return tuple(fact for _, fact in facts[:_MOST_FACTS])


def _verdict(missing: Sequence[str], causes: Sequence[Cause], ties: Sequence[int]) -> Verdict:
    if is_tie(causes, ties):
        return Verdict.TIE
    if causes[0].probability >= p.CLEAR:
        return Verdict.LIKELY
    return Verdict.NOT_ENOUGH if "others" in missing else Verdict.UNCLEAR
