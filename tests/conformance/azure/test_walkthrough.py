"""The flow of the public Python walkthrough of the Azure DICOM service, from storing to deleting:
three instances in two series. Once request by request, once with dicomweb-client."""

import io
import json
from collections.abc import Iterator
from email import message_from_bytes

import httpx
import numpy as np
import pydicom
import pytest
import urllib3
from dicomweb_client.api import DICOMwebClient
from pydicom.uid import ExplicitVRLittleEndian

from tests.instances import a_dataset, part10
from tests.served_dicomweb import ServedDicomWeb

STUDY = "1.2.826.0.1.3680043.8.498.13230779778012324449356534479549187420"
SERIES = "1.2.826.0.1.3680043.8.498.45787841905473114233124723359129632652"
OTHER_SERIES = "1.2.826.0.1.3680043.8.498.77033797676425927098669402985243398207"
SQUARE = "1.2.826.0.1.3680043.8.498.12714725698140337137334606354172323212"
TRIANGLE = "1.2.826.0.1.3680043.8.498.47359123102728459884412887463296905395"
CIRCLE = "1.2.826.0.1.3680043.8.498.13273713909719068980354078852867170114"
JSON = "application/dicom+json"
PARTS = 'multipart/related; type="application/dicom"; transfer-syntax=*'
SINGLE = "application/dicom; transfer-syntax=*"
FRAMES = 'multipart/related; type="application/octet-stream"; transfer-syntax=1.2.840.10008.1.2.1'
PLACES = ("/v1", "/v2", "/v1/partitions/ward-1", "/v2/partitions/ward-1")
PIXELS = {
    uid: np.random.default_rng(number).integers(0, 256, (4, 4, 3), np.uint8)
    for number, uid in enumerate((SQUARE, TRIANGLE, CIRCLE))
}


def a_picture(series: str, sop_instance: str) -> bytes:
    dataset = a_dataset(
        StudyInstanceUID=STUDY, SeriesInstanceUID=series, SOPInstanceUID=sop_instance,
        SOPClassUID="1.2.840.10008.5.1.4.1.1.4", Modality="MR", PatientID="7", Rows=4, Columns=4,
        SamplesPerPixel=3, PlanarConfiguration=0, PhotometricInterpretation="RGB",
        BitsAllocated=8, BitsStored=8, HighBit=7, PixelRepresentation=0,
        PixelData=PIXELS[sop_instance].tobytes(),
    )  # fmt: skip
    dataset["PixelData"].VR = "OB"
    return part10(dataset)


FILES = {
    SQUARE: a_picture(SERIES, SQUARE),
    TRIANGLE: a_picture(SERIES, TRIANGLE),
    CIRCLE: a_picture(OTHER_SERIES, CIRCLE),
}


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[bool, ServedDicomWeb]]:
    """Without and with data partitions."""
    folder = tmp_path_factory.mktemp("walkthrough")
    with (
        ServedDicomWeb(folder / "without") as without,
        ServedDicomWeb(folder / "with", partitions={"enabled": True}) as with_partitions,
    ):
        yield {False: without, True: with_partitions}


@pytest.fixture(params=PLACES)
def base(request: pytest.FixtureRequest, servers: dict[bool, ServedDicomWeb]) -> Iterator[str]:
    """The URL of a surface, in a partition or not, that holds nothing."""
    url = servers["partitions" in request.param].url + request.param
    yield url
    httpx.delete(f"{url}/studies/{STUDY}")


@pytest.fixture
def client(base: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=base, timeout=60) as client:
        yield client


def get(client: httpx.Client, path: str, accept: str = JSON) -> httpx.Response:
    response = client.get(path, headers={"Accept": accept})
    assert response.status_code == 200, response.text
    return response


def parts(response: httpx.Response) -> list[tuple[str, bytes]]:
    """Content-Type and content of each part, by the reader of mails."""
    head = f"Content-Type: {response.headers['content-type']}\r\n\r\n".encode()
    message = message_from_bytes(head + response.content)
    found = []
    for part in message.get_payload():
        assert not isinstance(part, str)
        content = part.get_payload(decode=True)
        assert isinstance(content, bytes)
        found.append((part["Content-Type"], content))
    return found


def sop_instances(datasets: list[dict[str, dict[str, list[str]]]]) -> set[str]:
    return {dataset["00080018"]["Value"][0] for dataset in datasets}


def store_as_the_walkthrough_does(client: httpx.Client) -> None:
    # A form, whose label is then changed: multipart/related with nothing but a boundary.
    form = {"file1": (None, FILES[SQUARE], "application/dicom")}
    body, content_type = urllib3.encode_multipart_formdata(form)
    related = f"multipart/related; boundary={content_type.partition('boundary=')[2]}"
    stored = client.post(
        "/studies", content=body, headers={"Accept": JSON, "Content-Type": related}
    )
    assert stored.status_code == 200, stored.text
    assert stored.headers["content-type"] == JSON
    assert "00081190" not in stored.json()

    form = {"file1": (None, FILES[TRIANGLE], "application/dicom")}
    body, content_type = urllib3.encode_multipart_formdata(form)
    related = f"multipart/related; boundary={content_type.partition('boundary=')[2]}"
    stored = client.post(
        f"/studies/{STUDY}", content=body, headers={"Accept": JSON, "Content-Type": related}
    )
    assert stored.status_code == 200
    assert stored.json()["00081190"]["Value"] == [f"{client.base_url}studies/{STUDY}"]

    headers = {"Accept": JSON, "Content-Type": "application/dicom"}
    stored = client.post("/studies", content=FILES[CIRCLE], headers=headers)
    assert stored.status_code == 200
    (item,) = stored.json()["00081199"]["Value"]
    assert item["00081155"]["Value"] == [CIRCLE]
    url = f"{client.base_url}studies/{STUDY}/series/{OTHER_SERIES}/instances/{CIRCLE}"
    assert item["00081190"]["Value"] == [url]


def test_the_flow_request_by_request(client: httpx.Client) -> None:
    study = f"/studies/{STUDY}"
    series = f"{study}/series/{SERIES}"
    store_as_the_walkthrough_does(client)

    # Retrieve: study, series, instance, each with its metadata; frames.
    expected = sorted(FILES.values())
    response = get(client, study, PARTS)
    assert response.headers["content-type"].startswith("multipart/related; ")
    assert sorted(body for _, body in parts(response)) == expected
    kind = f"application/dicom; transfer-syntax={ExplicitVRLittleEndian}"
    assert {head for head, _ in parts(response)} == {kind}
    metadata = get(client, f"{study}/metadata")
    assert metadata.headers["content-type"] == JSON
    assert sop_instances(metadata.json()) == set(FILES)
    response = get(client, series, PARTS)
    assert sorted(body for _, body in parts(response)) == sorted((FILES[SQUARE], FILES[TRIANGLE]))
    assert sop_instances(get(client, f"{series}/metadata").json()) == {SQUARE, TRIANGLE}
    response = get(client, f"{series}/instances/{SQUARE}", SINGLE)
    assert response.headers["content-type"] == kind
    assert response.content == FILES[SQUARE]
    metadata = get(client, f"{series}/instances/{SQUARE}/metadata")
    assert sop_instances(metadata.json()) == {SQUARE}
    assert metadata.headers["etag"].isdigit()
    response = get(client, f"{series}/instances/{SQUARE}/frames/1", FRAMES)
    ((head, body),) = parts(response)
    assert head == f"application/octet-stream; transfer-syntax={ExplicitVRLittleEndian}"
    assert body == PIXELS[SQUARE].tobytes()

    # The six searches.
    (found,) = get(client, f"/studies?StudyInstanceUID={STUDY}").json()
    assert found["0020000D"]["Value"] == [STUDY]
    (found,) = get(client, f"/series?SeriesInstanceUID={SERIES}").json()
    assert found["0020000E"]["Value"] == [SERIES]
    (found,) = get(client, f"{study}/series?SeriesInstanceUID={SERIES}").json()
    assert found["0020000D"]["Value"] == [STUDY]
    assert sop_instances(get(client, f"/instances?SOPInstanceUID={SQUARE}").json()) == {SQUARE}
    assert sop_instances(get(client, f"{study}/instances?SOPInstanceUID={SQUARE}").json()) == {
        SQUARE
    }
    assert sop_instances(get(client, f"{series}/instances").json()) == {SQUARE, TRIANGLE}

    # Delete: instance, series, study.
    accept = {"Accept": JSON}
    for path, left in (
        (f"{series}/instances/{SQUARE}", {TRIANGLE, CIRCLE}),
        (series, {CIRCLE}),
        (study, set()),
    ):
        gone = client.delete(path)
        assert (gone.status_code, gone.content) == (204, b"")
        answer = client.get("/instances", headers=accept)
        assert answer.status_code == (200 if left else 204)
        assert sop_instances(answer.json() if left else []) == left
    assert client.get(f"{study}/metadata", headers=accept).status_code == 404
    assert client.delete(study).status_code == 404


def test_the_flow_with_dicomweb_client(base: str) -> None:
    client = DICOMwebClient(base)
    original = (("application/dicom", "*"),)
    datasets = {uid: pydicom.dcmread(io.BytesIO(data)) for uid, data in FILES.items()}

    stored = client.store_instances(
        [datasets[SQUARE], datasets[TRIANGLE]], study_instance_uid=STUDY
    )
    client.store_instances([datasets[CIRCLE]])
    assert len(stored.ReferencedSOPSequence) == 2
    assert "FailedSOPSequence" not in stored

    def uids(found: list[pydicom.Dataset]) -> set[str]:
        return {dataset.SOPInstanceUID for dataset in found}

    assert uids(client.retrieve_study(STUDY, media_types=original)) == set(FILES)
    assert uids(client.retrieve_series(STUDY, SERIES, media_types=original)) == {SQUARE, TRIANGLE}
    one = client.retrieve_instance(STUDY, SERIES, SQUARE, media_types=original)
    assert np.array_equal(one.pixel_array, PIXELS[SQUARE])
    assert sop_instances(client.retrieve_study_metadata(STUDY)) == set(FILES)
    assert sop_instances(client.retrieve_series_metadata(STUDY, SERIES)) == {SQUARE, TRIANGLE}
    metadata = client.retrieve_instance_metadata(STUDY, SERIES, SQUARE)
    assert pydicom.Dataset.from_json(json.dumps(metadata)).SOPInstanceUID == SQUARE
    (frame,) = client.retrieve_instance_frames(
        STUDY, SERIES, SQUARE, [1], media_types=(("application/octet-stream", "*"),)
    )
    assert frame == PIXELS[SQUARE].tobytes()

    assert len(client.search_for_studies(search_filters={"StudyInstanceUID": STUDY})) == 1
    assert len(client.search_for_series(search_filters={"SeriesInstanceUID": SERIES})) == 1
    assert len(client.search_for_series(STUDY)) == 2
    by_uid = {"SOPInstanceUID": SQUARE}
    assert sop_instances(client.search_for_instances(search_filters=by_uid)) == {SQUARE}
    assert sop_instances(client.search_for_instances(STUDY, search_filters=by_uid)) == {SQUARE}
    assert len(client.search_for_instances(STUDY, SERIES)) == 2

    client.delete_instance(STUDY, SERIES, SQUARE)
    assert len(client.search_for_instances(STUDY)) == 2
    client.delete_series(STUDY, SERIES)
    assert sop_instances(client.search_for_instances(STUDY)) == {CIRCLE}
    client.delete_study(STUDY)
    assert client.search_for_studies() == []
