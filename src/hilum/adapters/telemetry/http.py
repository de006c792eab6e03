"""Metrics of the HTTP server and of the gate."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from hilum.adapters.telemetry.middleware import EndpointMeter

# From a cached search to the retrieve of a large study.
_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 120)


class PrometheusHttpMeter:
    """`HttpMeter`."""

    def __init__(self, registry: CollectorRegistry, limits: Counter) -> None:
        self._limits = limits
        self._endpoints = EndpointMeter(registry)
        self._requests = Counter(
            "hilum_http_requests",
            "HTTP requests by template of the route, method and status (499: the client left).",
            ("route", "method", "status"),
            registry=registry,
        )
        self._seconds = Histogram(
            "hilum_http_request_seconds",
            "Time from the headers of a request to the last byte of its answer.",
            ("route", "method"),
            buckets=_SECONDS,
            registry=registry,
        )
        self._in_flight = Gauge(
            "hilum_http_requests_in_flight", "HTTP requests being answered.", registry=registry
        )
        self._received = Counter(
            "hilum_http_received_bytes", "Bytes of request bodies.", registry=registry
        )
        self._sent = Counter("hilum_http_sent_bytes", "Bytes of answer bodies.", registry=registry)

        # What labels lead to, by label: the library's own way there takes longer than to count.
        self._known: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    def began(self) -> None:
        self._in_flight.inc()

    def ended(
        self,
        *,
        route: str,
        method: str,
        status: int,
        seconds: float,
        bytes_in: int,
        bytes_out: int,
    ) -> None:
        self._in_flight.dec()
        requests, took = self._children(route, method, status)
        requests.inc()
        took.observe(seconds)
        if bytes_in:
            self._received.inc(bytes_in)
        self._sent.inc(bytes_out)
        self._endpoints.ended(route, method, status, seconds)

    def _children(self, route: str, method: str, status: int) -> tuple[Counter, Histogram]:
        labels = route, method, status
        known = self._known.get(labels)
        if known is None:
            known = (
                self._requests.labels(route, method, str(status)),
                self._seconds.labels(route, method),
            )
            self._known[labels] = known
        return known

    def limited(self, limit: str) -> None:
        self._limits.labels(limit).inc()


class PrometheusAccessMeter:
    """`AccessMeter`."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._admitted = Counter(
            "hilum_access_admitted",
            "Callers let in, by kind of credential.",
            ("credential",),
            registry=registry,
        )
        self._refused = Counter(
            "hilum_access_refused",
            "Callers refused, by reason; a rising count of unknown keys is somebody guessing.",
            ("reason",),
            registry=registry,
        )

    def admitted(self, credential: str) -> None:
        self._admitted.labels(credential).inc()

    def refused(self, reason: str) -> None:
        self._refused.labels(reason).inc()
