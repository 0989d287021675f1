"""Metrics and traces of the collector itself."""

import re
from typing import Annotated, ClassVar

from pydantic import AfterValidator, BeforeValidator, Field

from jmmc.settings.values import Mark, SettingsGroup, split


def _check_otlp_url(value: str) -> str:
    if value and not re.fullmatch(r"https?://[^/\s?#]+[^\s?#]*", value):
        raise ValueError("an http or https URL, such as http://localhost:4318")
    return value


def _check_pairs(values: tuple[str, ...]) -> tuple[str, ...]:
    if not all(re.fullmatch(r"[\w-]+=.+", value) for value in values):
        raise ValueError("name=value, such as authorization=Bearer abc")
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
        (), description="Headers for otlp_endpoint: name=value, comma-separated. A secret."
    )
    trace_ratio: float = Field(
        0.01, ge=0, le=1, description="Share of the pushes that are traced, with otlp_endpoint."
    )
