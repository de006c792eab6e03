"""Gauges of the disk, asked for whenever somebody reads the metrics."""

import shutil

from hilum.adapters.telemetry.metrics import Metrics
from hilum.bootstrap.archive import Archive
from hilum.settings import Settings


def observe_disk(metrics: Metrics, archive: Archive, settings: Settings) -> None:
    """Tell the metrics how much space there is, and how much of it stays free."""
    metrics.observe("hilum_disk_free_bytes", lambda: shutil.disk_usage(archive.folder).free)
    metrics.observe("hilum_disk_reserve_bytes", lambda: settings.storage.reserve_bytes)
