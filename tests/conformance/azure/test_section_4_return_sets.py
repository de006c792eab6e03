"""What each search returns of an instance that has everything: section 4.5 of the description of
the Azure DICOM service; and how many results, 4.4."""

from collections.abc import Iterator
from typing import Any, Final

import httpx
import pytest
from pydicom.dataset import Dataset

from tests.instances import a_dataset, an_instance, part10
from tests.served_dicomweb import ServedDicomWeb

ROOT: Final = "1.2.826.0.1.3680043.10.45"
STUDY_V1: Final = (
    "00080005 00080020 00080030 00080050 00080056 00080090 00080201 00100010 00100020 00100030 "
    "00100040 0020000D 00200010"
)
STUDY_V2: Final = "00080020 00080050 00080090 00081030 00100010 00100020 00100030 0020000D"
STUDY_ALL: Final = (
    f"{STUDY_V1} 00080063 00081030 00081032 00081060 00081080 00081110 00101010 00101020 00101030 "
    "00102180 001021B0"
)
SERIES_V1: Final = "00080005 00080060 00080201 0008103E 0020000E 00400244 00400245 00400275"
SERIES_V2: Final = "00080060 00081090 0020000E 00400244"
SERIES_ALL: Final = f"{SERIES_V1} 00080021 00080031 00200011 00200060"
INSTANCE_V1: Final = (
    "00080005 00080016 00080018 00080056 00080201 00200013 00280008 00280010 00280011 00280100"
)
INSTANCE_V2: Final = "00080018"
STUDY: Final = f"/studies/{ROOT}.1"
SERIES: Final = f"{STUDY}/series/{ROOT}.1.1"


def an_item(**elements: Any) -> Dataset:
    item = Dataset()
    for keyword, value in elements.items():
        setattr(item, keyword, value)
    return item


def everything() -> bytes:
    code = an_item(CodeValue="C", CodingSchemeDesignator="99T", CodeMeaning="meaning")
    dataset = a_dataset(
        StudyInstanceUID=f"{ROOT}.1", SeriesInstanceUID=f"{ROOT}.1.1",
        SOPInstanceUID=f"{ROOT}.1.1.1", SpecificCharacterSet="ISO_IR 100", StudyDate="20240229",
        StudyTime="101112", AccessionNumber="ACC", ReferringPhysicianName="Doe^John",
        TimezoneOffsetFromUTC="+0100", PatientBirthDate="19700101", PatientSex="F", StudyID="S",
        AnatomicRegionsInStudyCodeSequence=[code], StudyDescription="Study",
        ProcedureCodeSequence=[code], NameOfPhysiciansReadingStudy="Roe^Jane",
        AdmittingDiagnosesDescription="Cough",
        ReferencedStudySequence=[an_item(ReferencedSOPInstanceUID="1.2.3")], PatientAge="054Y",
        PatientSize="1.7", PatientWeight="70", Occupation="Painter",
        AdditionalPatientHistory="None", SeriesDescription="Series",
        PerformedProcedureStepStartDate="20240229", PerformedProcedureStepStartTime="1012",
        RequestAttributesSequence=[an_item(ScheduledProcedureStepID="P")], SeriesDate="20240229",
        SeriesTime="1013", SeriesNumber=1, Laterality="L", ManufacturerModelName="Model",
        InstanceNumber=1, NumberOfFrames=1, InstanceAvailability="ONLINE",
    )  # fmt: skip
    return part10(dataset)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedDicomWeb]:
    with ServedDicomWeb(tmp_path_factory.mktemp("return-sets")) as server:
        server.keep(everything())
        yield server


@pytest.fixture
def client(server: ServedDicomWeb) -> Iterator[httpx.Client]:
    with server.client() as client:
        yield client


@pytest.mark.azure(
    "4.5-study-v1", "4.5-study-v2", "4.5-study-all", "4.5-series-v1", "4.5-series-v2",
    "4.5-series-all", "4.5-instance-v1", "4.5-instance-v2", "4.5-instance-all",
)  # fmt: skip
@pytest.mark.parametrize(
    ("path", "version", "expected"),
    [
        ("/studies?StudyDate=20240229", "/v1", STUDY_V1),
        ("/studies?StudyDate=20240229", "/v2", STUDY_V2),
        ("/studies?includefield=all", "/v1", STUDY_ALL),
        ("/studies?includefield=all", "/v2", STUDY_ALL),
        (f"{STUDY}/series", "/v1", f"{SERIES_V1} 0020000D"),
        (f"{STUDY}/series", "/v2", f"{SERIES_V2} 0020000D"),
        (f"{STUDY}/series?includefield=all", "/v1", f"{SERIES_ALL} 0020000D"),
        (f"{STUDY}/series?includefield=all", "/v2", f"{SERIES_ALL} 0020000D"),
        ("/series", "/v1", f"{STUDY_V1} {SERIES_V1}"),
        ("/series", "/v2", f"{STUDY_V2} {SERIES_V2}"),
        (f"{SERIES}/instances", "/v1", f"{INSTANCE_V1} 0020000D 0020000E"),
        (f"{SERIES}/instances", "/v2", f"{INSTANCE_V2} 0020000D 0020000E"),
        (f"{SERIES}/instances?includefield=all", "/v2", f"{INSTANCE_V1} 0020000D 0020000E"),
        (f"{STUDY}/instances", "/v1", f"{SERIES_V1} {INSTANCE_V1} 0020000D"),
        (f"{STUDY}/instances", "/v2", f"{SERIES_V2} {INSTANCE_V2} 0020000D"),
        ("/instances", "/v1", f"{STUDY_V1} {SERIES_V1} {INSTANCE_V1}"),
        ("/instances", "/v2", f"{STUDY_V2} {SERIES_V2} {INSTANCE_V2}"),
    ],
)
def test_a_search_returns_the_set_of_its_version_and_no_more(
    client: httpx.Client, path: str, version: str, expected: str
) -> None:
    (row,) = client.get(f"{version}{path}").json()

    assert list(row) == sorted(set(expected.split()))


@pytest.mark.azure("4.5-computed")
@pytest.mark.parametrize("version", ["/v1", "/v2"])
def test_what_is_computed_comes_only_when_it_is_named(client: httpx.Client, version: str) -> None:
    named = "includefield=00080061,00201208"
    (study,) = client.get(f"{version}/studies?{named}").json()
    (series,) = client.get(f"{version}{STUDY}/series?includefield=00201209").json()
    (every,) = client.get(f"{version}/studies?includefield=all").json()

    assert study["00080061"] == {"vr": "CS", "Value": ["CT"]}
    assert study["00201208"] == {"vr": "IS", "Value": [1]}
    assert series["00201209"] == {"vr": "IS", "Value": [1]}
    assert {"00080061", "00201208", "00201206", "00081190"}.isdisjoint(every)


@pytest.mark.azure("4.5-includefield", "4.1-always")
@pytest.mark.parametrize("version", ["/v1", "/v2"])
def test_what_is_filtered_by_and_included_is_returned_beside_the_set(
    client: httpx.Client, version: str
) -> None:
    query = "ModalitiesInStudy=CT&includefield=Occupation&includefield=00102180,SamplesPerPixel"
    (row,) = client.get(f"{version}/studies?{query}").json()

    assert {"00080061", "00102180", "00280002"} <= row.keys()


@pytest.mark.azure("4.3-range-pps")
@pytest.mark.parametrize("version", ["/v1", "/v2"])
@pytest.mark.parametrize(("range_", "status"), [("20240201-20240301", 200), ("-20240201", 204)])
def test_the_date_of_the_performed_step_takes_a_range(
    client: httpx.Client, version: str, range_: str, status: int
) -> None:
    response = client.get(f"{version}/series?PerformedProcedureStepStartDate={range_}")

    assert response.status_code == status


@pytest.mark.azure("4.4-default-limit", "4.4-limit", "4.4-newest-first")
@pytest.mark.parametrize("version", ["/v1", "/v2"])
def test_without_a_limit_there_are_100_results_the_newest_first(
    server: ServedDicomWeb, client: httpx.Client, version: str
) -> None:
    study = f"{ROOT}.2{version[-1]}"
    uids = {"StudyInstanceUID": study, "SeriesInstanceUID": f"{study}.1"}
    numbers = range(1, 122)
    server.keep_at_once(
        *(an_instance(**uids, SOPInstanceUID=f"{study}.1.{number}") for number in numbers)
    )
    newest = f"{study}.1.999"
    server.keep(an_instance(**uids, SOPInstanceUID=newest))
    path = f"{version}/studies/{study}/instances"

    usual, more = (client.get(f"{path}{query}").json() for query in ("", "?limit=200"))

    assert (len(usual), len(more)) == (100, 122)
    assert usual == more[:100]
    assert usual[0]["00080018"]["Value"] == [newest]
    client.delete(f"/v2/studies/{study}")
