"""Telemetry: request log, Prometheus metrics, OTLP traces."""
