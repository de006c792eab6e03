"""DELETE as the Azure DICOM service does it: section 5 of its description."""

from collections.abc import Iterator

import httpx
import pytest

from hilum.domain.records import FeedEntry, FeedKind
from tests.instances import an_instance
from tests.served_dicomweb import ServedDicomWeb

ROOT = "1.2.826.0.1.3680043.10.5"
PREFIXES = ("/v1", "/v2", "/dicom-web")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedDicomWeb]:
    with ServedDicomWeb(tmp_path_factory.mktemp("delete"), deletion={"delay_seconds": 0}) as server:
        yield server


@pytest.fixture
def client(server: ServedDicomWeb) -> Iterator[httpx.Client]:
    """A client of an archive with two series of two instances."""
    server.keep(*[an_image(series, number) for series in (1, 2) for number in (1, 2)])
    with server.client() as client:
        yield client
        client.delete(f"/v2/studies/{ROOT}")


def an_image(series: int, number: int) -> bytes:
    return an_instance(
        StudyInstanceUID=ROOT,
        SeriesInstanceUID=f"{ROOT}.{series}",
        SOPInstanceUID=f"{ROOT}.{series}.{number}",
    )


def instances(client: httpx.Client) -> list[str]:
    response = client.get("/v2/instances")
    if response.status_code == 204:
        return []
    return sorted(row["00080018"]["Value"][0].removeprefix(f"{ROOT}.") for row in response.json())


def newest_entries(server: ServedDicomWeb, count: int) -> list[FeedEntry]:
    return list(server.run(server.archive.index.feed(0, 10_000)))[-count:]


@pytest.mark.azure("5-204", "5-gone-at-once")
@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize(
    ("path", "left"),
    [
        (f"/studies/{ROOT}", []),
        (f"/studies/{ROOT}/series/{ROOT}.1", ["2.1", "2.2"]),
        (f"/studies/{ROOT}/series/{ROOT}.1/instances/{ROOT}.1.2", ["1.1", "2.1", "2.2"]),
    ],
)
def test_5_a_delete_is_204_and_takes_the_scope_out_of_every_answer(
    client: httpx.Client, prefix: str, path: str, left: list[str]
) -> None:
    response = client.delete(f"{prefix}{path}")

    assert response.status_code == 204
    assert response.content == b""
    assert instances(client) == left
    assert client.get(f"{prefix}{path}", headers={"Accept": "*/*"}).status_code == 404
    assert client.get(f"{prefix}{path}/metadata").status_code == 404


@pytest.mark.azure("5-404")
@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize(
    "path",
    [
        "/studies/1.2.3",
        f"/studies/{ROOT}/series/1.2.3",
        f"/studies/{ROOT}/series/{ROOT}.1/instances/1.2.3",
        f"/studies/{ROOT}/series/{ROOT}.2/instances/{ROOT}.1.1",
    ],
)
def test_5_what_is_not_held_is_404(client: httpx.Client, prefix: str, path: str) -> None:
    assert client.delete(f"{prefix}{path}").status_code == 404
    assert len(instances(client)) == 4


@pytest.mark.azure("5-404")
def test_5_a_second_delete_is_404(client: httpx.Client) -> None:
    assert client.delete(f"/v2/studies/{ROOT}").status_code == 204
    assert client.delete(f"/v2/studies/{ROOT}").status_code == 404


@pytest.mark.azure("5-400")
@pytest.mark.parametrize("path", ["/studies/1.2.x", f"/studies/{ROOT}/series/x"])
def test_5_a_bad_uid_is_400(client: httpx.Client, path: str) -> None:
    assert client.delete(f"/v2{path}").status_code == 400


@pytest.mark.azure("5-emptied")
def test_5_the_last_instance_takes_its_series_and_study_along(client: httpx.Client) -> None:
    for series, number in ((1, 1), (1, 2)):
        client.delete(
            f"/v2/studies/{ROOT}/series/{ROOT}.{series}/instances/{ROOT}.{series}.{number}"
        )

    rows = client.get(f"/dicom-web/studies/{ROOT}/series").json()
    assert [row["0020000E"]["Value"][0] for row in rows] == [f"{ROOT}.2"]
    (study,) = client.get("/dicom-web/studies").json()
    assert study["00201206"]["Value"] == [1]
    assert study["00201208"]["Value"] == [2]
    client.delete(f"/v2/studies/{ROOT}/series/{ROOT}.2")
    assert client.get("/v2/studies").status_code == 204


@pytest.mark.azure("5-feed")
def test_5_the_feed_tells_of_every_deleted_instance(
    server: ServedDicomWeb, client: httpx.Client
) -> None:
    client.delete(f"/v2/studies/{ROOT}/series/{ROOT}.1", headers={"X-Correlation-ID": "the-delete"})

    entries = newest_entries(server, 2)
    assert {entry.uids.sop_instance for entry in entries} == {f"{ROOT}.1.1", f"{ROOT}.1.2"}
    assert {entry.kind for entry in entries} == {FeedKind.DELETED}
    assert {entry.correlation_id for entry in entries} == {"the-delete"}


@pytest.mark.azure("5-store-again")
def test_5_the_same_instance_may_be_stored_again_at_once(
    server: ServedDicomWeb, client: httpx.Client
) -> None:
    client.delete(f"/v2/studies/{ROOT}")
    server.keep(an_image(1, 1))

    path = f"/v2/studies/{ROOT}/series/{ROOT}.1/instances/{ROOT}.1.1"
    response = client.get(path, headers={"Accept": "application/dicom; transfer-syntax=*"})
    assert response.content == an_image(1, 1)


@pytest.mark.azure("5-files-later")
def test_5_the_space_is_freed(server: ServedDicomWeb, client: httpx.Client) -> None:
    client.delete(f"/v2/studies/{ROOT}")

    async def until_freed() -> None:
        archive = server.archive
        while [stored async for stored in archive.objects.list()]:
            await archive.index.ping()  # gives the worker its turn

    server.run(until_freed())
