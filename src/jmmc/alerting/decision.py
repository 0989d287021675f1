"""Decides when an alert fires and resolves.

Pure: `decide` takes the last state and the latest observation. So an alert fires once, resolves
once, and does not flap.
"""

from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from jmmc.answers.model import FailureShare, Share, Silence
from jmmc.core.fields import Moment
from jmmc.quality.causes.recorded import RecordedIncident
from jmmc.settings.alert_rules import (
    DiskFull,
    Drops,
    FailedJoins,
    IncidentBegun,
    NoPushes,
    PoorShare,
    Rule,
    StoreDown,
)

AlertEvent = Literal["firing", "resolved"]
Condition = Literal["met", "between", "clear"]
"""Between the two levels of a rule nothing fires and nothing resolves."""


_CLEAR_MARGIN = 1.25


class Observation(Struct, frozen=True):
    """The condition of a rule for one subject now; `since` is when that began (Unix seconds)."""

    subject: str
    condition: Condition
    since: int
    figures: dict[str, float]


class State(Struct, frozen=True):
    """The state of one subject of a rule, while its condition is or was met.

    `since` is when the condition was met, `fired` when the alert fired, `well_since` when the
    condition was clear again; `figures` are the latest.
    """

    rule: str
    subject: str
    since: Moment
    fired: Moment | None
    well_since: Moment | None
    figures: dict[str, float]


class Decision(Struct, frozen=True):
    """The next state, None when there is nothing to remember, and the event to notify of."""

    state: State | None
    event: AlertEvent | None = None


def decide(rule: Rule, state: State | None, observation: Observation | None, now: int) -> Decision:
    """Decide from the last state and what is observed; without an observation nothing changes."""
    if observation is None:
        return Decision(state)
    if state is None or state.fired is None:
        return _decide_to_fire(rule, state, observation, now)
    state = replace(state, figures=observation.figures)
    if observation.condition != "clear":
        return Decision(replace(state, well_since=None))
    well_since = now if state.well_since is None else state.well_since
    state = replace(state, well_since=well_since)
    if now - well_since >= rule.quiet_minutes * 60:
        return Decision(None, "resolved")
    return Decision(state)


def _decide_to_fire(
    rule: Rule, state: State | None, observation: Observation, now: int
) -> Decision:
    if observation.condition != "met":
        return Decision(None)
    since = min(observation.since, now) if state is None else state.since
    waiting = State(rule.name, observation.subject, since, None, None, observation.figures)
    # The observations of the other kinds already cover the minutes of their rule.
    wait = rule.minutes * 60 if isinstance(rule, StoreDown) else 0
    if now - since < wait:
        return Decision(waiting)
    return Decision(replace(waiting, fired=now), "firing")


def observe_share(rule: PoorShare, share: Share, now: int) -> Observation:
    """Compare the poor share of a region, a network or everybody. Unknown time is not poor."""
    poor = share.poor / share.known if share.known else 0.0
    condition: Condition = "between"
    if share.participants < rule.participants or poor <= rule.clear_share:
        condition = "clear"
    elif poor > rule.above:
        condition = "met"
    figures = {"poor_share": round(poor, 4), "participants": share.participants}
    return Observation(share.value, condition, now - rule.minutes * 60, figures)


def observe_failures(rule: FailedJoins | Drops, share: FailureShare, now: int) -> Observation:
    """Compare the share that failed, of a region, a network, a browser or everybody.

    What no script tells is in neither number: few joins or few affected participants are no alert.
    """
    failed = share.failed / share.events if share.events else 0.0
    condition: Condition = "between"
    if share.events < rule.least or share.people < rule.participants or failed <= rule.clear_share:
        condition = "clear"
    elif failed > rule.above:
        condition = "met"
    name = "failed_share" if isinstance(rule, FailedJoins) else "dropped_share"
    figures: dict[str, float] = {
        name: round(failed, 4),
        "joins" if isinstance(rule, FailedJoins) else "stays": share.events,
        "participants": share.people,
    }
    return Observation(share.value, condition, now - rule.minutes * 60, figures)


def observe_incident(
    rule: IncidentBegun, subject: str, incident: RecordedIncident | None, now: int
) -> Observation:
    """Judge an incident: its condition is clear when it does not go on any more (None)."""
    if incident is None:
        return Observation(subject, "clear", now, {})
    certainty = incident.answer.certainty
    enough = incident.people >= rule.participants and certainty >= rule.probability
    figures: dict[str, float] = {
        "participants": incident.people,
        "meetings": incident.meetings,
        "person_minutes": round(incident.seconds / 60, 1),
        "probability": round(certainty, 3),
    }
    return Observation(subject, "met" if enough else "between", incident.start, figures)


def observe_silence(rule: NoPushes, silence: Silence | None, now: int) -> Observation | None:
    """Judge the time since the newest sample; None when an empty server would look the same."""
    if silence is None:
        return None
    quiet = now - silence.last
    if quiet < rule.minutes * 60:
        return Observation("", "clear", now, {})
    figures: dict[str, float] = {"fell_silent": silence.fell_silent, "seconds": quiet}
    if silence.fell_silent < rule.participants:
        return None
    return Observation("", "met", silence.last, figures)


def observe_store(down: bool, now: int) -> Observation:
    """Take over the result of the store's own check."""
    return Observation("", "met" if down else "clear", now, {})


def observe_disk(
    rule: DiskFull, free: int, *, low: bool, until_full: float | None, now: int
) -> Observation:
    """Judge the `free` bytes of a disk: `low` by its floor, `until_full` in seconds.

    A forecast varies: the condition is clear only when a quarter more time is left.
    """
    figures: dict[str, float] = {"free_bytes": free}
    if until_full is not None and not low:
        figures["seconds_until_full"] = round(until_full)
    left = None if until_full is None else until_full / (rule.hours * 3600)
    condition: Condition = "clear"
    if low or (left is not None and left <= 1):
        condition = "met"
    elif left is not None and left <= _CLEAR_MARGIN:
        condition = "between"
    return Observation("", condition, now, figures)
