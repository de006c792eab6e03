"""Every search, retrieve and delete call of the Python dicomweb-client."""

import io
from collections.abc import Iterator

import pydicom
import pytest
import requests
from dicomweb_client.api import DICOMwebClient
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from tests.instances import a_dataset, an_instance, part10
from tests.served_dicomweb import ServedDicomWeb

ROOT = "1.2.826.0.1.3680043.10.9"
STUDY = f"{ROOT}.1"
SERIES = f"{STUDY}.1"


def an_image(number: int) -> bytes:
    return an_instance(
        1000,
        StudyInstanceUID=STUDY,
        SeriesInstanceUID=f"{STUDY}.{1 + number // 3}",
        SOPInstanceUID=f"{STUDY}.1.{number}",
        InstanceNumber=number,
        PatientID="P-9",
    )


IMAGES = [an_image(number) for number in range(5)]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedDicomWeb]:
    with ServedDicomWeb(tmp_path_factory.mktemp("client")) as server:
        server.keep(*IMAGES)
        yield server


@pytest.fixture
def client(server: ServedDicomWeb) -> DICOMwebClient:
    return DICOMwebClient(f"{server.url}/dicom-web")


def read(part10: bytes) -> Dataset:
    return pydicom.dcmread(io.BytesIO(part10))


def test_searches_at_every_level(client: DICOMwebClient) -> None:
    assert len(client.search_for_studies(search_filters={"PatientID": "P-9"})) == 1
    assert len(client.search_for_series()) == 2
    assert len(client.search_for_series(STUDY, search_filters={"Modality": "CT"})) == 2
    assert len(client.search_for_instances()) == 5
    assert len(client.search_for_instances(STUDY)) == 5
    assert len(client.search_for_instances(STUDY, SERIES)) == 3
    assert client.search_for_studies(search_filters={"PatientID": "nobody"}) == []


def test_searches_with_fields_fuzzy_names_and_pages(client: DICOMwebClient) -> None:
    (study,) = client.search_for_studies(
        fuzzymatching=True,
        search_filters={"PatientName": "phan"},
        fields=["StudyDescription", "PatientAge"],
    )
    assert study["0020000D"]["Value"] == [STUDY]

    page = client.search_for_instances(limit=2, offset=1)
    everything = client.search_for_instances(limit=2, get_remaining=True)

    assert len(page) == 2
    assert len({each["00080018"]["Value"][0] for each in everything}) == 5


def test_a_search_that_is_refused_raises(client: DICOMwebClient) -> None:
    with pytest.raises(requests.HTTPError, match="400"):
        client.search_for_studies(search_filters={"PatientAge": "040Y"})


def test_retrieves_metadata_at_every_level(client: DICOMwebClient) -> None:
    assert len(client.retrieve_study_metadata(STUDY)) == 5
    assert len(client.retrieve_series_metadata(STUDY, SERIES)) == 3
    (instance,) = [client.retrieve_instance_metadata(STUDY, SERIES, f"{STUDY}.1.1")]
    assert "BulkDataURI" in instance.pop("7FE00010")
    dataset = Dataset.from_json(instance)
    expected = read(IMAGES[1])
    del expected.PixelData
    assert dataset == expected


def test_retrieves_instances_at_every_level(client: DICOMwebClient) -> None:
    expected = [read(image) for image in IMAGES]

    assert client.retrieve_study(STUDY) == expected
    assert client.retrieve_series(STUDY, SERIES) == expected[:3]
    assert client.retrieve_instance(STUDY, SERIES, f"{STUDY}.1.2") == expected[2]
    stored = (("application/dicom", "*"),)
    assert client.retrieve_study(STUDY, media_types=stored) == expected


def test_iterates_over_studies_and_series(client: DICOMwebClient) -> None:
    expected = [read(image) for image in IMAGES]

    assert list(client.iter_study(STUDY)) == expected
    assert list(client.iter_series(STUDY, SERIES)) == expected[:3]


def test_asks_for_a_transfer_syntax(server: ServedDicomWeb, client: DICOMwebClient) -> None:
    study = f"{ROOT}.2"
    dataset = a_dataset(
        StudyInstanceUID=study,
        SeriesInstanceUID=f"{study}.1",
        SOPInstanceUID=f"{study}.1.1",
        PixelData=b"\x01\x02",
    )
    server.keep(part10(dataset, ImplicitVRLittleEndian))
    path = (study, f"{study}.1", f"{study}.1.1")
    explicit = (("application/dicom", ExplicitVRLittleEndian),)

    as_stored = client.retrieve_instance(*path)
    converted = client.retrieve_instance(*path, media_types=explicit)

    assert as_stored.file_meta.TransferSyntaxUID == ImplicitVRLittleEndian
    assert converted.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
    assert converted == as_stored
    client.delete_study(study)


def test_deletes_at_every_level(server: ServedDicomWeb, client: DICOMwebClient) -> None:
    study = f"{ROOT}.3"
    for number in range(4):
        server.keep(
            an_instance(
                StudyInstanceUID=study,
                SeriesInstanceUID=f"{study}.{number // 3}",
                SOPInstanceUID=f"{study}.0.{number}",
            )
        )

    client.delete_instance(study, f"{study}.0", f"{study}.0.0")
    assert len(client.search_for_instances(study)) == 3
    client.delete_series(study, f"{study}.0")
    assert len(client.search_for_instances(study)) == 1
    client.delete_study(study)
    assert client.search_for_instances(study) == []
    with pytest.raises(requests.HTTPError, match="404"):
        client.retrieve_study(study)
