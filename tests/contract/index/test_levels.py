"""Study and series rows: the latest instance's values win; counts follow the instances."""

from typing import Any

from hilum.adapters.database.sql_index import SqlIndex
from hilum.domain.instances import OnConflict
from hilum.domain.levels import Level
from hilum.domain.queries import Condition, Equals, ItemCondition, Query, SearchRow
from tests.contract.index.engines import Engine
from tests.contract.index.kept import ORIGIN, a_kept, read_json, scope, uids

PROCEDURE = "0008103200080100"
PROCEDURE_MEANING = "0008103200080104"
REQUEST = "0040027500401001"


async def only(index: SqlIndex, level: Level, *conditions: Any) -> SearchRow:
    (row,) = (await index.search(Query(level, conditions))).rows
    return row


async def studies(index: SqlIndex, keyword: str, value: str) -> int:
    condition = Condition(keyword, Level.STUDY, Equals(value))
    return len((await index.search(Query(Level.STUDY, (condition,)))).rows)


async def test_the_latest_instances_values_win(index: SqlIndex) -> None:
    await index.commit([a_kept(PatientName="Doe^John", StudyDate="20240101", Modality="CT")])
    await index.commit([a_kept(uids(instance=2), PatientName="Roe^Jane", StudyDate="20250101")])

    row = await only(index, Level.SERIES)

    assert read_json(row.study)["PatientName"] == "Roe^Jane"
    assert read_json(row.series)["Modality"] == "CT"
    assert await studies(index, "PatientName", "roe jane") == 1
    assert await studies(index, "PatientName", "doe john") == 0
    assert await studies(index, "StudyDate", "20250101") == 1


async def test_an_empty_value_replaces_none_that_is_there(index: SqlIndex) -> None:
    await index.commit([a_kept(PatientID="P1", StudyDescription="Head")])
    await index.commit([a_kept(uids(instance=2), PatientID="", StudyDescription=None)])

    row = await only(index, Level.STUDY)

    assert read_json(row.study) == {
        "StudyInstanceUID": uids().study,
        "PatientID": "P1",
        "StudyDescription": "Head",
    }
    assert await studies(index, "PatientID", "p1") == 1


async def test_what_instances_of_one_batch_say_is_merged_in_order(index: SqlIndex) -> None:
    await index.commit(
        [
            a_kept(PatientID="first", AccessionNumber="A"),
            a_kept(uids(instance=2), PatientID="second"),
            a_kept(uids(instance=3), PatientID="third", StudyID="S"),
        ]
    )

    row = await only(index, Level.STUDY)

    said = read_json(row.study)
    assert (said["PatientID"], said["AccessionNumber"], said["StudyID"]) == ("third", "A", "S")
    assert await studies(index, "AccessionNumber", "a") == 1


async def test_a_new_version_also_has_the_last_word(index: SqlIndex) -> None:
    await index.commit([a_kept(PatientID="old", Rows=1)])
    new = a_kept(content="b", on_conflict=OnConflict.NEW_VERSION, PatientID="new", Rows=2)
    await index.commit([new])

    row = await only(index, Level.INSTANCE, Condition("Rows", Level.INSTANCE, Equals(2)))

    assert read_json(row.study)["PatientID"] == "new"
    assert read_json(row.instance)["Rows"] == 2


async def test_counts_and_modalities_are_kept_in_the_rows(index: SqlIndex) -> None:
    await index.commit([a_kept(uids(series=1), Modality="MR", size_bytes=10)])
    await index.commit(
        [
            a_kept(uids(series=2), Modality="CT", size_bytes=20),
            a_kept(uids(series=2, instance=2), Modality="CT", size_bytes=30),
            a_kept(uids(series=3), Modality="CT", size_bytes=40),
        ]
    )

    row = (await index.search(Query(Level.SERIES, series=uids(series=2).series))).rows[0]

    assert row.computed == {
        "ModalitiesInStudy": ["CT", "MR"],
        "NumberOfStudyRelatedSeries": 3,
        "NumberOfStudyRelatedInstances": 4,
        "NumberOfSeriesRelatedInstances": 2,
    }
    assert (await index.counts()).size_bytes == 100


async def test_a_series_may_change_its_modality(index: SqlIndex) -> None:
    await index.commit([a_kept(Modality="CT")])
    await index.commit([a_kept(uids(instance=2), Modality="PT")])

    row = await only(index, Level.STUDY)

    assert row.computed["ModalitiesInStudy"] == ["PT"]


async def test_the_newest_instance_is_the_one_committed_last(index: SqlIndex) -> None:
    await index.commit([a_kept(), a_kept(uids(instance=2)), a_kept(uids(series=2))])
    held = await index.instances(scope(uids(), Level.STUDY), 0, 10)
    replaced = a_kept(content="b", on_conflict=OnConflict.NEW_VERSION)

    assert (await only(index, Level.STUDY)).newest == held[2].key
    await index.commit([replaced])

    assert (await only(index, Level.STUDY)).newest == held[0].key
    series = await index.search(Query(Level.SERIES))
    assert [row.newest for row in series.rows] == [held[2].key, held[0].key]


async def test_sequence_items_of_a_study_are_those_of_its_latest_instance_that_has_the_sequence(
    index: SqlIndex,
) -> None:
    first = {Level.STUDY: [(PROCEDURE, 0, "old"), (PROCEDURE, 1, "older")]}
    await index.commit([a_kept(items=first), a_kept(uids(instance=2))])
    await index.commit([a_kept(uids(instance=3), items={Level.STUDY: [(PROCEDURE, 0, "new")]})])

    async def found(value: str) -> int:
        condition = ItemCondition(
            "ProcedureCodeSequence", Level.STUDY, ((PROCEDURE, Equals(value)),)
        )
        return len((await index.search(Query(Level.STUDY, (condition,)))).rows)

    assert [await found(value) for value in ("old", "older", "new")] == [0, 0, 1]


async def test_items_of_different_sequences_are_kept_side_by_side(index: SqlIndex) -> None:
    await index.commit([a_kept(items={Level.SERIES: [(REQUEST, 0, "r1")]})])
    other = "0054022000080100"
    await index.commit([a_kept(uids(instance=2), items={Level.SERIES: [(other, 0, "x")]})])

    for sequence, path, value in (
        ("RequestAttributesSequence", REQUEST, "r1"),
        ("ViewCodeSequence", other, "x"),
    ):
        condition = ItemCondition(sequence, Level.SERIES, ((path, Equals(value)),))
        assert len((await index.search(Query(Level.SERIES, (condition,)))).rows) == 1


async def test_patients_come_with_their_studies_and_go_with_them(
    index: SqlIndex, engine: Engine
) -> None:
    def patients() -> list[tuple[Any, ...]]:
        return engine.execute("SELECT patient_id, issuer_of_patient_id FROM patient ORDER BY 1, 2")

    await index.commit([a_kept(PatientID="P1"), a_kept(uids(2), PatientID="P1")])
    await index.commit([a_kept(uids(3), PatientID="P1", IssuerOfPatientID="Here"), a_kept(uids(4))])
    assert patients() == [("P1", ""), ("P1", "Here")]

    await index.commit([a_kept(uids(3, instance=2), PatientID="P2")])
    assert patients() == [("P1", ""), ("P2", "Here")]

    await index.delete(scope(uids(1), Level.STUDY), ORIGIN)
    await index.delete(scope(uids(3), Level.STUDY), ORIGIN)
    assert patients() == [("P1", "")]


async def test_the_version_of_a_study_grows_with_every_change_whatever_numbers_come(
    index: SqlIndex,
) -> None:
    seen = []
    for change in (
        [a_kept(version=100)],
        [a_kept(uids(instance=2), version=50)],
        [a_kept(uids(instance=3), version=300), a_kept(uids(instance=4), version=200)],
        [a_kept(uids(instance=2), version=60, content="b", on_conflict=OnConflict.NEW_VERSION)],
    ):
        await index.commit(change)
        summary = await index.summary(scope(uids(), Level.STUDY))
        assert summary is not None
        seen.append(summary.newest_version)
    await index.delete(scope(uids(instance=3), Level.INSTANCE), ORIGIN)
    summary = await index.summary(scope(uids(), Level.SERIES))
    assert summary is not None
    seen.append(summary.newest_version)

    assert seen[0] == 100
    assert seen[2] == 300
    assert seen == sorted(set(seen))
