"""OpenTelemetry over OTLP: traces, and the metrics of /metrics. Only this module uses its SDK.

Imported only if `otlp_endpoint` is set. Spans have operation, size and outcome; never names of
people or rooms, nor addresses.
"""

import asyncio
import math
import os
import time
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from random import random
from typing import Any
from urllib.parse import unquote
from uuid import uuid4

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import export as points
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanKind, StatusCode, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from prometheus_client.core import Metric

from jmmc.collector import Collector
from jmmc.core.errors import Rejected
from jmmc.core.logging import logger
from jmmc.core.supervision import Supervisor
from jmmc.core.version import __version__
from jmmc.ingest.counters import Counters, Job
from jmmc.ingest.receiver import Accepted, Sender
from jmmc.monitoring.prometheus import Exposition
from jmmc.settings import Settings
from jmmc.stores import Store

_INTERVAL = "60000"  # Milliseconds between two exports of metrics: the SDK's default.
_TIMEOUT = 3.0  # Seconds for an export: with the SDK's 10, a shutdown would take 20.
_SECOND = 1_000_000_000  # Nanoseconds
_SCOPE = InstrumentationScope("jmmc", __version__)
_NOT_KEPT: Any = None  # Optional in OTLP.
_SERVER_ERRORS = frozenset({"busy", "store_down"})  # The other reasons are client errors.

_log = logger(__name__)

_Scope = MutableMapping[str, Any]
_Message = MutableMapping[str, Any]
_Receive = Callable[[], Awaitable[_Message]]
_Send = Callable[[_Message], Awaitable[None]]
_App = Callable[[_Scope, _Receive, _Send], Awaitable[None]]


class TracedCollector(Collector):
    """A collector that exports spans and metrics to an OTLP endpoint."""

    def __init__(self, settings: Settings, store: Store, *, secret: str) -> None:
        headers = _headers(settings.otlp_headers)
        base = settings.otlp_endpoint.rstrip("/")
        self._resource = _resource()
        self._provider = TracerProvider(resource=self._resource)
        timeout = None if "OTEL_EXPORTER_OTLP_TIMEOUT" in os.environ else _TIMEOUT
        spans = OTLPSpanExporter(f"{base}/v1/traces", headers=headers, timeout=timeout)
        self._provider.add_span_processor(BatchSpanProcessor(spans))
        self._metrics = OTLPMetricExporter(f"{base}/v1/metrics", headers=headers, timeout=timeout)
        self.tracer = self._provider.get_tracer("jmmc", __version__)
        super().__init__(settings, store, secret=secret, counters=_TracedCounters(self.tracer))
        self._exposition = Exposition(self, clock=time.time)

    async def close(self) -> None:
        """See `Collector.close`; spans and metrics that wait are exported first."""
        if self.is_open:
            try:
                await self._export()
            except Exception:
                _log.exception("otlp_export_failed")
        await super().close()
        await asyncio.to_thread(self._provider.force_flush)

    @property
    def is_ready(self) -> bool:
        """False: a span is made by `receive`."""
        return False

    async def receive(self, body: bytes, sender: Sender) -> Accepted:
        """See `Collector.receive`. Makes a span for a sample of the pushes (`trace_ratio`)."""
        if random() >= self.settings.trace_ratio:  # noqa: S311 - a sample, not a secret
            return await super().receive(body, sender)
        span = self.tracer.start_span("push", Context(), SpanKind.SERVER)
        span.set_attribute("jmmc.body_bytes", len(body))
        try:
            accepted = await super().receive(body, sender)
        except Rejected as rejected:
            span.set_attributes({"jmmc.outcome": "rejected", "jmmc.reason": rejected.reason})
            if rejected.reason in _SERVER_ERRORS:
                span.set_status(StatusCode.ERROR)
            raise
        else:
            outcome = "trimmed" if accepted.answer.dropped else "accepted"
            span.set_attribute("jmmc.outcome", outcome)
            return accepted
        finally:
            span.end()

    def trace_requests(self, app: _App) -> _App:
        """Wrap `app`: a span for each API request, as a child of the caller's `traceparent`."""
        tracer, propagator = self.tracer, TraceContextTextMapPropagator()

        async def trace(scope: _Scope, receive: _Receive, send: _Send) -> None:
            if scope["type"] != "http" or "/api/" not in scope["path"]:
                await app(scope, receive, send)
                return
            headers = {name.decode(): value.decode("latin-1") for name, value in scope["headers"]}
            caller = propagator.extract(headers, Context())
            method = scope["method"]
            with tracer.start_as_current_span(
                method, caller, SpanKind.SERVER, record_exception=False
            ) as span:
                span.set_attribute("http.request.method", method)

                async def answer(message: _Message) -> None:
                    if message["type"] == "http.response.start":
                        span.set_attribute("http.response.status_code", message["status"])
                        if message["status"] >= 500:
                            span.set_status(StatusCode.ERROR)
                    await send(message)

                await app(scope, receive, answer)
                # The path has names of rooms and people, the route only placeholders.
                if route := getattr(scope.get("route"), "path", ""):
                    span.update_name(f"{method} {route}")
                    span.set_attribute("http.route", route)

        return trace

    def _start_background_tasks(self, supervisor: Supervisor) -> None:
        super()._start_background_tasks(supervisor)
        supervisor.start("otlp", self._export_periodically)

    async def _export_periodically(self) -> None:
        pause = int(os.environ.get("OTEL_METRIC_EXPORT_INTERVAL", _INTERVAL)) / 1000
        while True:
            await asyncio.sleep(pause)
            await self._export()

    async def _export(self) -> None:
        await self._exposition.refresh()
        began, now = int(self.began * _SECOND), time.time_ns()
        metrics = list(_metrics_of(self._exposition.registry.collect(), began, now))
        scope = points.ScopeMetrics(_SCOPE, metrics, "")
        data = points.MetricsData([points.ResourceMetrics(self._resource, [scope], "")])
        await asyncio.to_thread(self._metrics.export, data)  # The exporter logs its errors itself.


def _headers(pairs: Iterable[str]) -> dict[str, str] | None:
    """The headers that `otlp_headers` gives, percent-encoded as the OpenTelemetry standard says."""
    split = (pair.partition("=") for pair in pairs)
    return {unquote(name).strip(): unquote(value).strip() for name, _, value in split} or None


class _TracedCounters(Counters):
    """Counters that also make a span for each batch."""

    def __init__(self, tracer: Tracer) -> None:
        super().__init__()
        self._tracer = tracer

    def commit(self, pushes: int, seconds: float) -> None:
        super().commit(pushes, seconds)
        self._span("commit", seconds, pushes=pushes)

    def fail(self, job: Job, seconds: float = 0.0) -> None:
        super().fail(job, seconds)
        self._span(job, seconds, StatusCode.ERROR)

    def _span(
        self, name: str, seconds: float, status: StatusCode = StatusCode.UNSET, **numbers: int
    ) -> None:
        ended = time.time_ns()
        began = ended - int(seconds * _SECOND)
        attributes = {f"jmmc.{key}": number for key, number in numbers.items()}
        span = self._tracer.start_span(
            name, Context(), SpanKind.INTERNAL, attributes, start_time=began
        )
        span.set_status(status)
        span.end(ended)


def _resource() -> Resource:
    """Describe this process; OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES take precedence."""
    own = Resource.create(
        {
            "service.name": "jmmc",
            "service.version": __version__,
            "service.instance.id": str(uuid4()),
        }
    )
    return own.merge(OTELResourceDetector().detect())


def _metrics_of(families: Iterable[Metric], began: int, now: int) -> Iterable[points.Metric]:
    """Convert families of the Prometheus client to OTLP, cumulative since `began` (ns)."""
    cumulative = points.AggregationTemporality.CUMULATIVE
    for family in families:
        if not family.samples:
            continue  # No value now.
        data: points.DataT
        if family.type == "histogram":
            data = points.Histogram(_histograms(family, began, now), cumulative)
        else:
            numbers = [
                points.NumberDataPoint(sample.labels, began, now, float(sample.value))
                for sample in family.samples
                if not sample.name.endswith("_created")
            ]
            data = (
                points.Sum(numbers, cumulative, is_monotonic=True)
                if family.type == "counter"
                else points.Gauge(numbers)
            )
        yield points.Metric(family.name, family.documentation, family.unit, data)


def _histograms(family: Metric, began: int, now: int) -> list[points.HistogramDataPoint]:
    buckets: dict[tuple[tuple[str, str], ...], list[tuple[float, int]]] = {}
    sums: dict[tuple[tuple[str, str], ...], float] = {}
    for sample in family.samples:
        labels = tuple((name, label) for name, label in sample.labels.items() if name != "le")
        if sample.name.endswith("_bucket"):
            bound = (float(sample.labels["le"]), int(sample.value))
            buckets.setdefault(labels, []).append(bound)
        elif sample.name.endswith("_sum"):
            sums[labels] = sample.value
    histograms: list[points.HistogramDataPoint] = []
    for labels, bounds in buckets.items():
        counts = [n for _, n in bounds]
        histograms.append(
            points.HistogramDataPoint(
                attributes=dict(labels),
                start_time_unix_nano=began,
                time_unix_nano=now,
                count=counts[-1],
                sum=sums[labels],
                bucket_counts=[n - before for before, n in zip([0, *counts], counts, strict=False)],
                explicit_bounds=[bound for bound, _ in bounds if math.isfinite(bound)],
                min=_NOT_KEPT,
                max=_NOT_KEPT,
            )
        )
    return histograms
