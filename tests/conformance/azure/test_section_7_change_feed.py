"""The change feed: section 7 of the description of the Azure DICOM service."""

import gzip
import itertools
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from hilum.domain.identifiers import Scope, StudyInstanceUID
from tests.instances import an_instance
from tests.served_dicomweb import ServedDicomWeb

VERSIONS = ("v1", "v2")
_STUDIES = itertools.count(1)
_FAR = "9999-12-31T00:00:00Z"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedDicomWeb]:
    with ServedDicomWeb(tmp_path_factory.mktemp("feed")) as server:
        yield server


@pytest.fixture(params=VERSIONS)
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def client(server: ServedDicomWeb) -> Iterator[httpx.Client]:
    with server.client("*/*") as client:
        yield client


def new_study() -> str:
    return f"1.2.826.0.1.3680043.10.7.{next(_STUDIES)}"


def keep(server: ServedDicomWeb, study: str, *numbers: int, name: str = "A^B") -> None:
    server.keep(*[
        an_instance(
            StudyInstanceUID=study,
            SeriesInstanceUID=f"{study}.1",
            SOPInstanceUID=f"{study}.1.{number}",
            PatientName=name,
        )
        for number in numbers
    ], new_versions=True)  # fmt: skip


def delete(server: ServedDicomWeb, study: str) -> None:
    server.delete(Scope(StudyInstanceUID(study)))


def feed(client: httpx.Client, version: str, **parameters: object) -> list[dict[str, Any]]:
    response = client.get(f"/{version}/changefeed", params=parameters)  # type: ignore[arg-type]
    assert response.status_code == 200, response.text
    entries: list[dict[str, Any]] = response.json()
    return entries


def latest(client: httpx.Client, version: str, **parameters: object) -> dict[str, Any]:
    response = client.get(
        f"/{version}/changefeed/latest",
        params=parameters,  # type: ignore[arg-type]
    )
    assert response.status_code == 200, response.text
    entry: dict[str, Any] = response.json()
    return entry


def newest(client: httpx.Client, version: str, before: int, **more: object) -> list[dict[str, Any]]:
    """Entries behind a sequence: in v2 an offset into everything is just that."""
    return feed(client, version, offset=before, limit=100, **more)


def last_sequence(client: httpx.Client) -> int:
    response = client.get("/v2/changefeed/latest?includeMetadata=false")
    return int(response.json()["sequence"]) if response.status_code == 200 else 0


def numbers(entries: list[dict[str, Any]]) -> list[int]:
    return [entry["sequence"] for entry in entries]


@pytest.mark.azure("7.1-v1-offset", "7.1-v1-order")
def test_7_1_v1_offset_is_an_exclusive_sequence(
    server: ServedDicomWeb, client: httpx.Client
) -> None:
    before = last_sequence(client)
    keep(server, new_study(), 1, 2, 3)

    assert numbers(feed(client, "v1", offset=before, limit=2)) == [before + 1, before + 2]
    assert numbers(feed(client, "v1", offset=before + 2, limit=2)) == [before + 3]
    assert feed(client, "v1", offset=before + 3) == []
    assert numbers(feed(client, "v1", limit=1)) == [1]


@pytest.mark.azure("7.1-v2-offset", "7.1-v2-window", "7.1-v2-order")
def test_7_1_v2_offset_counts_within_a_window(server: ServedDicomWeb, client: httpx.Client) -> None:
    before = last_sequence(client)
    keep(server, new_study(), 1, 2, 3, 4)
    entries = newest(client, "v2", before, includeMetadata=False)
    times = [entry["timestamp"] for entry in entries]
    assert times == sorted(times)

    inside = feed(client, "v2", startTime=times[1], endTime=times[3], limit=200)
    assert numbers(inside) == [
        entry["sequence"] for entry in entries if times[1] <= entry["timestamp"] < times[3]
    ]
    shifted = feed(client, "v2", startTime=times[1], endTime=times[3], offset=1)
    assert numbers(shifted) == numbers(inside)[1:]
    assert numbers(feed(client, "v2", startTime=times[3]))[-1] == before + 4
    assert numbers(feed(client, "v2", endTime=times[0], limit=1)) == ([1] if before else [])
    assert feed(client, "v2", startTime=times[0], offset=1000) == []


@pytest.mark.azure("7.1-v1-limit", "7.1-v2-limit")
def test_7_1_pages_have_a_default_and_a_greatest_length(
    server: ServedDicomWeb, client: httpx.Client
) -> None:
    if last_sequence(client) < 210:
        study = new_study()
        server.keep_at_once(*[
            an_instance(StudyInstanceUID=study, SOPInstanceUID=f"{study}.1.{number}")
            for number in range(210)
        ])  # fmt: skip

    assert len(feed(client, "v1")) == 10
    assert len(feed(client, "v1", limit=100)) == 100
    assert len(feed(client, "v2")) == 100
    assert len(feed(client, "v2", limit=200)) == 200


@pytest.mark.azure(
    "7.1-v1-limit", "7.1-v2-limit", "7.1-v1-offset", "7.1-v2-offset", "7.1-include-metadata"
)
@pytest.mark.parametrize(
    ("parameter", "values"),
    [
        ("limit", ("0", "-1", "ten", "", "1.5")),
        ("offset", ("-1", "ten", "", "9223372036854775808")),
        ("includeMetadata", ("1", "yes", "")),
    ],
)
def test_7_1_parameters_out_of_bounds_are_refused_by_name(
    client: httpx.Client, version: str, parameter: str, values: tuple[str, ...]
) -> None:
    greatest = {"v1": 101, "v2": 201}[version]
    for value in (*values, *([str(greatest)] if parameter == "limit" else [])):
        response = client.get(f"/{version}/changefeed", params={parameter: value})
        assert response.status_code == 400, value
        assert parameter in response.text
        assert response.headers["content-type"].startswith("text/plain")
    if parameter == "includeMetadata":
        assert client.get(f"/{version}/changefeed/latest?includeMetadata=0").status_code == 400
    twice = client.get(f"/{version}/changefeed?limit=1&Limit=2")
    assert twice.status_code == 400


@pytest.mark.azure("7.1-v2-zone", "7.1-v2-order-of-bounds")
@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("startTime=2024-02-29T12:00:00Z", 200),
        ("startTime=2024-02-29T12:00:00.1234567Z", 200),
        ("startTime=2024-02-29T12:00:00%2B01:00", 200),
        ("startTime=2024-02-29T12:00:00+01:00", 200),
        ("starttime=2024-02-29T12:00:00-05:00&ENDTIME=2024-03-01T00:00:00Z", 200),
        ("startTime=2024-02-29T12:00:00", 400),
        ("startTime=2024-02-29", 400),
        ("startTime=2023-02-29T12:00:00Z", 400),
        ("startTime=2024-02-29T25:00:00Z", 400),
        ("endTime=2024-02-29T12:00:00%2B15:00", 400),
        ("endTime=yesterday", 400),
        ("endTime=", 400),
        ("startTime=2024-02-29T12:00:00Z&endTime=2024-02-29T12:00:00Z", 400),
        ("startTime=2024-02-29T12:00:00Z&endTime=2024-02-29T12:30:00%2B01:00", 400),
        ("startTime=%3Cscript%3E", 400),
    ],
)
def test_7_1_v2_times_have_a_zone_and_an_order(
    client: httpx.Client, query: str, status: int
) -> None:
    assert client.get(f"/v2/changefeed?limit=1&{query}").status_code == status


@pytest.mark.azure("7.1-v1-no-window")
def test_7_1_v1_knows_no_window(server: ServedDicomWeb, client: httpx.Client) -> None:
    keep(server, new_study(), 1)

    assert numbers(feed(client, "v1", startTime="then", endTime=_FAR, limit=1)) == [1]


@pytest.mark.azure("7.1-include-metadata", "7.2-metadata")
def test_7_2_metadata_is_there_unless_it_is_not_wanted(
    server: ServedDicomWeb, client: httpx.Client, version: str
) -> None:
    before = last_sequence(client)
    study = new_study()
    keep(server, study, 1)

    (entry,) = newest(client, version, before)
    (plain,) = newest(client, version, before, includeMetadata="FALSE")

    told = client.get(
        f"/{version}/studies/{study}/metadata", headers={"Accept": "application/dicom+json"}
    )
    assert entry.pop("metadata") == told.json()[0]
    assert plain == entry
    assert latest(client, version)["metadata"] == told.json()[0]
    assert "metadata" not in latest(client, version, includeMetadata=False)


@pytest.mark.azure(
    "7.2-sequence", "7.2-uids", "7.2-action", "7.2-timestamp", "7.2-state", "7.2-file-path"
)
def test_7_2_an_entry_says_what_happened_to_which_instance_and_when(
    server: ServedDicomWeb, client: httpx.Client, version: str
) -> None:
    before = last_sequence(client)
    study = new_study()
    began = datetime.now(UTC)
    keep(server, study, 5)

    (entry,) = newest(client, version, before, includeMetadata=False)

    assert began <= datetime.fromisoformat(entry.pop("timestamp")) <= datetime.now(UTC)
    assert entry == {
        "sequence": before + 1,
        "studyInstanceUid": study,
        "seriesInstanceUid": f"{study}.1",
        "sopInstanceUid": f"{study}.1.5",
        "action": "Create",
        "state": "Current",
    }


@pytest.mark.azure("7.3-state-at-reading", "7.3-stored-again", "7.3-append-only", "7.2-metadata")
def test_7_3_states_are_those_of_the_moment_of_reading(
    server: ServedDicomWeb, client: httpx.Client, version: str
) -> None:
    before = last_sequence(client)
    study = new_study()

    def told() -> list[tuple[str, str, bool]]:
        entries = newest(client, version, before)
        return [(each["action"], each["state"], "metadata" in each) for each in entries]

    keep(server, study, 1)
    assert told() == [("Create", "Current", True)]
    keep(server, study, 1, name="Other")
    assert told() == [("Create", "Replaced", True), ("Update", "Current", True)]
    delete(server, study)
    assert told() == [(each, "Deleted", False) for each in ("Create", "Update", "Delete")]
    keep(server, study, 1)
    assert told() == [
        ("Create", "Replaced", True),
        ("Update", "Replaced", True),
        ("Delete", "Replaced", True),
        ("Create", "Current", True),
    ]


@pytest.mark.azure("7.3-metadata-of-live")
def test_7_3_metadata_is_that_of_the_live_version(
    server: ServedDicomWeb, client: httpx.Client, version: str
) -> None:
    before = last_sequence(client)
    study = new_study()
    keep(server, study, 1, name="First")
    keep(server, study, 1, name="Second")

    names = [
        each["metadata"]["00100010"]["Value"][0]["Alphabetic"]
        for each in newest(client, version, before)
    ]

    assert names == ["Second", "Second"]


@pytest.mark.azure("7.3-put")
def test_7_3_a_put_that_replaces_an_instance_is_an_update(
    client: httpx.Client, version: str
) -> None:
    study = new_study()
    for name in ("First", "Second"):
        response = client.put(
            f"/{version}/studies",
            content=an_instance(StudyInstanceUID=study, SOPInstanceUID=f"{study}.1.1",
                                PatientName=name),
            headers={"Content-Type": "application/dicom", "Accept": "application/dicom+json"},
        )  # fmt: skip
        assert response.status_code == 200

    entry = latest(client, version)

    assert (entry["studyInstanceUid"], entry["action"], entry["state"]) == (
        study,
        "Update",
        "Current",
    )


@pytest.mark.azure("7.1-latest")
def test_7_1_latest_is_the_entry_with_the_highest_sequence(
    server: ServedDicomWeb, client: httpx.Client, version: str
) -> None:
    before = last_sequence(client)
    study = new_study()
    keep(server, study, 1, 2)
    delete(server, study)

    entry = latest(client, version)

    assert (entry["sequence"], entry["action"], entry["state"]) == (before + 4, "Delete", "Deleted")
    assert "metadata" not in entry
    assert client.get(f"/{version}/changefeed/latest?includeMetadata=maybe").status_code == 400


@pytest.mark.azure("7.1-latest-empty")
def test_7_1_latest_of_an_empty_feed_has_no_body(tmp_path: Path) -> None:
    with (
        ServedDicomWeb(tmp_path, change_feed={"spelling": "lower"}) as empty,
        empty.client("*/*") as client,
    ):
        for version in VERSIONS:
            response = client.get(f"/{version}/changefeed/latest")
            assert (response.status_code, response.content) == (204, b"")
            assert feed(client, version) == []
        keep(empty, new_study(), 1)
        entry = latest(client, "v2")
        assert (entry["action"], entry["state"]) == ("create", "current")


@pytest.mark.parametrize("encoding", ["gzip", "identity"])
def test_7_metadata_of_any_length_is_joined_as_it_is_stored(
    server: ServedDicomWeb, client: httpx.Client, version: str, encoding: str
) -> None:
    before = last_sequence(client)
    study = new_study()
    keep(server, study, *range(20), name="Üß^" + "x" * 40)
    delete_one = Scope(StudyInstanceUID(study), f"{study}.1", f"{study}.1.3")  # type: ignore[arg-type]
    server.delete(delete_one)

    with client.stream(
        "GET",
        f"/{version}/changefeed",
        params={"offset": before, "limit": 100},
        headers={"Accept-Encoding": encoding},
    ) as response:
        raw = b"".join(response.iter_raw())
    assert response.headers.get("content-encoding", "identity") == encoding

    text = gzip.decompress(raw) if encoding == "gzip" else raw
    entries = httpx.Response(200, content=text).json()
    assert [each["state"] for each in entries] == ["Current"] * 3 + ["Deleted"] + [
        "Current"
    ] * 16 + ["Deleted"]
    assert all(
        each["metadata"]["00080018"]["Value"] == [each["sopInstanceUid"]]
        for each in entries
        if each["state"] == "Current"
    )


@pytest.mark.azure("7.3-v1-loop")
def test_7_3_the_documented_loop_of_v1_sees_everything_once(
    server: ServedDicomWeb, client: httpx.Client
) -> None:
    """A cursor of sequences; an empty page behind which there is more moves it by the limit."""
    studies = [new_study() for _ in range(3)]
    for study in studies:
        keep(server, study, *range(9))
    limit, cursor, seen = 7, 0, []
    while True:
        page = feed(client, "v1", offset=cursor, limit=limit, includeMetadata=False)
        if page:
            seen += page
            cursor = page[-1]["sequence"]
        elif latest(client, "v1", includeMetadata=False)["sequence"] > cursor:
            cursor += limit
        else:
            break
    assert numbers(seen) == sorted(set(numbers(seen)))
    assert sum(each["studyInstanceUid"] in studies for each in seen) == 27


@pytest.mark.azure("7.3-v2-loop")
def test_7_3_the_documented_loop_of_v2_sees_everything_once(
    server: ServedDicomWeb, client: httpx.Client
) -> None:
    """Windows back to back; inside a window the offset rises by the limit to a short page."""
    start = datetime.now(UTC)
    studies = []
    seen: list[dict[str, Any]] = []
    limit = 4
    for _ in range(4):
        studies.append(new_study())
        keep(server, studies[-1], *range(9))
        end = datetime.now(UTC) + timedelta(microseconds=1)
        offset = 0
        while True:
            page = feed(
                client, "v2", startTime=start.isoformat(), endTime=end.isoformat(),
                offset=offset, limit=limit, includeMetadata=False,
            )  # fmt: skip
            seen += page
            offset += limit
            if len(page) < limit:
                break
        start = end
    assert [each["studyInstanceUid"] for each in seen] == [
        study for study in studies for _ in range(9)
    ]
