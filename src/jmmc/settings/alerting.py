"""Alert rules, and the channels that alerts are sent over."""

import json
import re
from typing import Annotated, ClassVar

from pydantic import AfterValidator, BeforeValidator, Field

from jmmc.settings.alert_rules import Rule
from jmmc.settings.values import Mark, SettingsGroup, check_url, split


def parse_rules(value: object) -> object:
    """Decode rules: a flag or the environment gives them as JSON."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError as error:
            raise ValueError(f"a JSON array of rules ({error})") from None
    if not isinstance(value, list | tuple):
        raise ValueError("a list of rules")
    return value


def _check_names_are_unique(rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
    names = [rule.name for rule in rules]
    if repeated := [name for name in names if names.count(name) > 1]:
        raise ValueError(f"each name once, not {repeated[0]!r} twice")
    return rules


def _check_smtp_url(value: str) -> str:
    match = re.fullmatch(r"smtp(?:s|\+starttls)?://(?:[^\s/@]+@)?[^\s/@:]+(?::(\d+))?", value)
    if match is None or not 0 < int(match[1] or 25) < 65536:
        raise ValueError("smtp://, smtp+starttls:// or smtps:// and [user:password@]host[:port]")
    return value


def _check_email(value: str) -> str:
    if not re.fullmatch(r"[^\s@<>,]+@[^\s@<>,]+", value):
        raise ValueError(f"e-mail addresses, not {value!r}")
    return value


_Urls = Annotated[tuple[Annotated[str, AfterValidator(check_url)], ...], BeforeValidator(split)]
_Emails = Annotated[
    tuple[Annotated[str, AfterValidator(_check_email)], ...], BeforeValidator(split)
]
_Rules = Annotated[
    tuple[Rule, ...], BeforeValidator(parse_rules), AfterValidator(_check_names_are_unique)
]


class AlertingSettings(SettingsGroup):
    """Alert rules, webhooks and e-mail."""

    title: ClassVar = "Alerting"

    alerts: Annotated[_Rules, Mark.LIVE] = Field(
        (),
        description=(
            "Alert rules: [[alerts]] tables in TOML, a JSON array elsewhere; see docs/alerts.md."
        ),
    )
    alert_webhooks: Annotated[_Urls, Mark.LIVE, Mark.HIDDEN] = Field(
        (), description="URLs that alerts are posted to, comma-separated."
    )
    alert_secret: Annotated[str, Mark.LIVE, Mark.HIDDEN] = Field(
        "", description="Key that signs requests to alert_webhooks. Empty: they are not signed."
    )
    alert_emails: Annotated[_Emails, Mark.LIVE] = Field(
        (), description="E-mail addresses that alerts are sent to, comma-separated."
    )
    alert_sender: Annotated[str, Mark.LIVE] = Field(
        "", description="Sender of the e-mails. Empty: jmmc@ and the name of this machine."
    )
    smtp_url: Annotated[str, AfterValidator(_check_smtp_url), Mark.LIVE, Mark.HIDDEN] = Field(
        "smtp://localhost:25",
        description=(
            "Mail server: smtp://host:port without encryption, smtp+starttls:// or smtps:// with"
            " it. User and password go before the host, percent-encoded: user:password@host."
        ),
    )
