"""What a path says of the surface and the data partition."""

import pytest

from hilum.catalogue.partitions import Partitions
from hilum.domain.errors import LimitExceeded
from hilum.domain.identifiers import PartitionKey
from hilum.domain.partitions import (
    InvalidPartitionName,
    PartitionNotNamed,
    PartitionsOff,
    UnknownPartition,
)
from hilum.servers.http_places import Footing, Places
from hilum.wire.request_facts import Place
from tests.partition_twin import MemoryPartitions


def places(*, enabled: bool = True, most: int = 10) -> Places:
    return Places(Partitions(MemoryPartitions(), enabled, most))


@pytest.mark.parametrize(
    ("path", "route", "partition", "prefix"),
    [
        ("/v1/studies", "/v1/studies", None, "/v1"),
        ("/v1.0-prerelease/studies", "/v1/studies", None, "/v1.0-prerelease"),
        ("/v1.0-prerelease", "/v1", None, "/v1.0-prerelease"),
        ("/v2/partitions", "/v2/partitions", None, "/v2"),
        ("/v2/partitions/", "/v2/partitions/", None, "/v2"),
        ("/v2/partitions/a", "/v2", "a", "/v2/partitions/a"),
        ("/v2/partitions/a/", "/v2/", "a", "/v2/partitions/a"),
        ("/v2/partitions/a/studies/1.2", "/v2/studies/1.2", "a", "/v2/partitions/a"),
        ("/v2/partitions//studies", "/v2/studies", "", "/v2/partitions/"),
        (
            "/v1.0-prerelease/partitions/a/workitems",
            "/v1/workitems",
            "a",
            "/v1.0-prerelease/partitions/a",
        ),
        ("/dicom-web/partitions/a/wado", "/dicom-web/wado", "a", "/dicom-web/partitions/a"),
        ("/api/v1/partitions/a/studies/1.2", "/api/v1/studies/1.2", "a", "/api/v1/partitions/a"),
        ("/v3/partitions/a/studies", "/v3/partitions/a/studies", None, ""),
        ("/studies/partitions/a", "/studies/partitions/a", None, ""),
        ("/v2x/partitions/a", "/v2x/partitions/a", None, ""),
        ("", "", None, ""),
        ("/", "/", None, ""),
    ],
)
def test_a_path_is_parted_into_surface_partition_and_route(
    path: str, route: str, partition: str | None, prefix: str
) -> None:
    way = places().way(path)

    assert (way.path, way.partition, way.prefix) == (route, partition, prefix)


@pytest.mark.parametrize(
    ("path", "footing"),
    [
        ("/v1/studies/1.2/metadata", Footing.PARTED),
        ("/v1/studies/$bulkUpdate", Footing.PARTED),
        ("/v2/export", Footing.PARTED),
        ("/v2/workitems/1.2", Footing.PARTED),
        ("/v1.0-prerelease/series", Footing.PARTED),
        ("/v2/changefeed/latest", Footing.WHOLE),
        ("/v2/extendedquerytags", Footing.WHOLE),
        ("/v2/operations/1", Footing.WHOLE),
        ("/v2/partitions", Footing.WHOLE),
        ("/v2/api.yaml", Footing.WHOLE),
        ("/v2", Footing.EITHER),
        ("/dicom-web/partitions/a/capabilities", Footing.EITHER),
        ("/api/v1/subscriptions", Footing.WHOLE),
        ("/health", Footing.WHOLE),
    ],
)
def test_only_resources_of_studies_and_work_items_lie_in_partitions(
    path: str, footing: Footing
) -> None:
    assert places().way(path).footing is footing


@pytest.mark.parametrize("template", ["/v1/studies", "/v1/studies/{study}", "/v1/workitems"])
async def test_three_posts_make_the_partition_that_they_name(template: str) -> None:
    known = places()
    way = known.way("/v1/partitions/a.b-c_D9/x")

    with pytest.raises(UnknownPartition, match="does not exist"):
        await known.place(way, "PUT", template)
    made = await known.place(way, "POST", template)

    assert made == Place(PartitionKey(2), "a.b-c_D9", "/v1/partitions/a.b-c_D9")
    assert await known.place(way, "GET", "/v1/series") == made


async def test_other_posts_make_none() -> None:
    known = places()

    for path, template in [
        ("/v2/partitions/a/export", "/v2/export"),
        ("/v2/partitions/a/workitems/1.2", "/v2/workitems/{workitem}"),
        ("/v2/partitions/a/studies/$bulkUpdate", "/v2/studies/$bulkUpdate"),
    ]:
        with pytest.raises(UnknownPartition):
            await known.place(known.way(path), "POST", template)


@pytest.mark.parametrize("name", ["", " ", "a b", "a%", "é", "a" * 65, "a\n", "ä", ".", ".."])
async def test_a_name_that_is_none_is_refused_even_where_it_would_be_made(name: str) -> None:
    known = places()

    with pytest.raises(InvalidPartitionName, match="1 to 64"):
        await known.place(known.way(f"/v2/partitions/{name}/studies"), "POST", "/v2/studies")


async def test_a_partition_is_refused_while_there_are_none() -> None:
    known = places(enabled=False)

    with pytest.raises(PartitionsOff, match="disabled"):
        await known.place(known.way("/v2/partitions/a/studies"), "POST", "/v2/studies")
    assert await known.place(known.way("/v2/studies"), "GET", "/v2/studies") is None
    alias = await known.place(known.way("/v1.0-prerelease/studies"), "GET", "/v1/studies")
    assert alias == Place(path="/v1.0-prerelease")


async def test_azure_demands_that_a_partition_is_named_and_the_standard_does_not() -> None:
    known = places()

    with pytest.raises(PartitionNotNamed):
        await known.place(known.way("/v2/studies"), "GET", "/v2/studies")
    assert await known.place(known.way("/dicom-web/studies"), "GET", "/dicom-web/studies") is None
    assert await known.place(known.way("/v2/changefeed"), "GET", "/v2/changefeed") is None


async def test_too_many_partitions_are_refused_by_the_name_of_the_setting() -> None:
    known = places(most=2)
    await known.place(known.way("/v2/partitions/a/studies"), "POST", "/v2/studies")

    with pytest.raises(LimitExceeded, match=r"partitions\.maximum allows 2"):
        await known.place(known.way("/v2/partitions/b/studies"), "POST", "/v2/studies")


async def test_what_a_name_means_is_asked_once() -> None:
    kept = MemoryPartitions()
    known = Partitions(kept, enabled=True)

    found = {await known.find("Microsoft.Default") for _ in range(3)}

    assert (len(found), kept.asked) == (1, 1)
