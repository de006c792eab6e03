"""Extended query tags as the Azure DICOM service has them: section 8 of its description."""

import asyncio
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import httpx
import pytest
from pydicom import config

from hilum.adapters.database.sql_index import SqlIndex
from hilum.domain.extended_tags import EXTENDED_VRS, NewExtendedTag
from hilum.domain.jobs import NO_PROGRESS, JobId, JobKind, JobState, NewJob, new_job_id
from hilum.domain.levels import Level
from tests.conformance.azure.extended_query_tags import (
    TAGS,
    a_new,
    a_tag,
    add,
    ended,
    post,
    private,
    store,
    studies,
    tagged,
)
from tests.served_dicomweb import ServedDicomWeb

AGE = a_tag("PatientAge", "Study")
AGE_PATH = "00101010"
ENDS = {"/v1": "completed", "/v2": "succeeded"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedDicomWeb]:
    folder = tmp_path_factory.mktemp("tags")
    # No other worker takes up the operations that these tests put into the database.
    few, never = {"maximum": 4}, {"poll_seconds": 3600}
    with ServedDicomWeb(folder, extended_tags=few, operations=never) as served:
        yield served


@pytest.fixture
def client(server: ServedDicomWeb) -> Iterator[httpx.Client]:
    with server.client() as client:
        yield client


@pytest.fixture(params=("/v1", "/v2"))
def surface(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(autouse=True)
def _any_value_can_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config.settings, "_writing_validation_mode", config.IGNORE)
    monkeypatch.setattr(config.settings, "reading_validation_mode", config.IGNORE)


def adding(server: ServedDicomWeb, path: str = AGE_PATH) -> JobId:
    """A tag whose operation nobody does; its id."""

    async def work() -> JobId:
        url = f"sqlite:///{server.archive.folder / 'index.sqlite'}"
        async with SqlIndex(url, hold=None) as index:
            new = NewJob(new_job_id(), JobKind.REINDEX, {"paths": [path]}, exclusive="reindex")
            await index.extended.add([NewExtendedTag(path, "AS", "", Level.STUDY)], new, 128)
            assert await index.jobs.claim([JobKind.REINDEX], "test", 3600) is not None
            return new.job_id

    return asyncio.run(work())


def give_up(server: ServedDicomWeb, job_id: JobId) -> None:
    async def work() -> None:
        url = f"sqlite:///{server.archive.folder / 'index.sqlite'}"
        async with SqlIndex(url, hold=None) as index:
            await index.jobs.finish(job_id, "test", JobState.FAILED, NO_PROGRESS, "told to")

    asyncio.run(work())


@pytest.mark.azure("8.1-add", "8.1-list", "8.1-get", "8.3-object", "8.4-held")
def test_a_tag_is_added_by_an_operation_listed_and_shown(
    client: httpx.Client, surface: str
) -> None:
    assert client.get(f"{surface}{TAGS}").json() == []
    wanted = a_new(PatientAge="041Y")
    store(client, surface, wanted, a_new(PatientAge="042Y"))

    response = add(client, surface, AGE)
    begun = response.json()
    operation = ended(client, response)

    assert response.headers["location"] == begun["href"]
    assert begun["href"].endswith(f"{surface}/operations/{begun['id']}")
    assert (operation["type"], operation["status"]) == ("reindex", ENDS[surface])
    assert operation["resources"] == [
        f"{client.base_url}".rstrip("/") + f"{surface}{TAGS}/{AGE_PATH}"
    ]
    ready = {
        "path": AGE_PATH, "vr": "AS", "level": "study", "status": "ready", "queryStatus": "enabled",
    }  # fmt: skip
    assert client.get(f"{surface}{TAGS}").json() == [ready]
    assert client.get(f"{surface}{TAGS}?offset=1").json() == []
    assert client.get(f"{surface}{TAGS}/PatientAge").json() == ready
    assert client.get(f"{surface}{TAGS}/{AGE_PATH}").json() == ready
    found = studies(client.get(f"{surface}/studies?PatientAge=041y"))
    assert found == [wanted.StudyInstanceUID]
    assert client.delete(f"{surface}{TAGS}/PatientAge").status_code == 204
    assert client.delete(f"{surface}/studies/{wanted.StudyInstanceUID}").status_code == 204


@pytest.mark.azure("8.1-list", "8.1-get", "8.1-errors", "8.1-patch", "8.1-delete")
def test_what_is_not_there_or_names_nothing_is_told(client: httpx.Client, surface: str) -> None:
    base = f"{surface}{TAGS}"
    patch = {"queryStatus": "Enabled"}

    for query in ("limit=0", "limit=201", "offset=-1", "limit=x"):
        assert client.get(f"{base}?{query}").status_code == 400
    for answer in (
        client.get(f"{base}/PatientAge"),
        client.get(f"{base}/PatientAge/errors"),
        client.delete(f"{base}/PatientAge"),
        client.patch(f"{base}/PatientAge", json=patch),
    ):
        assert answer.status_code == 404
        assert answer.headers["content-type"].startswith("text/plain")
    for answer in (client.get(f"{base}/Nonsense"), client.delete(f"{base}/00101010.00080100")):
        assert answer.status_code == 400


REFUSED: dict[str, Any] = {
    "unknown keyword": a_tag("NoSuchThing", "Study"),
    "lower-case keyword": a_tag("patientage", "Study"),
    "dotted path": a_tag("00400275.00080050", "Series"),
    "no path": {"level": "Study"},
    "no level": {"path": "PatientAge"},
    "other level": a_tag("PatientAge", "Patient"),
    "wrong VR": a_tag("PatientAge", "Study", vr="LO"),
    "creator of a standard one": a_tag("PatientAge", "Study", privateCreator="Acme"),
    "private without VR": a_tag("00191002", "Study", privateCreator="Acme"),
    "private without creator": a_tag("00191002", "Study", vr="SH"),
    "creator that is no LO": a_tag("00191002", "Study", vr="SH", privateCreator="A\\B"),
    "long creator": a_tag("00191002", "Study", vr="SH", privateCreator="A" * 65),
    "a creator itself": a_tag("00190010", "Study", vr="LO", privateCreator="Acme"),
    "sequence": a_tag("RequestAttributesSequence", "Series"),
    "private sequence": a_tag("00191002", "Study", vr="SQ", privateCreator="Acme"),
    "long text": a_tag("PatientComments", "Study"),
    "core": a_tag("PatientName", "Study"),
    "core by tag": a_tag("00080061", "Study"),
    "file meta": a_tag("00020010", "Instance"),
}


@pytest.mark.azure(
    "8.2-path", "8.2-level", "8.2-vr", "8.2-creator", "8.2-sequences", "8.2-core", "8.2-duplicates"
)
def test_what_cannot_be_indexed_is_refused(client: httpx.Client, surface: str) -> None:
    for name, tag in REFUSED.items():
        answer = add(client, surface, a_tag("PatientSize", "Study"), tag)
        assert answer.status_code == 400, name
        assert answer.text, name
    assert add(client, surface).status_code == 400
    assert add(client, surface, AGE, a_tag(AGE_PATH, "Series")).status_code == 400
    for body in ("{}", "[1]", "[", ""):
        headers = {"Content-Type": "application/json"}
        answer = client.post(f"{surface}{TAGS}", content=body, headers=headers)
        assert answer.status_code == 400, body
    assert client.get(f"{surface}{TAGS}").json() == []


@pytest.mark.azure("8.2-exists", "8.2-maximum")
def test_there_is_one_of_each_and_not_too_many(client: httpx.Client, surface: str) -> None:
    others = [a_tag(name, "Instance") for name in ("InstanceNumber", "Rows", "Columns")]
    with tagged(client, surface, AGE, *others):
        again = add(client, surface, a_tag(AGE_PATH, "Study"))
        more = add(client, surface, a_tag("PatientSex", "Study"))

    assert (again.status_code, more.status_code) == (409, 409)
    assert "extended_tags.maximum" in more.text
    assert len(REFUSED) > 4  # the server of these tests allows 4; the default is the service's 128


@pytest.mark.azure("8.2-active", "8.3-adding", "8.1-delete", "4.6-ready", "8.4-failed", "8.4-new")
def test_while_an_operation_is_active_none_can_be_added_but_deleted(
    server: ServedDicomWeb, client: httpx.Client, surface: str
) -> None:
    job_id = adding(server)
    refused = add(client, surface, a_tag("PatientSex", "Study"))
    href = f"{str(client.base_url).rstrip('/')}{surface}/operations/{job_id}"
    shown = client.get(f"{surface}{TAGS}/PatientAge").json()
    query = client.get(f"{surface}/studies?PatientAge=050Y")
    wanted = a_new(PatientAge="050Y")
    store(client, surface, wanted)
    give_up(server, job_id)
    still = client.get(f"{surface}{TAGS}/PatientAge").json()
    deleted = client.delete(f"{surface}{TAGS}/PatientAge")

    assert (refused.status_code, refused.headers["location"]) == (409, href)
    assert refused.headers["content-type"].startswith("text/plain")
    assert shown["status"] == "adding"
    assert shown["operation"] == {"id": job_id, "href": href}
    assert query.status_code == 400
    assert "not queryable" in query.text
    assert still["status"] == "adding"
    assert deleted.status_code == 204
    with tagged(client, surface, AGE):
        found = studies(client.get(f"{surface}/studies?PatientAge=050Y"))
        assert wanted.StudyInstanceUID in found


@pytest.mark.azure("8.4-newest-first", "8.4-new", "8.4-again", "2.8-extended-tags")
def test_the_latest_word_about_a_study_counts(client: httpx.Client, surface: str) -> None:
    first = a_new(PatientAge="061Y")
    study = first.StudyInstanceUID
    second = a_new(PatientAge="062Y", StudyInstanceUID=study)
    store(client, surface, first)
    store(client, surface, second)

    for expected in ("062Y", "063Y"):
        with tagged(client, surface, AGE):
            for age in ("061Y", "062Y", "063Y"):
                found = studies(client.get(f"{surface}/studies?PatientAge={age}"))
                assert (study in found) is (age == expected), (age, expected)
            store(client, surface, a_new(PatientAge="063Y", StudyInstanceUID=study))
            assert study in studies(client.get(f"{surface}/studies?PatientAge=063Y"))


@pytest.mark.azure(
    "8.4-problem", "8.4-enable-again", "8.4-error-object", "8.3-errors", "8.1-errors", "8.1-patch",
    "4.6-disabled", "4.6-erroneous", "5-tag-errors",
)  # fmt: skip
def test_what_cannot_be_indexed_disables_the_tag_until_it_is_enabled_again(
    client: httpx.Client, surface: str
) -> None:
    wrong, right = a_new(PatientAge="LONGER"), a_new(PatientAge="071Y")
    store(client, "/v1", wrong, right)
    with tagged(client, surface, AGE):
        tag = client.get(f"{surface}{TAGS}/PatientAge").json()
        refused = client.get(f"{surface}/studies?PatientAge=071Y")
        errors = client.get(tag["errors"]["href"]).json()
        paged = client.get(tag["errors"]["href"], params={"limit": 1, "offset": 1}).json()
        enabled = client.patch(f"{surface}{TAGS}/PatientAge", json={"queryStatus": "enabled"})
        found = client.get(f"{surface}/studies?PatientAge=071Y&fuzzymatching=false")
        nothing = client.get(f"{surface}/studies?{AGE_PATH}=199Y")
        unconcerned = client.get(f"{surface}/studies?limit=1")
        deleted = client.delete(f"{surface}/studies/{wrong.StudyInstanceUID}")
        after = client.get(f"{surface}{TAGS}/PatientAge").json()

    assert tag["queryStatus"] == "disabled"
    assert tag["errors"]["count"] == 1
    assert refused.status_code == 400
    assert "disabled" in refused.text
    (error,) = errors
    assert error["studyInstanceUid"] == wrong.StudyInstanceUID
    assert error["seriesInstanceUid"] == wrong.SeriesInstanceUID
    assert error["sopInstanceUid"] == wrong.SOPInstanceUID
    assert datetime.fromisoformat(error["createdTime"])
    assert error["errorMessage"]
    assert "LONGER" not in error["errorMessage"]
    assert paged == []
    assert enabled.json()["queryStatus"] == "enabled"
    assert studies(found) == [right.StudyInstanceUID]
    assert found.headers["erroneous-dicom-attributes"] == "PatientAge"
    assert nothing.status_code == 204
    assert nothing.headers["erroneous-dicom-attributes"] == AGE_PATH
    assert "erroneous-dicom-attributes" not in unconcerned.headers
    assert deleted.status_code == 204
    assert "errors" not in after
    client.delete(f"{surface}/studies/{right.StudyInstanceUID}")


@pytest.mark.azure("8.1-patch")
def test_queries_are_disabled_by_hand_and_nothing_else_is_changed(
    client: httpx.Client, surface: str
) -> None:
    with tagged(client, surface, AGE):
        path = f"{surface}{TAGS}/{AGE_PATH}"
        disabled = client.patch(path, json={"QueryStatus": "Disabled"})
        refused = client.get(f"{surface}/studies?PatientAge=071Y")
        bodies: list[Any] = [
            {}, [], {"queryStatus": "Sometimes"}, {"queryStatus": 1},
            {"queryStatus": "Enabled", "status": "Ready"},
        ]  # fmt: skip
        answers = [client.patch(path, json=body).status_code for body in bodies]

    assert (disabled.status_code, disabled.json()["queryStatus"]) == (200, "disabled")
    assert refused.status_code == 400
    assert answers == [400] * len(bodies)


@pytest.mark.azure("8.4-dropped", "8.5-v2", "4.6-no-warnings")
def test_what_v2_warned_of_is_no_error_and_not_found(client: httpx.Client) -> None:
    before = a_new(PatientAge="OLD AGE")
    assert post(client, "/v2", before).status_code == 202
    with tagged(client, "/v2", AGE):
        answer = post(client, "/v2", a_new(PatientAge="NEW AGE"))
        tag = client.get(f"/v2{TAGS}/PatientAge").json()
        found = client.get("/v2/studies?PatientAge=NEW AGE")

    (item,) = answer.json()["00081199"]["Value"]
    assert answer.status_code == 202
    assert item["00081196"]["Value"] == [1]
    assert item["00741048"]["Value"][0]["00000902"]["Value"][0].startswith(
        "DICOM100: (0010,1010) - "
    )
    assert "errors" not in tag
    assert (found.status_code, found.headers.get("erroneous-dicom-attributes")) == (204, None)


def test_an_instance_is_shown_with_what_itself_says_in_its_tag(
    client: httpx.Client, surface: str
) -> None:
    name = f"FIRST {surface[1:]}"
    first = a_new(StationName=name)
    study, series = first.StudyInstanceUID, first.SeriesInstanceUID
    second = a_new(StudyInstanceUID=study, SeriesInstanceUID=series, StationName="SECOND")
    with tagged(client, surface, a_tag("StationName", "Instance")):
        store(client, surface, first)
        store(client, surface, second)
        (found,) = client.get(f"{surface}/instances?StationName={name}").json()

    assert found["00080018"]["Value"] == [first.SOPInstanceUID]
    assert found["00081010"]["Value"] == [name]


@pytest.mark.azure("8.5-v1", "8.5-v2", "8.5-other-vr")
def test_v1_refuses_what_a_tag_cannot_index_and_v2_warns(client: httpx.Client) -> None:
    other = private(a_new(), "OTHER VR", "12")
    other[0x00191002].VR = "LO"
    maker = a_tag("00191002", "Instance", vr="SH", privateCreator="OTHER VR")
    with tagged(client, "/v2", AGE, maker):
        for dataset in (a_new(PatientAge="ANCIENT"), other):
            refused, warned = post(client, "/v1", dataset), post(client, "/v2", dataset)

            (item,) = refused.json()["00081198"]["Value"]
            assert refused.status_code == 409
            assert item["00081197"]["Value"] == [43264]
            assert warned.status_code == 202
            (item,) = warned.json()["00081199"]["Value"]
            assert item["00081196"]["Value"] == [1]
            assert len(item["00741048"]["Value"]) == 1


@pytest.mark.azure("8.4-first-value")
def test_the_first_value_is_indexed_and_none_that_is_empty(
    client: httpx.Client, surface: str
) -> None:
    several, empty = a_new(ImageType=["MINE", "OTHERS"]), a_new(ImageType="")
    with tagged(client, surface, a_tag("ImageType", "Instance")):
        answer = post(client, surface, several, empty)
        first = client.get(f"{surface}/instances?ImageType=mine")
        second = client.get(f"{surface}/instances?ImageType=others")

    assert "multiple values" in answer.headers["warning"]
    assert [each["00080018"]["Value"][0] for each in first.json()] == [several.SOPInstanceUID]
    assert second.status_code == 204
    client.delete(f"{surface}/studies/{several.StudyInstanceUID}")


VALUES: dict[str, tuple[str, Any, str, str]] = {
    "AE": ("RetrieveAETitle", "PACS1", "pacs1", "PACS2"),
    "AS": ("PatientAge", "033Y", "033y", "034Y"),
    "CS": ("BodyPartExamined", "SKULL", "skull", "HEAD"),
    "DA": ("AcquisitionDate", "20240310", "20240301-20240331", "-20240309"),
    "DS": ("SliceThickness", "2.50", "2.5", "2.51"),
    "DT": ("AcquisitionDateTime", "20240310101112", "20240310-20240311", "-20240309"),
    "FD": ("SlabThickness", 0.125, "0.125", "0.126"),
    "FL": ("RecommendedDisplayFrameRateInFloat", 1.5, "1.50", "2"),
    "IS": ("InstanceNumber", "3", "0003", "4"),
    "LO": ("ProtocolName", "Knee", "knee", "Kne*"),
    "PN": ("OperatorsName", "Müller^Eva", "muller^eva", "muller"),
    "SH": ("StationName", "ROOM 1", "room 1", "ROOM"),
    "SL": ("ReferencePixelX0", -5, "-5", "5"),
    "SS": ("TagAngleSecondAxis", -3, "-3", "3"),
    "TM": ("AcquisitionTime", "101112", "10-11", "12-"),
    "UI": ("FrameOfReferenceUID", "1.2.3.4", "1.2.3.4", "1.2.3"),
    "UL": ("SimpleFrameList", 7, "7", "8"),
    "US": ("Rows", 64, "64", "65"),
}


@pytest.mark.azure("8.2-vrs", "4.6-matching", "4.6-returned", "4.3-dt", "4.3-tm", "4.3-numeric")
def test_every_vr_is_indexed_matched_and_returned(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    values = {keyword: value for keyword, value, _, _ in VALUES.values()}
    wanted = a_new(SpecificCharacterSet="ISO_IR 192", **values)
    with (
        ServedDicomWeb(tmp_path_factory.mktemp("vrs")) as server,
        server.client() as client,
    ):
        store(client, "/v2", a_new(), wanted)
        tags = [a_tag(name, "Instance") for name, *_ in VALUES.values()]
        assert ended(client, add(client, "/v2", *tags))["status"] == "succeeded"
        listed = client.get(f"/v2{TAGS}").json()
        for surface in ("/v1", "/v2", "/dicom-web"):
            for vr, (keyword, _, hit, miss) in VALUES.items():
                found = client.get(f"{surface}/instances", params={keyword: hit})
                other = client.get(f"{surface}/instances", params={keyword: miss})
                assert found.status_code == 200, (surface, vr)
                (item,) = found.json()
                assert item["00080018"]["Value"] == [wanted.SOPInstanceUID]
                path = next(tag["path"] for tag in listed if tag["vr"] == vr)
                assert item[path]["vr"] == vr
                standard_wild_card = surface == "/dicom-web" and vr == "LO"
                assert other.status_code == (200 if standard_wild_card else 204), (surface, vr)
        for keyword, value in (("Rows", "x"), ("SliceThickness", "y"), ("AcquisitionTime", "25"),
                               ("AcquisitionDateTime", "20240310101112+0100"),
                               ("AcquisitionDate", "20240331-20240301")):  # fmt: skip
            answer = client.get("/v2/instances", params={keyword: value})
            assert answer.status_code == 400, keyword
        for keyword, value in (("AcquisitionDateTime", "2024-"), ("AcquisitionTime", "10"),
                               ("AcquisitionDateTime", "20240310101112.123456-"),
                               ("AcquisitionTime", "101112.123456-")):  # fmt: skip
            answer = client.get("/v2/instances", params={keyword: value})
            assert answer.status_code in {200, 204}, (keyword, value)

    assert {tag["vr"] for tag in listed} == set(EXTENDED_VRS) == set(VALUES)


@pytest.mark.azure("4.6-matching")
def test_names_are_matched_by_words_with_fuzzymatching(client: httpx.Client, surface: str) -> None:
    eve = a_new(OperatorsName="Roe^Eve^Maria")
    with tagged(client, surface, a_tag("OperatorsName", "Series")):
        store(client, surface, eve)
        hits = [
            client.get(f"{surface}/series?OperatorsName={words}&fuzzymatching=true").status_code
            for words in ("ro ev", "maria", "eve ma", "oe", "eve roe")
        ]

    assert hits == [200, 200, 200, 204, 204]
    client.delete(f"{surface}/studies/{eve.StudyInstanceUID}")


@pytest.mark.azure("4.6-levels")
def test_tags_join_by_their_level(client: httpx.Client, surface: str) -> None:
    dataset = a_new(PatientAge="077Y", ProtocolName="JOIN", InstanceNumber="77")
    study, series = dataset.StudyInstanceUID, dataset.SeriesInstanceUID
    tags = (AGE, a_tag("ProtocolName", "Series"), a_tag("InstanceNumber", "Instance"))
    expected = {
        "studies": (200, 400, 400),
        "series": (200, 200, 400),
        f"studies/{study}/series": (400, 200, 400),
        "instances": (200, 200, 200),
        f"studies/{study}/instances": (400, 200, 200),
        f"studies/{study}/series/{series}/instances": (400, 400, 200),
    }
    with tagged(client, surface, *tags):
        store(client, surface, dataset)
        told = {
            route: tuple(
                client.get(f"{surface}/{route}?{query}").status_code
                for query in ("PatientAge=077Y", "ProtocolName=join", "InstanceNumber=77")
            )
            for route in expected
        }
        both = client.get(
            f"{surface}/instances?PatientAge=077Y&InstanceNumber=77&ProtocolName=join"
        )
        twice = client.get(f"{surface}/studies?PatientAge=077Y&{AGE_PATH}=077Y")

    assert told == expected
    assert (both.status_code, twice.status_code) == (200, 400)


@pytest.mark.azure("8.2-creator", "8.3-object", "4.6-returned")
def test_private_attributes_are_found_whichever_block_they_are_in(
    client: httpx.Client, surface: str
) -> None:
    usual = private(a_new(), "MAKER 1", "Value")
    moved = private(private(a_new(), "MAKER 2", "Value"), "MAKER 1", "Value", block=0x11)
    stranger = private(a_new(), "MAKER 2", "Value")
    tag = a_tag("00191002", "Study", vr="SH", privateCreator="MAKER 1")
    store(client, surface, usual)
    with tagged(client, surface, tag):
        store(client, surface, moved, stranger)
        implicit = private(a_new(), "MAKER 1", "Value")
        post(client, surface, implicit, syntax="1.2.840.10008.1.2")
        found = client.get(f"{surface}/studies?00191002=value")
        shown = client.get(f"{surface}{TAGS}/00191002").json()

    wanted = {each.StudyInstanceUID for each in (usual, moved, implicit)}
    assert set(studies(found)) == wanted
    told = [each["00191002"]["Value"] for each in found.json() if "00191002" in each]
    assert told == [["Value"]] * 2  # what is read as UN is in no answer of these surfaces
    assert shown["privateCreator"] == "MAKER 1"
    for uid in wanted:
        client.delete(f"{surface}/studies/{uid}")
