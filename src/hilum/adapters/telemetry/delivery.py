"""Metrics of delivery. Subscriptions are few and named in the settings, so they may be labels."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class PrometheusDeliveryMeter:
    """`DeliveryMeter`."""

    def __init__(self, registry: CollectorRegistry) -> None:
        by_name = ("subscription",)
        self._sent = Counter(
            "hilum_delivery_events",
            "Events that a sink acknowledged.",
            by_name,
            registry=registry,
        )
        self._seconds = Histogram(
            "hilum_delivery_send_seconds",
            "Time until a sink acknowledged a batch.",
            by_name,
            buckets=_SECONDS,
            registry=registry,
        )
        self._rejected = Counter(
            "hilum_delivery_dead_letters",
            "Events that a sink will never take, by cause.",
            ("subscription", "cause"),
            registry=registry,
        )
        self._failures = Counter(
            "hilum_delivery_failures",
            "Attempts to send that failed and are made again.",
            by_name,
            registry=registry,
        )
        self._lag = Gauge(
            "hilum_delivery_lag_entries",
            "Entries of the feed that a subscription has yet to look at.",
            by_name,
            registry=registry,
        )
        self._lag_seconds = Gauge(
            "hilum_delivery_lag_seconds",
            "Age of the first of those entries when it was looked at.",
            by_name,
            registry=registry,
        )
        self._running = Gauge(
            "hilum_delivery_running",
            "1 when this process follows the feed for a subscription that is not paused.",
            by_name,
            registry=registry,
        )
        self._stable = Counter(
            "hilum_studies_stable",
            "Studies that came to rest and were announced, by why they count as complete.",
            ("because",),
            registry=registry,
        )
        self._waiting = Gauge(
            "hilum_studies_waiting",
            "Studies that have yet to come to rest.",
            registry=registry,
        )

    def sent(self, subscription: str, events: int, seconds: float) -> None:
        self._sent.labels(subscription).inc(events)
        self._seconds.labels(subscription).observe(seconds)

    def rejected(self, subscription: str, cause: str) -> None:
        self._rejected.labels(subscription, cause).inc()

    def failed(self, subscription: str) -> None:
        self._failures.labels(subscription).inc()

    def lag(self, subscription: str, entries: int, seconds: float) -> None:
        self._lag.labels(subscription).set(entries)
        self._lag_seconds.labels(subscription).set(seconds)

    def running(self, subscription: str, running: bool) -> None:
        self._running.labels(subscription).set(running)

    def stable(self, because: str) -> None:
        self._stable.labels(because).inc()

    def waiting(self, studies: int) -> None:
        self._waiting.set(studies)
