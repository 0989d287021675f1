"""Another participant of the meeting, whose problem this one receives."""

from collections.abc import Collection, Iterable
from math import log

from jmmc.quality.causes import parameters as p
from jmmc.quality.causes.answer import OTHER_END
from jmmc.quality.causes.crowd import Set, names_in
from jmmc.quality.causes.hypothesis import Hypothesis
from jmmc.quality.causes.logarithms import NOTHING, log_share, log_sum, log_weak
from jmmc.quality.causes.own_causes import log_device_events
from jmmc.quality.causes.problem import Problem, log_length
from jmmc.quality.causes.receivers import Receivers
from jmmc.quality.causes.records import log_ratios
from jmmc.quality.causes.signs import log_probability
from jmmc.quality.signs import SIGNS

_OF_ONE_END = ("cut", "narrow", "machine")
_MANY_NAMED = 3  # Senders: with as many, the cause may be at the receiver.


def other_ends(problem: Problem, receivers: Receivers, beside: float) -> Iterable[Hypothesis]:
    """Another participant of the meeting, whose problem this one receives.

    The rate is how probable it is that this participant sends badly now, by its own state and
    by what the others receive.
    """
    scene, crowd, spell = problem.scene, problem.crowd, problem.spell
    table = p.OTHER_END_DIRECT if scene.direct else p.OTHER_END_BY_BRIDGE
    signs = log_probability(problem.signs, table)
    lasting = p.OWN["line"].share + (0.0 if scene.direct else p.OWN["machine"].share)
    share = lasting + p.OWN["chance"].share
    length = log_sum(
        (
            log(lasting / share) + log_length(problem.length, by_chance=False),
            log(1 - lasting / share) + log_length(problem.length, by_chance=True),
        )
    )
    named = names_in(spell) if "media" in problem.signs else frozenset()
    there = [*problem.there()]
    senders: list[tuple[int, float, float, float]] = []
    for place in there:
        bit = 1 << place
        other = crowd.sessions[place]
        record = problem.records.people.get(other.browser_id)
        ratios = NOTHING
        if record is not None:
            ratios = log_ratios(record, problem.usual, of_person=True)
        weak = log(p.OWN["line"].weak) + log_weak(ratios)
        usual = log(share) + problem.now
        device = log(p.OWN["device"].share / share) + log_device_events(other, spell)
        sender = log_sum((_state_of(problem, bit), device))
        others = 0.0
        if not scene.direct:
            others = receivers.log_said_of(other.endpoint_id, bit)
        history = log_sum((usual, weak)) - usual if record is not None else 0.0
        rate = log_sum((usual, weak)) if record is not None else usual
        rate += sender
        senders.append((place, rate, others, history))
    bad = {
        crowd.sessions[place].endpoint_id for place, rate, others, _ in senders if rate + others > 0
    }
    for place, rate, others, history in senders:
        other = crowd.sessions[place]
        parts = {
            "signs": signs,
            "length": length,
            "others": others,
            "named": (
                _log_named(other.endpoint_id, named - (bad - {other.endpoint_id}), len(there))
                if len(there) > 1
                else 0.0
            ),
            "moment": receivers.log_moment(place),
        }
        score = log_share(rate + others) + sum(parts.values()) - others
        if not scene.direct:
            score += log(p.PASSED_ON)
        score += log_sum((0.0, beside))
        parts["history"] = history
        parts["sender"] = rate
        yield Hypothesis(OTHER_END, other.session, score, parts)


def _state_of(problem: Problem, bit: Set) -> float:
    """How much more probable the state of a participant is, if others receive its problem."""
    scene = problem.scene
    if not scene.known & bit:
        return 0.0
    if not scene.affected & bit:
        return log(p.SENDER_GOOD / (1 - problem.rate)) if not scene.direct else 0.0
    if scene.direct and not any(scene.with_sign[sign] & bit for sign in _OF_ONE_END):
        return 0.0  # The path between them, of which nobody knows at which end it is bad.
    known = 1 - p.SENDER_GOOD
    cause = usual = 0.01
    for sign, share in zip(SIGNS, p.BACKGROUND, strict=True):
        if scene.with_sign[sign] & bit:
            cause = max(cause, p.SENDER_SIGNS[sign])
            usual = max(usual, share)
    return log(known * cause / (usual * problem.rate))


def _log_named(endpoint: str, named: Collection[str], others: int) -> float:
    """What the receiver says of one of the others as a sender: the logarithm of a ratio."""
    if not named:
        return 0.0
    if endpoint not in named:
        cause, usual = p.NOT_NAMED
    elif len(named) >= min(others, _MANY_NAMED):
        cause, usual = p.NAMED_AMONG
    elif len(named) > 1:
        cause, usual = p.NAMED_OF_TWO
    else:
        cause, usual = p.NAMED_ALONE
        usual /= min(others, p.HEARD)
    return log(cause / usual)
