"""Each planted damage is found, and what a repair says it mends is mended."""

from collections.abc import Callable
from pathlib import Path

import pydicom
import pytest

from hilum.adapters.storage.lock import hold_data_folder
from hilum.domain.occupancy import Hold
from tests.integration.cli.conftest import Hilum, Ran


def found(ran: Ran) -> list[str]:
    return sorted(each["damage"] for each in ran.json["found"])


def test_a_sound_archive_is_clean(filled: Hilum) -> None:
    ran = filled("fsck", "--deep", "--json")

    assert ran.code == 0
    assert ran.json["clean"]
    assert (ran.json["versions"], ran.json["objects"], ran.json["feedEntries"]) == (21, 21, 21)
    assert ran.json["readBytes"] == sum(path.stat().st_size for path in filled.objects())


def delete_object(hilum: Hilum) -> None:
    hilum.objects()[0].unlink()


def truncate_object(hilum: Hilum) -> None:
    path = hilum.objects()[0]
    path.write_bytes(path.read_bytes()[:-1])


def lengthen_object(hilum: Hilum) -> None:
    path = hilum.objects()[0]
    path.write_bytes(path.read_bytes() + b"\0\0")


def queue_a_live_object(hilum: Hilum) -> None:
    hilum.sql(
        "INSERT INTO deletion (partition_key, object_key, due, attempts, created) "
        "SELECT partition_key, object_key, 9000000000000000, 0, 0 FROM instance_version LIMIT 1"
    )


def announce_twice(hilum: Hilum) -> None:
    columns = (
        "time, partition_key, kind, study_instance_uid, series_instance_uid, sop_instance_uid, "
        "version, correlation_id"
    )
    hilum.sql(f"INSERT INTO feed ({columns}) SELECT {columns} FROM feed WHERE sequence = 5")


def announce_a_delete_that_was_none(hilum: Hilum) -> None:
    announce_twice(hilum)
    hilum.sql("UPDATE feed SET kind = 'deleted' WHERE sequence = (SELECT max(sequence) FROM feed)")


@pytest.mark.parametrize(
    ("plant", "damage"),
    [
        (delete_object, "object-missing"),
        (truncate_object, "object-size"),
        (lengthen_object, "object-size"),
        (queue_a_live_object, "object-doomed"),
        (announce_twice, "announced-twice"),
        (announce_a_delete_that_was_none, "announced-gone"),
    ],
)
def test_damage_beyond_repair_is_found_and_a_repair_says_what_a_person_has_to_do(
    filled: Hilum, plant: Callable[[Hilum], None], damage: str
) -> None:
    plant(filled)

    ran = filled("fsck", "--json")
    repaired = filled("fsck", "--repair", "--json")

    assert (ran.code, found(ran)) == (1, [damage])
    assert (repaired.code, found(repaired)) == (1, [damage])
    assert repaired.json["found"][0]["remedy"]
    assert not repaired.json["found"][0]["mended"]


def test_a_flipped_byte_is_found_by_a_deep_check_only(filled: Hilum) -> None:
    path = filled.objects()[0]
    data = bytearray(path.read_bytes())
    data[-1000] ^= 0x10
    path.write_bytes(data)

    shallow = filled("fsck", "--json")
    deep = filled("fsck", "--deep", "--json")

    assert shallow.code == 0
    assert (deep.code, found(deep)) == (1, ["object-bytes"])


def lose_rows_of_an_instance(hilum: Hilum) -> None:
    """As if the index had been restored from an older copy."""
    key = hilum.sql("SELECT min(key) FROM instance")[0][0]
    for table in ("description", "instance_version"):
        hilum.sql(f"DELETE FROM {table} WHERE instance_key = ?", key)
    hilum.sql("DELETE FROM sequence_item WHERE level = 3 AND owner_key = ?", key)
    hilum.sql("DELETE FROM instance WHERE key = ?", key)


def lose_only_the_instance_row(hilum: Hilum) -> None:
    hilum.sql("DELETE FROM instance WHERE key = (SELECT min(key) FROM instance)")


def lose_version_row(hilum: Hilum) -> None:
    hilum.sql("DELETE FROM instance_version WHERE version = (SELECT min(version) FROM instance)")


def lose_description(hilum: Hilum) -> None:
    hilum.sql("DELETE FROM description WHERE instance_key = (SELECT min(key) FROM instance)")


def lose_feed_row(hilum: Hilum) -> None:
    hilum.sql("DELETE FROM feed WHERE sequence = 7")


def write_an_orphan(hilum: Hilum) -> None:
    """An object that was written and never committed, as a power failure may leave it."""
    lose_rows_of_an_instance(hilum)
    hilum.sql("DELETE FROM feed WHERE sequence = 1")
    filled_again = hilum("fsck", "--json")
    assert "object-unreferenced" in found(filled_again)


def miscount(hilum: Hilum) -> None:
    hilum.sql("UPDATE study SET number_of_instances = number_of_instances + 3")
    hilum.sql("UPDATE series SET number_of_instances = 0 WHERE key = 1")


def lose_names(hilum: Hilum) -> None:
    tables = [name for (name,) in hilum.sql("SELECT name FROM sqlite_master WHERE type = 'table'")]
    index = next(name for name in tables if name.endswith(("_content", "_docsize")))
    hilum.sql(f"DELETE FROM {index}")


@pytest.mark.parametrize(
    "plant",
    [
        lose_rows_of_an_instance,
        lose_only_the_instance_row,
        lose_version_row,
        lose_description,
        lose_feed_row,
        write_an_orphan,
        miscount,
        lose_names,
    ],
)
def test_what_can_be_made_again_is_found_and_mended(
    filled: Hilum, plant: Callable[[Hilum], None]
) -> None:
    before = sorted(path.read_bytes() for path in filled.objects())
    plant(filled)

    first = filled("fsck", "--json")
    repaired = filled("fsck", "--repair", "--json")
    after = filled("fsck", "--deep", "--json")

    assert first.code == 1
    assert repaired.code == 0, repaired.json["found"]
    assert all(each["mended"] for each in repaired.json["found"])
    assert (after.code, after.json["versions"], after.json["objects"]) == (0, 21, 21)
    assert sorted(path.read_bytes() for path in filled.objects()) == before


def orphan_beside(path: Path, version: int) -> Path:
    instance = path.name.rsplit(".", 2)[0]
    return path.with_name(f"{instance}.{version}.dcm")


def test_an_orphan_with_the_bytes_of_a_live_instance_is_freed(filled: Hilum) -> None:
    path = filled.objects()[0]
    orphan = orphan_beside(path, 999)
    orphan.write_bytes(path.read_bytes())

    repaired = filled("fsck", "--repair", "--json")

    assert (repaired.code, found(repaired)) == (0, ["object-unreferenced"])
    assert not orphan.exists()
    assert path.exists()


def test_an_orphan_with_other_bytes_than_the_live_instance_is_set_aside(filled: Hilum) -> None:
    path = filled.objects()[0]
    data = bytearray(path.read_bytes())
    data[-1000] ^= 0x10
    orphan = orphan_beside(path, 999)
    orphan.write_bytes(data)

    repaired = filled("fsck", "--repair", "--json")

    (aside,) = (filled.data / "lost+found").rglob("*.dcm")
    assert repaired.code == 0
    assert aside.read_bytes() == data
    assert not orphan.exists()
    assert filled("fsck", "--deep").code == 0


def test_an_orphan_that_is_no_instance_is_set_aside(filled: Hilum) -> None:
    orphan = orphan_beside(filled.objects()[0], 999)
    orphan.write_bytes(b"half a header")

    repaired = filled("fsck", "--repair", "--json")

    (aside,) = (filled.data / "lost+found").rglob("*.dcm")
    assert repaired.code == 0
    assert aside.read_bytes() == b"half a header"


def test_an_object_of_a_deleted_instance_is_freed_and_does_not_come_back(
    filled: Hilum, media: Path
) -> None:
    path = filled.objects()[0]
    version = int(path.name.rsplit(".", 2)[1])
    lose_rows_of(filled, version)
    filled.sql(
        "INSERT INTO feed (time, partition_key, kind, study_instance_uid, series_instance_uid, "
        "sop_instance_uid, version, correlation_id) SELECT time, partition_key, 'deleted', "
        "study_instance_uid, series_instance_uid, sop_instance_uid, version, 'test' FROM feed "
        "WHERE version = ?",
        version,
    )

    repaired = filled("fsck", "--repair", "--json")

    assert repaired.code == 0, repaired.json["found"]
    assert "object-left-over" in found(repaired)
    assert not path.exists()
    assert filled("fsck", "--json").json["versions"] == 20


def lose_rows_of(hilum: Hilum, version: int) -> None:
    key = hilum.sql("SELECT key FROM instance WHERE version = ?", version)[0][0]
    for table in ("description", "instance_version"):
        hilum.sql(f"DELETE FROM {table} WHERE instance_key = ?", key)
    hilum.sql("DELETE FROM instance WHERE key = ?", key)


def test_a_database_that_is_no_database_is_told_in_one_line(filled: Hilum) -> None:
    for path in filled.data.glob("index.sqlite*"):
        path.write_bytes(b"this is not a database" * 100)

    ran = filled("fsck")

    assert ran.code == 3
    assert "hilum rebuild" in ran.err
    assert len(ran.err.strip().splitlines()) == 1


def test_no_archive_at_all_is_told_in_one_line(hilum: Hilum) -> None:
    ran = hilum("fsck")

    assert ran.code == 3
    assert "There is no index" in ran.err


@pytest.mark.parametrize("hold", [Hold.SERVER, Hold.SHARED])
def test_a_repair_refuses_while_the_archive_is_used_and_a_check_does_not(
    filled: Hilum, hold: Hold
) -> None:
    path = filled.objects()[0]
    orphan_beside(path, 999).write_bytes(path.read_bytes())

    with hold_data_folder(filled.data, hold):
        repaired = filled("fsck", "--repair")

        assert repaired.code == 3
        assert "use" in repaired.err or "served" in repaired.err
        assert orphan_beside(path, 999).exists()

        assert filled("fsck").code == 1  # with what it found
    assert filled("fsck", "--repair").code == 0


def test_a_superseded_object_that_nobody_will_free_is_freed(filled: Hilum) -> None:
    path = filled.objects()[0]
    dataset = pydicom.dcmread(path)
    dataset.ImageComments = "A second version"
    other = filled.data.parent / "second"
    dataset.save_as(other)
    filled("import", other, "--on-conflict", "new-version")
    filled.sql("DELETE FROM deletion")

    repaired = filled("fsck", "--repair", "--json")

    assert (repaired.code, found(repaired)) == (0, ["object-not-freed"])
    assert not path.exists()
