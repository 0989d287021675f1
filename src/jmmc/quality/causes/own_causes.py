"""What one participant has alone: a line, a machine, a device, or something passing."""

from collections.abc import Iterable
from math import log

from jmmc.quality.causes import parameters as p
from jmmc.quality.causes.hypothesis import Hypothesis
from jmmc.quality.causes.logarithms import NOTHING, log_sum, log_weak
from jmmc.quality.causes.problem import Problem, log_length
from jmmc.quality.causes.receivers import Receivers
from jmmc.quality.causes.signs import log_probability
from jmmc.quality.grading import Spell
from jmmc.quality.summary import Summary

DEVICE_EVENTS = frozenset(
    (
        *("no_audio_input", "no_track_data", "noisy_mic", "no_picture", "mic_changed"),
        *("cam_changed", "mic_denied", "cam_denied", "mic_missing", "cam_missing"),
        *("mic_failed", "cam_failed"),
    )
)
"""Events of calls that say something about a device; of others likely causes need nothing."""

_BEFORE = 30  # Seconds before a spell in which an event belongs to it.


def own_causes(
    problem: Problem, receivers: Receivers, beside: float, beside_now: float
) -> Iterable[Hypothesis]:
    """Each of `OWN`; `beside`, `beside_now`: of all causes in common (`shared_causes.Shared`)."""
    device = log_device(reported=is_device_reported(problem.subject, problem.spell))
    for kind, own in p.OWN.items():
        parts = {
            "signs": log_probability(problem.signs, own.signs),
            "length": log_length(problem.length, by_chance=kind == "chance"),
            "others": receivers.of_own(kind),
        }
        if kind == "device":
            parts["events"] = device
        score = sum(parts.values())
        parts["others"] += problem.log_alike
        now = log(own.share) + log_sum((problem.now + problem.log_alike, beside_now))
        weak = parts["history"] = 0.0
        if own.weak:
            history = problem.of_person if _has_recurred(problem, kind) else NOTHING
            weak = log(own.weak) + log_weak(history)
            now = log_sum((now, weak + log_sum((problem.log_alike, beside))))
        if problem.person.known and own.weak:
            usual = log(own.share) + problem.now
            parts["history"] = log_sum((usual, weak)) - usual
        value = _direction(problem.signs) if kind == "line" else ""
        yield Hypothesis(kind, value, now + score, parts)


def _has_recurred(problem: Problem, kind: str) -> bool:
    """Whether the person's other calls had problems of this kind, or none."""
    machine = problem.person.machine * 2 > problem.person.bad
    return not problem.person.bad or machine == (kind == "machine")


def _direction(signs: frozenset[str]) -> str:
    up, down = bool(signs & {"up", "narrow"}), "down" in signs
    return "up" if up and not down else "down" if down and not up else ""


def is_device_reported(subject: Summary, spell: Spell) -> bool:
    """Whether a browser reported something about a device in a spell, or just before it."""
    return any(
        spell.start - _BEFORE <= event.at < spell.end and event.what in DEVICE_EVENTS
        for event in subject.events
    )


def log_device(*, reported: bool) -> float:
    """What it says for a device as the cause that one was reported, or none, in nats."""
    cause, usual = p.DEVICE_EVENT
    return log(cause / usual) if reported else log((1 - cause) / (1 - usual))
