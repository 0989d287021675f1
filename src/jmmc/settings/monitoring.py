"""Metrics and traces of the collector itself."""

import re
from typing import Annotated, ClassVar
from urllib.parse import unquote

from pydantic import AfterValidator, BeforeValidator, Field

from jmmc.settings.values import Mark, SettingsGroup, split


def _check_otlp_url(value: str) -> str:
    if value and not re.fullmatch(r"https?://[^/\s?#]+[^\s?#]*", value):
        raise ValueError("an http or https URL, such as http://localhost:4318")
    return value


def _check_pairs(values: tuple[str, ...]) -> tuple[str, ...]:
    for value in values:
        # HTTP allows these characters in a header; a line end would begin another one.
        name, _, content = value.partition("=")
        if not (
            re.fullmatch(r"[\w!#$&'*+.^`|~-]+", unquote(name).strip(), re.ASCII)
            and re.fullmatch(r"[\t\x20-\x7e]*[\x21-\x7e][\t\x20-\x7e]*", unquote(content))
        ):
            raise ValueError("name=value, such as authorization=Bearer%20abc")
    return values


_Pairs = Annotated[tuple[str, ...], BeforeValidator(split), AfterValidator(_check_pairs)]


class MonitoringSettings(SettingsGroup):
    """Prometheus and OTLP."""

    title: ClassVar = "Monitoring"

    metrics_port: int = Field(
        0,
        ge=0,
        le=65535,
        description=(
            "Port on which `jmmc serve` serves GET /metrics without a token, and nothing else. 0:"
            " /metrics is only on the main port, for tokens with the scope read."
        ),
    )
    metrics_host: str = Field(
        "127.0.0.1", min_length=1, description="Address to listen on for metrics_port."
    )
    otlp_endpoint: Annotated[str, AfterValidator(_check_otlp_url)] = Field(
        "",
        description=(
            "URL that metrics and traces are sent to over OTLP (HTTP, protobuf), such as"
            " http://localhost:4318. Empty: they are not sent. Needs the extra otel."
        ),
    )
    otlp_headers: Annotated[_Pairs, Mark.HIDDEN] = Field(
        (),
        description=(
            "Headers for otlp_endpoint: name=value, comma-separated, percent-encoded as in"
            " OTEL_EXPORTER_OTLP_HEADERS (%20 is a space, %2C a comma, %25 a percent sign). A"
            " secret."
        ),
    )
    trace_ratio: float = Field(
        0.01, ge=0, le=1, description="Share of the pushes that are traced, with otlp_endpoint."
    )
