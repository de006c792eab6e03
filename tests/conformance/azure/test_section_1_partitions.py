"""Data partitions as the Azure DICOM service has them: section 1.3 of its description.

The same three UIDs lie in several partitions with other content; nothing of one shows in another.
"""

import asyncio
import contextlib
import io
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pydicom
import pytest
import websockets
from dicomweb_client.api import DICOMwebClient

from hilum.bootstrap.partitions import open_partitions
from hilum.bootstrap.serving import serve
from hilum.domain.errors import ArchiveUnavailable
from hilum.settings import Settings
from tests.conformance.multipart import parts
from tests.instances import a_dataset, a_multipart, part10
from tests.served_dicomweb import ServedDicomWeb
from tests.workitems import element, workitem

ROOT = "1.2.826.0.1.3680043.10.1"
STUDY, SERIES, SOP = f"{ROOT}.1", f"{ROOT}.1.1", f"{ROOT}.1.1.1"
DEFAULT = "Microsoft.Default"
MULTIPART = {"Content-Type": 'multipart/related; type="application/dicom"; boundary=B'}
IN_STUDY = f"/studies/{STUDY}"
IN_SERIES = f"{IN_STUDY}/series/{SERIES}"
IN_INSTANCE = f"{IN_SERIES}/instances/{SOP}"
NAMES = ("one", "two", DEFAULT)
AZURE = ("/v1", "/v2", "/v1.0-prerelease")
ALL = (*AZURE, "/dicom-web")


def an_image(shade: int, patient: str, **elements: Any) -> bytes:
    dataset = a_dataset(
        StudyInstanceUID=STUDY,
        SeriesInstanceUID=SERIES,
        SOPInstanceUID=SOP,
        PatientName=patient,
        PatientID=f"id-{patient}",
        Rows=8,
        Columns=8,
        SamplesPerPixel=1,
        BitsAllocated=8,
        BitsStored=8,
        HighBit=7,
        PixelRepresentation=0,
        PhotometricInterpretation="MONOCHROME2",
        PixelData=bytes([shade, 255 - shade]) * 32,
        # Long enough to be told by reference.
        EncapsulatedDocument=bytes([shade]) * 4096,
    )
    for keyword, value in elements.items():
        setattr(dataset, keyword, value)
    dataset["PixelData"].VR = "OB"
    dataset["EncapsulatedDocument"].VR = "OB"
    return part10(dataset)


IMAGES = {name: an_image(shade, name) for name, shade in zip(NAMES, (0, 40, 80), strict=True)}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedDicomWeb]:
    with (
        ServedDicomWeb(tmp_path_factory.mktemp("p"), partitions={"enabled": True}) as server,
        server.client() as client,
    ):
        for name, image in IMAGES.items():
            stored = store(client, f"/v2/partitions/{name}", image)
            assert stored.status_code == 200, stored.text
        yield server


@pytest.fixture(scope="module")
def client(server: ServedDicomWeb) -> Iterator[httpx.Client]:
    with server.client() as client:
        yield client


@pytest.fixture(params=ALL)
def surface(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=AZURE)
def azure(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def store(client: httpx.Client, base: str, *images: bytes, path: str = "") -> httpx.Response:
    return client.post(f"{base}/studies{path}", content=a_multipart(*images), headers=MULTIPART)


def names_in(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [each["00100010"]["Value"][0]["Alphabetic"] for each in answer.json()]


def in_any(url: httpx.URL) -> set[str]:
    """The partitions that a path names."""
    return {name for name in NAMES if f"/partitions/{name}/" in url.path}


@pytest.mark.azure("1.3-unique", "1.3-urls")
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("path", [IN_STUDY, IN_SERIES, IN_INSTANCE])
def test_each_partition_gives_back_its_own_bytes(
    client: httpx.Client, surface: str, name: str, path: str
) -> None:
    url = f"{surface}/partitions/{name}{path}"
    answer = client.get(url, headers={"Accept": 'multipart/related; type="application/dicom"'})

    [(head, body)] = parts(answer)
    assert body == IMAGES[name]
    assert head["Content-Location"] == f"{client.base_url}{surface}/partitions/{name}{IN_INSTANCE}"


@pytest.mark.azure("1.3-unique", "1.3-queries")
@pytest.mark.parametrize("name", NAMES)
def test_searches_and_metadata_see_one_partition(
    client: httpx.Client, surface: str, name: str
) -> None:
    base = f"{surface}/partitions/{name}"

    levels = ("/studies", "/series", "/instances")
    for path in (*levels, f"{IN_STUDY}/series", f"{IN_STUDY}/instances"):
        found = client.get(base + path, params={"includefield": "PatientName"})
        assert names_in(found) == [name]
    for other in NAMES:
        for path in levels:
            matched = client.get(base + path, params={"PatientID": f"id-{other}"})
            assert matched.status_code == (200 if other == name else 204) or (
                surface == "/dicom-web" and matched.json() == []
            )
    for path in (IN_STUDY, IN_SERIES, IN_INSTANCE):
        assert names_in(client.get(f"{base}{path}/metadata")) == [name]


@pytest.mark.azure("1.3-unique")
@pytest.mark.parametrize("order", [NAMES, NAMES[::-1]])
def test_pixels_of_one_partition_are_never_those_of_another(
    client: httpx.Client, surface: str, order: tuple[str, ...]
) -> None:
    frames, pictures, thumbnails = {}, {}, {}
    for name in order:
        base = f"{surface}/partitions/{name}{IN_INSTANCE}"
        octets = {"Accept": 'multipart/related; type="application/octet-stream"'}
        [(_, frames[name])] = parts(client.get(f"{base}/frames/1", headers=octets))
        for path in ("/rendered", "/frames/1/rendered"):
            picture = client.get(base + path, headers={"Accept": "image/png"})
            assert picture.status_code == 200, picture.text
            pictures[name, path] = picture.content
        if surface == "/dicom-web":
            for path in (IN_STUDY, IN_SERIES, IN_INSTANCE, f"{IN_INSTANCE}/frames/1"):
                picture = client.get(
                    f"{surface}/partitions/{name}{path}/thumbnail", headers={"Accept": "image/png"}
                )
                assert picture.status_code == 200, picture.text
                thumbnails[name, path] = picture.content

    assert frames == {name: pydicom.dcmread(io.BytesIO(IMAGES[name])).PixelData for name in NAMES}
    for path in ("/rendered", "/frames/1/rendered"):
        assert len({pictures[name, path] for name in NAMES}) == len(NAMES)


def test_what_only_the_standard_offers_stays_in_its_partition_too(client: httpx.Client) -> None:
    for name in NAMES:
        base = f"/dicom-web/partitions/{name}"
        [metadata] = client.get(f"{base}{IN_INSTANCE}/metadata").json()
        uri = metadata["00420011"]["BulkDataURI"]
        assert in_any(httpx.URL(uri)) == {name}
        value = client.get(uri, headers={"Accept": "application/octet-stream"})
        assert value.content == pydicom.dcmread(io.BytesIO(IMAGES[name])).EncapsulatedDocument

        asked = {"requestType": "WADO", "studyUID": STUDY, "seriesUID": SERIES, "objectUID": SOP}
        accept = {"Accept": "application/dicom"}
        given = client.get(f"{base}/wado", params=asked, headers=accept)
        assert given.content == IMAGES[name]

        [study] = client.get(f"{base}/studies").json()
        assert study["00081190"]["Value"] == [
            f"{client.base_url}/dicom-web/partitions/{name}{IN_STUDY}"
        ]

        archive = client.get(f"{base}{IN_STUDY}", headers={"Accept": "application/zip"})
        assert IMAGES[name] in archive.content

        found = client.get(
            f"/api/v1/partitions/{name}{IN_STUDY}/findings", headers={"Accept": "*/*"}
        )
        assert found.status_code == 200


@pytest.mark.parametrize("path", [IN_STUDY, IN_SERIES, IN_INSTANCE])
def test_a_validator_of_one_partition_is_none_in_another(
    client: httpx.Client, surface: str, path: str
) -> None:
    first = client.get(f"{surface}/partitions/one{path}/metadata")
    known = {"If-None-Match": first.headers["etag"]}

    again = client.get(f"{surface}/partitions/one{path}/metadata", headers=known)
    other = client.get(f"{surface}/partitions/two{path}/metadata", headers=known)
    assert (again.status_code, other.status_code) == (304, 200)


def test_dicomweb_client_works_below_a_partition(server: ServedDicomWeb) -> None:
    client = DICOMwebClient(f"{server.url}/v2/partitions/two")

    [found] = client.search_for_studies()
    assert found["00100010"]["Value"][0]["Alphabetic"] == "two"
    assert client.retrieve_instance(STUDY, SERIES, SOP).PatientName == "two"
    assert client.retrieve_study_metadata(STUDY)[0]["00100020"]["Value"] == ["id-two"]


@pytest.mark.azure("1.3-unique", "1.3-created-by", "1.3-urls")
@pytest.mark.parametrize("path", ["", IN_STUDY.removeprefix("/studies")])
def test_storing_makes_the_partition_and_a_duplicate_is_one_inside_it_only(
    client: httpx.Client, surface: str, path: str
) -> None:
    base = f"{surface}/partitions/new{path.count('/')}_{ALL.index(surface)}"
    assert client.get(f"{base}/studies").status_code == 400

    first = store(client, base, IMAGES["one"], path=path)
    again = store(client, base, IMAGES["two"], path=path)

    assert (first.status_code, again.status_code) == (200, 409)
    [item] = first.json()["00081199"]["Value"]
    assert item["00081190"]["Value"] == [f"{client.base_url}{base}{IN_INSTANCE}"]
    [failed] = again.json()["00081198"]["Value"]
    assert failed["00081197"]["Value"] == [45070] or surface == "/dicom-web"


@pytest.mark.azure("1.3-queries")
def test_deleting_in_one_partition_leaves_the_others(client: httpx.Client, surface: str) -> None:
    base, other = (f"{surface}/partitions/gone_{ALL.index(surface)}_{each}" for each in "ab")
    for each in (base, other):
        assert store(client, each, IMAGES["one"]).status_code == 200

    for path in (IN_INSTANCE, IN_SERIES, IN_STUDY):
        accept = {"Accept": "application/dicom+json"}
        assert client.get(f"{base}{path}/metadata", headers=accept).status_code == 200
        assert client.delete(base + path).status_code == 204
        assert client.get(f"{base}{path}/metadata", headers=accept).status_code == 404
        assert client.get(f"{other}{path}/metadata", headers=accept).status_code == 200
        assert client.delete(base + path).status_code == 404
        assert store(client, base, IMAGES["two"]).status_code == 200


def ended(client: httpx.Client, asked: httpx.Response) -> None:
    """Wait for the operation that an answer tells of."""
    assert asked.status_code == 202, asked.text
    while (answer := client.get(asked.json()["href"])).status_code == 202:
        time.sleep(0.01)
    assert (answer.status_code, answer.json()["status"]) == (200, "succeeded"), answer.text


@pytest.mark.azure("10-partition", "1.3-queries", "1.3-global")
def test_an_update_changes_what_lies_in_its_partition_only(client: httpx.Client) -> None:
    bases = [f"/v2/partitions/updated_{each}" for each in "ab"]
    for base in bases:
        assert store(client, base, IMAGES["one"]).status_code == 200
    dataset = {"00100010": {"vr": "PN", "Value": [{"Alphabetic": "New^Name"}]}}
    body = {"studyInstanceUids": [STUDY], "changeDataset": dataset}

    ended(client, client.post(f"{bases[0]}/studies/$bulkUpdate", json=body))

    for base, name in zip(bases, ("New^Name", "one"), strict=True):
        assert names_in(client.get(f"{base}{IN_STUDY}/metadata")) == [name]
        assert names_in(client.get(f"{base}/studies")) == [name]
    original = {"msdicom-request-original": "true", "Accept": "application/dicom"}
    assert client.get(f"{bases[0]}{IN_INSTANCE}", headers=original).content == IMAGES["one"]


@pytest.mark.azure("1.3-global", "1.3-queries")
def test_values_of_extended_query_tags_are_found_in_their_partition_only(
    client: httpx.Client,
) -> None:
    bases = [f"/v2/partitions/tagged_{each}" for each in "ab"]
    images = [an_image(shade, "same", PatientAge=f"0{shade}Y") for shade in (10, 20)]
    assert store(client, bases[0], images[0]).status_code == 200
    tag = [{"path": "PatientAge", "level": "Study"}]
    ended(client, client.post("/v2/extendedquerytags", json=tag))
    assert store(client, bases[1], images[1]).status_code == 200

    for base, age, other in ((bases[0], "010Y", "020Y"), (bases[1], "020Y", "010Y")):
        assert names_in(client.get(f"{base}/studies", params={"PatientAge": age})) == ["same"]
        assert client.get(f"{base}/studies", params={"PatientAge": other}).status_code == 204


@pytest.mark.azure("1.3-created-by", "1.3-unique", "1.3-queries", "1.3-urls")
def test_work_items_lie_in_partitions_and_making_one_makes_its_partition(
    client: httpx.Client, surface: str
) -> None:
    bases = [f"{surface}/partitions/items_{ALL.index(surface)}_{each}" for each in "ab"]
    uid, headers = f"{ROOT}.55", {"Content-Type": "application/dicom+json"}
    for base, label in zip(bases, ("first", "second"), strict=True):
        content = json.dumps([workitem(x00741204=element("LO", label))])
        made = client.post(f"{base}/workitems?{uid}", content=content, headers=headers)
        assert made.status_code == 201, made.text
        assert made.headers["location"] == f"{client.base_url}{base}/workitems/{uid}"

    for base, label in zip(bases, ("first", "second"), strict=True):
        assert label in client.get(f"{base}/workitems/{uid}").text
        [found] = client.get(f"{base}/workitems").json()
        assert found["00080018"]["Value"] == [uid]
    assert client.get(f"{surface}/partitions/one/workitems/{uid}").status_code == 404


def test_subscribers_are_told_of_work_items_of_their_partition(
    server: ServedDicomWeb, client: httpx.Client
) -> None:
    uid, headers = f"{ROOT}.66", {"Content-Type": "application/dicom+json"}
    bases = [f"/dicom-web/partitions/{name}" for name in ("one", "two")]
    for base in bases:
        done = client.post(f"{base}/workitems/1.2.840.10008.5.1.4.34.5/subscribers/DESK")
        assert done.status_code == 201
        assert done.headers["content-location"].endswith(f"{base}/ws/subscribers/DESK")
    content = json.dumps([workitem()])
    assert client.post(f"{bases[1]}/workitems?{uid}", content=content, headers=headers).is_success

    async def first_events() -> tuple[str, bool]:
        address = f"ws://127.0.0.1:{server.port}"
        async with (
            websockets.connect(f"{address}{bases[0]}/ws/subscribers/DESK") as one,
            websockets.connect(f"{address}{bases[1]}/ws/subscribers/DESK") as two,
        ):
            told = await asyncio.wait_for(two.recv(), 20)
            with contextlib.suppress(TimeoutError):
                return str(told), bool(await asyncio.wait_for(one.recv(), 0.2))
            return str(told), False

    told, other = asyncio.run(first_events())
    assert (uid in told, other) == (True, False)


@pytest.mark.azure("1.3-unknown", "1.3-created-by", "1.6-400-argument")
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/studies"),
        ("GET", IN_INSTANCE),
        ("GET", f"{IN_STUDY}/metadata"),
        ("DELETE", IN_STUDY),
        ("PUT", "/studies"),
        ("PUT", IN_STUDY),
    ],
)
def test_other_requests_do_not_make_a_partition(
    client: httpx.Client, azure: str, method: str, path: str
) -> None:
    answer = client.request(method, f"{azure}/partitions/nobody{path}")

    assert answer.status_code == 400
    assert answer.text == (
        "The data partition nobody does not exist: storing into it makes it (POST)."
    )
    assert answer.headers["content-type"].startswith("text/plain")
    names = [each["partitionName"] for each in client.get(f"{azure}/partitions").json()]
    assert "nobody" not in names


@pytest.mark.azure("1.3-name")
@pytest.mark.parametrize("name", ["a" * 65, "a%20b", "a%2Bb", "%C3%A9", "a:b", "a~"])
def test_a_name_with_other_characters_or_too_many_is_refused(
    client: httpx.Client, surface: str, name: str
) -> None:
    for method in ("GET", "POST"):
        answer = client.request(method, f"{surface}/partitions/{name}/studies")
        assert answer.status_code == 400
        assert "1 to 64 characters" in answer.text


@pytest.mark.azure("1.3-name")
def test_a_name_may_have_every_character_that_it_may_have_and_64_of_them(
    client: httpx.Client,
) -> None:
    name = "Aa0.-_".ljust(64, "z")

    assert store(client, f"/v2/partitions/{name}", IMAGES["one"]).status_code == 200
    assert client.get(f"/v2/partitions/{name}/studies").status_code == 200


@pytest.mark.azure("1.3-on")
@pytest.mark.parametrize(
    ("method", "path"),
    [
        *[("GET", path) for path in ("/studies", "/series", "/instances", IN_STUDY, IN_INSTANCE)],
        *[("GET", f"{IN_INSTANCE}{path}") for path in ("/metadata", "/rendered", "/frames/1")],
        *[(method, "/studies") for method in ("POST", "PUT")],
        *[("DELETE", path) for path in (IN_STUDY, IN_SERIES, IN_INSTANCE)],
    ],
)
def test_a_route_without_a_partition_is_refused_on_azure_and_is_the_default_one_on_the_other(
    client: httpx.Client, azure: str, method: str, path: str
) -> None:
    answer = client.request(method, azure + path)

    assert answer.status_code == 400
    assert "name one in the path" in answer.text
    if (method, path) == ("GET", "/studies"):
        assert names_in(client.get("/dicom-web/studies")) == [DEFAULT]


@pytest.mark.azure("1.3-list")
def test_partitions_are_listed_with_key_name_and_time(client: httpx.Client, azure: str) -> None:
    answer = client.get(f"{azure}/partitions", headers={"Accept": "*/*"})

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    told = answer.json()
    assert [(each["partitionKey"], each["partitionName"]) for each in told[:1]] == [(1, DEFAULT)]
    assert {each["partitionName"] for each in told} >= set(NAMES)
    assert all(each["createdDate"].endswith("+00:00") for each in told)
    assert all(set(each) == {"partitionKey", "partitionName", "createdDate"} for each in told)


@pytest.mark.azure("1.3-global")
@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/changefeed", 200),
        ("/changefeed/latest", 200),
        ("/extendedquerytags", 200),
        (f"/operations/{'0' * 32}", 404),
        ("/partitions", 200),
    ],
)
def test_what_is_the_same_for_all_partitions_has_none_in_its_path(
    client: httpx.Client, azure: str, path: str, status: int
) -> None:
    assert client.get(f"{azure}/partitions/one{path}").status_code == 404
    assert client.get(azure + path).status_code == status


@pytest.mark.azure("1.3-feed", "7.2-partition", "7.3-not-partitioned")
def test_feeds_tell_the_partition_of_each_entry(client: httpx.Client, azure: str) -> None:
    keys = {
        each["partitionName"]: each["partitionKey"] for each in client.get("/v2/partitions").json()
    }

    told = client.get("/api/v1/feed", headers={"Accept": "application/json"}).json()
    changes = client.get(f"{azure}/changefeed", params={"limit": 3}).json()

    assert [each["partition"] for each in told][:3] == [keys[name] for name in NAMES]
    assert [each["partitionName"] for each in changes] == list(NAMES)


async def start(folder: Path) -> None:
    chosen = {"data_dir": folder, "http": {"port": 0}, "dimse": {"port": 0}}
    async with serve(Settings.model_validate(chosen)):
        pass


@pytest.mark.azure("1.3-default", "1.3-off", "1.3-back", "1.3-list-off", "1.6-400-off")
def test_what_was_there_before_lies_in_the_default_partition_and_the_way_back_is_barred(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("turned")
    with ServedDicomWeb(folder) as server, server.client() as client:
        assert store(client, "/v2", IMAGES["one"]).status_code == 200
        for path in ("/partitions/two/studies", "/partitions", "/partitions/"):
            answer = client.get(f"/v2{path}")
            assert (answer.status_code, "disabled" in answer.text) == (400, True)
    with ServedDicomWeb(folder, partitions={"enabled": True}) as server, server.client() as client:
        assert names_in(client.get(f"/v2/partitions/{DEFAULT}/studies")) == ["one"]
        assert store(client, "/v2/partitions/two", IMAGES["two"]).status_code == 200
        assert client.delete(f"/v2/partitions/two{IN_STUDY}").status_code == 204
        off = Settings.model_validate({"data_dir": folder})
        server.run(open_partitions(off, server.archive.index.partitions))
        assert store(client, "/v2/partitions/two", IMAGES["two"]).status_code == 200
    with pytest.raises(ArchiveUnavailable, match="data partition two holds something"):
        asyncio.run(start(folder))
