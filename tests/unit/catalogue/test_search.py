"""Search: attributes from the index row, computed ones, and the rest from metadata."""

import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from hilum.catalogue.search import Search
from hilum.domain.identifiers import ObjectKey, Scope
from hilum.domain.instances import Metadata
from hilum.domain.levels import Level
from hilum.domain.queries import Query, SearchPage, SearchRow
from hilum.domain.records import InstanceRecord, MetadataRecord, ScopeSummary

STUDY = {"00080020": {"vr": "DA", "Value": ["20240101"]}, "00100020": {"vr": "LO", "Value": ["P"]}}
SERIES = {"00080060": {"vr": "CS", "Value": ["CT"]}, "00080020": {"vr": "DA", "Value": ["x"]}}
INSTANCE = {"00200013": {"vr": "IS", "Value": [3]}}


@dataclass
class Index:
    """Answers every search with the same rows and counts how often metadata is asked for."""

    rows: Sequence[SearchRow]
    more: bool = False
    asked: list[int] = field(default_factory=list)
    given: list[int] = field(default_factory=list)

    async def search(self, _query: Query) -> SearchPage:
        return SearchPage(self.rows, self.more)

    async def metadata_of(
        self, keys: Sequence[int], limit_bytes: int | None = None
    ) -> Sequence[MetadataRecord]:
        self.asked.append(len(keys))
        found: list[MetadataRecord] = []
        for record in (_metadata(key) for key in sorted(keys) if key != 13):
            found.append(record)
            if sum(each.metadata.size_bytes for each in found) >= (limit_bytes or 1 << 30):
                break
        self.given.append(len(found))
        return found

    async def summary(self, scope: Scope) -> ScopeSummary | None:
        raise NotImplementedError

    async def instances(self, scope: Scope, after: int, limit: int) -> Sequence[InstanceRecord]:
        raise NotImplementedError

    async def metadata(
        self, scope: Scope, after: int, limit: int, limit_bytes: int | None = None
    ) -> Sequence[MetadataRecord]:
        raise NotImplementedError

    async def referenced(self, keys: Sequence[ObjectKey]) -> set[ObjectKey]:
        raise NotImplementedError


def _metadata(key: int) -> MetadataRecord:
    text = json.dumps({"00180050": {"vr": "DS", "Value": [key]}, "00100010": {"vr": "PN"}}).encode()
    deflater = zlib.compressobj(wbits=-15)
    deflated = deflater.compress(text) + deflater.flush(zlib.Z_FULL_FLUSH)
    return MetadataRecord(key, Metadata(deflated, zlib.crc32(text), len(text)), ())


def a_row(newest: int = 1, **computed: Any) -> SearchRow:
    return SearchRow(
        study=json.dumps(STUDY).encode(),
        series=json.dumps(SERIES).encode(),
        instance=json.dumps(INSTANCE).encode(),
        computed=computed,
        newest=newest,
    )


def a_study_row(newest: int = 1, **computed: Any) -> SearchRow:
    return SearchRow(json.dumps(STUDY).encode(), None, None, computed, newest)


async def ask(index: Index, level: Level, *tags: str) -> list[dict[str, Any]]:
    return list((await Search(index, index)(Query(level), tags)).datasets)


async def test_only_what_is_asked_for_is_returned_in_the_order_asked() -> None:
    (dataset,) = await ask(Index([a_row()]), Level.INSTANCE, "00080060", "00100020", "00200013")

    assert list(dataset) == ["00080060", "00100020", "00200013"]


async def test_a_deeper_level_says_it_better() -> None:
    (dataset,) = await ask(Index([a_row()]), Level.INSTANCE, "00080020")

    assert dataset["00080020"]["Value"] == ["x"]


async def test_what_is_known_to_have_no_value_is_returned_without_one() -> None:
    index = Index([a_study_row(1), a_study_row(2)])

    tags = ("00080020", "00100030")
    found = await Search(index, index)(Query(Level.STUDY), tags, known=tags)

    row = {"00080020": STUDY["00080020"], "00100030": {"vr": "DA"}}
    assert found.datasets == [row, row]


async def test_rows_that_share_a_study_do_not_share_their_data_sets() -> None:
    first, second = await ask(Index([a_row(), a_row()]), Level.INSTANCE, "00080020")

    first["00080020"] = None
    assert second["00080020"] is not None


async def test_computed_attributes_are_rendered_when_the_row_knows_them() -> None:
    row = a_study_row(
        ModalitiesInStudy=["CT", "MR"],
        NumberOfStudyRelatedSeries=2,
        NumberOfStudyRelatedInstances=5,
    )
    tags = ("00080056", "00080061", "00201206", "00201208", "00201209")

    (dataset,) = await ask(Index([row]), Level.STUDY, *tags)

    assert dataset == {
        "00080056": {"vr": "CS", "Value": ["ONLINE"]},
        "00080061": {"vr": "CS", "Value": ["CT", "MR"]},
        "00201206": {"vr": "IS", "Value": [2]},
        "00201208": {"vr": "IS", "Value": [5]},
    }


async def test_metadata_is_opened_only_for_attributes_that_no_row_holds() -> None:
    index = Index([a_study_row()])

    await ask(index, Level.STUDY, "00080020", "00080061", "00081190", "00101010")
    # Attributes of lower levels have no one value: they are left out, not looked up.
    await ask(index, Level.STUDY, "00080060", "00080018", "00200013")

    assert index.asked == []


async def test_other_attributes_come_from_the_newest_instance() -> None:
    rows = [a_study_row(newest) for newest in (7, 13, 9)]

    datasets = await ask(Index(rows), Level.STUDY, "00080020", "00180050", "00400244")

    values = [dataset.get("00180050", {}).get("Value") for dataset in datasets]
    assert values == [[7], None, [9]]  # 13 was deleted meanwhile
    assert list(datasets[0]) == ["00080020", "00180050"]


async def test_metadata_of_many_rows_is_opened_in_bounded_batches() -> None:
    index = Index([a_study_row(number) for number in range(100, 220)])

    datasets = await ask(index, Level.STUDY, "00180050")

    assert index.asked == [50, 50, 20]
    assert [each["00180050"]["Value"][0] for each in datasets] == list(range(100, 220))


async def test_large_metadata_is_opened_a_few_at_a_time_and_none_is_left_out() -> None:
    order = [9, 7, 13, 8, 11, 7]
    index = Index([a_study_row(number) for number in order])
    two = 2 * _metadata(7).metadata.size_bytes

    found = await Search(index, index, two)(Query(Level.STUDY), ("00180050",))

    values = [dataset.get("00180050", {}).get("Value") for dataset in found.datasets]
    assert values == [[9], [7], None, [8], [11], [7]]
    assert index.given == [2, 2, 0]


async def test_an_empty_page_stays_empty_and_more_is_passed_on() -> None:
    index = Index([])

    assert await ask(index, Level.STUDY, "00180050") == []
    assert index.asked == []
    cut = Index([a_study_row()], more=True)
    assert (await Search(cut, cut)(Query(Level.STUDY), ())).more
