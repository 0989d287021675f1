"""The text of a notification: as JSON, as an e-mail, and with a link to the dashboard."""

from hashlib import sha256
from typing import Any, Literal
from urllib.parse import urlencode

from msgspec import Struct

from jmmc.alerting.rules import State
from jmmc.core.timestamps import to_iso
from jmmc.settings import PoorShare, Rule, StoreDown

_BEFORE = 1800  # Seconds that the linked page shows from before the alert began.

NotificationEvent = Literal["firing", "resolved", "test"]


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


def make_notification(
    event: NotificationEvent,
    rule: Rule,
    state: State,
    *,
    at: int,
    public_url: str,
    collector: str,
) -> Notification:
    """Make the notification of an event at `at`. `collector` is the host name of the sender."""
    by = rule.by if isinstance(rule, PoorShare) else ""
    source: tuple[str, ...] = (event, rule.name, state.subject, str(state.since), str(state.fired))
    if isinstance(rule, StoreDown):
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
        summarize(event, rule, state),
        state.figures,
        _link(rule, state, at, public_url) if public_url else "",
        collector,
    )


def summarize(event: NotificationEvent, rule: Rule, state: State) -> str:
    """Summarize an event in one sentence, without a full stop."""
    if isinstance(rule, PoorShare):
        where = f" in {rule.by} {_printable(state.subject)}" if state.subject else ""
        share = round(state.figures.get("poor_share", 0) * 100)
        participants = int(state.figures.get("participants", 0))
        what = (
            f"{share} % of the known time{where} was poor"
            f" in the last {rule.minutes} minutes ({participants} participants)"
        )
    elif isinstance(rule, StoreDown):
        resolved = event == "resolved"
        what = "the store can be written again" if resolved else "the store cannot be written"
    elif event == "resolved":
        what = "browsers push again"
    else:
        participants = int(state.figures.get("fell_silent", 0))
        what = f"no pushes arrive: {participants} participants fell silent at once"
    prefix = {"firing": "", "resolved": "Resolved: ", "test": "Test, nothing is wrong: "}
    return prefix[event] + what


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
    if notification.link:
        lines += ["", notification.link]
    subject = f"[jmmc {notification.event}] {notification.rule}: {notification.summary}"
    return subject, "\n".join(lines) + "\n"


def _printable(name: str) -> str:
    """Put a name on one line: browsers send regions, which may be any text."""
    return "".join(char if char.isprintable() else "?" for char in name)


def _link(rule: Rule, state: State, at: int, public_url: str) -> str:
    if not isinstance(rule, PoorShare):
        return f"{public_url}/health"
    query = {"since": to_iso(state.since - _BEFORE), "until": to_iso(at)}
    if state.subject:
        query[rule.by] = state.subject
    return f"{public_url}/overview?{urlencode(query)}"
