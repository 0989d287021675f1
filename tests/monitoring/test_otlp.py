"""OpenTelemetry: what an OTLP endpoint receives; without one, the SDK is not imported."""

import gzip
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from jmmc import SettingsError
from jmmc.monitoring.instruments import INSTRUMENTS
from jmmc.settings import Settings
from jmmc.web.site import create_app
from tests.support.builders import SID, UID, body, call, wire_sample

_REQUESTS: dict[str, Any] = {
    "/v1/traces": ExportTraceServiceRequest,
    "/v1/metrics": ExportMetricsServiceRequest,
}


_LATER = {
    "jmmc_summaries_backlog",
    "jmmc_rollups_backlog",
    "jmmc_incidents_backlog",
    "jmmc_participants",
    "jmmc_meetings",
    "jmmc_connections",
    "jmmc_disk_full_seconds",
}
"""Metrics that exist once a collector is the leader, or has known its disk for an hour."""


class Endpoint:
    """An OTLP/HTTP endpoint that keeps what it receives, decoded."""

    def __init__(self) -> None:
        self.received: dict[str, list[Any]] = {path: [] for path in _REQUESTS}
        self.headers: list[dict[str, str]] = []
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                content = self.rfile.read(int(self.headers["content-length"]))
                if self.headers.get("content-encoding") == "gzip":
                    content = gzip.decompress(content)
                request = _REQUESTS[self.path]()
                request.ParseFromString(content)
                endpoint.received[self.path].append(request)
                endpoint.headers.append({k.lower(): v for k, v in self.headers.items()})
                self.send_response(200)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    @property
    def spans(self) -> list[Any]:
        return [
            span
            for request in self.received["/v1/traces"]
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    @property
    def metrics(self) -> dict[str, Any]:
        """The last export of metrics, by name."""
        (resource,) = self.received["/v1/metrics"][-1].resource_metrics
        return {metric.name: metric for metric in resource.scope_metrics[0].metrics}

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    endpoint = Endpoint()
    yield endpoint
    endpoint.close()


def _attributes(value: Any) -> dict[str, Any]:
    return {
        attribute.key: getattr(attribute.value, str(attribute.value.WhichOneof("value")))
        for attribute in value.attributes
    }


async def test_spans_and_metrics_reach_the_endpoint(endpoint: Endpoint, tmp_path: Path) -> None:
    settings = Settings.of(
        store=f"sqlite:///{tmp_path}/calls.db",
        secret="x",
        otlp_endpoint=endpoint.url,
        otlp_headers="authorization=Bearer abc",
        trace_ratio=1,
    )
    app = create_app(settings)
    push = f"{settings.prefix}/push"
    await call(app, "POST", push, body(conf="secret-room"), client="203.0.113.77")
    await call(app, "POST", push, body(wire_sample(1, {"cq": 900}), conf="secret-room"))
    await call(app, "POST", push, b"nonsense")
    caller = "4bf92f3577b34da6a3ce929d0e0e4736"
    traceparent = {"traceparent": f"00-{caller}-00f067aa0ba902b7-01"}
    path = f"/api/v1/participants/{UID}?room=secret-room"
    await call(app, "GET", path, client="127.0.0.1", headers=traceparent)
    await app.metrics.close()

    pushes = [_attributes(span) for span in endpoint.spans if span.name == "push"]
    assert [(push["jmmc.outcome"], push.get("jmmc.reason")) for push in pushes] == [
        ("accepted", None),
        ("trimmed", None),
        ("rejected", "malformed"),
    ]
    commits = [span for span in endpoint.spans if span.name == "commit"]
    assert [_attributes(commit) for commit in commits] == [{"jmmc.pushes": 1}] * 2
    assert all(commit.end_time_unix_nano > commit.start_time_unix_nano for commit in commits)
    assert not any(commit.parent_span_id for commit in commits), "a batch belongs to no single push"
    (query,) = [span for span in endpoint.spans if span.name.startswith("GET")]
    assert query.name == "GET /api/v1/participants/{participant}"
    assert query.trace_id.hex() == caller
    assert query.parent_span_id.hex() == "00f067aa0ba902b7"
    assert _attributes(query) == {
        "http.request.method": "GET",
        "http.route": "/api/v1/participants/{participant}",
        "http.response.status_code": 404,
    }
    assert {header["authorization"] for header in endpoint.headers} == {"Bearer abc"}
    exported = b"".join(
        message.SerializeToString()
        for messages in endpoint.received.values()
        for message in messages
    )
    for personal in ("secret-room", UID, SID, "203.0.113"):
        assert personal.encode() not in exported


async def test_otlp_metrics_equal_those_of_prometheus(endpoint: Endpoint, tmp_path: Path) -> None:
    settings = Settings.of(
        store=f"sqlite:///{tmp_path}/calls.db", secret="x", otlp_endpoint=endpoint.url
    )
    app = create_app(settings)
    await call(app, "POST", f"{settings.prefix}/push", body())
    await app.metrics.close()
    metrics = endpoint.metrics
    kinds = {"counter": "sum", "gauge": "gauge", "histogram": "histogram"}
    assert {instrument.name for instrument in INSTRUMENTS} - set(metrics) <= _LATER
    for instrument in INSTRUMENTS:
        if instrument.name not in metrics:
            continue
        assert metrics[instrument.name].WhichOneof("data") == kinds[instrument.kind]
        assert metrics[instrument.name].description == instrument.description
    outcomes = {
        (labels["outcome"], labels["reason"]): value
        for labels, value in (
            (_attributes(data_point), data_point.as_double)
            for data_point in metrics["jmmc_pushes"].sum.data_points
        )
    }
    assert outcomes["accepted", ""] == 1
    assert sum(outcomes.values()) == 1
    assert metrics["jmmc_pushes"].sum.is_monotonic
    (commits,) = metrics["jmmc_commit_seconds"].histogram.data_points
    assert (commits.count, sum(commits.bucket_counts)) == (1, 1)
    assert len(commits.bucket_counts) == len(commits.explicit_bounds) + 1
    (resource,) = endpoint.received["/v1/metrics"][-1].resource_metrics
    assert _attributes(resource.resource)["service.name"] == "jmmc"


async def test_pushes_are_stored_while_the_otlp_endpoint_is_down(tmp_path: Path) -> None:
    settings = Settings.of(
        store=f"sqlite:///{tmp_path}/calls.db",
        secret="x",
        otlp_endpoint="http://127.0.0.1:9",
        trace_ratio=1,
    )
    app = create_app(settings)
    assert (await call(app, "POST", f"{settings.prefix}/push", body())).status == 200
    await app.metrics.close()


def test_opentelemetry_is_not_imported_without_an_endpoint(tmp_path: Path) -> None:
    code = (
        "import sys; from jmmc.settings import Settings; from jmmc.web.site import create_app;"
        f"create_app(Settings.of(store='sqlite:///{tmp_path}/calls.db', secret='x'));"
        "print([name for name in sys.modules if name.startswith('opentelemetry')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize(
    ("given", "name", "value"),
    [
        ("Authorization=Basic%20dXNlcjpwYXNz", "authorization", "Basic dXNlcjpwYXNz"),
        ("authorization=Basic dXNlcjpwYXM=", "authorization", "Basic dXNlcjpwYXM="),
        ("x-key=a%2Cb%3D%25,x-more=1", "x-key", "a,b=%"),
        ("x-key=100% of it", "x-key", "100% of it"),
        ("x-key=a+b", "x-key", "a+b"),
        (" x%2Dkey = a ", "x-key", "a"),
    ],
)
async def test_headers_are_percent_decoded(
    endpoint: Endpoint, tmp_path: Path, given: str, name: str, value: str
) -> None:
    """As `OTEL_EXPORTER_OTLP_HEADERS`, which vendors show to copy."""
    app = create_app(
        Settings.of(
            store=f"sqlite:///{tmp_path}/calls.db",
            secret="x",
            otlp_endpoint=endpoint.url,
            otlp_headers=given,
        )
    )
    await app.metrics.collector.open()
    await app.metrics.close()
    assert {header[name] for header in endpoint.headers} == {value}


@pytest.mark.parametrize(
    "given",
    [
        {"otlp_endpoint": "localhost:4318"},
        {"otlp_headers": "Bearer-abc"},
        {"otlp_headers": "x=abc%0d%0ay: z"},
        {"otlp_headers": "x%0ay=abc"},
        {"otlp_headers": "x=abc%C3%A9"},
        {"otlp_headers": "x=%20"},
    ],
)
def test_invalid_otlp_settings_are_rejected_without_showing_headers(
    given: dict[str, str],
) -> None:
    with pytest.raises(SettingsError, match="expected") as caught:
        Settings.of(**given)
    assert "abc" not in str(caught.value).partition("expected")[0]
