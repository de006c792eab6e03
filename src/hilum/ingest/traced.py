"""The ingest use case with spans: one for each instance, one below it for each stage."""

from collections.abc import Awaitable, Callable

from hilum.domain.errors import HilumError
from hilum.domain.instances import Arrival, Disposition, Outcome
from hilum.domain.origins import Door
from hilum.ports.telemetry import IngestMeter, Stage
from hilum.ports.tracing import SpanKind, Tracing

Receive = Callable[[Arrival], Awaitable[Outcome]]


def traced_ingest(ingest: Receive, tracing: Tracing) -> Receive:
    """`ingest`, in a span of its own: below that of the request where there is one."""

    async def traced(arrival: Arrival) -> Outcome:
        origin = arrival.origin
        span = tracing.begin(
            f"ingest {origin.door.value}", SpanKind.INTERNAL, correlation_id=origin.correlation_id
        )
        with tracing.within(span):
            outcome = await ingest(arrival)
            span.note("hilum.disposition", outcome.disposition.value)
            if isinstance(outcome.error, HilumError):
                span.failed(outcome.error.code)
            elif outcome.error is not None:
                span.failed(type(outcome.error).__name__)
            return outcome

    return traced


class TracedMeter:
    """`IngestMeter` that also makes each stage a span below that of its instance."""

    def __init__(self, meter: IngestMeter, tracing: Tracing) -> None:
        self._meter = meter
        self._tracing = tracing

    def stage(self, stage: Stage, seconds: float) -> None:
        self._tracing.ended(f"ingest.{stage.value}", seconds)
        self._meter.stage(stage, seconds)

    def outcome(self, door: Door, disposition: Disposition, size_bytes: int) -> None:
        self._meter.outcome(door, disposition, size_bytes)

    def limit_hit(self, limit: str) -> None:
        self._meter.limit_hit(limit)

    def batch(self, instances: int, size_bytes: int, seconds: float) -> None:
        self._meter.batch(instances, size_bytes, seconds)

    def waiting(self, instances: int) -> None:
        self._meter.waiting(instances)
