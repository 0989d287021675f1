"""The text of a new configuration file: the settings that every installation decides, explained."""

import json
import secrets
from urllib.parse import urlsplit

from msgspec import Struct

from jmmc.settings.model import Settings

STATE_FOLDER = "/var/lib/jmmc"
"""Where store and spool are kept by the system's service."""


class NewFile(Struct, frozen=True):
    """What an operator decides for a new installation; an empty text leaves it open.

    `public_url` is where browsers reach the collector, `jitsi_url` the Jitsi Meet whose pages may
    push. `folder` is the absolute path for what the collector keeps. `secret` is written only if it
    is given: with SQLite one is kept beside the file.
    """

    public_url: str = ""
    jitsi_url: str = ""
    store: str = f"sqlite:///{STATE_FOLDER}/jmmc.db"
    collection: str = Settings.model_fields["collection"].default
    folder: str = STATE_FOLDER
    retention_days: int = 90
    time_zone: str = "UTC"
    secret: str = ""

    def settings(self) -> dict[str, object]:
        """The settings that follow from the decisions, by name."""
        values: dict[str, object] = {
            "host": "127.0.0.1",
            "port": 8080,
            "store": self.store,
            "retention_days": self.retention_days,
            "time_zone": self.time_zone,
        }
        if self.public_url:
            values["public_url"] = self.public_url
            prefix = Settings.model_fields["prefix"].default
            values["push_url"] = f"{self.public_url.rstrip('/')}{prefix}/push"
        if self.jitsi_url:
            values["allowed_origins"] = [_origin(self.jitsi_url)]
        if not self.store.startswith("sqlite"):
            values["spool_dir"] = f"{self.folder}/spool"
        if self.collection != NewFile().collection:
            values["collection"] = self.collection
        if self.secret:
            values["secret"] = self.secret
        return values

    def text(self) -> str:
        """The file in TOML. Settings that are left open are comments."""
        values = self.settings()

        def line(name: str, example: object = "") -> str:
            mark = "" if name in values else "# "
            value = values.get(name, example)
            return f"{mark}{name} = {json.dumps(value, ensure_ascii=False)}\n"

        collection = line("collection") if "collection" in values else ""
        spool = _SPOOL + line("spool_dir") if "spool_dir" in values else ""
        secret = _SIGNING + line("secret") if self.secret else ""
        prefix = Settings.model_fields["prefix"].default
        example = "https://metrics.example.org"
        return (
            f"{_HEAD}\n{_LISTEN}{line('host')}{line('port')}"
            f"\n{_PUBLIC}{line('public_url', example)}"
            f"{_PUSH}{line('push_url', f'{example}{prefix}/push')}"
            f"\n{_ORIGINS}{line('allowed_origins', ['https://meet.example.org'])}"
            f"\n{_STORE}{line('store')}{collection}{spool}"
            f"\n{_RETENTION}{line('retention_days')}{line('summary_retention_days', 730)}"
            f"\n{_ZONE}{line('time_zone')}"
            f"{secret}"
            f"\n{_PROXIES}{line('trusted_proxies', ['127.0.0.1/32', '::1/128', '10.0.0.0/8'])}"
        )


def new_secret() -> str:
    """A random key for `secret`."""
    return secrets.token_urlsafe(32)


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


_HEAD = """\
# Settings of one collector behind a reverse proxy. All settings:
#   jmmc settings --all
# After a change: systemctl reload jmmc, or send SIGHUP; the log says what needs a restart.
# `jmmc init` writes this file.
"""
_LISTEN = """\
# Address to listen on. Only the proxy should reach it.
"""
_PUBLIC = """\
# URL at which people and browsers reach the collector, through the proxy.
"""
_PUSH = """\
# Mobile apps need to know where to push to; browsers would find it without.
"""
_ORIGINS = """\
# Origins of your Jitsi Meet pages. Without this line any page may push.
"""
_STORE = """\
# A file, or mongodb://host/database. A URL with a password may stand in a file of its own,
# which store_file names.
"""
_SPOOL = """\
# Where pushes wait while MongoDB cannot be reached. Each collector needs its own.
"""
_RETENTION = """\
# Days after which samples are deleted (0 keeps them), and summaries too.
"""
_ZONE = """\
# Time zone of calendar days, weeks and months.
"""
_SIGNING = """\

# Signs cookies. Several collectors on one MongoDB need the same one.
"""
_PROXIES = """\
# Reverse proxies, if not on this machine.
"""
