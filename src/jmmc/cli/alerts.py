"""`jmmc alerts`: lists the active alerts, and tests the channels."""

import asyncio
import socket
import sys
import time
from pathlib import Path

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from jmmc.alerting.channels import Channel, channels_of
from jmmc.alerting.decision import State
from jmmc.alerting.evaluator import Records, load_records
from jmmc.alerting.notifications import Notification, make_notification
from jmmc.alerting.posting import NotDelivered
from jmmc.cli.common import existing_store, fail
from jmmc.cli.setting_options import CommandWithSettings, load, setting_options
from jmmc.cli.times import local_time, utc_option
from jmmc.core.errors import JmmcError, SettingsError
from jmmc.core.text import printable
from jmmc.settings import (
    LOCAL_KINDS,
    DiskFull,
    Drops,
    FailedJoins,
    GroupRule,
    IncidentBegun,
    PoorShare,
    Rule,
    Settings,
    StoreDown,
)

_EXAMPLE = StoreDown.model_validate({"name": "example", "kind": "store_down"})


@click.group()
def alerts() -> None:
    """Show the alert rules and active alerts, and test the channels."""


@alerts.command(cls=CommandWithSettings)
@click.argument("name", required=False)
@setting_options
def test(name: str | None, config: Path | None, **flags: object) -> None:
    """Send a test notification over every channel.

    With NAME it is one of that rule.
    """
    settings = load(config, flags)
    try:
        channels = channels_of(settings)
    except SettingsError as error:
        fail(error, 2)
    if not channels:
        fail("no channel to test: alert_webhooks, alert_services and alert_emails are empty", 2)
    notification = _test_notification(_rule(settings, name), settings)
    sent = [_send(channel, notification) for channel in channels]
    if not all(sent):
        sys.exit(1)


@alerts.command("list", cls=CommandWithSettings)
@utc_option
@setting_options
def list_(config: Path | None, **flags: object) -> None:
    """List the rules, and the active alerts of the store."""
    settings = load(config, flags)
    try:
        records = asyncio.run(_load_records(settings))
    except JmmcError as error:
        fail(error, 1)
    table = Table("rule", "kind", "scope", "state", "since", box=None, header_style="bold")
    for rule in settings.alerts:
        states = [
            record.state
            for record in records.values()
            if record.state and record.state.rule == rule.name
        ]
        if rule.kind in LOCAL_KINDS:
            table.add_row(rule.name, rule.kind, "", "evaluated by each collector separately", "")
        elif not states:
            table.add_row(rule.name, rule.kind, _scope(rule), "[green]OK[/]", "")
        for state in states:
            clear = state.well_since is not None
            shown = "[yellow]firing, condition clear[/]" if clear else "[red]firing[/]"
            scope = escape(printable(state.subject)) or _scope(rule)
            table.add_row(
                rule.name, rule.kind, scope, shown, local_time(state.fired or state.since)
            )
    console = Console(highlight=False)
    if settings.alerts:
        console.print(table)
    else:
        console.print("No rules: add an [[alerts]] table to the configuration file", markup=False)
    pending = sum(
        len(delivery.channels) for record in records.values() for delivery in record.pending
    )
    if pending:
        console.print(f"{pending} pending deliveries")


async def _load_records(settings: Settings) -> Records:
    store = existing_store(settings.store, settings.collection, read_only=True)
    try:
        await store.open()
        return await load_records(store.reports)
    finally:
        await store.close()


def _rule(settings: Settings, name: str | None) -> Rule:
    if name is None:
        return settings.alerts[0] if settings.alerts else _EXAMPLE
    rules = {rule.name: rule for rule in settings.alerts}
    if name not in rules:
        fail(f"there is no rule {name!r}; known: {', '.join(rules) or 'none'}", 2)
    return rules[name]


def _test_notification(rule: Rule, settings: Settings) -> Notification:
    now = int(time.time())
    subject, figures = "", {}
    if isinstance(rule, GroupRule):
        subject = rule.value or ("" if rule.by == "all" else "example")
    if isinstance(rule, PoorShare):
        figures = {"poor_share": rule.above, "participants": rule.participants}
    elif isinstance(rule, FailedJoins):
        figures = {
            "failed_share": rule.above,
            "joins": rule.least,
            "participants": rule.participants,
        }
    elif isinstance(rule, Drops):
        figures = {
            "dropped_share": rule.above,
            "stays": rule.least,
            "participants": rule.participants,
        }
    elif isinstance(rule, IncidentBegun):
        figures = {"participants": rule.participants}
    elif isinstance(rule, DiskFull):
        figures = {"free_bytes": 0, "seconds_until_full": rule.hours * 3600}
    state = State(rule.name, subject, now, now, None, figures)
    return make_notification(
        "test",
        rule,
        state,
        at=now,
        public_url=settings.public_url,
        collector=socket.gethostname(),
    )


def _send(channel: Channel, notification: Notification) -> bool:
    console = Console(highlight=False, soft_wrap=True)
    try:
        how = channel.send(notification, time.time())
    except NotDelivered as error:
        console.print("[red]FAIL[/]", escape(printable(f"{channel.label}: {error}")))
        return False
    console.print("[green]ok  [/]", escape(printable(f"{channel.label}: {how}")))
    return True


def _scope(rule: Rule) -> str:
    if not isinstance(rule, GroupRule):
        return ""
    return rule.value or ("all" if rule.by == "all" else f"each {rule.by}")
