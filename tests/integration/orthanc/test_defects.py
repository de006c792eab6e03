"""The numbered defects of the middleware's first author, each as a test that it is not ours.

Numbers are those of section 4.9 of the middleware's specification.
"""

import asyncio
import io
import json
import logging
from pathlib import Path

import pydicom
import pytest

from bench.orthanc_middleware import shortcomings
from hilum.domain.arrivals import ArrivalState
from hilum.domain.errors import ArchiveFull
from hilum.domain.identifiers import Scope, StudyInstanceUID
from hilum.foundation.logs import LogOptions, configure_logging
from tests.instances import STUDY, a_dataset, an_instance, part10
from tests.integration.orthanc.scripted import LETTERS, METADATA, a_middleware
from tests.peers.scripted_orthanc import orthanc_id
from tests.ports import free_port
from tests.unit.inbound.orthanc.doors import until


async def test_defect_1_a_failure_of_the_storage_is_not_hidden_by_a_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with a_middleware(tmp_path) as middleware:

        async def full(*_: object) -> None:
            raise ArchiveFull("There is no space left.")

        with monkeypatch.context() as patch:
            patch.setattr(middleware.serving.archive.objects, "put_once", full)
            study = middleware.peer.add_study(1, STUDY, an_instance())

            async def tried() -> bool:
                return middleware.peer.asked("/file") >= 2

            await until(tried)
            assert middleware.events(METADATA) == []

        assert (await middleware.settled(study)).state is ArrivalState.KEPT
        assert len(await middleware.told(METADATA, 1)) == 1


async def test_defect_2_webhooks_for_a_known_study_send_no_further_event(tmp_path: Path) -> None:
    async with a_middleware(tmp_path) as middleware:
        study = middleware.peer.add_study(1, STUDY, an_instance())
        for _ in range(10):
            assert (await middleware.call(study)).status_code == 202
            await middleware.settled(study)

        assert len(await middleware.told(METADATA, 1)) == 1


@pytest.mark.parametrize("correlation_id", ["axm-0123456789ab", "a.b_C-1", "x" * 64])
async def test_defect_3_any_correlation_id_goes_all_the_way(
    tmp_path: Path, correlation_id: str
) -> None:
    async with a_middleware(tmp_path, orthanc__existing_studies=False) as middleware:
        middleware.peer.change("NewPatient", orthanc_id(9))
        study = middleware.peer.add_study(1, STUDY, an_instance(), stable=False)
        middleware.peer.changes.clear()
        middleware.peer.studies[study].stable = True

        answer = await middleware.call(study, **{"X-Correlation-ID": correlation_id})

        assert answer.status_code == 202
        assert answer.json()["status"] == "accepted"
        assert answer.json()["correlation_id"] == correlation_id
        assert answer.headers["X-Correlation-ID"] == correlation_id
        (event,) = await middleware.told(METADATA, 1)
        assert event["correlation_id"] == correlation_id
        assert event["body"]["correlation_id"] == correlation_id
        arrival = await middleware.settled(study)
        assert arrival.correlation_id == correlation_id


async def test_defect_3_what_is_no_correlation_id_is_replaced(tmp_path: Path) -> None:
    async with a_middleware(tmp_path) as middleware:
        study = middleware.peer.add_study(1, STUDY, an_instance())

        answer = await middleware.call(study, **{"X-Correlation-ID": "x" * 65})

        assert answer.status_code == 202
        assert answer.headers["X-Correlation-ID"] not in {"", "x" * 65}


async def test_defect_4_a_dead_letter_needs_no_broker(tmp_path: Path) -> None:
    async with a_middleware(
        tmp_path,
        sinks={"out": {"url": f"redis://127.0.0.1:{free_port()}/0"}},
        delivery__demand_sinks=False,
    ) as middleware:
        await middleware.call(orthanc_id(404))

        arrival = await middleware.settled(orthanc_id(404))

        assert arrival.state is ArrivalState.UNKNOWN
        assert "does not know" in arrival.error
        letters = (await middleware.client.get("/api/v1/dead-letters")).json()
        text = json.dumps(letters)
        assert orthanc_id(404) in text
        assert "does not know" in text


_BAD_CALLS = (
    (b"", "body"),
    (b"no JSON", "body"),
    (b"[]", "body"),
    (b'"text"', "body"),
    (b"{}", "body.ID"),
    (b'{"ID": 5}', "body.ID"),
    (b'{"ID": ""}', "body.ID"),
    (b'{"ID": "../../etc/passwd"}', "body.ID"),
    (b'{"ID": "%s\\n"}' % orthanc_id(1).encode(), "body.ID"),
    (b'{"ID": "%s", "Path": []}' % orthanc_id(1).encode(), "body.Path"),
    (b'{"ID": "%s", "Source": "other"}' % orthanc_id(1).encode(), "body.Source"),
)


async def test_defect_5_every_error_has_the_documented_body(tmp_path: Path) -> None:
    members = {"type", "title", "status", "detail", "correlation_id", "timestamp"}
    async with a_middleware(tmp_path) as middleware:
        for body, where in _BAD_CALLS:
            answer = await middleware.client.post("/api/v1/ingestion/studies", content=body)

            assert answer.status_code == 422, body
            assert answer.headers["content-type"] == "application/problem+json"
            problem = answer.json()
            assert members <= set(problem)
            assert problem["errors"][0]["where"] == where, body
        assert list(await middleware.serving.archive.index.arrivals.arrivals()) == []


async def test_a_body_that_is_no_object_is_told_in_plain_words(tmp_path: Path) -> None:
    async with a_middleware(tmp_path) as middleware:
        answer = await middleware.client.post("/api/v1/ingestion/studies", content=b"[]")

    detail = answer.json()["detail"]
    assert (answer.status_code, 'a JSON object such as {"ID": "..."}' in detail) == (422, True)
    assert "Call" not in detail


async def test_defect_5_a_body_that_never_ends_is_refused(tmp_path: Path) -> None:
    async with a_middleware(tmp_path) as middleware:
        answer = await middleware.client.post("/api/v1/ingestion/studies", content=b" " * 70_000)

        assert answer.status_code == 413
        assert "orthanc.webhook_bytes" in answer.json()["detail"]


async def test_defect_6_every_instance_is_kept(tmp_path: Path) -> None:
    async with a_middleware(tmp_path) as middleware:
        files = [an_instance() for _ in range(7)]
        study = middleware.peer.add_study(1, STUDY, *files)
        await middleware.settled(study)

        archive = middleware.serving.archive
        records = await archive.index.instances(Scope(StudyInstanceUID(STUDY)), 0, 100)
        kept = [await archive.objects.read(one.object_key, 0, 1 << 20) for one in records]

        assert sorted(kept) == sorted(files)


async def test_defect_7_connections_are_reused_and_nothing_waits_for_a_study(
    tmp_path: Path,
) -> None:
    async with a_middleware(tmp_path) as middleware:
        files = [an_instance(500_000) for _ in range(60)]
        study = middleware.peer.add_study(1, STUDY, *files)
        loop = asyncio.get_running_loop()
        slowest = 0.0
        while middleware.peer.asked("/file") < 60:
            began = loop.time()
            assert (await middleware.client.get("/health")).status_code == 200
            slowest = max(slowest, loop.time() - began)
        await middleware.settled(study)

        assert middleware.peer.connections < 20
        assert slowest < 2.0


async def test_defect_8_what_only_has_a_study_instance_uid_is_no_instance(tmp_path: Path) -> None:
    async with a_middleware(tmp_path) as middleware:
        bare = pydicom.Dataset()
        bare.StudyInstanceUID = STUDY
        raw = io.BytesIO()
        pydicom.dcmwrite(raw, bare, implicit_vr=True, little_endian=True)
        without_class = part10(a_dataset(SOPClassUID=None))
        study = middleware.peer.add_study(1, STUDY, raw.getvalue(), without_class)

        arrival = await middleware.settled(study)

        assert (arrival.state, arrival.kept) == (ArrivalState.FAILED, 0)
        assert middleware.events(METADATA) == []
        (letter,) = await middleware.told(LETTERS, 1)
        assert letter["body"]["original_payload"]["orthanc_study_id"] == study


async def test_defect_9_accepted_is_said_before_the_work_and_logs_carry_the_id(
    tmp_path: Path,
) -> None:
    stream = io.StringIO()
    with configure_logging(LogOptions(format="json"), stream):
        async with a_middleware(tmp_path, orthanc__existing_studies=False) as middleware:
            study = middleware.peer.add_study(1, STUDY, an_instance())
            middleware.peer.changes.clear()
            go_on = asyncio.Event()

            async def slowly(path: str) -> bytes | None:
                if "/studies/" in path:
                    await go_on.wait()
                return None

            middleware.peer.script = slowly
            answer = await middleware.call(study, **{"X-Correlation-ID": "case-9"})

            assert answer.status_code == 202
            assert answer.json()["state"] == "waiting"
            assert await middleware.serving.archive.index.arrivals.arrivals() != []
            go_on.set()
            await middleware.settled(study)
    logging.getLogger().handlers.clear()
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    (kept,) = [line for line in lines if line["event"] == "orthanc_study_kept"]
    assert kept["correlation_id"] == "case-9"


async def test_defect_9_what_the_poller_finds_has_an_id_from_the_start(tmp_path: Path) -> None:
    stream = io.StringIO()
    with configure_logging(LogOptions(format="json"), stream):
        async with a_middleware(tmp_path) as middleware:
            study = middleware.peer.add_study(1, STUDY, an_instance(), b"damaged")
            arrival = await middleware.settled(study)

            (event,) = await middleware.told(METADATA, 1)
            entries = await middleware.serving.archive.index.feed(0, 100)

        assert arrival.correlation_id
        lines = [json.loads(line) for line in stream.getvalue().splitlines()]
        about = {"orthanc_study_kept", "orthanc_study_dead_lettered"}
        told = {line["event"]: line["correlation_id"] for line in lines if line["event"] in about}
        assert told == dict.fromkeys(about, arrival.correlation_id)
        assert {entry.correlation_id for entry in entries} == {arrival.correlation_id}
        assert event["correlation_id"] == arrival.correlation_id


def test_defect_10_the_load_test_checks_what_it_claims() -> None:
    wanted = {"1.1", "1.2", "1.3"}

    assert shortcomings(wanted, wanted, ["1.1", "1.2", "1.3"]) == []
    assert shortcomings(wanted, wanted, ["1.1", "1.1", "1.2", "1.3"]) == [
        "1 studies were announced more than once"
    ]
    assert shortcomings(wanted, {"1.1"}, ["1.1"]) == [
        "2 studies are not stored",
        "2 studies were not announced",
    ]
    assert shortcomings(wanted, wanted | {"9"}, [*wanted, "9"]) == [
        "1 studies are stored that nobody sent",
        "1 studies were announced that nobody sent",
    ]


async def test_the_metrics_of_the_contract_are_filled(tmp_path: Path) -> None:
    async with a_middleware(tmp_path) as middleware:
        study = middleware.peer.add_study(1, STUDY, an_instance())
        await middleware.call(study)
        await middleware.call(orthanc_id(404))
        await middleware.settled(study)
        await middleware.settled(orthanc_id(404))

        page = (await middleware.client.get("/metrics")).text

        route = 'endpoint="/api/v1/ingestion/studies"'
        for line in (
            f'dicom_middleware_requests_total{{{route},method="POST",status="202"}} 2.0',
            f"dicom_middleware_request_duration_seconds_count{{{route}}} 2.0",
            "dicom_middleware_pipeline_success_total 1.0",
            'dicom_middleware_pipeline_failure_total{reason="Metadata parsing failure"} 1.0',
            'dicom_middleware_dlq_messages_total{reason="Metadata parsing failure"} 1.0',
            'dicom_middleware_storage_upload_duration_seconds_count{backend="local"} 1.0',
            'dicom_middleware_storage_upload_total{backend="local",status="success"} 1.0',
            'hilum_orthanc_waiting_studies{source="',
        ):
            assert line in page
