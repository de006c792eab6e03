"""Metrics of work on pixels."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from hilum.ports.pixel_telemetry import PixelOutcome

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class PrometheusPixelMeter:
    """`PixelMeter`."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._tasks = Counter(
            "hilum_pixel_tasks",
            "Frames worked on by workers and threads, by kind of work and what became of it.",
            ("kind", "outcome"),
            registry=registry,
        )
        self._seconds = Histogram(
            "hilum_pixel_task_seconds",
            "Time of those tasks, waiting for a worker included.",
            ("kind",),
            buckets=_SECONDS,
            registry=registry,
        )
        self._waiting = Gauge(
            "hilum_pixel_waiting_tasks", "Frames that wait for a pixel worker.", registry=registry
        )

    def task(self, kind: str, outcome: PixelOutcome, seconds: float) -> None:
        self._tasks.labels(kind, outcome.value).inc()
        self._seconds.labels(kind).observe(seconds)

    def waiting(self, tasks: int) -> None:
        self._waiting.set(tasks)
