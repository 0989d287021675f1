"""Metrics and traces of the collector itself."""

import re
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

from jmmc.settings.values import SettingsGroup, split


def _otlp(value: str) -> str:
    if value and not re.fullmatch(r"https?://[^/\s?#]+[^\s?#]*", value):
        raise ValueError("an http or https URL, such as http://localhost:4318")
    return value


def _pairs(values: tuple[str, ...]) -> tuple[str, ...]:
    if not all(re.fullmatch(r"[\w-]+=.+", value) for value in values):
        raise ValueError("name=value, such as authorization=Bearer abc")
    return values


class MonitoringSettings(SettingsGroup):
    """Prometheus and OTLP."""

    metrics_port: int = Field(
        0,
        ge=0,
        le=65535,
        description=(
            "Port on which `jmmc serve` answers GET /metrics to anybody, and nothing else; 0: none,"
            " it is only on the main port, for tokens with the scope read."
        ),
    )
    metrics_host: str = Field(
        "127.0.0.1", min_length=1, description="Address to listen on for metrics_port."
    )
    otlp_endpoint: Annotated[str, AfterValidator(_otlp)] = Field(
        "",
        description=(
            "URL to which metrics and traces go over OTLP (HTTP, protobuf), such as"
            " http://localhost:4318; empty: nowhere. Needs the extra otel."
        ),
    )
    otlp_headers: Annotated[tuple[str, ...], BeforeValidator(split), AfterValidator(_pairs)] = (
        Field(
            (),
            description="Headers for that endpoint, name=value, comma-separated. A secret.",
        )
    )
    trace_ratio: float = Field(
        0.01,
        ge=0,
        le=1,
        description="Share of the pushes that make a span of their own, with otlp_endpoint.",
    )
