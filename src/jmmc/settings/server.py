"""Where the server listens, who may be in front of it, and how it signs."""

import re
from ipaddress import ip_network
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

from jmmc.settings.values import Mark, SettingsGroup, check_url, split


def _prefix(value: str) -> str:
    if not re.fullmatch(r"(/[\w.~-]+)+", value):
        raise ValueError("a path such as /metrics, without a slash at its end")
    return value


def _public_url(value: str) -> str:
    return check_url(value).rstrip("/") if value else ""


def _network(value: str) -> str:
    try:
        ip_network(value)
    except ValueError:
        raise ValueError(f"IP addresses or networks such as 10.0.0.0/8, not {value!r}") from None
    return value


_Networks = Annotated[tuple[Annotated[str, AfterValidator(_network)], ...], BeforeValidator(split)]


class ServerSettings(SettingsGroup):
    """Addresses, paths and the signing secret of the server."""

    host: str = Field("127.0.0.1", min_length=1, description="Address to listen on.")
    port: int = Field(8080, ge=0, le=65535, description="Port to listen on; 0 picks a free one.")
    prefix: Annotated[str, AfterValidator(_prefix)] = Field(
        "/jitsi-meet-metrics-collector", description="Path under which the collector answers."
    )
    demo: bool = Field(False, description="Whether to serve the demo page.")
    public_url: Annotated[str, AfterValidator(_public_url), Mark.LIVE] = Field(
        "", description="URL at which people open the pages, for links in alarms; empty: no links."
    )
    trusted_proxies: Annotated[_Networks, Mark.LIVE] = Field(
        ("127.0.0.1/32", "::1/128"),
        description="Proxies whose X-Forwarded-For counts. Addresses or networks, comma-separated.",
    )
    secret: str = Field(
        "",
        description=(
            "Signs the session cookie of the ancestor's script. Empty: a random one is made and"
            " kept beside the SQLite file."
        ),
    )
