"""Channels to chats and incident services: by Apprise, and to Alertmanager by our own request."""

import re
from hashlib import sha256
from typing import Any
from urllib.parse import urlsplit

import msgspec

from jmmc.alerting.destinations import Destinations, ForbiddenAddress
from jmmc.alerting.notifications import (
    Notification,
    alertmanager_body,
    chat_text,
    incident_key,
)
from jmmc.alerting.posting import NotDelivered, place_of, post
from jmmc.core.errors import SettingsError
from jmmc.core.install_hints import install_hint
from jmmc.core.outgoing import proxy_urls

_TYPES = {"firing": "warning", "resolved": "success", "test": "info"}
_CRITICAL = ("store_down", "disk_full", "no_pushes")  # Kinds of rules that concern everybody.
_HOOK = re.compile(r"http(s?)://([^/?#]+)((?:/[^/?#]+)*)/hooks/([\w-]+)/?", re.ASCII)
_CHAT = re.compile(
    r"https://(hooks\.slack\.com|discord(app)?\.com/api/webhooks|chat\.googleapis\.com"
    r"|[^/]*\.(logic\.azure\.com|powerplatform\.com)|ntfy\.sh)[:/]"
)
_SHORTEST_SECRET = 6  # Characters of a part of a URL that is masked in messages.


class Alertmanager:
    """Sends alerts to the API (v2) of a Prometheus Alertmanager, which groups and routes them."""

    def __init__(self, url: str, destinations: Destinations) -> None:
        parts = urlsplit(url)
        scheme = {"alertmanager": "http", "alertmanagers": "https"}.get(parts.scheme, parts.scheme)
        place = parts.netloc
        if parts.scheme == "alertmanager" and parts.port is None:
            place = f"{place}:9093"
        path = parts.path.rstrip("/").removesuffix("/api/v2/alerts")
        self._url = f"{scheme}://{place}{path}/api/v2/alerts"
        self._destinations = destinations
        self.name = _stored_name(url)
        self.label = f"Alertmanager at {place_of(self._url)}"

    def send(self, notification: Notification, now: float) -> str:
        """See `Channel.send`."""
        body = msgspec.json.encode(alertmanager_body(notification))
        return post(self._url, body, {}, self._destinations)


class Service:
    """Sends a text by Apprise, in the form that the service behind the URL expects."""

    def __init__(self, url: str, destinations: Destinations) -> None:
        """Raises `SettingsError` if Apprise is missing or does not know the URL."""
        try:
            import apprise
        except ImportError as error:
            hint = install_hint("chat")
            raise SettingsError(f"alert_services needs apprise; {hint}") from error
        self._apprise = apprise
        self._destinations = destinations
        self._url = _apprise_url(url)
        self._secrets = _secret_parts(url)
        self.name = _stored_name(url)
        service = self._service()
        self.label = str(service.service_name)
        self._host = ""
        if any("{host}" in template for template in service.templates):
            self._host = str(service.host)
            self.label += f" at {self._host}"

    def send(self, notification: Notification, now: float) -> str:
        """See `Channel.send`."""
        kind = _TYPES[notification.event]
        if notification.event == "firing" and notification.kind in _CRITICAL:
            kind = "failure"
        service = self._service()
        if service.service_name == "Pager Duty":
            service.action = "map"  # What resolves closes the incident that fired.
            service.dedup = incident_key(notification)
            service.click = service.click or notification.link or None
        markdown = getattr(service.notify_format, "value", service.notify_format) == "markdown"
        title, text = chat_text(notification, markdown=markdown)
        sender = self._apprise.Apprise(asset=service.asset)
        sender.add(service)
        with self._destinations.guard() as guard:
            try:
                if self._host and proxy_urls():
                    self._destinations.check_host(self._host)
                delivered = sender.notify(
                    body=text,
                    title=title,
                    notify_type=kind,
                    body_format="markdown" if markdown else "text",
                )
            except ForbiddenAddress as error:
                raise NotDelivered(str(error)) from error
        if not delivered:
            if guard.refusals:
                raise NotDelivered(guard.refusals[0])
            raise NotDelivered(self._masked(next(iter(guard.messages), "not accepted")))
        return "accepted"

    def _service(self) -> Any:
        """Make the service anew: one that was used before waits some seconds for the next use."""
        asset = self._apprise.AppriseAsset(
            app_id="jmmc",
            app_desc="jitsi-meet-metrics-collector",
            app_url="",
            image_url_mask=None,  # Else messages show a picture of Apprise.
            image_url_logo=None,
            http_redirects=False,
        )
        with self._destinations.guard() as guard:  # Nothing is sent yet; keeps the log quiet.
            service = self._apprise.Apprise.instantiate(self._url, asset=asset)
        if service is None:
            scheme = self._url.partition("://")[0]
            why = self._masked(next(iter(guard.messages), "unknown form"))
            raise SettingsError(
                f"alert_services: a URL that begins with {scheme}:// is not one of a service"
                f" ({why}); https://appriseit.com/services/ has the forms"
            )
        return service

    def _masked(self, message: str) -> str:
        for secret in self._secrets:
            message = message.replace(secret, "***")
        return " ".join(message.split()).rstrip(".")[:200]


def is_chat(url: str) -> bool:
    """Whether a URL looks like an incoming webhook of a chat."""
    return bool(_HOOK.fullmatch(url) or _CHAT.match(url))


def service_of(url: str, destinations: Destinations) -> Alertmanager | Service:
    """Make the channel of a URL in `alert_services`. Raises `SettingsError`."""
    parts = urlsplit(url)
    is_api = parts.scheme in ("http", "https") and parts.path.rstrip("/").endswith("/api/v2/alerts")
    if is_api or parts.scheme in ("alertmanager", "alertmanagers"):
        return Alertmanager(url, destinations)
    return Service(url, destinations)


def _apprise_url(url: str) -> str:
    """Translate what Apprise does not recognize itself: URLs as services show them."""
    if hook := _HOOK.fullmatch(url):  # Mattermost's incoming webhooks, under any name and path.
        return f"mmost{hook[1]}://{hook[2]}{hook[3]}/{hook[4]}"
    parts = urlsplit(url)
    if parts.scheme == "pagerduty" and not parts.username:
        # The API of events needs no key but the integration's; Apprise asks for a second one.
        return parts._replace(netloc=f"{parts.netloc}@events").geturl()
    return url


def _secret_parts(url: str) -> list[str]:
    parts = urlsplit(url)
    texts = [parts.netloc.rpartition("@")[0], parts.path, parts.query]
    if parts.scheme not in ("http", "https"):
        texts.append(parts.netloc)
    found = {part for text in texts for part in re.split(r"[^\w.-]", text)}
    return sorted((part for part in found if len(part) >= _SHORTEST_SECRET), key=len, reverse=True)


def _stored_name(url: str) -> str:
    return f"service {sha256(url.encode()).hexdigest()[:12]}"
