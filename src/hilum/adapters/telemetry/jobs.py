"""Metrics of jobs."""

from prometheus_client import CollectorRegistry, Counter, Gauge

from hilum.domain.jobs import JobKind, JobState


class PrometheusJobMeter:
    """`JobMeter`."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._running = Gauge(
            "hilum_jobs_running",
            "Operations that this process works on now.",
            ("kind",),
            registry=registry,
        )
        self._ended = Counter(
            "hilum_jobs_ended", "Operations that ended, by how.", ("kind", "state"),
            registry=registry,
        )  # fmt: skip
        self._postponed = Counter(
            "hilum_jobs_postponed",
            "Attempts that met an outage and are made again.",
            ("kind",),
            registry=registry,
        )

    def began(self, kind: JobKind) -> None:
        self._running.labels(kind.value).inc()

    def left(self, kind: JobKind) -> None:
        self._running.labels(kind.value).dec()

    def ended(self, kind: JobKind, state: JobState) -> None:
        self._ended.labels(kind.value, state.value).inc()

    def postponed(self, kind: JobKind) -> None:
        self._postponed.labels(kind.value).inc()
