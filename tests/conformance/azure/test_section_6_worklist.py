"""Work items as the Azure DICOM service has them: sections 6.1 to 6.3 of its description."""

from collections.abc import Iterator
from itertools import count
from typing import Any

import httpx
import pytest

from tests.served_dicomweb import ServedDicomWeb
from tests.workitems import PERFORMED, Dataset, code, element, wish, workitem

_NUMBERS = count(1)
JSON = {"Content-Type": "application/dicom+json"}
LOCK = "1.2.826.0.1.3680043.10.6.1"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedDicomWeb]:
    with ServedDicomWeb(tmp_path_factory.mktemp("worklist")) as server:
        yield server


@pytest.fixture(params=["/v1", "/v2"])
def client(server: ServedDicomWeb, request: pytest.FixtureRequest) -> Iterator[httpx.Client]:
    with server.client() as client:
        client.base_url = f"{server.url}{request.param}"
        yield client


def new_uid() -> str:
    return f"1.2.826.0.1.3680043.10.6.{next(_NUMBERS)}.0"


def created(client: httpx.Client, **changes: Any) -> str:
    uid = new_uid()
    response = client.post(f"/workitems?{uid}", json=workitem(**changes), headers=JSON)
    assert response.status_code == 201, response.text
    return uid


def taken(client: httpx.Client) -> str:
    uid = created(client)
    assert change(client, uid, wish("IN PROGRESS", LOCK)).status_code == 200
    return uid


def change(client: httpx.Client, uid: str, body: Dataset) -> httpx.Response:
    return client.put(f"/workitems/{uid}/state", json=body, headers=JSON)


def update(client: httpx.Client, uid: str, body: Dataset, lock: str = "") -> httpx.Response:
    query = f"?{lock}" if lock else ""
    return client.post(f"/workitems/{uid}{query}", json=body, headers=JSON)


def ended(client: httpx.Client, state: str, attributes: Dataset) -> str:
    uid = taken(client)
    assert update(client, uid, attributes, LOCK).status_code == 200
    assert change(client, uid, wish(state, LOCK)).status_code == 200
    return uid


def refused(response: httpx.Response, status: int, said: str = "", *, warned: bool = True) -> None:
    """The text is a JSON string, and where it is told in a header, too, has the form of that."""
    assert response.status_code == status, response.text
    text = response.json()
    assert isinstance(text, str)
    assert said in text
    if warned:
        host = response.request.headers["host"]
        assert response.headers["warning"].startswith(f'299 {host}: "')
        assert said in response.headers["warning"]


@pytest.mark.azure("6.1-create", "6.1-create-uid", "6.1-retrieve", "6.2-filled")
def test_6_1_a_work_item_is_created_at_its_url(client: httpx.Client) -> None:
    uid = new_uid()
    response = client.post(f"/workitems?{uid}", json=workitem(), headers=JSON)

    assert (response.status_code, response.content) == (201, b"")
    url = str(client.base_url.join(f"workitems/{uid}"))
    assert response.headers["location"] == response.headers["content-location"] == url
    found = client.get(url)
    assert found.headers["content-type"] == "application/dicom+json"
    dataset = found.json()
    assert dataset["00080018"]["Value"] == [uid]
    assert dataset["00080016"]["Value"] == ["1.2.840.10008.5.1.4.34.6.1"]
    assert dataset["00741202"]["Value"] == ["worklist"]
    assert dataset["00741000"]["Value"] == ["SCHEDULED"]
    assert len(dataset["00404010"]["Value"]) == 1
    assert "00081195" not in dataset


@pytest.mark.azure("6.1-create-uid", "6.2-400", "6.1-error-body")
def test_6_1_the_uid_is_in_the_query_or_in_the_data_set(client: httpx.Client) -> None:
    uid = new_uid()
    named = workitem(x00080018=element("UI", uid))

    refused(client.post("/workitems", json=workitem(), headers=JSON), 400, "00080018", warned=False)
    refused(client.post("/workitems?1.2.x", json=workitem(), headers=JSON), 400, warned=False)
    refused(
        client.post(f"/workitems?{new_uid()}", json=named, headers=JSON), 400, "differs",
        warned=False,
    )  # fmt: skip
    assert client.post("/workitems", json=named, headers=JSON).status_code == 201
    assert client.get(f"/workitems/{uid}").status_code == 200


@pytest.mark.azure("6.1-create-exists")
def test_6_1_a_uid_is_given_once(client: httpx.Client) -> None:
    uid = created(client)

    refused(client.post(f"/workitems?{uid}", json=workitem(), headers=JSON), 409, warned=False)


@pytest.mark.azure("6.1-retrieve-refused", "6.3-unknown", "6.4-c307", "6.5-unknown")
def test_6_1_what_is_not_there_is_404_and_what_is_no_uid_400(client: httpx.Client) -> None:
    for uid, status in (("1.2.3.4", 404), ("1.2.x", 400)):
        refused(client.get(f"/workitems/{uid}"), status, warned=False)
        refused(update(client, uid, {}), status)
        refused(change(client, uid, wish("IN PROGRESS", LOCK)), status)
        refused(client.post(f"/workitems/{uid}/cancelrequest"), status)


@pytest.mark.azure("6.1-415")
def test_6_1_another_media_type_is_415(client: httpx.Client) -> None:
    uid, text = created(client), {"Content-Type": "text/plain"}
    for method, path in (
        ("POST", f"/workitems?{new_uid()}"),
        ("POST", f"/workitems/{uid}"),
        ("PUT", f"/workitems/{uid}/state"),
        ("POST", f"/workitems/{uid}/cancelrequest"),
    ):
        assert client.request(method, path, content=b"{}", headers=text).status_code == 415


@pytest.mark.azure("6.1-body")
def test_6_1_of_a_list_the_first_data_set_counts(client: httpx.Client) -> None:
    uid = new_uid()
    body = [workitem(), {"nonsense": 1}]

    assert client.post(f"/workitems?{uid}", json=body, headers=JSON).status_code == 201
    for malformed in (b"[]", b"{", b"1", b'"text"', b"[[]]"):
        response = client.post(f"/workitems?{new_uid()}", content=malformed, headers=JSON)
        refused(response, 400, warned=False)


@pytest.mark.azure("6.1-accept")
@pytest.mark.parametrize("accept", [None, "application/json", "text/html", "a list, of, words"])
def test_6_1_an_accept_header_is_needed(client: httpx.Client, accept: str | None) -> None:
    uid = created(client)
    if accept is None:
        del client.headers["Accept"]
    else:
        client.headers["Accept"] = accept
    for method, path in (
        ("POST", f"/workitems?{new_uid()}"),
        ("GET", f"/workitems/{uid}"),
        ("GET", "/workitems"),
    ):
        sent = client.build_request(method, path, json=workitem() if method == "POST" else None)
        response = client.send(sent)
        assert (response.status_code, response.content) == (406, b"")


@pytest.mark.azure("6.1-accept")
@pytest.mark.parametrize("accept", ["*/*", "application/*", "text/html, application/dicom+json"])
def test_6_1_a_wild_card_covers_dicom_json(client: httpx.Client, accept: str) -> None:
    uid = created(client)

    assert client.get(f"/workitems/{uid}", headers={"Accept": accept}).status_code == 200


@pytest.mark.azure("6.1-no-subscriptions")
def test_6_1_nobody_can_subscribe(client: httpx.Client) -> None:
    assert client.post(f"/workitems/{created(client)}/subscribers/ME").status_code == 404


_VALUED = ("00741200", "00741204", "00404005", "00404041")
_PRESENT = (
    "00741210 00404025 00404026 00404027 00404018 00400400 00404021 00100010 00100030 00100040 "
    "00380010 00380014 00081080 00081084 00101002 00100021 00100024 0040A370 00741002 00741216"
).split()


@pytest.mark.azure("6.2-value", "6.2-present", "6.2-empty", "6.2-400", "6.1-error-body")
@pytest.mark.parametrize("tag", [*_VALUED, *_PRESENT, "00081195"])
def test_6_2_what_must_be_there_is_missed(client: httpx.Client, tag: str) -> None:
    def answer(value: Dataset | None) -> httpx.Response:
        body = workitem(**{f"x{tag}": value})
        return client.post(f"/workitems?{new_uid()}", json=body, headers=JSON)

    vr = workitem()[tag]["vr"]
    refused(answer(None), 400, tag, warned=False)
    if tag in _VALUED:
        refused(answer(element(vr)), 400, tag, warned=False)
    else:
        assert answer(element(vr)).status_code == 201


@pytest.mark.azure("6.2-empty", "6.2-children", "6.2-codes", "6.2-type-3", "6.2-request")
@pytest.mark.parametrize(
    ("tag", "value"),
    [
        ("00081195", element("UI", "1.2.3")),
        ("00741002", element("SQ", {"00741004": element("DS", 50)})),
        ("00741216", PERFORMED["00741216"]),
        ("00404018", element("SQ", {"00080100": element("SH", "A")})),
        ("00102000", element("LO")),
        ("0040A370", element("SQ", {"00080050": element("SH", "A")})),
        ("0040A370", element("SQ", {"0020000D": element("UI", "1.2.3")})),
    ],
)
def test_6_2_what_breaks_a_rule_is_refused(client: httpx.Client, tag: str, value: Dataset) -> None:
    body = workitem(**{f"x{tag}": value})
    response = client.post(f"/workitems?{new_uid()}", json=body, headers=JSON)

    refused(response, 400, warned=False)


@pytest.mark.azure("6.2-optional", "6.2-filled")
def test_6_2_conditional_attributes_are_not_demanded(client: httpx.Client) -> None:
    body = workitem(x00100020=None, x0020000D=None, x00741202=None)

    response = client.post(f"/workitems?{new_uid()}", json=body, headers=JSON)

    assert response.status_code == 201


@pytest.mark.azure("6.3-merge", "6.3-scheduled", "6.1-update")
def test_6_3_an_update_replaces_what_it_names(client: httpx.Client) -> None:
    uid = created(client)
    before = client.get(f"/workitems/{uid}").json()
    stations = element("SQ", code("STATION2"), code("STATION3"))
    body = {"00404025": stations, "00102000": element("LO", "latex")}

    response = update(client, uid, body)

    assert (response.status_code, response.content) == (200, b"")
    assert response.headers["content-location"].endswith(f"/workitems/{uid}")
    after = client.get(f"/workitems/{uid}").json()
    assert after.pop("00404010") != before.pop("00404010")
    assert after == dict(sorted((before | body).items()))


@pytest.mark.azure("6.3-fixed", "6.1-update-refused", "6.1-warning")
@pytest.mark.parametrize(
    "tag",
    "00080016 00741000 00100010 00100020 00100030 00100040 00380010 00380014 00081080 00081084 "
    "0040A370 00100021 00100024 00101002 00081195 00741224".split(),
)
def test_6_3_what_is_fixed_is_not_updated(client: httpx.Client, tag: str) -> None:
    sent = workitem(
        x00080016=element("UI", "1.2"),
        x00741000=element("CS", "COMPLETED"),
        x00741224=element("SQ"),
    )
    uid = created(client)

    refused(update(client, uid, {tag: sent[tag]}), 400, "cannot be changed")


@pytest.mark.azure("6.3-output")
def test_6_3_what_was_performed_says_what_came_of_it(client: httpx.Client) -> None:
    uid = taken(client)

    item = {"00404028": element("SQ", code("A"))}
    refused(update(client, uid, {"00741216": element("SQ", item)}, LOCK), 400, "00404033")
    item["00404033"] = element("SQ", {"0040E020": element("CS", "DICOM")})
    refused(update(client, uid, {"00741216": element("SQ", item)}, LOCK), 400, "00081199")
    item["00404033"] = element("SQ")
    assert update(client, uid, {"00741216": element("SQ", item)}, LOCK).status_code == 200


@pytest.mark.azure("6.3-scheduled", "6.3-in-progress")
def test_6_3_who_performs_it_shows_the_transaction_uid(client: httpx.Client) -> None:
    body, other = {"00741204": element("LO", "new")}, "1.2.3.4"
    refused(update(client, created(client), body, other), 400)
    uid = taken(client)

    refused(update(client, uid, body), 400, "C302")
    refused(update(client, uid, body, other), 400, "C301")
    assert update(client, uid, body, LOCK).status_code == 200
    assert "00081195" not in client.get(f"/workitems/{uid}").json()


@pytest.mark.azure("6.3-completed", "6.3-canceled")
def test_6_3_what_has_ended_is_not_updated(client: httpx.Client) -> None:
    completed = ended(client, "COMPLETED", PERFORMED)
    canceled = created(client)
    assert client.post(f"/workitems/{canceled}/cancelrequest").status_code == 202

    body = {"00741204": element("LO", "new")}
    refused(update(client, completed, body, LOCK), 400, "C306")
    refused(update(client, canceled, body), 400, "C300")
