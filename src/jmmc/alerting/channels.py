"""Ways to tell somebody: webhooks and e-mail. They block; call them in a thread."""

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
import urllib3
from urllib3.util import Retry, Timeout

from jmmc.alerting.notifications import Notification, letter, payload
from jmmc.core.errors import JmmcError
from jmmc.core.version import __version__
from jmmc.settings import Settings

_TIMEOUT = 5.0  # Seconds for each step of a delivery: it may hold up our end by three tries.
_RETRIES = Retry(
    total=2,
    redirect=0,
    backoff_factor=0.5,
    status_forcelist=(408, 425, 429, 500, 502, 503, 504),
    allowed_methods=None,
    raise_on_status=False,
    respect_retry_after_header=False,  # We come again by ourselves.
)


class NotDelivered(JmmcError):
    """A channel did not take a notice; the message has no secret in it."""


class Channel(Protocol):
    """One way. `name` stays the same over restarts, `label` may be shown."""

    @property
    def name(self) -> str:
        """What it is known by."""

    @property
    def label(self) -> str:
        """What people call it."""

    def send(self, notice: Notification, now: float) -> str:
        """Deliver, and say how it went. Raises `NotDelivered`."""


class Webhook:
    """Posts JSON, signed as standardwebhooks.com says.

    The signature is over id, time and body; `webhook-id` lets a receiver drop what it has.
    """

    def __init__(self, url: str, secret: str) -> None:
        self._url = url
        self._key = _key(secret)
        parts = urlsplit(url)
        self.name = f"webhook {sha256(url.encode()).hexdigest()[:12]}"
        self.label = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"

    def send(self, notice: Notification, now: float) -> str:
        """See `Channel.send`."""
        body = msgspec.json.encode(payload(notice))
        headers = {
            "content-type": "application/json",
            "user-agent": f"jmmc/{__version__}",
            "webhook-id": notice.id,
            "webhook-timestamp": str(int(now)),
        }
        if self._key:
            signed = b"%s.%d.%s" % (notice.id.encode(), int(now), body)
            signature = hmac.digest(self._key, signed, "sha256")
            headers["webhook-signature"] = f"v1,{b64encode(signature).decode()}"
        try:
            with urllib3.PoolManager(retries=_RETRIES, timeout=Timeout(_TIMEOUT)) as pool:
                answer = pool.request("POST", self._url, body=body, headers=headers)
        except urllib3.exceptions.MaxRetryError as error:
            why = error.reason or error
            raise NotDelivered(type(why).__name__) from error
        except (urllib3.exceptions.HTTPError, ValueError) as error:
            raise NotDelivered(type(error).__name__) from error
        if not 200 <= answer.status < 300:
            raise NotDelivered(f"answers {answer.status}")
        return f"answers {answer.status}"


class Email:
    """Sends plain text to all addresses."""

    name = "email"

    def __init__(self, url: str, sender: str, addresses: tuple[str, ...]) -> None:
        parts = urlsplit(url)
        self._way = parts.scheme
        self._host = parts.hostname or "localhost"
        self._port = parts.port or {"smtp": 25, "smtp+starttls": 587, "smtps": 465}[parts.scheme]
        self._user = unquote(parts.username or "")
        self._password = unquote(parts.password or "")
        self._sender = sender or f"jmmc@{socket.getfqdn()}"
        self._addresses = addresses
        count = len(addresses)
        self.label = f"e-mail to {count} {'address' if count == 1 else 'addresses'}"

    def send(self, notice: Notification, now: float) -> str:
        """See `Channel.send`."""
        message = EmailMessage()
        message["Subject"], text = letter(notice)
        message["From"] = self._sender
        message["To"] = ", ".join(self._addresses)
        message["Date"] = format_datetime(datetime.fromtimestamp(now, UTC))
        message["Message-ID"] = f"<{notice.id}@jmmc.invalid>"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(text, cte="8bit")  # Lines as they are: a link may be long.
        try:
            with self._connect() as server:
                refused = server.send_message(message)
        except (OSError, smtplib.SMTPException) as error:
            raise NotDelivered(f"{self._host}:{self._port}: {_words(error)}") from error
        if refused:
            raise NotDelivered(f"{self._host}:{self._port}: refuses {len(refused)} addresses")
        return f"taken by {self._host}"

    def _connect(self) -> smtplib.SMTP:
        context = ssl.create_default_context()
        if self._way == "smtps":
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                self._host, self._port, timeout=_TIMEOUT, context=context
            )
        else:
            server = smtplib.SMTP(self._host, self._port, timeout=_TIMEOUT)
        try:
            if self._way == "smtp+starttls":
                server.starttls(context=context)
            if self._user:
                server.login(self._user, self._password)
        except BaseException:
            server.close()
            raise
        return server


def channels_of(settings: Settings) -> list[Channel]:
    """All ways that the settings name."""
    found: list[Channel] = [
        Webhook(alert_webhook, settings.alert_secret) for alert_webhook in settings.alert_webhooks
    ]
    if settings.alert_emails:
        found.append(Email(settings.smtp_url, settings.alert_sender, settings.alert_emails))
    return found


def _key(secret: str) -> bytes:
    """`whsec_` and Base64, as receivers' libraries have it, or any text."""
    if secret.startswith("whsec_"):
        try:
            return b64decode(secret.removeprefix("whsec_"), validate=True)
        except Error:
            pass
    return secret.encode()


def _words(error: Exception) -> str:
    """An answer of a mail server, without the addresses that it may repeat."""
    if isinstance(error, smtplib.SMTPResponseException):
        return f"{type(error).__name__} {error.smtp_code}"
    if isinstance(error, smtplib.SMTPException):
        return type(error).__name__
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
