"""Another participant of the meeting, whose problem this one receives."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from math import exp, log, log1p
from typing import NamedTuple

from jmmc.quality.causes import parameters as p
from jmmc.quality.causes.answer import OTHER_END
from jmmc.quality.causes.crowd import names_in, places
from jmmc.quality.causes.hypothesis import Hypothesis
from jmmc.quality.causes.logarithms import log_share, log_sum
from jmmc.quality.causes.own_causes import is_device_reported, log_device
from jmmc.quality.causes.problem import Problem, log_length
from jmmc.quality.causes.receivers import Receivers, Witnesses, log_witnessed
from jmmc.quality.causes.records import log_weak_person
from jmmc.quality.causes.shared_causes import OfOthers
from jmmc.quality.causes.signs import log_probability
from jmmc.quality.signs import SIGNS

_OF_ONE_END = ("cut", "narrow", "machine")
_OF_BOTH_ENDS = sum(1 << SIGNS.index(sign) for sign in ("up", "down", "delay"))
_ONLY_RECEIVING = 1 << SIGNS.index("media")
_MANY_NAMED = 3  # Senders: with as many, the cause may be at the receiver.


class _Known(NamedTuple):
    """What is known of one of the others as a sender; the same of most, in a large meeting.

    `signs` are those of its own problem, by a bit each; `moment`: what it says that this, or what
    the others receive of it, began and ended when this problem did.
    """

    known: bool
    affected: bool
    signs: int
    moment: float
    witnesses: Witnesses
    device: bool


class _Sender(NamedTuple):
    """What speaks for one of the others as the sender: logarithms of ratios."""

    state: float
    others: float
    moment: float


def other_ends(
    problem: Problem, receivers: Receivers, beside: float, of_others: Sequence[OfOthers]
) -> Iterable[Hypothesis]:
    """Another participant of the meeting, whose problem this one receives.

    The rate is how probable it is that this participant sends badly now, by its own state and
    by what the others receive. From peer to peer both ends measure what is on their path; what the
    other one's machine or device does arrives as through a bridge, if that end has nothing of a
    path. A sender in a group that has an incident, which this participant is not in, sends badly
    for that reason, too.
    """
    scene, crowd, spell = problem.scene, problem.crowd, problem.spell
    by_bridge = log_probability(problem.signs, p.OTHER_END_BY_BRIDGE) + log(p.PASSED_ON)
    signs = log_probability(problem.signs, p.OTHER_END_DIRECT) if scene.direct else by_bridge
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
    sender_of = {
        known: _sender(problem, known, share, direct=scene.direct) for known in {*known_of}
    }
    usual = log(share) + problem.now
    rate_of = [usual + history for history in _histories(problem, there, usual)]
    bad = {
        crowd.sessions[place].endpoint_id
        for place, known, rate in zip(there, known_of, rate_of, strict=True)
        if rate + sender_of[known].state + sender_of[known].others > 0
    }
    constant = length + log_sum((problem.log_alike, beside))
    # Of many somebody hears a few: who is not named may be none of these.
    not_named = _log_named("", named - bad, len(there)) + log(
        min(1.0, p.HEARD / max(1, len(there)))
    )
    said: dict[tuple[_Known, float, float, tuple[int, ...]], tuple[float, Mapping[str, float]]] = {}
    for place, known, rate in zip(there, known_of, rate_of, strict=True):
        other, of_name = crowd.sessions[place], not_named
        if other.endpoint_id in named:
            of_name = _log_named(other.endpoint_id, named - (bad - {other.endpoint_id}), len(there))
        incidents = tuple(at for at, group in enumerate(of_others) if group.members >> place & 1)
        key = known, rate, of_name, incidents
        if key not in said:
            ways = [(sender_of[known], signs)]
            if scene.direct and not known.signs & _OF_BOTH_ENDS:
                ways.append((_sender(problem, known, share, direct=False), by_bridge))
            scores = [
                of_signs
                + log_share(rate + sender.state + sender.others)
                + (constant + of_name + sender.moment)
                for sender, of_signs in ways
            ]
            sender, of_signs = ways[scores.index(max(scores))]
            if not scene.direct:
                scores += [
                    of_signs + log_share(sender.others) + length + of_name + of_others[at].received
                    for at in incidents
                ]
            parts = {
                "signs": of_signs,
                "length": length,
                "others": sender.others + problem.log_alike,
                "named": of_name,
                "moment": sender.moment,
                "history": rate - usual,
                "sender": rate + sender.state,
            }
            said[key] = log_sum(scores), parts
        yield Hypothesis(OTHER_END, other.session, *said[key])


def _histories(problem: Problem, there: Iterable[int], usual: float) -> Iterable[float]:
    """What the record of each of the others says for that it sends badly, in nats.

    `usual`: the logarithm of the rate of somebody without a record.
    """
    people, sessions = problem.records.people, problem.crowd.sessions
    if not people:
        return (0.0 for _ in there)
    weak = log(p.OWN["line"].weak) - usual
    records = (people.get(sessions[place].browser_id) for place in there)
    return (
        log1p(exp(weak + log_weak_person(record, problem.usual))) if record else 0.0
        for record in records
    )


def _known_of(problem: Problem, receivers: Receivers, there: Iterable[int]) -> Sequence[_Known]:
    """What is known of each of the others, in order.

    Of most of them it is how they were, and nothing that others say, so those who are alike are
    looked at once.
    """
    scene, crowd = problem.scene, problem.crowd
    meeting = problem.meeting.members
    # Sets that few are in: most are known, and would say what they receive.
    sets = (
        *(~scene.known, scene.affected, scene.at_once, scene.at_both),
        *(~receivers.silent, receivers.unnamed),
        *(scene.with_sign[sign] for sign in SIGNS),
    )
    kind_of: dict[int, int] = {}  # By place: in which of the sets it is, by a bit each.
    for at, members in enumerate(sets):
        for place in places(members & meeting):
            kind_of[place] = kind_of.get(place, 0) | 1 << at
    alike: dict[int, _Known] = {}
    found = []
    for place in there:
        other, kind = crowd.sessions[place], kind_of.get(place, 0)
        if receivers.witnesses_of(other.endpoint_id) or (
            other.events and is_device_reported(other, problem.spell)
        ):
            found.append(_one_known(problem, receivers, place))
            continue
        if kind not in alike:
            alike[kind] = _one_known(problem, receivers, place)
        found.append(alike[kind])
    return found


def _one_known(problem: Problem, receivers: Receivers, place: int) -> _Known:
    scene, other, bit = problem.scene, problem.crowd.sessions[place], 1 << place
    affected = bool(scene.affected & bit)
    signs = 0
    if affected:
        for at, sign in enumerate(SIGNS):
            signs |= bool(scene.with_sign[sign] & bit) << at
    moment = 0.0
    receiving = receivers.witnesses_of(other.endpoint_id)
    # From peer to peer both ends may hear a device of one of them.
    sending = affected and (signs != _ONLY_RECEIVING or bool(receiving) or scene.direct)
    if (sending or receiving) and not (scene.direct and signs & _OF_BOTH_ENDS):
        moment = problem.log_moments((bit if sending else 0) | receiving)
    return _Known(
        bool(scene.known & bit),
        affected,
        signs,
        moment,
        receivers.witnesses(other.endpoint_id, bit),
        bool(other.events) and is_device_reported(other, problem.spell),
    )


def _sender(problem: Problem, known: _Known, share: float, *, direct: bool) -> _Sender:
    """What speaks for a sender; `share`: of independent problems, those that others receive.

    `direct`: if it is its part of a path from peer to peer.
    """
    device = log(p.OWN["device"].share / share) + log_device(reported=known.device)
    device += 0.0 if direct else _state_with_device(problem, known)
    state = log_sum((_state_of(problem, known, direct=direct), device))
    others = 0.0 if problem.scene.direct else log_witnessed(known.witnesses)
    return _Sender(state, others, 0.0 if direct else known.moment)


def _state_with_device(problem: Problem, known: _Known) -> float:
    """How much more probable the state of a participant is, if a device of it is the problem."""
    if not known.known:
        return 0.0
    if not known.affected:
        return log((1 - p.DEVICE_HEARD) / (1 - problem.rate))
    if known.signs != _ONLY_RECEIVING:
        return 0.0
    return log(p.DEVICE_HEARD / (p.BACKGROUND[SIGNS.index("media")] * problem.rate))


def _state_of(problem: Problem, known: _Known, *, direct: bool) -> float:
    """How much more probable the state of a participant is, if others receive its problem."""
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
