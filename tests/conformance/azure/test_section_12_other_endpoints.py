"""Other endpoints: section 12 of the description of the Azure DICOM service."""

import time
from collections.abc import Iterator

import httpx
import orjson
import pytest

from tests.contract.sinks.receiver import Receiver
from tests.instances import an_instance
from tests.served_dicomweb import ServedDicomWeb

STUDY = "1.2.826.0.1.3680043.10.12"


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    made.start()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def server(
    tmp_path_factory: pytest.TempPathFactory, receiver: Receiver
) -> Iterator[ServedDicomWeb]:
    sink = {
        "url": receiver.url,
        "format": "cloudevents",
        "allowed_networks": ["127.0.0.1/32"],
        "service_host": "pacs.example.org",
    }
    with ServedDicomWeb(
        tmp_path_factory.mktemp("others"),
        sinks={"azure": sink},
        delivery={"subscriptions": {"azure": {"sink": "azure", "types": ["hilum.instance.*"]}}},
    ) as server:
        yield server


@pytest.fixture
def client(server: ServedDicomWeb) -> Iterator[httpx.Client]:
    with server.client("*/*") as client:
        yield client


@pytest.mark.azure("12-health")
def test_12_health_says_how_each_component_is(client: httpx.Client) -> None:
    response = client.get("/health/check")

    body = response.json()
    assert response.status_code == 200
    assert body["overallStatus"] == "Healthy"
    assert body["details"]
    assert {tuple(sorted(each)) for each in body["details"]} == {("description", "name", "status")}
    assert {each["status"] for each in body["details"]} == {"Healthy"}


@pytest.mark.azure("12-events", "12-events-subject", "12-events-data")
def test_12_an_event_has_the_sequence_of_the_change_feed(
    server: ServedDicomWeb, client: httpx.Client, receiver: Receiver
) -> None:
    for number in (1, 2):
        server.keep(an_instance(StudyInstanceUID=STUDY, SOPInstanceUID=f"{STUDY}.{number}"))
    client.delete(f"/v2/studies/{STUDY}")
    deadline = time.monotonic() + 10
    while len(receiver.accepted) < 4 and time.monotonic() < deadline:
        time.sleep(0.02)

    told = [orjson.loads(each.body) for each in receiver.accepted]
    entries = client.get("/v2/changefeed").json()

    def of_event(each: dict[str, object]) -> tuple[object, ...]:
        data = each["data"]
        assert isinstance(data, dict)
        kind = str(each["type"]).removeprefix("Microsoft.HealthcareApis.DicomImage")
        return data["sequenceNumber"], data["imageSopInstanceUid"], kind.removesuffix("d")

    assert sorted(map(of_event, told)) == [
        (entry["sequence"], entry["sopInstanceUid"], entry["action"]) for entry in entries
    ]
    assert told[0]["subject"].startswith(f"pacs.example.org/v1/studies/{STUDY}/series/")
