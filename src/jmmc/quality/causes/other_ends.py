"""Another participant of the meeting, whose problem this one receives."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from math import log
from typing import NamedTuple

from jmmc.quality.causes import parameters as p
from jmmc.quality.causes.answer import OTHER_END
from jmmc.quality.causes.crowd import names_in, places
from jmmc.quality.causes.hypothesis import Hypothesis
from jmmc.quality.causes.logarithms import log_share, log_sum, log_weak
from jmmc.quality.causes.own_causes import is_device_reported, log_device
from jmmc.quality.causes.problem import Problem, log_length
from jmmc.quality.causes.receivers import Receivers, Witnesses, log_witnessed
from jmmc.quality.causes.records import Record, log_ratios
from jmmc.quality.causes.signs import log_probability
from jmmc.quality.signs import SIGNS

_OF_ONE_END = ("cut", "narrow", "machine")
_MANY_NAMED = 3  # Senders: with as many, the cause may be at the receiver.


class _Known(NamedTuple):
    """What is known of one of the others as a sender; the same of most, in a large meeting.

    `signs` are those of its own problem, by a bit each; `moment`: whether that, or what the others
    receive of it, is at the same moment; None without either.
    """

    known: bool
    affected: bool
    signs: int
    moment: bool | None
    witnesses: Witnesses
    device: bool
    record: Record | None


class _Sender(NamedTuple):
    """What speaks for one of the others as the sender: logarithms of ratios, and of the rate."""

    rate: float
    others: float
    history: float
    moment: float


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
    known_of = _known_of(problem, receivers, there)
    sender_of = {known: _sender(problem, known, share) for known in {*known_of}}
    bad = {
        crowd.sessions[place].endpoint_id
        for place, known in zip(there, known_of, strict=True)
        if sender_of[known].rate + sender_of[known].others > 0
    }
    constant = signs + length + log_sum((problem.log_alike, beside))
    if not scene.direct:
        constant += log(p.PASSED_ON)
    found: dict[tuple[_Known, float], tuple[float, Mapping[str, float]]] = {}
    not_named = _log_named("", named - bad, len(there))
    for place, known in zip(there, known_of, strict=True):
        other = crowd.sessions[place]
        of_name = not_named
        if other.endpoint_id in named:
            of_name = _log_named(other.endpoint_id, named - (bad - {other.endpoint_id}), len(there))
        key = known, of_name
        if key not in found:
            sender = sender_of[known]
            score = constant + log_share(sender.rate + sender.others) + of_name + sender.moment
            found[key] = (
                score,
                {
                    "signs": signs,
                    "length": length,
                    "others": sender.others + problem.log_alike,
                    "named": of_name,
                    "moment": sender.moment,
                    "history": sender.history,
                    "sender": sender.rate,
                },
            )
        yield Hypothesis(OTHER_END, other.session, *found[key])


def _known_of(problem: Problem, receivers: Receivers, there: Iterable[int]) -> Sequence[_Known]:
    """What is known of each of the others, in order."""
    scene, crowd = problem.scene, problem.crowd
    meeting = problem.meeting.members
    known = {*places(scene.known & meeting)}
    affected = {*places(scene.affected & meeting)}
    signs = dict.fromkeys(affected, 0)
    for at, sign in enumerate(SIGNS):
        for place in places(scene.with_sign[sign] & meeting):
            signs[place] |= 1 << at
    only_receiving = 1 << SIGNS.index("media")
    people = problem.records.people
    found = []
    for place in there:
        other, bit = crowd.sessions[place], 1 << place
        moment = None
        receiving = receivers.witnesses_of(other.endpoint_id)
        sending = place in affected and signs[place] != only_receiving
        if (sending or receiving) and not scene.direct:
            moment = bool(scene.at_once & ((bit if sending else 0) | receiving))
        found.append(
            _Known(
                place in known,
                place in affected,
                signs.get(place, 0),
                moment,
                receivers.witnesses(other.endpoint_id, bit),
                bool(other.events) and is_device_reported(other, problem.spell),
                people.get(other.browser_id),
            )
        )
    return found


def _sender(problem: Problem, known: _Known, share: float) -> _Sender:
    """What speaks for a sender; `share`: of independent problems, those that others receive."""
    direct = problem.scene.direct
    rate = usual = log(share) + problem.now
    if known.record is not None:
        weak = log_weak(log_ratios(known.record, problem.usual, of_person=True))
        rate = log_sum((usual, log(p.OWN["line"].weak) + weak))
    device = log(p.OWN["device"].share / share) + log_device(reported=known.device)
    state = log_sum((_state_of(problem, known), device))
    moment = 0.0
    if known.moment is not None:
        by_chance = problem.by_chance
        moment = log(p.AT_ONCE / by_chance if known.moment else (1 - p.AT_ONCE) / (1 - by_chance))
    others = 0.0 if direct else log_witnessed(known.witnesses)
    return _Sender(rate + state, others, rate - usual, moment)


def _state_of(problem: Problem, known: _Known) -> float:
    """How much more probable the state of a participant is, if others receive its problem."""
    direct = problem.scene.direct
    if not known.known:
        return 0.0
    if not known.affected:
        return log(p.SENDER_GOOD / (1 - problem.rate)) if not direct else 0.0
    signs = [sign for at, sign in enumerate(SIGNS) if known.signs >> at & 1]
    if direct and not any(sign in _OF_ONE_END for sign in signs):
        return 0.0  # The path between them, of which nobody knows at which end it is bad.
    if signs == ["media"]:
        cause = p.SENDER_RECEIVES
    else:
        cause = max([0.01, *(p.SENDER_SIGNS[sign] for sign in signs)])
    usual = max([0.01, *(p.BACKGROUND[SIGNS.index(sign)] for sign in signs)])
    return log((1 - p.SENDER_GOOD) * cause / (usual * problem.rate))


def _log_named(endpoint: str, named: Collection[str], others: int) -> float:
    """What the receiver says of one of the others as a sender: the logarithm of a ratio."""
    if not named or others < 2:
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
