"""What a notice says: to a machine, to a person, and where to look further."""

from hashlib import sha256
from typing import Any, Literal
from urllib.parse import urlencode

from msgspec import Struct

from jmmc.alerting.rules import State
from jmmc.core.timestamps import iso
from jmmc.settings import PoorShare, Rule, StoreDown

_BEFORE = 1800  # Seconds that the linked page shows from before it began.

Told = Literal["firing", "resolved", "test"]


class Notification(Struct, frozen=True):
    """One thing to tell, over every channel. `at` and `since` are Unix seconds.

    `id` follows from the rest: who gets it twice knows that it is the same.
    """

    id: str
    told: Told
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


def notice(
    told: Told, rule: Rule, state: State, *, at: int, public_url: str, collector: str
) -> Notification:
    """The notice of a decision. `collector` names the machine that has made it."""
    by = rule.by if isinstance(rule, PoorShare) else ""
    source: tuple[str, ...] = (told, rule.name, state.subject, str(state.since), str(state.fired))
    if isinstance(rule, StoreDown):
        source = (*source, collector)  # Each collector sees it for itself.
    if told == "test":
        source = (*source, str(at))
    return Notification(
        sha256("\n".join(source).encode()).hexdigest()[:24],
        told,
        rule.name,
        rule.kind,
        by,
        state.subject,
        state.since,
        at,
        summary_of(told, rule, state),
        state.figures,
        _link(rule, state, at, public_url) if public_url else "",
        collector,
    )


def summary_of(told: Told, rule: Rule, state: State) -> str:
    """It in a sentence."""
    if isinstance(rule, PoorShare):
        where = f" in {rule.by} {_readable(state.subject)}" if state.subject else ""
        share = round(state.figures.get("poor_share", 0) * 100)
        people = int(state.figures.get("participants", 0))
        what = (
            f"{share} % of the known time{where} was poor"
            f" in the last {rule.minutes} minutes ({people} participants)"
        )
    elif isinstance(rule, StoreDown):
        what = "the store takes writes" if told == "resolved" else "the store cannot be written"
    elif told == "resolved":
        what = "browsers push again"
    else:
        people = int(state.figures.get("fell_silent", 0))
        what = f"no pushes any more: {people} people fell silent at once"
    return {"firing": "", "resolved": "Over: ", "test": "Test, nothing is wrong: "}[told] + what


def payload(it: Notification) -> dict[str, Any]:
    """The body of a webhook."""
    data = {
        "id": it.id,
        "rule": it.rule,
        "kind": it.kind,
        "by": it.by or None,
        "value": it.value or None,
        "since": iso(it.since),
        "summary": it.summary,
        "figures": it.figures,
        "link": it.link or None,
        "collector": it.collector,
    }
    return {"type": f"alert.{it.told}", "timestamp": iso(it.at), "data": data}


def letter(it: Notification) -> tuple[str, str]:
    """Subject and text of an e-mail."""
    lines = [
        it.summary + ".",
        "",
        f"rule       {it.rule} ({it.kind})",
        f"since      {iso(it.since)}",
        f"at         {iso(it.at)}",
        f"collector  {it.collector}",
    ]
    if it.link:
        lines += ["", it.link]
    return f"[jmmc {it.told}] {it.rule}: {it.summary}", "\n".join(lines) + "\n"


def _readable(name: str) -> str:
    """A name that browsers have sent, on one line: a region may be any text."""
    return "".join(item if item.isprintable() else "?" for item in name)


def _link(rule: Rule, state: State, at: int, public_url: str) -> str:
    if not isinstance(rule, PoorShare):
        return f"{public_url}/health"
    query = {"since": iso(state.since - _BEFORE), "until": iso(at)}
    if state.subject:
        query[rule.by] = state.subject
    return f"{public_url}/overview?{urlencode(query)}"
