"""Metrics under the names of the Orthanc middleware's contract, beside our own."""

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from hilum.domain.instances import Disposition

_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 600)
_ENDPOINTS: Final = frozenset({"/api/v1/ingestion/studies", "/health", "/ready", "/metrics"})
_UPLOADED: Final = frozenset({Disposition.CREATED, Disposition.NEW_VERSION})


class PrometheusIngestionMeter:
    """`IngestionMeter`."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._succeeded = Counter(
            "dicom_middleware_pipeline_success",
            "Studies that were fetched, kept whole and announced.",
            registry=registry,
        )
        self._failed = Counter(
            "dicom_middleware_pipeline_failure",
            "Attempts at a study that failed in whole or in part, by reason.",
            ("reason",),
            registry=registry,
        )
        self._letters = Counter(
            "dicom_middleware_dlq_messages",
            "Dead letters of studies that could not be kept whole, by reason.",
            ("reason",),
            registry=registry,
        )
        self._visits = Histogram(
            "hilum_orthanc_visit_seconds",
            "Time from claiming a study until it was announced and settled.",
            buckets=_SECONDS,
            registry=registry,
        )
        self._waiting = Gauge(
            "hilum_orthanc_waiting_studies",
            "Studies that wait or are being fetched, by name of the source.",
            ("source",),
            registry=registry,
        )

    def succeeded(self) -> None:
        self._succeeded.inc()

    def failed(self, reason: str, /) -> None:
        self._failed.labels(reason).inc()

    def dead_lettered(self, reason: str, /) -> None:
        self._letters.labels(reason).inc()

    def visited(self, seconds: float, /) -> None:
        self._visits.observe(seconds)

    def backlog(self, source: str, waiting: int, /) -> None:
        self._waiting.labels(source).set(waiting)


class UploadMeter:
    """Writes to the object store, whichever door they come from."""

    def __init__(self, registry: CollectorRegistry, backend: str) -> None:
        seconds = Histogram(
            "dicom_middleware_storage_upload_duration_seconds",
            "Time to write one object, by kind of store.",
            ("backend",),
            buckets=_SECONDS,
            registry=registry,
        )
        uploads = Counter(
            "dicom_middleware_storage_upload",
            "Instances written and committed, or failed, by kind of store and status.",
            ("backend", "status"),
            registry=registry,
        )
        self._seconds = seconds.labels(backend)
        self._succeeded = uploads.labels(backend, "success")
        self._failed = uploads.labels(backend, "failure")

    def wrote(self, seconds: float) -> None:
        self._seconds.observe(seconds)

    def ended(self, disposition: Disposition) -> None:
        if disposition in _UPLOADED:
            self._succeeded.inc()
        elif disposition is Disposition.FAILED:
            self._failed.inc()


class EndpointMeter:
    """Requests to the endpoints that the middleware's contract names."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests = Counter(
            "dicom_middleware_requests",
            "Requests to the endpoints of the Orthanc middleware.",
            ("method", "endpoint", "status"),
            registry=registry,
        )
        self._seconds = Histogram(
            "dicom_middleware_request_duration_seconds",
            "Time to answer them.",
            ("endpoint",),
            buckets=_SECONDS,
            registry=registry,
        )

    def ended(self, route: str, method: str, status: int, seconds: float) -> None:
        if route in _ENDPOINTS:
            self._requests.labels(method, route, str(status)).inc()
            self._seconds.labels(route).observe(seconds)
