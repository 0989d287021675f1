"""Where the server listens, which proxies it trusts, and what signs its cookies."""

import re
from typing import Annotated, ClassVar

from pydantic import AfterValidator, Field

from jmmc.core.timestamps import zone_of
from jmmc.protocol.addresses import ForwardedHeader
from jmmc.settings.values import Mark, Networks, SettingsGroup, check_url


def _check_prefix(value: str) -> str:
    if not re.fullmatch(r"(/[\w.~-]+)+", value):
        raise ValueError("a path such as /metrics, without a slash at its end")
    return value


def _check_public_url(value: str) -> str:
    return check_url(value).rstrip("/") if value else ""


def _check_zone(value: str) -> str:
    zone_of(value)
    return value


class ServerSettings(SettingsGroup):
    """Addresses, paths and the signing key of the server."""

    title: ClassVar = "Server"

    host: str = Field("127.0.0.1", min_length=1, description="Address to listen on.")
    port: int = Field(8080, ge=0, le=65535, description="Port to listen on; 0 picks a free one.")
    prefix: Annotated[str, AfterValidator(_check_prefix)] = Field(
        "/jitsi-meet-metrics-collector",
        description="URL path of the endpoints for browsers: the script and its pushes.",
    )
    demo: bool = Field(False, description="Whether to serve the demo page at /demo.")
    public_url: Annotated[str, AfterValidator(_check_public_url), Mark.LIVE] = Field(
        "",
        description=(
            "URL at which people open the dashboard, for the links in alerts. Empty: alerts have"
            " no links. If it has a path, the dashboard is served under that path."
        ),
    )
    time_zone: Annotated[str, AfterValidator(_check_zone), Mark.LIVE] = Field(
        "UTC",
        description=(
            "Time zone of calendar days, weeks and months where a question names none, such as"
            " Europe/Paris."
        ),
    )
    trusted_proxies: Annotated[Networks, Mark.LIVE] = Field(
        ("127.0.0.1/32", "::1/128"),
        description=(
            "Proxies whose forwarded_header is trusted: addresses or networks, comma-separated."
        ),
    )
    forwarded_header: Annotated[ForwardedHeader, Mark.LIVE] = Field(
        "x-forwarded-for",
        description=(
            "Header in which trusted_proxies pass on the address of the browser: x-forwarded-for,"
            " or forwarded (RFC 7239). The other one is ignored. Several lines are one list."
        ),
    )
    secret: Annotated[str, Mark.HIDDEN] = Field(
        "",
        description=(
            "Key that signs cookies: of people who sign in, and of the Express.js middleware's"
            " script. Empty: a random key is generated and kept beside the SQLite file."
        ),
    )
