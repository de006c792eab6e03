"""Telemetry engines: metrics for Prometheus, checks of the disk, the names of patient data."""

from hilum.adapters.telemetry.checks import DiskCheck, StateCheck
from hilum.adapters.telemetry.metrics import Metrics
from hilum.adapters.telemetry.patient_attributes import patient_keywords

__all__ = ["DiskCheck", "Metrics", "StateCheck", "patient_keywords"]
