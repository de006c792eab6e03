"""Metrics of what is in quarantine."""

from prometheus_client import CollectorRegistry, Counter, Gauge

from hilum.domain.origins import Door
from hilum.domain.quarantine import QuarantineState


class PrometheusQuarantineMeter:
    """`QuarantineMeter`."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._kept = Counter(
            "hilum_quarantine_kept",
            "Instances that a door refused and that are kept apart, by code of the first error.",
            ("door", "code"),
            registry=registry,
        )
        self._not_kept = Counter(
            "hilum_quarantine_not_kept",
            "Refused instances that could not be kept: `full`, or the code of an error.",
            ("door", "cause"),
            registry=registry,
        )
        self._decided = Counter(
            "hilum_quarantine_decided",
            "What left quarantine, by how.",
            ("state",),
            registry=registry,
        )
        self._files = Gauge(
            "hilum_quarantine_files", "Files in quarantine that are held.", registry=registry
        )
        self._bytes = Gauge(
            "hilum_quarantine_bytes", "Bytes in quarantine that are held.", registry=registry
        )

    def kept(self, door: Door, code: str) -> None:
        self._kept.labels(door.value, code).inc()

    def not_kept(self, door: Door, cause: str) -> None:
        self._not_kept.labels(door.value, cause).inc()

    def decided(self, state: QuarantineState) -> None:
        self._decided.labels(state.value).inc()

    def held(self, files: int, size_bytes: int) -> None:
        self._files.set(files)
        self._bytes.set(size_bytes)
