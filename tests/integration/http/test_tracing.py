"""Traces across doors, stages and sinks, collected by a real collector endpoint."""

import asyncio
import http.server
import re
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field

import orjson
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.contract.sinks.receiver import Receiver
from tests.integration.http.conftest import Start
from tests.integration.http.test_events import store

CALLER = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@dataclass
class Collector:
    """Takes OTLP over HTTP, as an OpenTelemetry collector does."""

    spans: list[Span] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def find(self, name: str, trace_id: str) -> Span:
        """A span of this trace whose name begins so."""
        for _ in range(300):
            for span in self.spans:
                if span.name.startswith(name) and span.trace_id.hex() == trace_id:
                    return span
            await asyncio.sleep(0.05)
        raise AssertionError(f"no {name} in {sorted({each.name for each in self.spans})}")


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "100")
    found = Collector()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.headers.get("content-encoding") == "gzip":
                import gzip

                body = gzip.decompress(body)
            request = ExportTraceServiceRequest.FromString(body)
            found.paths.append(self.path)
            found.bodies.append(body)
            for resource in request.resource_spans:
                for scope in resource.scope_spans:
                    found.spans.extend(scope.spans)
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.port = server.server_address[1]
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}).start()
    yield found
    server.shutdown()
    server.server_close()


async def test_one_trace_leads_from_the_request_through_the_stages_to_the_sink(
    start: Start, collector: Collector
) -> None:
    hook = Receiver()
    hook.start()
    sinks = {"hook": {"url": hook.url, "allowed_networks": ["127.0.0.1/32"]}}
    gateway = await start(
        telemetry__otlp_endpoint=collector.url,
        sinks=orjson.dumps(sinks).decode(),
        delivery__subscriptions=orjson.dumps([{"name": "all", "sink": "hook"}]).decode(),
    )

    gateway.client.headers["traceparent"] = CALLER
    await store(gateway)

    trace_id = "4bf92f3577b34da6a3ce929d0e0e4736"
    request = await collector.find("POST /dicom-web/studies", trace_id)
    assert request.parent_span_id.hex() == "00f067aa0ba902b7"
    ingest = await collector.find("ingest stow", trace_id)
    assert ingest.parent_span_id == request.span_id
    # Writing may be shared by many instances, and is then nobody's alone.
    for stage in ("wait", "read", "validate", "describe", "digest", "commit"):
        span = await collector.find(f"ingest.{stage}", trace_id)
        assert span.parent_span_id == ingest.span_id
        assert span.end_time_unix_nano >= span.start_time_unix_nano
    told = await collector.find("tell hilum.instance.created.v1", trace_id)
    [posted] = hook.requests
    assert posted.headers["traceparent"] == f"00-{trace_id}-{told.span_id.hex()}-01"
    assert posted.headers["ce-correlationid"] == str(uuid.UUID(trace_id))
    assert set(collector.paths) == {"/v1/traces"}
    hook.stop()


async def test_without_a_caller_the_trace_is_that_of_the_correlation_id(
    start: Start, collector: Collector
) -> None:
    gateway = await start(telemetry__otlp_endpoint=collector.url)

    answer = await gateway.client.get("/dicom-web/studies")
    ours = uuid.UUID(answer.headers["x-correlation-id"]).hex
    named = await gateway.client.get("/dicom-web/studies", headers={"X-Correlation-ID": "order-7"})

    span = await collector.find("GET /dicom-web/studies", ours)
    assert span.parent_span_id == b""
    assert named.headers["x-correlation-id"] == "order-7"
    attributes = {
        each.key: each.value.string_value for span in collector.spans for each in span.attributes
    }
    for _ in range(100):
        if any("order-7" in str(span) for span in collector.spans):
            break
        await asyncio.sleep(0.05)
    else:
        raise AssertionError(attributes)


async def test_no_patient_data_and_no_path_is_in_a_trace(
    start: Start, collector: Collector
) -> None:
    gateway = await start(telemetry__otlp_endpoint=collector.url)
    await store(gateway)
    await gateway.client.get("/dicom-web/studies?PatientName=Phantom*&PatientID=P-1")
    await gateway.client.get("/no/such/Phantom^Test")
    last = await gateway.client.get("/dicom-web/studies/1.2.3/metadata")
    await gateway.client.get("/health")
    await collector.find("GET", uuid.UUID(last.headers["x-correlation-id"]).hex)

    everything = b"".join(collector.bodies)
    assert not re.search(rb"Phantom|P-1\b|PatientName", everything)
    assert b"/no/such" not in everything
    assert not any("health" in span.name for span in collector.spans)


async def test_a_collector_that_is_away_holds_nothing_up(start: Start) -> None:
    gateway = await start(telemetry__otlp_endpoint="http://127.0.0.1:1", telemetry__otlp_seconds=1)

    await store(gateway, 3)

    answer = await gateway.client.get("/dicom-web/studies")
    assert answer.status_code == 200
