"""A sink with spans: one for each event, whose `traceparent` goes with it."""

from collections.abc import Sequence
from dataclasses import replace

from hilum.domain.events import Event, Rejected
from hilum.ports.sinks import EventSink
from hilum.ports.tracing import Span, SpanKind, Tracing


class TracedSink:
    """`EventSink` around another."""

    def __init__(self, name: str, sink: EventSink, tracing: Tracing) -> None:
        self._name = name
        self._sink = sink
        self._tracing = tracing

    async def open(self) -> None:
        await self._sink.open()

    async def close(self) -> None:
        await self._sink.close()

    async def send(self, events: Sequence[Event]) -> Sequence[Rejected]:
        spans = [self._began(event) for event in events]
        told = [
            replace(event, headers={**event.headers, "traceparent": span.traceparent})
            for event, span in zip(events, spans, strict=True)
        ]
        try:
            rejected = await self._sink.send(told)
        except BaseException as error:
            for span in spans:
                span.failed(type(error).__name__)
            raise
        else:
            causes = {each.event_id: each.cause for each in rejected}
            for event, span in zip(events, spans, strict=True):
                if event.event_id in causes:
                    span.failed(causes[event.event_id])
            return rejected
        finally:
            for span in spans:
                span.end()

    def _began(self, event: Event) -> Span:
        name = f"tell {event.type}"
        span = self._tracing.begin(name, SpanKind.PRODUCER, correlation_id=event.correlation_id)
        span.note("hilum.sink", self._name)
        span.note("hilum.event_id", event.event_id)
        span.note("hilum.sequence", event.sequence)
        return span
