"""What Prometheus and OpenTelemetry see of a collector."""
