"""Metrics of the ingest pipeline."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from hilum.adapters.telemetry.middleware import UploadMeter
from hilum.domain.instances import Disposition
from hilum.domain.origins import Door
from hilum.ports.telemetry import Stage

_SECONDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5, 30)
_INSTANCES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
_BYTES = (1 << 12, 1 << 14, 1 << 16, 1 << 18, 1 << 20, 1 << 22, 1 << 24, 1 << 26)


class PrometheusIngestMeter:
    """`IngestMeter`."""

    def __init__(self, registry: CollectorRegistry, limits: Counter, uploads: UploadMeter) -> None:
        self._limits = limits
        self._uploads = uploads
        self._outcomes = Counter(
            "hilum_ingest_instances",
            "Instances that arrived, by door and by what became of them.",
            ("door", "disposition"),
            registry=registry,
        )
        self._bytes = Counter(
            "hilum_ingest_bytes", "Bytes of those instances.", ("door",), registry=registry
        )
        self._stages = Histogram(
            "hilum_ingest_stage_seconds",
            "Time of one instance in each stage; `write` is the object store's latency.",
            ("stage",),
            buckets=_SECONDS,
            registry=registry,
        )
        # Looking a label up costs as much as a small stage takes.
        self._of_stage = {stage: self._stages.labels(stage.value) for stage in Stage}
        self._of_outcome: dict[tuple[Door, Disposition], tuple[Counter, Counter]] = {}
        self._batch = Histogram(
            "hilum_committer_batch_instances",
            "Instances committed in one transaction.",
            buckets=_INSTANCES,
            registry=registry,
        )
        self._batch_bytes = Histogram(
            "hilum_committer_batch_bytes",
            "Bytes of rows and metadata in one transaction.",
            buckets=_BYTES,
            registry=registry,
        )
        self._batch_seconds = Histogram(
            "hilum_committer_batch_seconds",
            "Time of one transaction.",
            buckets=_SECONDS,
            registry=registry,
        )
        self._waiting = Gauge(
            "hilum_committer_waiting_instances",
            "Instances whose object is written and that wait for a transaction.",
            registry=registry,
        )

    def stage(self, stage: Stage, seconds: float) -> None:
        self._of_stage[stage].observe(seconds)
        if stage is Stage.WRITE:
            self._uploads.wrote(seconds)

    def outcome(self, door: Door, disposition: Disposition, size_bytes: int) -> None:
        counters = self._of_outcome.get((door, disposition))
        if counters is None:
            instances = self._outcomes.labels(door.value, disposition.value)
            counters = instances, self._bytes.labels(door.value)
            self._of_outcome[door, disposition] = counters
        counters[0].inc()
        counters[1].inc(size_bytes)
        self._uploads.ended(disposition)

    def limit_hit(self, limit: str) -> None:
        self._limits.labels(limit).inc()

    def batch(self, instances: int, size_bytes: int, seconds: float) -> None:
        self._batch.observe(instances)
        self._batch_bytes.observe(size_bytes)
        self._batch_seconds.observe(seconds)

    def waiting(self, instances: int) -> None:
        self._waiting.set(instances)
