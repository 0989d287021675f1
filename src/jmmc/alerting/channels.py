"""Channels for notifications: webhooks, services and e-mail. `send` blocks: call it in a thread."""

import hmac
import smtplib
import socket
import ssl
from base64 import b64decode, b64encode
from binascii import Error
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime
from hashlib import sha256
from typing import Protocol
from urllib.parse import unquote, urlsplit

import msgspec

from jmmc.alerting.destinations import Destinations
from jmmc.alerting.notifications import Notification, email_text, webhook_body
from jmmc.alerting.posting import NotDelivered, place_of, post
from jmmc.alerting.services import is_chat, service_of
from jmmc.settings import Settings

_TIMEOUT = 5.0  # Seconds for each step of a delivery.


class Channel(Protocol):
    """A way to send notifications. `name` survives restarts, `label` may be shown."""

    @property
    def name(self) -> str:
        """The name by which deliveries are stored."""

    @property
    def label(self) -> str:
        """The name that people see, without secrets."""

    def send(self, notification: Notification, now: float) -> str:
        """Deliver, and return the receiver's answer in words. Raises `NotDelivered`."""


class Webhook:
    """Posts JSON, signed according to standardwebhooks.com.

    The signature covers id, time and body; `webhook-id` lets a receiver drop repetitions.
    """

    def __init__(self, url: str, secret: str, destinations: Destinations) -> None:
        self._url = url
        self._key = _key(secret)
        self._destinations = destinations
        self.name = f"webhook {sha256(url.encode()).hexdigest()[:12]}"
        self.label = place_of(url)

    def send(self, notification: Notification, now: float) -> str:
        """See `Channel.send`."""
        body = msgspec.json.encode(webhook_body(notification))
        headers = {
            "webhook-id": notification.id,
            "webhook-timestamp": str(int(now)),
        }
        if self._key:
            signed = b"%s.%d.%s" % (notification.id.encode(), int(now), body)
            signature = hmac.digest(self._key, signed, "sha256")
            headers["webhook-signature"] = f"v1,{b64encode(signature).decode()}"
        try:
            return post(self._url, body, headers, self._destinations)
        except NotDelivered as error:
            if str(error).startswith("answers 4") and is_chat(self._url):
                hint = "a chat expects a form of its own: move this URL to alert_services"
                raise NotDelivered(f"{error}; {hint}") from error
            raise


class MailServer:
    """The mail server behind a URL of the settings. `sender` "" is jmmc@ and this machine."""

    def __init__(self, url: str, sender: str) -> None:
        parts = urlsplit(url)
        self._scheme = parts.scheme
        self.host = parts.hostname or "localhost"
        self._port = parts.port or {"smtp": 25, "smtp+starttls": 587, "smtps": 465}[parts.scheme]
        self._user = unquote(parts.username or "")
        self._password = unquote(parts.password or "")
        self._sender = sender or f"jmmc@{socket.getfqdn()}"

    def send(self, message: EmailMessage, addresses: tuple[str, ...], now: float) -> str:
        """Address and deliver a message, and return the answer in words.

        Raises `NotDelivered`.
        """
        message["From"] = self._sender
        message["To"] = ", ".join(addresses)
        message["Date"] = format_datetime(datetime.fromtimestamp(now, UTC))
        message["Auto-Submitted"] = "auto-generated"
        try:
            with self._connect() as server:
                refused = server.send_message(message)
        except (OSError, smtplib.SMTPException) as error:
            raise NotDelivered(f"{self.host}:{self._port}: {_without_addresses(error)}") from error
        if refused:
            raise NotDelivered(f"{self.host}:{self._port}: refuses {len(refused)} addresses")
        return f"accepted by {self.host}"

    def _connect(self) -> smtplib.SMTP:
        context = ssl.create_default_context()
        if self._scheme == "smtps":
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                self.host, self._port, timeout=_TIMEOUT, context=context
            )
        else:
            server = smtplib.SMTP(self.host, self._port, timeout=_TIMEOUT)
        try:
            if self._scheme == "smtp+starttls":
                server.starttls(context=context)
            if self._user:
                server.login(self._user, self._password)
        except BaseException:
            server.close()
            raise
        return server


class Email:
    """Sends one plain-text e-mail to all addresses."""

    name = "email"

    def __init__(self, url: str, sender: str, addresses: tuple[str, ...]) -> None:
        self._server = MailServer(url, sender)
        self._addresses = addresses
        count = len(addresses)
        self.label = f"e-mail to {count} {'address' if count == 1 else 'addresses'}"

    def send(self, notification: Notification, now: float) -> str:
        """See `Channel.send`."""
        message = EmailMessage()
        message["Subject"], text = email_text(notification)
        message["Message-ID"] = f"<{notification.id}@jmmc.invalid>"
        message.set_content(text, cte="8bit")  # Links must not be wrapped.
        return self._server.send(message, self._addresses, now)


def refused_targets(settings: Settings) -> list[tuple[str, str]]:
    """The targets in the settings that no alert will reach: each as it may be shown, and why."""
    destinations = Destinations(settings.alert_private_targets)
    urls = (*settings.alert_webhooks, *settings.alert_services)
    refusals = ((place_of(url), destinations.refusal_of(url)) for url in urls)
    return [(place, why) for place, why in refusals if why]


def channels_of(settings: Settings) -> list[Channel]:
    """Make all channels of the settings. Raises `SettingsError` for a service it cannot use."""
    destinations = Destinations(settings.alert_private_targets)
    channels: list[Channel] = [
        Webhook(url, settings.alert_secret, destinations) for url in settings.alert_webhooks
    ]
    channels += [service_of(url, destinations) for url in settings.alert_services]
    if settings.alert_emails:
        channels.append(Email(settings.smtp_url, settings.alert_sender, settings.alert_emails))
    return channels


def _key(secret: str) -> bytes:
    """Decode a key: `whsec_` and Base64, as receivers' libraries write it, or any text."""
    if secret.startswith("whsec_"):
        try:
            return b64decode(secret.removeprefix("whsec_"), validate=True)
        except Error:
            pass
    return secret.encode()


def _without_addresses(error: Exception) -> str:
    """Describe the answer of a mail server, which may repeat addresses, without them."""
    if isinstance(error, smtplib.SMTPResponseException):
        return f"{type(error).__name__} {error.smtp_code}"
    if isinstance(error, smtplib.SMTPException):
        return type(error).__name__
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
