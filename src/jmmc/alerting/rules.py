"""When to alarm: rules as an operator writes them, and what they decide of what is seen.

Nothing here looks or sends. `decide` takes what was decided before and what is seen now; so an
alert begins once, ends once, and does not flap.
"""

from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from jmmc.answers.model import Share, Silence
from jmmc.core.fields import Moment
from jmmc.settings.alert_rules import NoPushes, PoorShare, Rule, StoreDown

AlertEvent = Literal["firing", "resolved"]
View = Literal["bad", "between", "clear"]


class Seen(Struct, frozen=True):
    """What a rule makes of one subject at this moment; `since` is when that began."""

    subject: str
    view: View
    since: int
    figures: dict[str, float]


class State(Struct, frozen=True):
    """What was decided of one subject of a rule: it is watched, or it fires.

    `since` is when it began to be bad, `fired` when that was told, `well_since` when it began to be
    well again; `figures` are the latest.
    """

    rule: str
    subject: str
    since: Moment
    fired: Moment | None
    well_since: Moment | None
    figures: dict[str, float]


class Decision(Struct, frozen=True):
    """The state that follows, None when there is nothing to remember, and what is to be told."""

    state: State | None
    event: AlertEvent | None = None


def decide(rule: Rule, state: State | None, seen: Seen | None, now: int) -> Decision:
    """What follows from what was known and what is seen; None is seen when nothing can be."""
    if seen is None:
        return Decision(state)
    if state is None or state.fired is None:
        return _begin(rule, state, seen, now)
    state = replace(state, figures=seen.figures)
    if seen.view != "clear":
        return Decision(replace(state, well_since=None))
    well_since = now if state.well_since is None else state.well_since
    state = replace(state, well_since=well_since)
    if now - well_since >= rule.quiet_minutes * 60:
        return Decision(None, "resolved")
    return Decision(state)


def _begin(rule: Rule, state: State | None, seen: Seen, now: int) -> Decision:
    if seen.view != "bad":
        return Decision(None)
    since = min(seen.since, now) if state is None else state.since
    known = State(rule.name, seen.subject, since, None, None, seen.figures)
    # The other kinds look back over their minutes themselves.
    wait = rule.minutes * 60 if isinstance(rule, StoreDown) else 0
    if now - since < wait:
        return Decision(known)
    return Decision(replace(known, fired=now), "firing")


def see_share(rule: PoorShare, share: Share, now: int) -> Seen:
    """What the figures of one region, network or of all come to. Unknown time is not poor."""
    poor = share.poor / share.known if share.known else 0.0
    view: View = "between"
    if share.participants < rule.participants or poor <= rule.clear_share:
        view = "clear"
    elif poor > rule.above:
        view = "bad"
    figures = {"poor_share": round(poor, 4), "participants": share.participants}
    return Seen(share.value, view, now - rule.minutes * 60, figures)


def see_silence(rule: NoPushes, silence: Silence | None, now: int) -> Seen | None:
    """What the latest samples come to; None when an empty server would look the same."""
    if silence is None:
        return None
    quiet = now - silence.last
    if quiet < rule.minutes * 60:
        return Seen("", "clear", now, {})
    figures: dict[str, float] = {"fell_silent": silence.fell_silent, "seconds": quiet}
    if silence.fell_silent < rule.participants:
        return None
    return Seen("", "bad", silence.last, figures)


def see_store(down: bool, now: int) -> Seen:
    """What the store's own check comes to."""
    return Seen("", "bad" if down else "clear", now, {})
