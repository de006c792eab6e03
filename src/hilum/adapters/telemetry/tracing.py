"""Traces by OpenTelemetry, sent to a collector by OTLP over HTTP."""

import hashlib
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import IdGenerator, RandomIdGenerator
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from hilum.ports.tracing import Span, SpanKind

_KINDS: Final = {
    SpanKind.SERVER: trace.SpanKind.SERVER,
    SpanKind.INTERNAL: trace.SpanKind.INTERNAL,
    SpanKind.PRODUCER: trace.SpanKind.PRODUCER,
}
_ROOT_OF: Final[ContextVar[str]] = ContextVar("hilum_trace_root", default="")
"""Correlation id of which the next root's trace id is made."""


def trace_id_of(correlation_id: str) -> int:
    """The number of a UUID as it is; of any other text half of its digest."""
    try:
        number = uuid.UUID(correlation_id).int
    except ValueError:
        number = int.from_bytes(hashlib.sha256(correlation_id.encode()).digest()[:16])
    return number or 1


class _Ids(IdGenerator):
    def __init__(self) -> None:
        self._random = RandomIdGenerator()

    def generate_span_id(self) -> int:
        return self._random.generate_span_id()

    def generate_trace_id(self) -> int:
        correlation_id = _ROOT_OF.get()
        return trace_id_of(correlation_id) if correlation_id else self._random.generate_trace_id()

    def is_trace_id_random(self) -> bool:
        return False


class OtelSpan:
    """`Span`."""

    __slots__ = ("span",)

    def __init__(self, span: trace.Span) -> None:
        self.span = span

    @property
    def traceparent(self) -> str:
        context = self.span.get_span_context()
        return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"

    def rename(self, name: str) -> None:
        self.span.update_name(name)

    def note(self, name: str, value: str | int) -> None:
        self.span.set_attribute(name, value)

    def failed(self, kind: str) -> None:
        self.span.set_status(trace.StatusCode.ERROR, kind)

    def end(self) -> None:
        self.span.end()


class OtelTracing:
    """`Tracing`, with a provider of its own: nothing is global."""

    def __init__(self, processor: SpanProcessor, *, version: str, ratio: float = 1.0) -> None:
        resource = Resource.create({"service.name": "hilum", "service.version": version})
        self._provider = TracerProvider(
            sampler=ParentBased(TraceIdRatioBased(ratio)),
            resource=resource,
            id_generator=_Ids(),
            shutdown_on_exit=False,
        )
        self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer("hilum", version)
        self._propagator = TraceContextTextMapPropagator()

    def begin(
        self, name: str, kind: SpanKind, *, correlation_id: str, parent: str | None = None
    ) -> OtelSpan:
        context = self._context(parent)
        token = _ROOT_OF.set(correlation_id)
        try:
            span = self._tracer.start_span(name, context, _KINDS[kind])
        finally:
            _ROOT_OF.reset(token)
        span.set_attribute("hilum.correlation_id", correlation_id)
        return OtelSpan(span)

    def _context(self, parent: str | None) -> Context | None:
        if parent is None:
            return None
        return self._propagator.extract({"traceparent": parent}, Context())

    @contextmanager
    def within(self, span: Span) -> Iterator[None]:
        assert isinstance(span, OtelSpan)  # noqa: S101 - every span comes from `begin`
        try:
            # Texts of exceptions may hold anything; doors say by a code what went wrong.
            with trace.use_span(span.span, record_exception=False, set_status_on_exception=False):
                yield
        except BaseException as error:
            span.failed(type(error).__name__)
            raise
        finally:
            span.end()

    def ended(self, name: str, seconds: float) -> None:
        if not trace.get_current_span().is_recording():
            return
        now = time.time_ns()
        span = self._tracer.start_span(name, start_time=now - int(seconds * 1e9))
        span.end(now)

    def close(self) -> None:
        """Send what is left; blocks for as long as the exporter allows."""
        self._provider.shutdown()


def otlp_tracing(
    endpoint: str, headers: Mapping[str, str], *, version: str, ratio: float, seconds: float
) -> OtelTracing:
    """Traces to the collector at `endpoint`; each export may take `seconds`.

    While the collector is away, spans are dropped: nothing waits for it.
    """
    exporter = OTLPSpanExporter(endpoint=endpoint, headers=dict(headers), timeout=seconds)
    processor = BatchSpanProcessor(exporter, export_timeout_millis=seconds * 1000)
    return OtelTracing(processor, version=version, ratio=ratio)
