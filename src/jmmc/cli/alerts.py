"""`jmmc alerts`: what fires, and whether anybody would hear of it."""

import asyncio
import socket
import sys
import time
from pathlib import Path

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from jmmc.alerting.channels import Channel, NotDelivered, channels_of
from jmmc.alerting.evaluator import Records, records
from jmmc.alerting.notifications import Notification, notice
from jmmc.alerting.rules import State
from jmmc.cli.common import fail
from jmmc.cli.setting_options import load, setting_options
from jmmc.core.errors import JmmcError
from jmmc.core.timestamps import iso
from jmmc.settings import PoorShare, Rule, Settings, StoreDown
from jmmc.stores import configured_store

_EXAMPLE = StoreDown.model_validate({"name": "example", "kind": "store_down"})


@click.group()
def alerts() -> None:
    """Alarms: rules in the settings, told by webhook and e-mail."""


@alerts.command()
@click.argument("name", required=False)
@setting_options
def test(name: str | None, config: Path | None, **flags: object) -> None:
    """Send a notice that is marked as a test over every channel, of the rule NAME if given."""
    settings = load(config, flags)
    channels = channels_of(settings)
    if not channels:
        fail("alert_webhooks and alert_emails: both are empty, nobody would be told", 2)
    told = _test_notice(_rule(settings, name), settings)
    fine = [_sent(channel, told) for channel in channels]
    if not all(fine):
        sys.exit(1)


@alerts.command("list")
@setting_options
def list_(config: Path | None, **flags: object) -> None:
    """List the rules, and what fires in the store."""
    settings = load(config, flags)
    try:
        known = asyncio.run(_records(settings))
    except JmmcError as error:
        fail(error, 1)
    table = Table("rule", "kind", "where", "state", "since", box=None, header_style="bold")
    for rule in settings.alerts:
        states = [
            item.state for item in known.values() if item.state and item.state.rule == rule.name
        ]
        if isinstance(rule, StoreDown):
            table.add_row(rule.name, rule.kind, "", "known to each collector for itself", "")
        elif not states:
            table.add_row(rule.name, rule.kind, _where(rule), "[green]well[/]", "")
        for item in states:
            state = (
                "[red]fires[/]" if item.well_since is None else "[yellow]fires, is well again[/]"
            )
            where = escape(item.subject) or _where(rule)
            table.add_row(rule.name, rule.kind, where, state, iso(item.fired or item.since))
    console = Console(highlight=False)
    if settings.alerts:
        console.print(table)
    else:
        console.print("No rules: see docs/alerts.md")
    waiting = sum(len(owed.channels) for item in known.values() for owed in item.owed)
    if waiting:
        console.print(f"{waiting} deliveries are tried again")


async def _records(settings: Settings) -> Records:
    store = configured_store(settings, spool=False)
    try:
        await store.open()
        return await records(store.reports)
    finally:
        await store.close()


def _rule(settings: Settings, name: str | None) -> Rule:
    if name is None:
        return settings.alerts[0] if settings.alerts else _EXAMPLE
    rules = {alert.name: alert for alert in settings.alerts}
    if name not in rules:
        fail(f"there is no rule {name!r}; known: {', '.join(rules) or 'none'}", 2)
    return rules[name]


def _test_notice(rule: Rule, settings: Settings) -> Notification:
    now = int(time.time())
    subject, figures = "", {}
    if isinstance(rule, PoorShare):
        subject = rule.value or ("" if rule.by == "all" else "example")
        figures = {"poor_share": rule.above, "participants": rule.participants}
    state = State(rule.name, subject, now, now, None, figures)
    machine = socket.gethostname()
    return notice("test", rule, state, at=now, public_url=settings.public_url, collector=machine)


def _sent(channel: Channel, told: Notification) -> bool:
    console = Console(highlight=False, soft_wrap=True)
    try:
        how = channel.send(told, time.time())
    except NotDelivered as error:
        console.print("[red]FAIL[/]", escape(f"{channel.label}: {error}"))
        return False
    console.print("[green]ok  [/]", escape(f"{channel.label}: {how}"))
    return True


def _where(rule: Rule) -> str:
    if not isinstance(rule, PoorShare):
        return ""
    return rule.value or ("all" if rule.by == "all" else f"each {rule.by}")
