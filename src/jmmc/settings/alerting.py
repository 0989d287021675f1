"""Alert rules, and the channels that alerts are sent over."""

import json
import re
from typing import Annotated, ClassVar

from pydantic import AfterValidator, BeforeValidator, Field

from jmmc.settings.alert_rules import Rule
from jmmc.settings.values import Mark, Networks, SettingsGroup, check_url, split


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


def _split_urls(value: object) -> object:
    """Split a list of URLs, which may have commas inside."""
    if isinstance(value, str):
        urls = re.split(r"[\s,]+(?=[A-Za-z][A-Za-z0-9+.-]*://)", value.strip(" ,\n"))
        return [url for url in urls if url]
    return value


def _check_service_url(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]*://\S+", value):
        raise ValueError("URLs such as slack://... or https://hooks.slack.com/...")
    return value


_Urls = Annotated[tuple[Annotated[str, AfterValidator(check_url)], ...], BeforeValidator(split)]
_ServiceUrls = Annotated[
    tuple[Annotated[str, AfterValidator(_check_service_url)], ...], BeforeValidator(_split_urls)
]
Emails = Annotated[tuple[Annotated[str, AfterValidator(_check_email)], ...], BeforeValidator(split)]
_Rules = Annotated[
    tuple[Rule, ...], BeforeValidator(parse_rules), AfterValidator(_check_names_are_unique)
]


class AlertingSettings(SettingsGroup):
    """Alert rules, webhooks and e-mail."""

    title: ClassVar = "Alerting"

    alerts: Annotated[_Rules, Mark.LIVE] = Field(
        (),
        description=(
            "Alert rules: [[alerts]] tables in TOML, a JSON array elsewhere. Each has a name, a"
            " kind such as 'poor_share', and the keys of that kind."
        ),
    )
    alert_webhooks: Annotated[_Urls, Mark.LIVE, Mark.HIDDEN] = Field(
        (),
        description=(
            "URLs that alerts are posted to as JSON of our own form, comma-separated. User and"
            " password before the host, percent-encoded, are sent as Basic authentication."
        ),
    )
    alert_services: Annotated[_ServiceUrls, Mark.LIVE, Mark.HIDDEN] = Field(
        (),
        description=(
            "Chats and incident services that alerts are sent to, comma-separated: URLs as Slack,"
            " Mattermost, Microsoft Teams, Google Chat, Discord and ntfy show them, pagerduty://,"
            " alertmanager://, or any of Apprise. All but Alertmanager need the extra chat."
        ),
    )
    alert_private_targets: Annotated[Networks, Mark.LIVE] = Field(
        (),
        description=(
            "Private, loopback and link-local addresses or networks that alert_webhooks and"
            " alert_services may connect to, such as 127.0.0.1,10.0.0.0/8. Empty: only public"
            " addresses."
        ),
    )
    alert_secret: Annotated[str, Mark.LIVE, Mark.HIDDEN] = Field(
        "", description="Key that signs requests to alert_webhooks. Empty: they are not signed."
    )
    alert_emails: Annotated[Emails, Mark.LIVE] = Field(
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
