"""Metrics of the cache of derived objects."""

from prometheus_client import CollectorRegistry, Counter, Gauge

from hilum.ports.derived_telemetry import DerivedPut, DerivedRead, DerivedRemoval


class PrometheusDerivedMeter:
    """`DerivedMeter`."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._reads = Counter(
            "hilum_derived_reads",
            "Questions to the cache of derived objects, by where the answer came from.",
            ("outcome",),
            registry=registry,
        )
        self._puts = Counter(
            "hilum_derived_puts",
            "Objects handed to the cache, by what became of them.",
            ("outcome",),
            registry=registry,
        )
        self._put_bytes = Counter(
            "hilum_derived_put_bytes",
            "Bytes of the objects that the cache kept.",
            registry=registry,
        )
        self._removed = Counter(
            "hilum_derived_removed",
            "Objects removed from the cache, by reason.",
            ("reason",),
            registry=registry,
        )
        self._held = Gauge(
            "hilum_derived_held_bytes",
            "About what the cache takes of the disk.",
            registry=registry,
        )

    def read(self, outcome: DerivedRead) -> None:
        self._reads.labels(outcome.value).inc()

    def put(self, outcome: DerivedPut, size_bytes: int) -> None:
        self._puts.labels(outcome.value).inc()
        if outcome is DerivedPut.KEPT:
            self._put_bytes.inc(size_bytes)

    def removed(self, reason: DerivedRemoval, objects: int) -> None:
        self._removed.labels(reason.value).inc(objects)

    def held(self, size_bytes: int) -> None:
        self._held.set(size_bytes)
