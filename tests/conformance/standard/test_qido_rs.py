"""QIDO-RS in full (PS3.18 section 10.6), with every kind of matching of PS3.4 C.2.2.2."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from hilum.outbound.dicomweb.qido import qido_router
from hilum.wire.search_rules import SearchLimits
from hilum.wire.surfaces import STANDARD
from tests.conformance.multipart import parts
from tests.instances import a_dataset, part10
from tests.native_model import read_model
from tests.served_dicomweb import ServedDicomWeb

ROOT = "1.2.826.0.1.3680043.10.6"


def an_item(**elements: Any) -> Dataset:
    item = Dataset()
    for keyword, value in elements.items():
        setattr(item, keyword, value)
    return item


def a_code(value: str, scheme: str, meaning: str) -> Dataset:
    return an_item(CodeValue=value, CodingSchemeDesignator=scheme, CodeMeaning=meaning)


def an_image(study: int, series: int = 1, instance: int = 1, **elements: Any) -> bytes:
    numbered: dict[str, Any] = {
        "StudyInstanceUID": f"{ROOT}.{study}",
        "SeriesInstanceUID": f"{ROOT}.{study}.{series}",
        "SOPInstanceUID": f"{ROOT}.{study}.{series}.{instance}",
        "SeriesNumber": series,
        "InstanceNumber": instance,
        "SpecificCharacterSet": "ISO_IR 192",
    }
    return part10(a_dataset(**numbered | elements))


SCHEDULED = Sequence(
    [
        an_item(ScheduledProcedureStepID="SPS1", RequestedProcedureID="RP1"),
        an_item(ScheduledProcedureStepID="SPS2", RequestedProcedureID="RP2"),
    ]
)
STUDIES = [
    an_image(
        1,
        PatientName="Müller^Jörg",
        PatientID="A1",
        StudyDate="20260101",
        StudyTime="100000",
        AccessionNumber="ACC-100",
        StudyDescription="Chest, low dose",
        PatientSex="M",
        ProcedureCodeSequence=Sequence([a_code("36643-5", "LN", "XR Chest 2 views")]),
    ),
    an_image(
        1,
        2,
        Modality="MR",
        PatientName="Müller^Jörg",
        PatientID="A1",
        StudyDate="20260101",
        StudyTime="100000",
        RequestAttributesSequence=SCHEDULED,
        BodyPartExamined="CHEST",
    ),
    an_image(
        2,
        PatientName="Muster^Eva",
        PatientID="A2",
        StudyDate="20260102",
        StudyTime="183000.5",
        AccessionNumber="",
        StudyDescription="Head",
        Modality="US",
        ProcedureCodeSequence=Sequence(
            [a_code("1", "LN", "One"), a_code("36643-5", "99LOCAL", "Ours")]
        ),
    ),
    an_image(
        3,
        PatientName="Yamada^Tarou=山田^太郎=やまだ^たろう",
        PatientID="J1",
        StudyDate="20260103",
        StudyTime="090000",
        AccessionNumber="ACC-200",
        Modality="SR",
    ),
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedDicomWeb]:
    with ServedDicomWeb(tmp_path_factory.mktemp("qido")) as server:
        server.keep(*STUDIES)
        yield server


@pytest.fixture
def client(server: ServedDicomWeb) -> Iterator[httpx.Client]:
    with server.client() as client:
        yield client


def rows(response: httpx.Response) -> list[dict[str, Any]]:
    if response.status_code == 204:
        return []
    assert response.status_code == 200, response.text
    found: list[dict[str, Any]] = response.json()
    return found


def studies(client: httpx.Client, query: str) -> list[int]:
    uids = [row["0020000D"]["Value"][0] for row in rows(client.get(f"/dicom-web/studies?{query}"))]
    return [int(uid.removeprefix(f"{ROOT}.")) for uid in uids]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        # Single value, C.2.2.2.1
        ("PatientID=A1", [1]),
        ("PatientID=a1", [1]),
        ("00100020=A1", [1]),
        ("PatientName=M%C3%BCller%5EJ%C3%B6rg", [1]),
        ("PatientSex=M", [1]),
        ("StudyDate=20260102", [2]),
        ("StudyTime=10", [1]),
        ("StudyTime=1830", [2]),
        ("StudyTime=183000.5", [2]),
        ("StudyTime=183000.25", []),
        ("StudyDescription=Chest, low dose", [1]),
        # List of UIDs, C.2.2.2.2
        (f"StudyInstanceUID={ROOT}.1,{ROOT}.3", [3, 1]),
        (f"StudyInstanceUID={ROOT}.1%5C{ROOT}.3", [3, 1]),
        (f"StudyInstanceUID={ROOT}.1,1.2.3", [1]),
        # Universal, C.2.2.2.3
        ("PatientID=", [3, 2, 1]),
        ("PatientID=*", [3, 2, 1]),
        ("AccessionNumber=*", [3, 2, 1]),
        # Wild cards, C.2.2.2.4
        ("PatientID=A*", [2, 1]),
        ("PatientID=A%3F", [2, 1]),
        ("PatientID=*1", [3, 1]),
        ("PatientName=mu*", [2, 1]),
        ("PatientName=*JÖRG*", [1]),
        ("PatientName=M*r%5E*", [2, 1]),
        ("AccessionNumber=ACC-?00", [3, 1]),
        ("AccessionNumber=*%25*", []),
        ("AccessionNumber=ACC_100", []),
        # Ranges, C.2.2.2.5
        ("StudyDate=20260101-20260102", [2, 1]),
        ("StudyDate=-20260101", [1]),
        ("StudyDate=20260103-", [3]),
        ("StudyTime=0930-1000", [1]),
        ("StudyTime=1000-", [2, 1]),
        ("StudyDate=20260101-20260103&StudyTime=1800-0900", [3, 2]),
        ("StudyDate=20260101-20260102&StudyTime=1000-1000", [1]),
        # Sequences, C.2.2.2.6
        ("ProcedureCodeSequence.CodeValue=36643-5", [2, 1]),
        ("00081032.00080100=36643-5&00081032.00080102=LN", [1]),
        ("ProcedureCodeSequence.CodeValue=1&ProcedureCodeSequence.CodingSchemeDesignator=99*", []),
        ("ProcedureCodeSequence.CodeMeaning=xr*", [1]),
        # Empty values, C.2.2.2.7
        ("AccessionNumber=%22%22", [2]),
        ("IssuerOfPatientID=%22%22&PatientID=A1", [1]),
        # Several values, C.2.2.2.8
        ("ModalitiesInStudy=US%5CSR", [3, 2]),
        ("ModalitiesInStudy=MR,US", [2, 1]),
        ("ModalitiesInStudy=S*", [3]),
        ("PatientID=A1%5CJ1", [3, 1]),
        # Fuzzy matching of names
        ("PatientName=must&fuzzymatching=true", [2]),
        ("PatientName=eva&fuzzymatching=true", [2]),
        ("PatientName=山田&fuzzymatching=true", [3]),
        ("PatientName=ster&fuzzymatching=true", []),
        # Conditions are joined by and
        ("PatientID=A*&ModalitiesInStudy=MR", [1]),
    ],
)
def test_every_kind_of_matching_finds_what_it_should(
    client: httpx.Client, query: str, expected: list[int]
) -> None:
    assert studies(client, query) == expected


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("RequestAttributesSequence.ScheduledProcedureStepID=SPS2", ["1.2"]),
        (
            "RequestAttributesSequence.ScheduledProcedureStepID=SPS1"
            "&RequestAttributesSequence.RequestedProcedureID=RP2",
            [],
        ),
        ("SeriesNumber=2", ["1.2"]),
        ("SeriesNumber=02", ["1.2"]),
        ("BodyPartExamined=chest", ["1.2"]),
        ("Modality=MR,US&PatientID=A2", ["2.1"]),
        (f"SeriesInstanceUID={ROOT}.3.1", ["3.1"]),
    ],
)
def test_series_are_matched_by_their_own_attributes_and_those_of_the_study(
    client: httpx.Client, query: str, expected: list[str]
) -> None:
    found = rows(client.get(f"/dicom-web/series?{query}"))

    assert [row["0020000E"]["Value"][0] for row in found] == [f"{ROOT}.{tail}" for tail in expected]


def test_upper_levels_can_be_matched_below_a_path(client: httpx.Client) -> None:
    path = f"/dicom-web/studies/{ROOT}.1/series"

    assert len(rows(client.get(f"{path}?PatientID=A1"))) == 2
    assert rows(client.get(f"{path}?PatientID=A2")) == []


def test_the_default_attributes_are_those_of_the_tables(client: httpx.Client) -> None:
    (study,) = rows(client.get("/dicom-web/studies?PatientID=A1"))
    (series,) = rows(client.get(f"/dicom-web/studies/{ROOT}.1/series?Modality=MR"))
    (instance,) = rows(client.get(f"/dicom-web/studies/{ROOT}.2/series/{ROOT}.2.1/instances"))

    assert (
        list(study)
        == (
            "00080005 00080020 00080030 00080050 00080056 00080061 00080090 00081190 00100010 "
            "00100020 00100030 00100040 0020000D 00200010 00201206 00201208"
        ).split()
    )
    assert (
        list(series)
        == ("00080005 00080060 00081190 0020000D 0020000E 00200011 00201209 00400275").split()
    )
    assert (
        list(instance)
        == (
            "00080005 00080016 00080018 00080056 00081190 0020000D 0020000E 00200013 00280010 "
            "00280011 00280100"
        ).split()
    )
    assert study["00080061"]["Value"] == ["CT", "MR"]
    assert study["00201206"]["Value"] == [2]
    assert study["00201208"]["Value"] == [2]
    assert study["00080056"]["Value"] == ["ONLINE"]
    assert study["00080005"]["Value"] == ["ISO_IR 192"]


def test_a_required_attribute_without_a_value_is_returned_without_one(
    client: httpx.Client,
) -> None:
    (study,) = rows(client.get("/dicom-web/studies?PatientID=A1"))
    (series,) = rows(client.get("/dicom-web/series?PatientID=A1&Modality=MR"))

    assert study["00100030"] == {"vr": "DA"}
    assert study["00080090"] == {"vr": "PN"}
    assert study["00200010"] == {"vr": "SH"}
    assert series["00100030"] == {"vr": "DA"}


def test_an_attribute_that_is_named_is_returned_also_without_a_value(client: httpx.Client) -> None:
    (study,) = rows(client.get("/dicom-web/studies?PatientID=A1&PatientAge=&includefield=00104000"))

    assert study["00101010"] == {"vr": "AS"}
    assert "00104000" not in study  # the index does not hold it: nobody knows that it is empty


def test_a_row_found_by_date_has_that_date(client: httpx.Client) -> None:
    # A viewer that filters once more itself (OHIF with staticWado) reads the value of each row.
    found = rows(client.get("/dicom-web/studies?StudyDate=19000101-"))

    assert found
    assert all(row["00080020"]["Value"] for row in found)


def test_retrieve_urls_lead_to_what_was_found(server: ServedDicomWeb, client: httpx.Client) -> None:
    for path in ("/studies", "/series", "/instances"):
        for row in rows(client.get(f"/dicom-web{path}")):
            url = row["00081190"]["Value"][0]
            assert url.startswith(f"{server.url}/dicom-web/studies/")
            assert client.get(f"{url}/metadata").status_code == 200


def test_include_field_adds_attributes_from_the_index_and_from_metadata(
    client: httpx.Client,
) -> None:
    query = "PatientID=A1&includefield=StudyDescription,SamplesPerPixel,00081032"
    (row,) = rows(client.get(f"/dicom-web/studies?{query}"))

    assert row["00081030"]["Value"] == ["Chest, low dose"]
    assert row["00280002"]["Value"] == [1]
    assert row["00081032"]["Value"][0]["00080100"]["Value"] == ["36643-5"]
    assert list(row) == sorted(row)


def test_include_field_all_returns_what_is_indexed(client: httpx.Client) -> None:
    (row,) = rows(client.get("/dicom-web/studies?PatientID=A1&includefield=all"))

    assert {"00081030", "00081032", "00080061", "00201208"} <= set(row)


def test_names_come_back_with_all_their_groups(client: httpx.Client) -> None:
    (row,) = rows(client.get("/dicom-web/studies?PatientID=J1"))

    assert row["00100010"]["Value"] == [
        {"Alphabetic": "Yamada^Tarou", "Ideographic": "山田^太郎", "Phonetic": "やまだ^たろう"}
    ]


def test_an_answer_that_the_server_cut_says_so(server: ServedDicomWeb) -> None:
    app = FastAPI()
    limits = SearchLimits(default_results=1, maximum_results=2)
    app.include_router(qido_router(server.archive.search, STANDARD, limits=limits))

    async def ask(path: str) -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://pacs") as client:
            return await client.get(path)

    by_default = server.run(ask("/studies"))
    capped = server.run(ask("/studies?limit=1000"))
    asked = server.run(ask("/studies?limit=1"))
    whole = server.run(ask("/studies?offset=2"))

    assert [len(rows(each)) for each in (by_default, capped, asked, whole)] == [1, 2, 1, 1]
    assert by_default.headers["warning"].startswith("299 pacs: ")
    assert "offset" in capped.headers["warning"]
    assert "warning" not in asked.headers
    assert "warning" not in whole.headers


def test_nothing_found_is_204(client: httpx.Client) -> None:
    response = client.get("/dicom-web/studies?PatientID=nobody")

    assert (response.status_code, response.content) == (204, b"")


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("PatientNme=A", "PatientName"),
        ("PatientAge=040Y", "PatientID"),
        ("Modality=CT", "ModalitiesInStudy"),
        ("StudyDate=2026", "YYYYMMDD"),
        ("StudyTime=99", "HHMM"),
        ("StudyTime=12-10", "ends before"),
        ("StudyDate=20260102-20260101&StudyTime=10-12", "ends before"),
        ("PatientID=a%00b", "control"),
        ("StudyInstanceUID=1.*", "wild cards"),
        ("limit=some", "limit"),
        ("includefield=Nonsense", "includefield"),
        ("StudyInstanceUID=x", "UID"),
    ],
)
def test_what_cannot_be_understood_is_400_and_says_what_can(
    client: httpx.Client, query: str, named: str
) -> None:
    response = client.get(f"/dicom-web/studies?{query}")

    assert response.status_code == 400
    assert named in response.text


@pytest.mark.parametrize("accept", ["application/dicom+json", "application/json", "*/*", ""])
def test_json_is_given_under_the_name_it_was_asked_for(client: httpx.Client, accept: str) -> None:
    response = client.get("/dicom-web/studies", headers={"Accept": accept})

    expected = accept if accept == "application/json" else "application/dicom+json"
    assert response.headers["content-type"] == expected


def test_who_asks_for_xml_gets_a_document_for_each_match(client: httpx.Client) -> None:
    related = 'multipart/related; type="application/dicom+xml"'
    path = "/dicom-web/studies?includefield=ProcedureCodeSequence"

    as_json = client.get(path).json()
    response = client.get(path, headers={"Accept": related})

    models = [read_model(document) for _, document in parts(response)]
    assert response.status_code == 200
    assert [model["0020000D"].content for model in models] == [
        row["0020000D"]["Value"] for row in as_json
    ]
    assert [tag for tag in models[0] if "/" not in tag] == list(as_json[0])
    nothing = client.get("/dicom-web/studies?PatientID=nobody", headers={"Accept": related})
    assert (nothing.status_code, nothing.content) == (204, b"")


def test_xml_of_a_search_comes_in_parts_only(client: httpx.Client) -> None:
    response = client.get("/dicom-web/studies", headers={"Accept": "application/dicom+xml"})

    assert response.status_code == 406
    assert 'multipart/related; type="application/dicom+xml"' in response.text


def test_the_accept_parameter_stands_in_for_the_header(client: httpx.Client) -> None:
    headers = {"Accept": "text/html"}

    assert client.get("/dicom-web/studies", headers=headers).status_code == 406
    path = "/dicom-web/studies?accept=application/dicom%2Bjson"
    assert client.get(path, headers=headers).status_code == 200


def test_head_tells_what_get_would(client: httpx.Client) -> None:
    head, get = client.head("/dicom-web/studies"), client.get("/dicom-web/studies")

    assert head.status_code == 200
    assert head.content == b""
    assert head.headers["content-length"] == str(len(get.content))


@pytest.mark.parametrize(
    "value", ["'; DROP TABLE study; --", '" OR ""="', "%27%3B", "a\x00b", "\U0001d4b3"]
)
@pytest.mark.parametrize("keyword", ["PatientID", "PatientName", "StudyDescription"])
def test_hostile_values_match_nothing(client: httpx.Client, keyword: str, value: str) -> None:
    for fuzzy in ("false", "true"):
        parameters = {keyword: value, "fuzzymatching": fuzzy}
        response = client.get("/dicom-web/studies", params=parameters)
        assert response.status_code in {204, 400}
    assert len(studies(client, "")) == 3
