"""The model: how probable each cause makes what was seen.

For a cause h of a problem of one participant, the answer's probability is proportional to

    rate(h) P(signs | h) P(length | h) P(the others | h) P(records | h).

* rate: the share of time in which the participant has a problem by h. Of the participant's own
  causes it is a part of the base rate, which the record and the crowd tell; of shared ones that of
  incidents, or of groups that are weak for days (`parameters`).
* the others: each has independent problems at the base rate b. If h is in force, a member of its
  group has them by h with probability t besides (noisy-or). Neither is known: b is averaged over
  `BASE_RATES` by what all others say, t over `STRENGTHS`. A problem counts by whether it has a sign
  in common with the participant's, and by whether it began or ended at the same moment, which
  independent ones rarely do.
* A group may have an incident, or be weak, and spare this participant, who has another problem: so
  a browser that is known to be weak does not explain every problem of its users (`_beside`).
* Who only receives what another participant's way up, machine or device does has no problem of
  their own: these are evidence of the other end, and good otherwise (`Scene.secondary`).
* the other end: a participant sends badly by its own state, and by who of the others names it,
  alone or among several (`_witnesses`). That it is so explains what this participant receives; it
  explains nothing of what is measured on the own way up.
* Signs and moments that are common outside a group are no evidence of it (`_alike`), and a browser
  in all its versions is not weak because one other version is (`_worst_version`).
* records: how often the group's other members, and the participant in other calls, had problems in
  the last days, against everybody (beta-binomial). They speak of groups and people that are weak
  for days; an incident has no history.

Groups that have the same people explain as much as each other; then the rates decide, and the
answer says that it is a tie. So it does of the two ends of a call from peer to peer, which measure
one path.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from math import exp, inf, log, pi
from operator import add, mul
from typing import NamedTuple

from jmmc.quality.causes import parameters as p
from jmmc.quality.causes.answer import OTHER_END, SIDES, Answer, Cause, Fact, Verdict
from jmmc.quality.causes.crowd import (
    PASSED_ON_SIGNS,
    Crowd,
    Group,
    Scene,
    Set,
    names_in,
    places,
)
from jmmc.quality.causes.records import Record, Records, log_ratios
from jmmc.quality.causes.signs import log_probability, share_with, signs_of
from jmmc.quality.grading import Spell
from jmmc.quality.signs import SIGNS
from jmmc.quality.summary import Summary

_DEVICE_EVENTS = frozenset(
    (
        *("no_audio_input", "no_track_data", "noisy_mic", "no_picture", "mic_changed"),
        *("cam_changed", "mic_denied", "cam_denied", "mic_missing", "cam_missing"),
    )
)
_BEFORE = 30  # Seconds before a spell in which an event belongs to it.
_OF_ONE_END = ("cut", "narrow", "machine")
_MEDIA, _MEDIA_OR_DOWN = frozenset(("media",)), frozenset(("media", "down"))
_NOTHING = (0.0,) * len(p.STRENGTHS)
_LOG_OF_INCIDENTS = tuple(map(log, p.OF_INCIDENTS))
_LOG_OF_WEAKNESS = tuple(map(log, p.OF_WEAKNESS))
_LOG_OF_WIDE_INCIDENTS = tuple(map(log, p.OF_WIDE_INCIDENTS))
_WIDE = frozenset(("region", "service"))
_LOG_OF_RECEIVERS = tuple(map(log, p.OF_RECEIVERS))
_LOG_BASE_RATES = tuple(map(log, p.BASE_RATES))
_LOG_STRENGTHS = tuple(map(log, p.STRENGTHS))
_LOG_SPARED = tuple(log(1 - strength) for strength in p.STRENGTHS)
_MANY_NAMED = 3  # Senders, from which on all that somebody hears may be bad.
_MOST_CAUSES = 6
_MOST_FACTS = 3
_LEAST_FACT = 0.7  # Nats.
_NEGLIGIBLE = 40.0  # Nats by which a term is smaller than the largest.
_OF_PATH = frozenset(("line", "chance", OTHER_END))
_TIE_OF_PATH = 4.0  # The same of the ends of a path.
_TIE = 8.0  # Times as probable as another is no tie, whoever is in both.


class _Counts(NamedTuple):
    """Others by how they were: good; with another sign, later and at once; with the same sign."""

    good: int
    other: int
    other_at_once: int
    same: int
    same_at_once: int

    @property
    def bad(self) -> int:
        return sum(self) - self.good

    @property
    def at_once(self) -> int:
        return self.same_at_once + self.other_at_once


class _Witnesses(NamedTuple):
    """Others of the meeting by what they say of a sender: nothing; bad media, of nobody in
    particular; of this sender and several; of this one and another; of this sender alone."""

    silent: int
    unnamed: int
    among: int
    of_two: int
    alone: int


class _Hypothesis(NamedTuple):
    """A cause, its unscaled probability (logarithm), and how much each part of it said."""

    kind: str
    value: str
    score: float
    parts: Mapping[str, float]
    members: Set | None = None


def likely_causes(
    subject: Summary, spell: Spell, crowd: Crowd, records: Records | None = None
) -> Answer:
    """The likely causes of a spell of problems of `subject`, who is in the crowd."""
    return _Inference(subject, spell, crowd, records or Records()).answer()


class _Inference:
    """One problem, and all that was seen of it.

    `_now` is the base rate. `_beside`: how probable it is that a group has an incident which spares
    this participant, whose problem is another one; `_beside_now` the same times the base rate of
    that case. All are logarithms, against that no group has an incident.
    """

    def __init__(self, subject: Summary, spell: Spell, crowd: Crowd, records: Records) -> None:
        self._subject, self._spell, self._crowd, self._records = subject, spell, crowd, records
        self._signs = signs_of(spell)
        self._scene: Scene = crowd.scene(subject, spell.start, spell.end)
        self._length = max(1, spell.end - spell.start)
        self._by_chance = round(
            min(0.7, max(0.04, 4 * p.MOMENT / (self._length + p.USUAL_SECONDS))), 2
        )
        self._same = share_with(self._signs)
        self._expected = self._signs or frozenset(SIGNS)
        self._all = self._own_problems(-1)
        self._base = _base_weights(
            records.base_rate, self._all.bad, sum(self._all), records.base_rate is not None
        )
        self._log_base = [log(weight) if weight else -inf for weight in self._base]
        self._log_base_now = list(map(add, self._log_base, _LOG_BASE_RATES))
        self._rate = sum(
            rate * weight for rate, weight in zip(p.BASE_RATES, self._base, strict=True)
        )
        self._person = records.people.get(subject.browser_id, Record())
        self._usual = records.base_rate if records.base_rate is not None else p.BASE_RATE
        self._of_person = log_ratios(self._person, self._usual, of_person=True)
        self._beside = self._beside_now = -inf
        self._now = log(self._rate)
        self._receivers = ~(self._scene.affected & ~self._scene.secondary)
        self._received_signs = _MEDIA_OR_DOWN if self._scene.direct else _MEDIA
        self._meeting = next(
            (group for group in self._scene.groups if group.kind == "meeting"),
            Group("meeting", subject.room, 0),
        )

        self._naming = self._who_names_whom()
        self._passed_on = self._received(of_me=bool(self._signs & PASSED_ON_SIGNS))

    def _who_names_whom(self) -> Mapping[Set, frozenset[str]]:
        """By receiver of the meeting the senders that arrive badly there, in the window."""
        me = self._crowd.of_person(self._subject.browser_id)
        found: dict[Set, frozenset[str]] = {}
        for naming in self._crowd.namings(self._subject.room, self._spell.start, self._spell.end):
            if not naming.receiver & me:
                found[naming.receiver] = found.get(naming.receiver, frozenset()) | naming.names
        return found

    def answer(self) -> Answer:
        shared = [*self._shared()]
        self._beside = _log_sum(spared for _, spared, _ in shared)
        self._beside_now = _log_sum(spared for _, _, spared in shared)
        hypotheses = [hypothesis for hypothesis, _, _ in shared]
        hypotheses += [*self._own(), *self._other_ends()]
        most = max(hypothesis.score for hypothesis in hypotheses)
        weights = [exp(hypothesis.score - most) for hypothesis in hypotheses]
        total = sum(weights)
        ranked = sorted(
            zip((weight / total for weight in weights), hypotheses, strict=True),
            key=lambda pair: (-pair[0], pair[1].kind, pair[1].value),
        )
        sides: dict[str, float] = {}
        for probability, hypothesis in ranked:
            side = SIDES[hypothesis.kind]
            sides[side] = sides.get(side, 0.0) + probability
        shown = [
            pair
            for at, pair in enumerate(ranked[:_MOST_CAUSES])
            if not at or pair[0] >= p.CANDIDATE
        ]
        ties = self._ties(shown)
        causes = tuple(
            self._cause(probability, hypothesis, ranked) for probability, hypothesis in shown
        )
        missing = self._missing()
        return Answer(
            _verdict(causes, ties, missing),
            causes,
            ties,
            missing,
            {side: round(share, 3) for side, share in sides.items() if share >= p.CANDIDATE},
        )

    def _own(self) -> Iterable[_Hypothesis]:
        device = _device_events(self._subject, self._spell)
        for kind, own in p.OWN.items():
            passed_on = self._passed_on
            if kind == "device":
                passed_on = self._received(of_me="media" in self._signs)
            parts = {
                "signs": log_probability(self._signs, own.signs),
                "length": _log_length(self._length, by_chance=kind == "chance"),
                "others": passed_on,
            }
            if kind == "device":
                parts["events"] = device
            score = sum(parts.values())
            now = log(own.share) + _log_sum((self._now, self._beside_now))
            weak = parts["history"] = 0.0
            if own.weak:
                history = self._of_person if self._has_recurred(kind) else _NOTHING
                weak = log(own.weak) + _weighted(_LOG_OF_WEAKNESS, _LOG_STRENGTHS, history)
                now = _log_sum((now, weak + _log_sum((0.0, self._beside))))
            if self._person.known and own.weak:
                usual = log(own.share) + self._now
                parts["history"] = _log_sum((usual, weak)) - usual
            value = _direction(self._signs) if kind == "line" else ""
            yield _Hypothesis(kind, value, now + score, parts)

    def _has_recurred(self, kind: str) -> bool:
        """Whether the person's other calls had problems of this kind, or none."""
        machine = self._person.machine * 2 > self._person.bad
        return not self._person.bad or machine == (kind == "machine")

    def _received(self, *, of_me: bool) -> float:
        """What those say who may receive the problem of this participant."""
        if self._scene.direct:
            return 0.0
        passed_on = p.PASSED_ON if of_me else p.PASSED_ON_ALSO
        witnesses = self._witnesses(self._subject.endpoint_id, 0)
        mine = log(passed_on) + _weighted(_LOG_OF_RECEIVERS, _log_witnessed(witnesses))
        return _log_sum((log(1 - passed_on), mine))

    def _witnesses(self, endpoint: str, but: Set) -> _Witnesses:
        """How many others of the meeting name a sender, with and without others, or nobody."""
        alone = of_two = among = unnamed = 0
        for receiver, names in self._naming.items():
            if receiver & but:
                continue
            if not names:
                unnamed += 1
            elif endpoint in names:
                alone += len(names) == 1
                of_two += len(names) == 2
                among += len(names) > 2
        receivers = self._meeting.members & self._receivers & self._scene.known & ~but
        # Of a large meeting a few hear somebody: the others say nothing by their silence.
        silent = receivers.bit_count() - alone - of_two - among - unnamed
        silent = min(max(0, silent), 2 * p.HEARD)
        return _Witnesses(silent, unnamed, among, of_two, alone)

    def _shared(self) -> Iterable[tuple[_Hypothesis, float, float]]:
        """Each cause in common, and what it adds to `_beside` and to `_beside_now`."""
        length = _log_length(self._length, by_chance=False)
        for group in self._scene.groups:
            shared = p.SHARED[group.kind]
            members = group.members
            if group.kind == "browser" and group.value != self._subject.browser:
                members &= ~self._worst_version(members)
            inside = self._own_problems(members)
            signs = log_probability(self._signs, shared.signs)
            same, by_chance = self._alike(inside)
            apart, apart_now = self._others_apart(inside, same, by_chance)
            prior = log(shared.incident)
            of_strength = _LOG_OF_WIDE_INCIDENTS if group.kind in _WIDE else _LOG_OF_INCIDENTS
            others = self._others(inside, same, by_chance, p.AT_ONCE)
            incident = prior + _weighted(of_strength, _LOG_STRENGTHS, others)
            spared = prior + _weighted(of_strength, _LOG_SPARED, apart)
            spared_now = prior + _weighted(of_strength, _LOG_SPARED, apart_now)
            weak = record = -inf
            if shared.weak:
                prior = log(shared.weak)
                others = self._others(inside, same, by_chance, p.AT_ONCE_WHEN_WEAK)
                ratios = self._record_of(group)
                terms: list[Sequence[float]]
                terms = [_LOG_OF_WEAKNESS, _LOG_STRENGTHS, others, self._of_person]
                weak = prior + _weighted(*terms, ratios)
                record = weak - prior - _weighted(*terms)
                terms = [_LOG_OF_WEAKNESS, _LOG_SPARED, ratios]
                spared = _log_sum((spared, prior + _weighted(*terms, apart)))
                spared_now = _log_sum((spared_now, prior + _weighted(*terms, apart_now)))
            score = _log_sum((incident, weak))
            score += self._passed_on
            if group.kind == "browser" and group.value != self._subject.browser:
                family = log(p.FAMILY)
                score, spared, spared_now = score + family, spared + family, spared_now + family
            parts = {
                "signs": signs,
                "length": length,
                "record": record if weak > incident else 0.0,
            }
            parts["others"] = score - log(shared.incident + shared.weak) - parts["record"]
            hypothesis = _Hypothesis(
                group.kind, group.value, score + signs + length, parts, group.members
            )
            yield hypothesis, spared, spared_now

    def _worst_version(self, family: Set) -> Set:
        """Of the other versions of a browser, the one with the most problems: it may be why."""
        affected = self._scene.affected
        own, *_ = (group.members for group in self._scene.groups if group.kind == "browser")
        return max(
            (version & ~own for version in self._crowd.versions(self._subject.browser)),
            key=lambda version: (version & family & affected).bit_count(),
            default=0,
        )

    def _record_of(self, group: Group) -> Sequence[float]:
        """What the record of a group says, without this participant's own calls."""
        record = self._records.groups.get((group.kind, group.value))
        if record is None:
            return _NOTHING
        rest = self._records.all.less(record)
        return log_ratios(record.less(self._person), rest.share if rest.known else self._usual)

    def _other_ends(self) -> Iterable[_Hypothesis]:
        """Another participant of the meeting, whose problem this one receives.

        The rate is how probable it is that this participant sends badly now, by its own state and
        by what the others receive.
        """
        scene, crowd, spell = self._scene, self._crowd, self._spell
        table = p.OTHER_END_DIRECT if scene.direct else p.OTHER_END_BY_BRIDGE
        signs = log_probability(self._signs, table)
        lasting = p.OWN["line"].share + (0.0 if scene.direct else p.OWN["machine"].share)
        share = lasting + p.OWN["chance"].share
        length = _log_sum(
            (
                log(lasting / share) + _log_length(self._length, by_chance=False),
                log(1 - lasting / share) + _log_length(self._length, by_chance=True),
            )
        )
        named = names_in(spell) if "media" in self._signs else frozenset()
        there = [*self._there()]
        senders: list[tuple[int, float, float, float]] = []
        for place in there:
            bit = 1 << place
            other = crowd.sessions[place]
            record = self._records.people.get(other.browser_id)
            ratios = _NOTHING
            if record is not None:
                ratios = log_ratios(record, self._usual, of_person=True)
            weak = log(p.OWN["line"].weak) + _weighted(_LOG_OF_WEAKNESS, _LOG_STRENGTHS, ratios)
            usual = log(share) + self._now
            device = log(p.OWN["device"].share / share) + _device_events(other, spell)
            sender = _log_sum((self._state_of(bit), device))
            others = 0.0
            if not scene.direct:
                witnesses = self._witnesses(other.endpoint_id, bit)
                others = _weighted(_LOG_OF_RECEIVERS, _log_witnessed(witnesses))
            history = _log_sum((usual, weak)) - usual if record is not None else 0.0
            rate = _log_sum((usual, weak)) if record is not None else usual
            rate += sender
            senders.append((place, rate, others, history))
        bad = {
            crowd.sessions[place].endpoint_id
            for place, rate, others, _ in senders
            if rate + others > 0
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
                "moment": self._moment(place),
            }
            score = _log_share(rate + others) + sum(parts.values()) - others
            if not scene.direct:
                score += log(p.PASSED_ON)
            score += _log_sum((0.0, self._beside))
            parts["history"] = history
            parts["sender"] = rate
            yield _Hypothesis(OTHER_END, other.session, score, parts)

    def _moment(self, place: int) -> float:
        """What it says that the problem of a sender, as others have it, is at the same moment."""
        scene, bit = self._scene, 1 << place
        if scene.direct:
            return 0.0
        endpoint = self._crowd.sessions[place].endpoint_id
        witnesses = 0
        for receiver, names in self._naming.items():
            if endpoint in names:
                witnesses |= receiver
        if scene.at_once & (bit | witnesses):
            return log(p.AT_ONCE / self._by_chance)
        if not (scene.affected & bit or witnesses):
            return 0.0
        return log((1 - p.AT_ONCE) / (1 - self._by_chance))

    def _there(self) -> Iterable[int]:
        """The places of the others in the meeting who were there in the window."""
        members = self._meeting.members
        me = self._subject.browser_id
        for place in places(members):
            other = self._crowd.sessions[place]
            overlap = min(other.ended, self._spell.end) - max(other.began, self._spell.start)
            if other.browser_id != me and 2 * overlap >= self._length:
                yield place

    def _state_of(self, bit: Set) -> float:
        """How much more probable the state of a participant is, if others receive its problem."""
        scene = self._scene
        if not scene.known & bit:
            return 0.0
        if not scene.affected & bit:
            return log(p.SENDER_GOOD / (1 - self._rate)) if not scene.direct else 0.0
        if scene.direct and not any(scene.with_sign[sign] & bit for sign in _OF_ONE_END):
            return 0.0  # The path between them, of which nobody knows at which end it is bad.
        known = 1 - p.SENDER_GOOD
        cause = usual = 0.01
        for sign, share in zip(SIGNS, p.BACKGROUND, strict=True):
            if scene.with_sign[sign] & bit:
                cause = max(cause, p.SENDER_SIGNS[sign])
                usual = max(usual, share)
        return log(known * cause / (usual * self._rate))

    def _counts(self, members: Set, signs: Iterable[str]) -> _Counts:
        scene = self._scene
        known, affected = scene.known & members, scene.affected & members
        same = scene.with_signs(signs) & affected
        other = affected & ~same
        at_once = scene.at_once
        return _Counts(
            (known & ~affected).bit_count(),
            (other & ~at_once).bit_count(),
            (other & at_once).bit_count(),
            (same & ~at_once).bit_count(),
            (same & at_once).bit_count(),
        )

    def _own_problems(self, members: Set) -> _Counts:
        """The counts without the problems that others only receive: apart from these they are good.

        Of the other end of a path nothing is known apart.
        """
        received = self._scene.secondary
        if self._scene.direct:
            return self._counts(members & ~received, self._expected)
        counts = self._counts(members & ~received, self._expected)
        return counts._replace(good=counts.good + (members & received).bit_count())

    def _alike(self, inside: _Counts) -> tuple[float, float]:
        """How probable independent problems have the same sign, and the same moment.

        By those who are not in a group, as far as they are many.
        """
        same_outside = self._all.same + self._all.same_at_once - inside.same - inside.same_at_once
        at_once_outside = self._all.at_once - inside.at_once
        weight = p.ALIKE_WEIGHT
        bad = weight + max(0, self._all.bad - inside.bad)
        same = (weight * self._same + max(0, same_outside)) / bad
        at_once = (weight * self._by_chance + max(0, at_once_outside)) / bad
        return _rounded(same), _rounded(at_once)

    def _others(
        self, inside: _Counts, same: float, by_chance: float, at_once: float
    ) -> list[float]:
        """For each of `STRENGTHS`, what the members of a group say for the cause, in nats.

        Averaged over the base rate.
        """
        if not inside.bad:
            return [inside.good * nats for nats in _LOG_SPARED]
        table = _ratios(same, by_chance, at_once, p.SAME_SIGN)
        log_base = self._log_base
        found: list[float] = []
        for of_strength in table:
            terms = [
                base + sum(map(mul, inside, ratios))
                for base, ratios in zip(log_base, of_strength, strict=True)
            ]
            found.append(_log_sum(terms))
        return found

    def _others_apart(
        self, inside: _Counts, same: float, by_chance: float
    ) -> tuple[list[float], list[float]]:
        """What members say for a cause that this problem has nothing to do with.

        They may resemble each other; this problem resembles them by chance, and then all of them.
        The second list is averaged over the base rate times the base rate.
        """
        if not inside.bad:
            good_only = [inside.good * nats for nats in _LOG_SPARED]
            return good_only, [self._now + nats for nats in good_only]
        like, unlike = p.SAME_SIGN, 1 - p.SAME_SIGN
        tables = (
            (log(same * by_chance), _ratios(same, by_chance, p.AT_ONCE, like)),
            (log(same * (1 - by_chance)), _ratios(same, by_chance, by_chance, like)),
            (log(1 - same), _ratios(same, by_chance, by_chance, unlike)),
        )
        apart, apart_now = [], []
        for at in range(len(p.STRENGTHS)):
            nats = [
                _log_sum(
                    weight + sum(map(mul, inside, table[at][base])) for weight, table in tables
                )
                for base in range(len(p.BASE_RATES))
            ]
            apart.append(_log_sum(map(add, self._log_base, nats)))
            apart_now.append(_log_sum(map(add, self._log_base_now, nats)))
        return apart, apart_now

    def _ties(self, shown: Sequence[tuple[float, _Hypothesis]]) -> tuple[int, ...]:
        """The causes whose groups have the same known people as that of the first."""
        probability, first = shown[0]
        if first.members is None:
            return self._ties_of_path(shown)
        known = self._scene.known
        return tuple(
            at
            for at, (other, hypothesis) in enumerate(shown[1:], 1)
            if hypothesis.members is not None
            and hypothesis.members & known == first.members & known
            and other * _TIE >= probability
        )

    def _ties_of_path(self, shown: Sequence[tuple[float, _Hypothesis]]) -> tuple[int, ...]:
        """The other end of a call from peer to peer, where both ends measure the same path."""
        probability, first = shown[0]
        if not self._scene.direct or first.kind not in _OF_PATH:
            return ()
        return tuple(
            at
            for at, (other, hypothesis) in enumerate(shown[1:], 1)
            if hypothesis.kind in _OF_PATH
            and OTHER_END in (first.kind, hypothesis.kind)
            and other * _TIE_OF_PATH >= probability
        )

    def _missing(self) -> tuple[str, ...]:
        missing = []
        if sum(self._all) < p.FEW:
            missing.append("others")
        if not any(True for _ in self._there()):
            missing.append("other end")
        if not self._person.known:
            missing.append("other calls")
        if self._records.base_rate is None:
            missing.append("record")
        return tuple(missing)

    def _cause(
        self,
        probability: float,
        hypothesis: _Hypothesis,
        ranked: Sequence[tuple[float, _Hypothesis]],
    ) -> Cause:
        members = hypothesis.members
        if members is None:
            members = self._meeting.members
        inside = self._counts(members, self._expected)
        everybody = self._counts(-1, self._expected)
        bad, known = inside.bad, sum(inside)
        return Cause(
            hypothesis.kind,
            hypothesis.value,
            round(probability, 3),
            bad,
            known,
            everybody.bad - bad,
            sum(everybody) - known,
            self._facts(hypothesis, inside, everybody, ranked),
        )

    def _facts(
        self,
        hypothesis: _Hypothesis,
        inside: _Counts,
        everybody: _Counts,
        ranked: Sequence[tuple[float, _Hypothesis]],
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
        for sign in sorted(self._signs, key=SIGNS.index):
            facts.append((gains["signs"], Fact(f"sign {sign}", {})))
        if "sender" in gains and gains["sender"] > 0:
            facts.append((gains["sender"] + 1, Fact("sender", {})))
        if gains.get("named", 0.0) > 0:
            facts.append((gains["named"] + 1, Fact("named", {})))
        if "events" in gains and gains["events"] > 0:
            facts.append((gains["events"], Fact("events", {})))
        person = self._person
        if hypothesis.kind == OTHER_END:
            place = self._crowd.place_of[hypothesis.value]
            person = self._records.people.get(self._crowd.sessions[place].browser_id, Record())
        if person.known and gains.get("history", 0.0) > 0:
            numbers: dict[str, float | str] = {
                "share": round(person.share, 3),
                "calls": person.calls,
            }
            facts.append((gains["history"], Fact("other calls", numbers)))
        record = self._records.groups.get((hypothesis.kind, hypothesis.value))
        if record is not None and gains.get("record", 0.0) > 0:
            rest = self._records.all.less(record)
            numbers = {"share": round(record.share, 3), "others_share": round(rest.share, 3)}
            facts.append((gains["record"], Fact("record", numbers)))
        facts = [fact for at, fact in enumerate(facts) if not at or fact[0] >= _LEAST_FACT]
        facts.sort(key=lambda pair: -pair[0])
        return tuple(fact for _, fact in facts[:_MOST_FACTS])


def _verdict(causes: Sequence[Cause], ties: Sequence[int], missing: Sequence[str]) -> Verdict:
    if causes[0].probability >= p.CLEAR:
        return Verdict.TIE if ties else Verdict.LIKELY
    if ties:
        return Verdict.TIE
    return Verdict.NOT_ENOUGH if "others" in missing else Verdict.UNCLEAR


def _direction(signs: frozenset[str]) -> str:
    up, down = bool(signs & {"up", "narrow"}), "down" in signs
    return "up" if up and not down else "down" if down and not up else ""


def _device_events(subject: Summary, spell: Spell) -> float:
    """What the events of a participant say for a device as the cause, in nats."""
    reported = any(
        spell.start - _BEFORE <= event.at < spell.end and event.what in _DEVICE_EVENTS
        for event in subject.events
    )
    cause, usual = p.DEVICE_EVENT
    return log(cause / usual) if reported else log((1 - cause) / (1 - usual))


def _log_witnessed(witnesses: _Witnesses) -> list[float]:
    """For each of `STRENGTHS`, what the others of a meeting say for a sender, in nats."""
    return [
        sum(map(mul, witnesses, ratios)) if any(witnesses) else 0.0 for ratios in _RATIOS_OF_NAMING
    ]


def _log_share(odds: float) -> float:
    """The logarithm of a probability, of its logarithmic odds."""
    return -log(1 + exp(-odds)) if odds > -_NEGLIGIBLE else odds


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


def _weighted(*terms: Sequence[float]) -> float:
    """The logarithm of a sum over `STRENGTHS`, of which each term has a factor's logarithm."""
    return _log_sum(map(sum, zip(*terms, strict=True)))


@lru_cache(maxsize=1024)
def _log_length(seconds: int, *, by_chance: bool) -> float:
    """The logarithm of the density of a length."""
    if by_chance:
        return -seconds / p.CHANCE_SECONDS - log(p.CHANCE_SECONDS)
    median, deviation = p.LASTING_SECONDS
    place = (log(seconds) - log(median)) / deviation
    return -place * place / 2 - log(seconds * deviation) - log(2 * pi) / 2


def _base_weights(rate: float | None, bad: int, known: int, has_record: bool) -> tuple[float, ...]:
    """The probability of each of `BASE_RATES`, by the record and by all who are there."""
    weight = p.BASE_WEIGHT_KNOWN if has_record else p.BASE_WEIGHT
    mean = min(max(p.BASE_RATE if rate is None else rate, 0.004), 0.5)
    prior = [
        (mean * weight - 1) * log(base) + ((1 - mean) * weight - 1) * log(1 - base) + log(base)
        for base in p.BASE_RATES
    ]
    most = max(prior)
    shares = [exp(nats - most) for nats in prior]
    total = sum(shares)
    scores = [
        log((1 - p.TAIL) * share / total + p.TAIL / len(shares))
        + bad * log(base)
        + (known - bad) * log(1 - base)
        for share, base in zip(shares, p.BASE_RATES, strict=True)
    ]
    most = max(scores)
    weights = [exp(score - most) for score in scores]
    total = sum(weights)
    return tuple(weight / total for weight in weights)


@lru_cache(maxsize=2048)
def _ratios(
    same: float, by_chance: float, at_once: float, like: float
) -> tuple[tuple[tuple[float, ...], ...], ...]:
    """The logarithm of P(how somebody is | member) / P(the same | not), by strength and base rate.

    In the order of `_Counts`.
    """
    shares = (
        ((1 - like) * (1 - at_once), (1 - same) * (1 - by_chance)),
        ((1 - like) * at_once, (1 - same) * by_chance),
        (like * (1 - at_once), same * (1 - by_chance)),
        (like * at_once, same * by_chance),
    )
    return tuple(
        tuple(
            (
                log(1 - strength),
                *(log(1 - strength + strength * cause / (base * usual)) for cause, usual in shares),
            )
            for base in p.BASE_RATES
        )
        for strength in p.STRENGTHS
    )


_NAMING = (p.NAMED_BY_NOBODY, p.NAMED_AMONG_OTHERS, p.NAMED_WITH_ANOTHER, p.NAMED_ONLY)
_RATIOS_OF_NAMING = tuple(
    (
        log(1 - strength),
        *(log(1 - strength + strength * cause / usual) for cause, usual in _NAMING),
    )
    for strength in p.STRENGTHS
)
"""The logarithm of P(what a receiver says | a sender is bad) / P(the same | not)."""


def _rounded(share: float) -> float:
    """A probability that is neither sure nor impossible; rounded, so that tables are reused."""
    return round(min(max(share, 0.02), 0.98), 2)


def _log_sum(terms: Iterable[float]) -> float:
    listed = list(terms)
    most = max(listed)
    if most == -inf:
        return most
    return most + log(sum([exp(term - most) for term in listed if term > most - _NEGLIGIBLE]))
