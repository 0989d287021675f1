"""Alert rules, and the channels that alerts are sent over."""

import json
import re
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

from jmmc.settings.alert_rules import Rule
from jmmc.settings.values import Mark, SettingsGroup, check_url, split


def parse_rules(value: object) -> object:
    """Rules from a flag or the environment are JSON."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError as error:
            raise ValueError(f"a JSON array of rules ({error})") from None
    if not isinstance(value, list | tuple):
        raise ValueError("a list of rules")
    return value


def _named_once(rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
    names = [rule.name for rule in rules]
    if twice := [name for name in names if names.count(name) > 1]:
        raise ValueError(f"each name once, not {twice[0]!r} twice")
    return rules


def _smtp_url(value: str) -> str:
    found = re.fullmatch(r"smtp(?:s|\+starttls)?://(?:[^\s/@]+@)?[^\s/@:]+(?::(\d+))?", value)
    if found is None or not 0 < int(found[1] or 25) < 65536:
        raise ValueError("smtp://, smtp+starttls:// or smtps:// and [user:password@]host[:port]")
    return value


def _email(value: str) -> str:
    if not re.fullmatch(r"[^\s@<>,]+@[^\s@<>,]+", value):
        raise ValueError(f"e-mail addresses, not {value!r}")
    return value


_Urls = Annotated[tuple[Annotated[str, AfterValidator(check_url)], ...], BeforeValidator(split)]


_Emails = Annotated[tuple[Annotated[str, AfterValidator(_email)], ...], BeforeValidator(split)]


_Rules = Annotated[tuple[Rule, ...], BeforeValidator(parse_rules), AfterValidator(_named_once)]


class AlertingSettings(SettingsGroup):
    """Alert rules, webhooks and e-mail."""

    alerts: Annotated[_Rules, Mark.LIVE] = Field(
        (),
        description=(
            "Rules that raise an alarm: [[alerts]] tables in TOML, elsewhere a JSON array; see"
            " docs/alerts.md."
        ),
    )
    alert_webhooks: Annotated[_Urls, Mark.LIVE] = Field(
        (), description="URLs that alarms are posted to, comma-separated."
    )
    alert_secret: Annotated[str, Mark.LIVE] = Field(
        "", description="Signs what is posted to alert_webhooks; empty leaves it unsigned."
    )
    alert_emails: Annotated[_Emails, Mark.LIVE] = Field(
        (), description="Addresses that alarms are mailed to, comma-separated."
    )
    alert_sender: Annotated[str, Mark.LIVE] = Field(
        "", description="Address that alarms are mailed from; empty: jmmc at this machine's name."
    )
    smtp_url: Annotated[str, AfterValidator(_smtp_url), Mark.LIVE] = Field(
        "smtp://localhost:25",
        description=(
            "Mail server: smtp://host:port as it is, smtp+starttls:// or smtps:// encrypted; with"
            " user:password@ before the host when it wants them, percent-encoded."
        ),
    )
