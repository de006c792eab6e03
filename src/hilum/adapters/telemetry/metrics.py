"""All metrics of one process, in a registry of its own (nothing global, so tests can have many)."""

from collections.abc import Callable, Iterator
from typing import Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from hilum.adapters.telemetry.delivery import PrometheusDeliveryMeter
from hilum.adapters.telemetry.derived import PrometheusDerivedMeter
from hilum.adapters.telemetry.dimse import PrometheusDimseMeter
from hilum.adapters.telemetry.http import PrometheusAccessMeter, PrometheusHttpMeter
from hilum.adapters.telemetry.ingest import PrometheusIngestMeter
from hilum.adapters.telemetry.jobs import PrometheusJobMeter
from hilum.adapters.telemetry.middleware import PrometheusIngestionMeter, UploadMeter
from hilum.adapters.telemetry.pixels import PrometheusPixelMeter
from hilum.adapters.telemetry.quarantine import PrometheusQuarantineMeter
from hilum.adapters.telemetry.submissions import PrometheusSubmissionMeter
from hilum.domain.records import ArchiveCounts

_OBSERVED: Final = {
    "hilum_disk_free_bytes": "Free space on the file system of the objects.",
    "hilum_disk_reserve_bytes": "Space that is never filled (setting storage.reserve_bytes).",
    "hilum_event_stream_clients": "Clients that listen to events over HTTP.",
    "hilum_workitem_sockets": "Subscribers of work items that are connected.",
    "hilum_status_stream_clients": "Clients that listen to the states of an upload over HTTP.",
}
_HELD: Final = {
    "studies": "Studies held.",
    "series": "Series held.",
    "instances": "Instances held.",
    "stored_bytes": "Bytes of the instances held.",
    "deletion_queue_objects": "Objects that were deleted and whose space is not yet freed.",
}


class Metrics:
    """The meters that the ports ask for, and the page that shows them."""

    media_type: Final = CONTENT_TYPE_PLAIN_0_0_4

    def __init__(self, version: str, backend: str = "local") -> None:
        """`backend` is the kind of object store: local, s3, gcs, azure."""
        # They would double every counter by a series that nothing reads.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry(auto_describe=True)
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        limits = Counter(
            "hilum_limit_hits",
            "Requests, instances and connections that ran into a limit, by name of its setting.",
            ("limit",),
            registry=self.registry,
        )
        build = Gauge(
            "hilum_build_info",
            "Always 1; the version is a label.",
            ("version",),
            registry=self.registry,
        )
        build.labels(version).set(1)
        self.http = PrometheusHttpMeter(self.registry, limits)
        self.access = PrometheusAccessMeter(self.registry)
        self.ingest = PrometheusIngestMeter(
            self.registry, limits, UploadMeter(self.registry, backend)
        )
        self.ingestion = PrometheusIngestionMeter(self.registry)
        self.dimse = PrometheusDimseMeter(self.registry)
        self.delivery = PrometheusDeliveryMeter(self.registry)
        self.jobs = PrometheusJobMeter(self.registry)
        self.pixels = PrometheusPixelMeter(self.registry)
        self.derived = PrometheusDerivedMeter(self.registry)
        self.quarantine = PrometheusQuarantineMeter(self.registry)
        self.submissions = PrometheusSubmissionMeter(self.registry)
        self._held = {
            name: Gauge(f"hilum_{name}", text, registry=self.registry)
            for name, text in _HELD.items()
        }
        self._observed = _Observed()
        self.registry.register(self._observed)

    def observe(self, name: str, value: Callable[[], float]) -> None:
        """Ask `value` for the gauge `name` whenever the page is read, in the thread that renders.

        A `value` that raises `OSError` leaves its gauge out. Raises `KeyError` for a name that is
        not among those of docs/operations/metrics.md.
        """
        self._observed.sources[_known(name)] = value

    def held(self, counts: ArchiveCounts) -> None:
        """Remember how much the archive holds and has to free, for the next page."""
        self._held["studies"].set(counts.studies)
        self._held["series"].set(counts.series)
        self._held["instances"].set(counts.instances)
        self._held["stored_bytes"].set(counts.size_bytes)
        self._held["deletion_queue_objects"].set(counts.awaiting_deletion)

    def render(self) -> bytes:
        """The page for Prometheus."""
        return generate_latest(self.registry)


def _known(name: str) -> str:
    if name not in _OBSERVED:
        raise KeyError(name)
    return name


class _Observed(Collector):
    def __init__(self) -> None:
        self.sources: dict[str, Callable[[], float]] = {}

    def collect(self) -> Iterator[Metric]:
        for name, source in self.sources.items():
            try:
                value = source()
            except OSError:
                continue
            family = GaugeMetricFamily(name, _OBSERVED[name])
            family.add_metric((), value)
            yield family

    def describe(self) -> Iterator[Metric]:
        for name, documentation in _OBSERVED.items():
            yield GaugeMetricFamily(name, documentation)
