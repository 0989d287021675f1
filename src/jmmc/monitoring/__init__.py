"""Metrics of the collector and of the calls, for Prometheus and OpenTelemetry.

Counters and the state of a `Collector` enter; Prometheus families and OTLP exports leave. All
metrics are defined in `instruments`. It knows nothing of HTTP routes (see `web.api.metrics`) and
exports no names of rooms or people.
"""

__all__ = ["otlp", "prometheus"]
