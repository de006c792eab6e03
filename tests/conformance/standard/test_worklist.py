"""UPS-RS as PS3.18 chapter 11 has it, where it differs from the Azure service."""

from collections.abc import Iterator
from itertools import count

import httpx
import pytest
from pydicom import Dataset as PydicomDataset

from tests.conformance.multipart import parts
from tests.served_dicomweb import ServedDicomWeb
from tests.workitems import GIVEN_UP, PERFORMED, element, wish, workitem

_NUMBERS = count(1)
LOCK = "1.2.826.0.1.3680043.10.11.1"
JSON = {"Content-Type": "application/dicom+json"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedDicomWeb]:
    with ServedDicomWeb(tmp_path_factory.mktemp("worklist")) as server:
        yield server


@pytest.fixture
def client(server: ServedDicomWeb) -> Iterator[httpx.Client]:
    with server.client() as client:
        client.base_url = f"{server.url}/dicom-web"
        yield client


def created(client: httpx.Client) -> str:
    uid = f"1.2.826.0.1.3680043.10.11.{next(_NUMBERS)}.0"
    response = client.post(f"/workitems?{uid}", json=workitem(), headers=JSON)
    assert response.status_code == 201, response.text
    return uid


def change(client: httpx.Client, uid: str, state: str, lock: str = LOCK) -> httpx.Response:
    return client.put(f"/workitems/{uid}/state", json=wish(state, lock), headers=JSON)


def test_what_may_be_empty_may_be_left_out_and_a_uid_is_made(client: httpx.Client) -> None:
    few = ("00741200", "00741204", "00404005", "00404041")
    body = [{tag: workitem()[tag] for tag in few}]

    response = client.post("/workitems", json=body, headers={"Content-Type": "application/json"})

    assert response.status_code == 201
    (dataset,) = client.get(response.headers["location"]).json()
    assert dataset["00080018"]["Value"][0].startswith("2.25.")
    assert dataset["00404021"] == {"vr": "SQ"}
    assert "00741202" in dataset
    assert "00081195" not in dataset
    read = PydicomDataset.from_json(dataset)
    assert read.ProcedureStepState == "SCHEDULED"
    refused = client.post("/workitems", json=[{}], headers=JSON)
    assert (refused.status_code, refused.headers["content-type"]) == (
        400,
        "text/plain; charset=utf-8",
    )


def test_the_label_of_the_list_is_kept(client: httpx.Client) -> None:
    (dataset,) = client.get(f"/workitems/{created(client)}").json()

    assert dataset["00741202"]["Value"] == ["my own list"]


def test_a_work_item_can_be_had_as_xml(client: httpx.Client) -> None:
    uid = created(client)
    response = client.get(f"/workitems/{uid}", headers={"Accept": "application/dicom+xml"})

    assert response.headers["content-type"] == "application/dicom+xml"
    assert f'<Value number="1">{uid}</Value>' in response.text
    several = client.get(
        "/workitems?limit=2", headers={"Accept": 'multipart/related; type="application/dicom+xml"'}
    )
    assert len(parts(several)) >= 1


def test_what_contradicts_the_state_is_a_conflict(client: httpx.Client) -> None:
    uid = created(client)
    body = {"00741204": element("LO", "new")}

    assert change(client, uid, "COMPLETED").status_code == 409
    assert change(client, uid, "IN PROGRESS").status_code == 200
    for response in (
        change(client, uid, "IN PROGRESS"),
        change(client, uid, "COMPLETED"),
        change(client, uid, "COMPLETED", "1.2.3"),
        change(client, uid, "SCHEDULED"),
        client.post(f"/workitems/{uid}", json=body, headers=JSON),
        client.post(f"/workitems/{uid}?1.2.3", json=body, headers=JSON),
    ):
        assert response.status_code == 409
        assert response.headers["warning"].startswith("299 ")
    assert client.post(f"/workitems/{uid}?{LOCK}", json=PERFORMED, headers=JSON).is_success
    assert change(client, uid, "COMPLETED").status_code == 200
    assert "B306" in change(client, uid, "COMPLETED").headers["warning"]
    assert client.post(f"/workitems/{uid}?{LOCK}", json=body, headers=JSON).status_code == 409
    assert client.post(f"/workitems/{uid}/cancelrequest").status_code == 409


def test_who_performs_it_may_give_it_up(client: httpx.Client) -> None:
    uid = created(client)
    assert change(client, uid, "IN PROGRESS").is_success
    assert client.post(
        f"/workitems/{uid}?transaction={LOCK}", json=GIVEN_UP, headers=JSON
    ).is_success

    assert change(client, uid, "CANCELED").is_success
    assert "B304" in change(client, uid, "CANCELED").headers["warning"]


def test_a_search_takes_lists_wild_cards_and_more_attributes(client: httpx.Client) -> None:
    uids = [created(client) for _ in range(3)]

    def found(**query: str) -> list[str]:
        response = client.get("/workitems", params={"SOPInstanceUID": ",".join(uids), **query})
        rows = response.json() if response.status_code == 200 else []
        return [row["00080018"]["Value"][0] for row in rows]

    assert found() == uids[::-1]
    assert found(PatientName="do*", ProcedureStepLabel="A ?abel") == uids[::-1]
    assert found(ScheduledProcedureStepPriority="LOW,MEDIUM") == []
    assert found(AdmissionID='""') == uids[::-1]
    assert found(PatientID="") == uids[::-1]
    assert found(unknown="x") == uids[::-1]
    first = client.get("/workitems", params={"SOPInstanceUID": ",".join(uids), "limit": "2"})
    assert len(first.json()) == 2
    assert "more than 2 results" in first.headers["warning"]
    assert client.get("/workitems?PixelData=1").status_code == 400


def test_both_surfaces_have_one_worklist(client: httpx.Client, server: ServedDicomWeb) -> None:
    uid = created(client)

    assert client.get(f"{server.url}/v2/workitems/{uid}").json()["00080018"]["Value"] == [uid]


def test_a_body_that_is_too_large_is_refused(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("small")
    with ServedDicomWeb(folder, worklist={"body_bytes": 100}) as server, server.client() as client:
        response = client.post("/dicom-web/workitems", json=workitem(), headers=JSON)

    assert response.status_code == 413
    assert "worklist.body_bytes" in response.text
