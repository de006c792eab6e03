"""Metrics of the DIMSE door."""

from prometheus_client import CollectorRegistry, Counter, Gauge


class PrometheusDimseMeter:
    """`DimseMeter`; prometheus_client's values are safe to change from any thread."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._open = Gauge("hilum_dimse_associations_open", "Open associations.", registry=registry)
        self._closed = Counter(
            "hilum_dimse_associations_closed",
            "Associations that ended, by how: released, aborted or lost.",
            ("how",),
            registry=registry,
        )
        self._refused = Counter(
            "hilum_dimse_associations_refused",
            "Connections and association requests turned away, by reason.",
            ("reason",),
            registry=registry,
        )
        self._violations = Counter(
            "hilum_dimse_protocol_violations",
            "Peers aborted because they broke a rule or limit of the upper layer, by reason.",
            ("reason",),
            registry=registry,
        )
        self._stores = Counter(
            "hilum_dimse_stores",
            "C-STORE requests answered, by status (hexadecimal).",
            ("status",),
            registry=registry,
        )
        self._bytes = Counter(
            "hilum_dimse_received_bytes", "Bytes of data sets of C-STORE.", registry=registry
        )

    def association_opened(self) -> None:
        self._open.inc()

    def association_closed(self, how: str) -> None:
        self._open.dec()
        self._closed.labels(how).inc()

    def association_refused(self, reason: str) -> None:
        self._refused.labels(reason).inc()

    def protocol_violated(self, reason: str) -> None:
        self._violations.labels(reason).inc()

    def stored(self, status: int, size_bytes: int) -> None:
        self._stores.labels(f"0x{status:04X}").inc()
        self._bytes.inc(size_bytes)
