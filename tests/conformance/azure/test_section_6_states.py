"""How work items are performed, canceled and found: sections 6.4 to 6.6 of the description."""

from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.conformance.azure.test_section_6_worklist import (
    JSON,
    LOCK,
    change,
    client,
    created,
    ended,
    new_uid,
    refused,
    server,
    taken,
    update,
)
from tests.served_dicomweb import ServedDicomWeb
from tests.workitems import GIVEN_UP, PERFORMED, Dataset, element, wish, workitem

__all__ = ["client", "server"]
_OTHER = "1.2.3.4"


def state(client: httpx.Client, uid: str) -> str:
    value: str = client.get(f"/workitems/{uid}").json()["00741000"]["Value"][0]
    return value


@pytest.mark.azure("6.4-take", "6.1-state")
def test_6_4_who_takes_a_work_item_owns_it(client: httpx.Client) -> None:
    uid = created(client)

    response = change(client, uid, wish("IN PROGRESS", LOCK))

    assert (response.status_code, response.content) == (200, b"")
    assert "warning" not in response.headers
    assert state(client, uid) == "IN PROGRESS"
    refused(change(client, uid, wish("IN PROGRESS", _OTHER)), 400, "C301")


@pytest.mark.azure("6.4-c310", "6.1-state", "6.1-warning")
def test_6_4_what_nobody_took_does_not_end(client: httpx.Client) -> None:
    uid = created(client)
    for wanted in ("COMPLETED", "CANCELED"):
        refused(change(client, uid, wish(wanted, LOCK)), 400, "C310")


@pytest.mark.azure("6.4-c302", "6.4-c301", "6.4-c303")
def test_6_4_what_is_in_progress_is_its_owners(client: httpx.Client) -> None:
    uid = taken(client)

    refused(change(client, uid, wish("IN PROGRESS", LOCK)), 400, "C302")
    for wanted in ("IN PROGRESS", "COMPLETED", "CANCELED"):
        refused(change(client, uid, wish(wanted, _OTHER)), 400, "C301")
    refused(change(client, uid, wish("SCHEDULED", LOCK)), 400, "C303")


@pytest.mark.azure("6.1-state")
def test_6_4_a_change_names_a_state_and_a_transaction(client: httpx.Client) -> None:
    uid = created(client)

    refused(change(client, uid, wish("IN PROGRESS", None)), 400, "00081195")
    refused(change(client, uid, wish("DONE", LOCK)), 400, "00741000")
    refused(change(client, uid, wish("IN PROGRESS", "1.x")), 400)


@pytest.mark.azure("6.4-end", "6.4-final", "6.4-c300", "6.4-c301", "6.4-b304", "6.4-b306")
@pytest.mark.parametrize(
    ("final", "needed", "other", "status"),
    [("COMPLETED", PERFORMED, "CANCELED", "B306"), ("CANCELED", GIVEN_UP, "COMPLETED", "B304")],
)
def test_6_4_what_has_all_it_needs_ends_and_stays_so(
    client: httpx.Client, final: str, needed: Dataset, other: str, status: str
) -> None:
    uid = taken(client)
    refused(change(client, uid, wish(final, LOCK)), 400, "C304")
    assert update(client, uid, needed, LOCK).status_code == 200

    assert change(client, uid, wish(final, LOCK)).status_code == 200
    assert state(client, uid) == final
    again = change(client, uid, wish(final, LOCK))
    assert again.status_code == 200
    assert status in again.headers["warning"]
    refused(change(client, uid, wish(other, LOCK)), 400, "C300")
    refused(change(client, uid, wish("IN PROGRESS", LOCK)), 400, "C300")
    refused(change(client, uid, wish(final, _OTHER)), 400, "C301")


@pytest.mark.azure("6.4-409", "6.4-take")
def test_6_4_of_many_who_want_it_one_gets_it(client: httpx.Client) -> None:
    uid = created(client)

    with ThreadPoolExecutor(8) as pool:
        answers = list(
            pool.map(
                lambda number: change(client, uid, wish("IN PROGRESS", f"1.2.{number}")), range(8)
            )
        )

    statuses = sorted(answer.status_code for answer in answers)
    assert statuses[0] == 200
    assert set(statuses[1:]) <= {400, 409}


@pytest.mark.azure("6.5-scheduled", "6.5-body", "6.1-cancel", "6.5-canceled")
def test_6_5_what_nobody_took_is_canceled_on_request(client: httpx.Client) -> None:
    uid = created(client)
    reason = {
        "00741238": element("LT", "moved to another day"),
        "0074100A": element("UR", "tel:+100"),
        "0074100C": element("LO", "front desk"),
    }

    response = client.post(f"/workitems/{uid}/cancelrequest", json=reason, headers=JSON)

    assert response.status_code == 202
    assert response.text == "The workitem instance has been cancelled."
    dataset = client.get(f"/workitems/{uid}").json()
    assert dataset["00741000"]["Value"] == ["CANCELED"]
    (progress,) = dataset["00741002"]["Value"]
    assert progress.items() >= reason.items()
    assert {"00404052", "0074100E"} <= set(progress)
    again = client.post(f"/workitems/{uid}/cancelrequest", json=reason, headers=JSON)
    refused(again, 409, "already in the requested state of CANCELED")


@pytest.mark.azure("6.5-in-progress", "6.5-completed", "6.1-cancel")
def test_6_5_what_somebody_took_is_not(client: httpx.Client) -> None:
    running, completed = taken(client), ended(client, "COMPLETED", PERFORMED)

    refused(client.post(f"/workitems/{running}/cancelrequest"), 409, "C312")
    refused(client.post(f"/workitems/{completed}/cancelrequest"), 409, "C311")
    assert state(client, running) == "IN PROGRESS"


@pytest.fixture(scope="module")
def listed(server: ServedDicomWeb) -> dict[str, str]:
    """Three work items by the label of each; those of other tests have another patient."""
    uids = {}
    with server.client() as client:
        for label, patient, start in (
            ("a", "Moreau^Ann", "20300101080000"),
            ("b", "Moreau^Bea", "20300102080000"),
            ("c", "Van Dyke^Cy", "20300103080000"),
        ):
            uids[label] = new_uid()
            body = workitem(
                x00741204=element("LO", label),
                x00100010=element("PN", {"Alphabetic": patient}),
                x00100020=element("LO", f"LISTED-{label}"),
                x00404005=element("DT", start),
                x00404025=element(
                    "SQ", {"00080100": element("SH", f"AE-{label}"), "00080104": element("LO", "m")}
                ),
                x0020000D=element("UI", f"1.2.826.0.1.{ord(label)}"),
                x00102000=element("LO", "latex"),
            )
            body["0040A370"]["Value"][0]["00080050"] = element("SH", f"L-{label}")
            body["0040A370"]["Value"][0]["00401001"] = element("SH", f"RP-{label}")
            assert client.post(f"/v2/workitems?{uids[label]}", json=body, headers=JSON).is_success
    return uids


def labels(client: httpx.Client, **query: str) -> str:
    """Labels of the work items that were found, in their order."""
    response = client.get("/workitems", params=query)
    if response.status_code == 204:
        return ""
    assert response.status_code == 200, response.text
    return "".join(each["00741204"]["Value"][0] for each in response.json())


@pytest.mark.azure("6.6-match", "6.6-exact", "6.6-fuzzy", "6.6-wild", "6.1-search")
@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"PatientName": "Moreau^Ann"}, "a"),
        ({"PatientName": "Moreau"}, ""),
        ({"PatientName": "mor", "fuzzymatching": "true"}, "ba"),
        ({"00100010": "dy", "fuzzymatching": "true"}, "c"),
        ({"PatientID": "LISTED-a"}, "a"),
        ({"PatientID": "LISTED-*"}, "cba"),
        ({"00100020": "LISTED-?"}, "cba"),
        ({"0040A370.00080050": "L-b"}, "b"),
        ({"ReferencedRequestSequence.AccessionNumber": "L-*"}, "cba"),
        ({"0040A370.00401001": "RP-c"}, "c"),
        ({"00404025.00080100": "AE-?"}, "cba"),
        ({"ScheduledProcedureStepStartDateTime": "20300102080000"}, "b"),
        ({"ScheduledProcedureStepStartDateTime": "20300102-20300103"}, "cb"),
        ({"00404005": "20300102-"}, "cb"),
        ({"00404005": "203001010700-203001020000"}, "a"),
        ({"StudyInstanceUID": f"1.2.826.0.1.{ord('b')}"}, "b"),
        ({"PatientID": "LISTED-*", "ProcedureStepState": "SCHED*"}, "cba"),
        ({"PatientID": "LISTED-*", "ProcedureStepState": "COMPLETED"}, ""),
        ({"PatientID": "LISTED-*", "limit": "2"}, "cb"),
        ({"PatientID": "LISTED-*", "limit": "2", "offset": "2"}, "a"),
    ],
)
def test_6_6_work_items_are_found(
    client: httpx.Client, listed: dict[str, str], query: dict[str, str], found: str
) -> None:
    assert labels(client, **query) == found


@pytest.mark.azure("6.6-match", "6.6-limit", "6.1-search", "6.6-includefield")
@pytest.mark.parametrize(
    "query",
    [
        "ProcedureStepLabel=a",
        "PatientBirthDate=19700101",
        "NoSuchAttribute=1",
        "PatientID=",
        "PatientID=a&00100020=b",
        "limit=0",
        "limit=201",
        "limit=x",
        "offset=-1",
        "fuzzymatching=perhaps",
        "includefield=NoSuchAttribute",
        "ScheduledProcedureStepStartDateTime=tomorrow",
    ],
)
def test_6_6_what_cannot_be_searched_for_is_refused(client: httpx.Client, query: str) -> None:
    refused(client.get(f"/workitems?{query}"), 400, warned=False)


@pytest.mark.azure("6.6-returned", "6.6-includefield", "6.6-limit")
def test_6_6_the_answer_holds_the_usual_attributes_and_what_is_asked_for(
    client: httpx.Client, listed: dict[str, str]
) -> None:
    def row(**query: str) -> Dataset:
        response = client.get("/workitems", params={"PatientID": "LISTED-a", **query})
        (found,) = response.json()
        return dict(found)

    usual = row()
    assert {"00080018", "00741000", "00100010", "0040A370", "00404025", "00102000"} <= set(usual)
    assert "00081195" not in usual
    assert "00741216" not in usual
    assert "00741216" in row(includefield="00741216")
    everything = row(includefield="all")
    assert everything == client.get(f"/workitems/{listed['a']}").json()
    assert "00081195" not in everything
