"""The text of a notification: as JSON, as an e-mail, and with a link to the dashboard."""

from collections.abc import Sequence
from hashlib import sha256
from typing import Any, Literal
from urllib.parse import unquote, urlencode

import msgspec
from msgspec import Struct

from jmmc.alerting.decision import State
from jmmc.answers.cause_texts import causes_of_title, percent
from jmmc.core.text import counted, printable
from jmmc.core.timestamps import to_iso
from jmmc.quality.causes import Cause
from jmmc.quality.causes.answer import Verdict
from jmmc.quality.causes.recorded import RecordedIncident
from jmmc.settings import (
    LOCAL_KINDS,
    DiskFull,
    Drops,
    FailedJoins,
    GroupRule,
    IncidentBegun,
    PoorShare,
    Rule,
    StoreDown,
)

_TIE = Verdict.TIE.value
_UNCLEAR = frozenset((Verdict.UNCLEAR.value, Verdict.NOT_ENOUGH.value))
_CAUSES = {"os": "operating system"}
_UNNAMED = {
    **dict.fromkeys(("line", "machine", "device", "chance", "other end"), "one participant"),
    **{"meeting": "one meeting", "service": "the whole service"},
}
"""Causes that are said without their value: notifications never name a room or a person."""
_BEFORE = 1800  # Seconds that the linked page shows from before the alert began.

_LASTS = 7 * 86_400  # Seconds until Alertmanager drops an alert whose end never reaches it.
_TEST_LASTS = 60
_RESOLVED = "Resolved: "

NotificationEvent = Literal["firing", "resolved", "test"]


class NamedCause(Struct, frozen=True):
    """A possible cause in words, with its probability."""

    cause: str
    probability: float

    def __str__(self) -> str:
        """As pages have it: never certain, and 50 % only where that is enough to be named."""
        return f"{self.cause} ({percent(self.probability)})".replace("\N{NO-BREAK SPACE}", " ")


class IncidentNote(Struct, frozen=True):
    """An incident that explains an alert, without names of rooms and people.

    `cause` is the most probable one in words, with its `probability`. `verdict` is how sure that
    is, and `causes` are those that pages name: the likely one, those of a tie, or candidates.
    """

    id: str
    cause: str
    probability: float
    people: int
    meetings: int
    link: str
    verdict: str = Verdict.LIKELY.value
    causes: tuple[NamedCause, ...] = ()

    @property
    def sentence(self) -> str:
        """What happened, in a few words."""
        people = counted(self.people, "person", "people")
        meetings = counted(self.meetings, "meeting")
        causes = " or ".join(map(str, self.named))
        unclear = ", cause unclear" * (self.verdict in _UNCLEAR)
        tie = ", which explain it equally well" * (len(self.named) > 1 and self.verdict == _TIE)
        return f"{people} in {meetings} affected{unclear}: {causes}{tie}"

    @property
    def named(self) -> tuple[NamedCause, ...]:
        """The causes to name; a note that an earlier version stored has the first one."""
        return self.causes or (NamedCause(self.cause, self.probability),)


class Notification(Struct, frozen=True, rename={"event": "told"}):
    """One message for every channel. `since` and `at` are Unix seconds.

    `id` follows from the other fields, so a receiver recognizes a repeated notification. `event`
    is stored as `told`.
    """

    id: str
    event: NotificationEvent
    rule: str
    kind: str
    by: str
    value: str
    since: int
    at: int
    summary: str
    figures: dict[str, float]
    link: str
    collector: str
    incidents: tuple[IncidentNote, ...] = ()


def note_of(incident: RecordedIncident, public_url: str) -> IncidentNote:
    """What a notification says of an incident."""
    cause = incident.cause
    named: dict[str, float] = {}
    for shown in causes_of_title(incident.answer):
        named[_name(shown)] = named.get(_name(shown), 0.0) + shown.probability
    return IncidentNote(
        incident.id,
        _name(cause),
        cause.probability,
        incident.people,
        incident.meetings,
        f"{public_url}/incidents/{incident.id}" if public_url else "",
        incident.answer.verdict.value,
        tuple(NamedCause(name, round(probability, 3)) for name, probability in named.items()),
    )


def _name(cause: Cause) -> str:
    if cause.kind in _UNNAMED:
        return _UNNAMED[cause.kind]
    return f"{_CAUSES.get(cause.kind, cause.kind)} {printable(unquote(cause.value), keep='')}"


def explains(incident: RecordedIncident, by: str, value: str) -> bool:
    """Whether an incident may be why a group has problems: of everybody, with `by` "" or `all`."""
    if by in ("", "all"):
        return True
    causes = {(cause.kind, cause.value) for cause in incident.answer.causes}
    groups = {(share.kind, share.value) for share in incident.shares}
    return (by, value) in causes | groups or incident.cause.kind == "service"


def make_notification(
    event: NotificationEvent,
    rule: Rule,
    state: State,
    *,
    at: int,
    public_url: str,
    collector: str,
    incidents: Sequence[IncidentNote] = (),
) -> Notification:
    """Make the notification of an event at `at`. `collector` is the host name of the sender.

    `incidents` are those that explain it.
    """
    by: str = rule.by if isinstance(rule, GroupRule) else ""
    if isinstance(rule, IncidentBegun):
        by = "incident"
    source: tuple[str, ...] = (event, rule.name, state.subject, str(state.since), str(state.fired))
    if rule.kind in LOCAL_KINDS:
        source = (*source, collector)  # Each collector evaluates this rule separately.
    if event == "test":
        source = (*source, str(at))
    return Notification(
        sha256("\n".join(source).encode()).hexdigest()[:24],
        event,
        rule.name,
        rule.kind,
        by,
        state.subject,
        state.since,
        at,
        summarize(event, rule, state, incidents),
        state.figures,
        _link(rule, state, at, public_url) if public_url else "",
        collector,
        tuple(incidents),
    )


def summarize(
    event: NotificationEvent, rule: Rule, state: State, incidents: Sequence[IncidentNote] = ()
) -> str:
    """Summarize an event in one sentence, without a full stop."""
    if isinstance(rule, PoorShare):
        participants = _count_of(state, "participants", "participant")
        what = (
            f"{_percent_of(state, 'poor_share')} of the known time{_where(rule, state)} was poor"
            f" in the last {rule.minutes} minutes ({participants})"
        )
    elif isinstance(rule, FailedJoins):
        what = (
            f"{_percent_of(state, 'failed_share')} of {_count_of(state, 'joins', 'join')}"
            f"{_where(rule, state)} failed{_recently(rule, state)}"
        )
    elif isinstance(rule, Drops):
        verb = "was" if state.figures.get("stays") == 1 else "were"
        what = (
            f"{_percent_of(state, 'dropped_share')} of {_count_of(state, 'stays', 'stay')}"
            f"{_where(rule, state)} {verb} dropped{_recently(rule, state)}"
        )
    elif isinstance(rule, IncidentBegun):
        own = next((note for note in incidents if note.id == state.subject), None)
        what = own.sentence if own else "an incident that was noticed has ended"
        if own is None and event != "resolved":
            what = f"an incident affects {_count_of(state, 'participants', 'person', 'people')}"
    elif isinstance(rule, StoreDown):
        resolved = event == "resolved"
        what = "the store can be written again" if resolved else "the store cannot be written"
    elif isinstance(rule, DiskFull):
        what = _summarize_disk(event, state.figures)
    elif event == "resolved":
        what = "browsers push again"
    else:
        participants = _count_of(state, "fell_silent", "participant")
        what = f"no pushes arrive: {participants} fell silent at once"
    prefix = {"firing": "", "resolved": _RESOLVED, "test": "Test, nothing is wrong: "}
    return prefix[event] + what


def _where(rule: GroupRule, state: State) -> str:
    return f" in {rule.by} {printable(state.subject, keep='')}" if state.subject else ""


def _percent_of(state: State, share: str) -> str:
    hundredths = state.figures.get(share, 0) * 100
    return f"{hundredths:.{1 if 0 < hundredths < 9.95 else 0}f} %"


def _recently(rule: GroupRule, state: State) -> str:
    participants = _count_of(state, "participants", "participant")
    return f" in the last {rule.minutes} minutes ({participants} affected)"


def _count_of(state: State, name: str, thing: str, things: str = "") -> str:
    return counted(int(state.figures.get(name, 0)), thing, things)


def _summarize_disk(event: NotificationEvent, figures: dict[str, float]) -> str:
    free = f"{figures.get('free_bytes', 0) / 2**30:.1f} GiB free"
    if event == "resolved":
        return f"the disk of the store has space again ({free})"
    if "seconds_until_full" not in figures:
        return f"the disk of the store has less free space than min_free_disk ({free})"
    hours = round(figures["seconds_until_full"] / 3600)
    when = f"in {hours} hour{'s' * (hours != 1)}" if hours else "within the hour"
    return f"the disk of the store will be full {when} ({free})"


def webhook_body(notification: Notification) -> dict[str, Any]:
    """The JSON object that a webhook receives."""
    data = {
        "id": notification.id,
        "rule": notification.rule,
        "kind": notification.kind,
        "by": notification.by or None,
        "value": notification.value or None,
        "since": to_iso(notification.since),
        "summary": notification.summary,
        "figures": notification.figures,
        "link": notification.link or None,
        "collector": notification.collector,
        "incidents": [
            {**msgspec.to_builtins(note), "link": note.link or None}
            for note in notification.incidents
        ],
    }
    return {
        "type": f"alert.{notification.event}",
        "timestamp": to_iso(notification.at),
        "data": data,
    }


def email_text(notification: Notification) -> tuple[str, str]:
    """The subject and the body of an e-mail."""
    lines = [
        notification.summary + ".",
        "",
        f"rule       {notification.rule} ({notification.kind})",
        f"since      {to_iso(notification.since)}",
        f"at         {to_iso(notification.at)}",
        f"collector  {notification.collector}",
    ]
    for note in _others(notification):
        lines += ["", f"incident   {note.sentence}", *([note.link] if note.link else [])]
    if notification.link:
        lines += ["", notification.link]
    summary = notification.summary.removeprefix(_RESOLVED)  # The subject begins with the event.
    subject = f"[jmmc {notification.event}] {notification.rule}: {summary}"
    return subject, "\n".join(lines) + "\n"


def chat_text(notification: Notification, *, markdown: bool = False) -> tuple[str, str]:
    """The title and the text of a message in a chat, in plain text or in Markdown.

    Browsers report the names of regions: what chats would take for a mention, a link or markup in
    one is replaced.
    """
    summary = notification.summary.removeprefix(_RESOLVED)  # The title begins with the event.
    for note in notification.incidents:
        summary = summary.replace(note.sentence, _sentence_without_markup(note))
    if notification.value:
        name = printable(notification.value, keep="")
        summary = summary.replace(name, _without_markup(name))
    lines = [
        f"{summary}.",
        f"Since {to_iso(notification.since)}, reported by {notification.collector}",
    ]
    for note in _others(notification):
        said = f"Incident: {_sentence_without_markup(note)}"
        if note.link:
            said = f"[{said}]({note.link})" if markdown else f"{said} {note.link}"
        lines.append(said)
    if notification.link:
        link = notification.link
        lines.append(f"[Show in the dashboard]({link})" if markdown else link)
    return f"{notification.event.capitalize()}: {notification.rule}", (
        "\n\n" if markdown else "\n"
    ).join(lines)


def incident_key(notification: Notification) -> str:
    """A key that a firing alert and its end have in common, and no other alert."""
    source = [notification.rule, notification.value, str(notification.since)]
    if notification.kind in LOCAL_KINDS:
        source.append(notification.collector)
    return f"jmmc-{sha256(chr(10).join(source).encode()).hexdigest()[:24]}"


def alertmanager_body(notification: Notification) -> list[dict[str, Any]]:
    """The JSON array that Alertmanager's API expects."""
    labels = {"alertname": notification.rule, "kind": notification.kind, "service": "jmmc"}
    if notification.value:
        labels[notification.by] = notification.value
    if notification.kind in LOCAL_KINDS:
        labels["collector"] = notification.collector
    # Prometheus repeats an alert every minute; we send it once, and its end when it comes.
    lasts = {"firing": _LASTS, "resolved": 0, "test": _TEST_LASTS}[notification.event]
    said = "; ".join(f"{note.sentence} {note.link}".strip() for note in _others(notification))
    alert: dict[str, Any] = {
        "labels": labels | ({"test": "true"} if notification.event == "test" else {}),
        "annotations": {
            "summary": notification.summary,
            "collector": notification.collector,
            **({"incidents": said} if said else {}),
        },
        "startsAt": to_iso(notification.since),
        "endsAt": to_iso(notification.at + lasts),
    }
    if notification.link:
        alert["generatorURL"] = notification.link
    return [alert]


def _others(notification: Notification) -> list[IncidentNote]:
    """The incidents but the one that the alert itself is about."""
    return [note for note in notification.incidents if note.id != notification.value]


def _sentence_without_markup(note: IncidentNote) -> str:
    sentence = note.sentence
    for named in note.named:
        sentence = sentence.replace(named.cause, _without_markup(named.cause))
    return sentence


def _without_markup(name: str) -> str:
    return "".join(char if char.isalnum() or char in " -_.+" else "?" for char in name)


def _link(rule: Rule, state: State, at: int, public_url: str) -> str:
    if isinstance(rule, IncidentBegun):
        return f"{public_url}/incidents/{state.subject}"
    if not isinstance(rule, GroupRule):
        return f"{public_url}/health"
    query = {"since": to_iso(state.since - _BEFORE), "until": to_iso(at)}
    if state.subject:
        query[rule.by] = state.subject
    return f"{public_url}/overview?{urlencode(query)}"
