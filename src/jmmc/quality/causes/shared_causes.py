"""What a group has in common: an incident, or that it is weak for days."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from math import exp, inf, log
from operator import add
from typing import NamedTuple

from jmmc.quality.causes import parameters as p
from jmmc.quality.causes.crowd import Group, Set
from jmmc.quality.causes.free_shares import Free, is_large, log_free_incident
from jmmc.quality.causes.habits import log_weak_group
from jmmc.quality.causes.hypothesis import Hypothesis
from jmmc.quality.causes.logarithms import (
    NOTHING,
    log_mean,
    log_sum,
)
from jmmc.quality.causes.others import (
    alike,
    is_negligible,
    log_others,
    log_others_apart,
)
from jmmc.quality.causes.problem import Alike, Basis, Counts, Problem, log_length
from jmmc.quality.causes.records import Record, log_ratios
from jmmc.quality.causes.signs import log_probability


def _by_strength(shares: Sequence[float], *, hit: bool) -> Sequence[float]:
    """The probability of each strength, and that it hits somebody, or spares them."""
    return tuple(
        share * (strength if hit else 1 - strength)
        for share, strength in zip(shares, p.STRENGTHS, strict=True)
    )


_INCIDENT = _by_strength(p.OF_INCIDENTS, hit=True), _by_strength(p.OF_INCIDENTS, hit=False)
_WIDE_INCIDENT = (
    _by_strength(p.OF_WIDE_INCIDENTS, hit=True),
    _by_strength(p.OF_WIDE_INCIDENTS, hit=False),
)
_HIT_WHEN_WEAK = _by_strength(p.OF_WEAK_GROUPS, hit=True)
_NARROWER = {"browser": "browser", "region": "bridge", "provider": "network"}
"""By a kind of group that of the narrower ones in it; of a browser these are its versions."""
_WIDE = frozenset(("region", "service"))


class Shared(NamedTuple):
    """A cause in common; and how probable it is that the group has an incident, or is weak, but
    spares this participant: alone, and times the base rate of that case. Logarithms.
    """

    hypothesis: Hypothesis
    beside: float
    beside_now: float


def shared_causes(problem: Problem, passed_on: float) -> Iterable[Shared]:
    """Each cause in common; `passed_on`: what receivers say, in nats (`Receivers`)."""
    length = log_length(problem.length, by_chance=False)
    for group in problem.scene.groups:
        shared = p.SHARED[group.kind]
        members = group.members
        if group.kind == "browser" and group.value != problem.subject.browser:
            if not members & ~_own_version(problem):
                continue  # All of it is the participant's version, which is considered.
            members &= ~_worst_version(problem, members)
        inside = problem.own_problems(members)
        signs = log_probability(problem.signs, shared.signs)
        outside = problem.own_problems_outside(members, inside)
        chances = alike(problem, outside)
        elsewhere = problem.log_alike_of(outside)
        incident = spared = spared_now = weak = record = -inf
        if is_large(inside) or not is_negligible(problem, inside, chances, elsewhere):
            prior = log(shared.incident) + elsewhere
            found = _log_incident(problem.basis, inside, chances, is_wide=group.kind in _WIDE)
            incident, spared, spared_now, *_ = (prior + nats for nats in found)
        if shared.weak:
            prior = log(shared.weak) + problem.log_alike
            others = _log_habits(problem, group)
            ratios = _record_of(problem, group)
            hit = log(p.TIME_WHEN_WEAK) + problem.log_hit
            weakness = _log_weakness(others, ratios, problem.log_hit, problem.same)
            weak, record = prior + hit + weakness.hits, weakness.record
            spared = log_sum((spared, prior + weakness.spares))
            spared_now = log_sum((spared_now, prior + weakness.spares + problem.now))
        score = log_sum((incident, weak))
        score += passed_on
        if group.kind == "browser" and group.value != problem.subject.browser:
            family = log(p.FAMILY)
            score, spared, spared_now = score + family, spared + family, spared_now + family
        parts = {
            "signs": signs,
            "length": length,
            "record": record if weak > incident else 0.0,
        }
        parts["others"] = score - log(shared.incident + shared.weak) - parts["record"]
        hypothesis = Hypothesis(
            group.kind, group.value, score + signs + length, parts, group.members
        )
        yield Shared(hypothesis, spared, spared_now)


class OfOthers(NamedTuple):
    """How probable it is that a group which the participant is not in has an incident; logarithms.

    `beside`, `beside_now` as in `Shared`; `received`: if the participant receives it from a member.
    """

    members: Set
    beside: float
    beside_now: float
    received: float


def incidents_of_others(problem: Problem) -> Iterable[OfOthers]:
    """Incidents of groups that the participant is not in, of each kind that of most affected."""
    for group in problem.crowd.groups_of_others(problem.scene, problem.spell.start):
        inside = problem.own_problems(group.members)
        outside = problem.own_problems_outside(group.members, inside)
        chances = alike(problem, outside)
        elsewhere = problem.log_alike_of(outside)
        if is_large(inside) or not is_negligible(problem, inside, chances, elsewhere):
            prior = log(p.SHARED[group.kind].incident) + elsewhere
            found = _log_incident(problem.basis, inside, chances, is_wide=group.kind in _WIDE)
            yield OfOthers(
                group.members,
                prior + found.of_others,
                prior + found.of_others_now,
                prior + found.received,
            )


@lru_cache(maxsize=4096)
def _log_incident(basis: Basis, inside: Counts, chances: Alike, *, is_wide: bool) -> Free:
    """What members say for an incident, in nats."""
    if is_large(inside):
        return log_free_incident(basis, inside, chances)
    hits, spares = _WIDE_INCIDENT if is_wide else _INCIDENT
    any_strength = p.OF_WIDE_INCIDENTS if is_wide else p.OF_INCIDENTS
    apart, apart_now = log_others_apart(basis, inside, chances)
    at_once = _log_hit_at_once(basis, inside, chances)
    return Free(
        log_mean(hits, at_once),
        log_mean(spares, apart),
        log_mean(spares, apart_now),
        log_mean(any_strength, apart),
        log_mean(any_strength, apart_now),
        log_mean(any_strength, at_once),
    )


def _log_hit_at_once(basis: Basis, inside: Counts, chances: Alike) -> Sequence[float]:
    """What members say for an incident: of some, most notice it at once; of others, few do."""
    if not inside.bad:
        return log_others(basis, inside, chances, p.AT_ONCE, p.AT_BOTH)
    weights = [weight for weight, _, _ in p.AT_ONCE_OF_INCIDENTS]
    by_kind = [
        log_others(basis, inside, chances, once, both) for _, once, both in p.AT_ONCE_OF_INCIDENTS
    ]
    return [log_mean(weights, terms) for terms in zip(*by_kind, strict=True)]


class _Weakness(NamedTuple):
    """What speaks for that a group is weak, and hits the participant or spares them; in nats.

    `record`: how much of `hits` the record of the group says.
    """

    hits: float
    spares: float
    record: float


@lru_cache(maxsize=4096)
def _log_weakness(
    others: Sequence[float], ratios: Sequence[float], log_hit: float, same: float
) -> _Weakness:
    """Of what members and the record say for each strength, and the participant's own record.

    `same`: how probable another problem has a sign in common with the participant's.
    """
    hits = log_mean(_HIT_WHEN_WEAK, [*map(add, others, ratios)])
    unlike = log(1 - same) if same < 1 else -inf
    apart = [log_sum((log(same) + nats, unlike)) for nats in others]
    spares = log_mean(_spared_when_weak(log_hit), [*map(add, apart, ratios)])
    return _Weakness(hits, spares, hits - log_mean(_HIT_WHEN_WEAK, others))


def _spared_when_weak(log_hit: float) -> Sequence[float]:
    """By strength, that a weakness does not hit somebody, or not now; in nats what their record
    says for that it hits them."""
    not_now = (1 - p.TIME_WHEN_WEAK) * exp(log_hit)
    return [
        share * (1 - strength + strength * not_now)
        for share, strength in zip(p.OF_WEAK_GROUPS, p.STRENGTHS, strict=True)
    ]


def _log_habits(problem: Problem, group: Group) -> Sequence[float]:
    """For each strength, what members say for that the group is weak, by all of the time.

    Of a browser in all versions, the participant's version and the others each have to be weak,
    also without the one with the most problems. The version alone and all of them are compared with
    the same others: else the one whose others have fewer problems would look weaker.
    """
    if group.kind != "browser" or group.value == problem.subject.browser:
        return log_weak_group(*problem.habits(group.members))
    own = _own_version(problem)
    _, usual = problem.habits(own)
    of_own, of_others, of_all_but_worst = (
        log_weak_group(problem.habits(members)[0], usual)
        for members in (
            group.members & own,
            group.members & ~own,
            group.members & ~own & ~_worst_version(problem, group.members),
        )
    )
    return tuple(map(add, of_own, map(min, of_others, of_all_but_worst)))


def _own_version(problem: Problem) -> Set:
    own, *_ = (group.members for group in problem.scene.groups if group.kind == "browser")
    return own


def _worst_version(problem: Problem, family: Set) -> Set:
    """Of the other versions of a browser, the one with the most problems: it may be why."""
    affected = problem.scene.affected
    own = _own_version(problem)
    return max(
        (version & ~own for version in problem.crowd.versions(problem.subject.browser)),
        key=lambda version: (version & family & affected).bit_count(),
        default=0,
    )


def _record_of(problem: Problem, group: Group) -> Sequence[float]:
    """What the record of a group says, without this participant's own calls.

    A narrower group in it, as one version of a browser, and the rest of it each count by
    themselves: what is weak as a whole is weak in its parts.
    """
    record = problem.records.groups.get((group.kind, group.value))
    if record is None:
        return NOTHING
    rest = problem.records.all.less(record)
    usual = rest.share if rest.known else problem.usual
    part = _narrower(problem, group)
    if part is None:
        return log_ratios(record.less(problem.person), usual)
    of_part = log_ratios(part.less(problem.person), usual)
    rest_of_it = log_ratios(record.less(part), usual)
    if group.kind == "browser":  # Another version may be why the rest of them have more.
        rest_of_it = tuple(min(nats, 0.0) for nats in rest_of_it)
    return tuple(map(add, of_part, rest_of_it))


def _narrower(problem: Problem, group: Group) -> Record | None:
    """The record of the participant's narrower group in this one."""
    kind = _NARROWER.get(group.kind)
    if kind is None or group.value == problem.subject.browser:
        return None
    for other in problem.scene.groups:
        if other.kind == kind and other.value != group.value:
            return problem.records.groups.get((other.kind, other.value))
    return None
