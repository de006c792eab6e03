"""Telemetry engines: metrics for Prometheus, checks of the disk, the names of patient data."""
