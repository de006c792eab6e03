"""A rebuilt index says what the old one said."""

import asyncio
import json
import sqlite3
from pathlib import Path
from typing import Any

import pydicom
import pytest

from hilum.adapters.database.sql_index import SqlIndex
from hilum.adapters.storage.lock import hold_data_folder
from hilum.domain.occupancy import Hold
from tests.contract.submissions.stores import a_submission, study_id
from tests.instances import a_dataset, part10
from tests.integration.cli.conftest import Hilum

_TABLES = {
    "study": "number_of_series, number_of_instances, size_bytes, modalities, attributes",
    "series": "number_of_instances, size_bytes, shown_modality, attributes",
}


def what_it_says(hilum: Hilum) -> Any:
    """Everything a search or a retrieve is answered from, without keys and times."""
    said: dict[str, Any] = {}
    for table, columns in _TABLES.items():
        names = [row[1] for row in hilum.sql(f"PRAGMA table_info({table})")]
        matched = ", ".join(f'"{name}"' for name in names if name[0].isupper())
        said[table] = hilum.sql(f"SELECT {matched}, {columns} FROM {table} ORDER BY key")
    said["instances"] = hilum.sql(
        'SELECT i."SOPInstanceUID", i."InstanceNumber", i.version, v.object_key, v.size_bytes, '
        "v.dataset_offset, v.transfer_syntax_uid, v.dataset_sha256, v.head_sha256, d.deflated, "
        "d.crc32, d.attributes, d.frame_table, d.bulk_table FROM instance i "
        "JOIN instance_version v ON v.version = i.version "
        "JOIN description d ON d.instance_key = i.key ORDER BY i.key"
    )
    return said


def test_a_rebuilt_index_says_what_the_old_one_said(filled: Hilum) -> None:
    before = what_it_says(filled)

    ran = filled("rebuild", "--json")

    assert ran.code == 0
    assert ran.json["committed"] == 21
    assert what_it_says(filled) == before
    assert filled("fsck", "--deep", "--json").json["clean"]


def test_an_index_that_is_lost_is_made_from_the_objects(filled: Hilum) -> None:
    before = what_it_says(filled)
    for path in filled.data.glob("index.sqlite*"):
        path.unlink()

    ran = filled("rebuild", "--json")

    assert (ran.code, ran.json["formerIndex"]) == (0, None)
    assert what_it_says(filled) == before


@pytest.mark.parametrize("damage", ["garbage", "truncated"])
def test_a_damaged_index_is_replaced_and_kept_for_a_second_look(filled: Hilum, damage: str) -> None:
    before = what_it_says(filled)
    path = filled.data / "index.sqlite"
    broken = b"garbage" * 1000 if damage == "garbage" else path.read_bytes()[:8192]
    path.write_bytes(broken)

    ran = filled("rebuild")

    assert ran.code == 0
    assert "nothing could be taken over" in ran.err
    assert (filled.data / "index.sqlite.before-rebuild").read_bytes()[:7] == broken[:7]
    assert what_it_says(filled) == before


def test_keys_and_version_numbers_are_taken_over(filled: Hilum, media: Path) -> None:
    made = filled("keys", "create", "viewer", "-s", "read", "--json").json
    counter = filled.sql("SELECT value FROM counter WHERE name = 'version'")[0][0]

    filled("rebuild")

    keys = filled("keys", "list", "--json").json
    assert [key["id"] for key in keys] == [made["id"]]
    assert filled.sql("SELECT value FROM counter WHERE name = 'version'")[0][0] >= counter


def test_what_no_object_tells_is_taken_over_and_said(filled: Hilum) -> None:
    doors = filled.sql("SELECT version, door, created FROM instance_version ORDER BY version")
    filled.sql(
        "INSERT INTO subscription VALUES ('ward', 'hook', '{}', 'paused', 'x', 21, 3, 21, 0, 0, "
        "NULL, NULL, 0, 0)"
    )

    ran = filled("rebuild", "--json")

    carried = ran.json["carried"]
    assert (carried["subscriptions"], carried["origins of instances"], ran.json["lost"]) == (
        1,
        21,
        {},
    )
    assert filled.sql('SELECT state, "cursor" FROM subscription') == [("paused", 0)]
    assert (
        filled.sql("SELECT version, door, created FROM instance_version ORDER BY version") == doors
    )
    assert filled("fsck", "--json").json["clean"]


def test_a_part_that_is_damaged_is_lost_alone_and_named(filled: Hilum) -> None:
    made = filled("keys", "create", "viewer", "-s", "read", "--json").json
    filled.sql("DROP TABLE study_watch")  # as good as a page that cannot be read

    ran = filled("rebuild")

    assert ran.code == 0
    assert "revisions of stable studies could not be taken over" in ran.err
    assert [key["id"] for key in filled("keys", "list", "--json").json] == [made["id"]]
    assert filled.sql("SELECT value > 100000000 FROM counter WHERE name = 'revision'") == [(1,)]


def test_revisions_that_nobody_can_read_are_exceeded(filled: Hilum) -> None:
    lose_the_index(filled)

    ran = filled("rebuild", "--json")

    assert "revisions of stable studies" in ran.json["lost"]
    assert filled.sql("SELECT value > 100000000 FROM counter WHERE name = 'revision'") == [(1,)]
    assert filled("fsck", "--json").json["clean"]


@pytest.mark.parametrize("readable", [True, False])
def test_who_followed_the_feed_is_told_everything_again(filled: Hilum, readable: bool) -> None:
    last = filled.sql("SELECT max(sequence) FROM feed")[0][0]
    made = "SELECT created FROM partition WHERE key = 1"  # names the feed
    before = filled.sql(made)
    if not readable:
        (filled.data / "index.sqlite").write_bytes(b"garbage" * 1000)

    filled("rebuild")

    assert filled.sql("SELECT count(*) FROM feed WHERE sequence > ?", last) == [(21,)]
    assert filled.sql(made) != before


@pytest.mark.parametrize("readable", [True, False])
def test_what_lies_in_another_data_partition_stays_there(filled: Hilum, readable: bool) -> None:
    place = filled.objects()[-1]
    study = place.parent.parent
    moved = filled.data / "objects" / "2" / study.parent.name / study.name
    moved.parent.mkdir(parents=True)
    study.rename(moved)
    filled.sql("INSERT INTO partition VALUES (2, 'clinic', 0, 0, 0, 0, 1)")
    if not readable:
        (filled.data / "index.sqlite").write_bytes(b"garbage" * 1000)

    ran = filled("rebuild")

    named = filled.sql("SELECT name, number_of_studies FROM partition WHERE key = 2")
    assert named == [("clinic" if readable else "partition-2", 1)]
    assert ran.code == 0
    assert filled("fsck", "--json").json["clean"]


def test_superseded_and_deleted_instances_do_not_come_back(filled: Hilum, media: Path) -> None:
    path = media / "pet" / "IM0000"
    dataset = pydicom.dcmread(path)
    dataset.ImageComments = "A second version"
    dataset.save_as(path)
    filled("import", path, "--on-conflict", "new-version")
    victim = filled.objects()[-1]
    queue_as_deleted(filled, victim)

    ran = filled("rebuild", "--json")

    assert (ran.code, ran.json["committed"]) == (0, 20)
    assert not victim.exists()
    assert path.read_bytes() in [object_.read_bytes() for object_ in filled.objects()]


def queue_as_deleted(hilum: Hilum, path: Path) -> None:
    """As a delete leaves it whose object was not freed yet."""
    version = int(path.name.rsplit(".", 2)[1])
    key, object_key = hilum.sql(
        "SELECT instance_key, object_key FROM instance_version WHERE version = ?", version
    )[0]
    hilum.sql(
        "INSERT INTO deletion (partition_key, object_key, due, attempts, created) "
        "VALUES (1, ?, 9000000000000000, 5, 0)",
        object_key,
    )
    for table in ("description", "instance_version"):
        hilum.sql(f"DELETE FROM {table} WHERE instance_key = ?", key)
    hilum.sql("DELETE FROM instance WHERE key = ?", key)


def test_objects_that_are_no_instances_stay_and_are_reported(filled: Hilum) -> None:
    victim = filled.objects()[0]
    victim.write_bytes(b"not an instance")

    ran = filled("rebuild", "--json")

    assert (ran.code, ran.json["committed"], ran.json["notPutBack"]) == (1, 20, 1)
    assert victim.read_bytes() == b"not an instance"


@pytest.mark.parametrize("hold", [Hold.SERVER, Hold.SHARED])
def test_a_rebuild_refuses_while_the_archive_is_used(filled: Hilum, hold: Hold) -> None:
    before = (filled.data / "index.sqlite").stat().st_ino

    with hold_data_folder(filled.data, hold):
        rebuilt = filled("rebuild")
        migrated = filled("migrate")

    assert (rebuilt.code, migrated.code) == (3, 3)
    assert "use" in rebuilt.err or "served" in rebuilt.err
    assert (filled.data / "index.sqlite").stat().st_ino == before


def test_an_interrupted_rebuild_leaves_the_archive_as_it_was(filled: Hilum) -> None:
    before = what_it_says(filled)
    (filled.data / "index.sqlite.rebuilding").write_bytes(b"half of it")
    (filled.data / "index.sqlite.rebuilding-wal").write_bytes(b"and its log")

    assert filled("fsck").code == 0
    assert what_it_says(filled) == before

    assert filled("rebuild").code == 0
    assert what_it_says(filled) == before


def test_an_older_write_ahead_log_is_not_applied_to_the_new_index(filled: Hilum) -> None:
    """SQLite takes whatever log lies beside a database for that database's own."""
    before = what_it_says(filled)
    path = filled.data / "index.sqlite"
    holder = sqlite3.connect(path)
    holder.execute("PRAGMA wal_autocheckpoint = 0")
    holder.execute("UPDATE study SET number_of_instances = 99")
    holder.commit()
    log = (filled.data / "index.sqlite-wal").read_bytes()
    holder.close()
    path.write_bytes(b"garbage" * 1000)
    (filled.data / "index.sqlite-wal").write_bytes(log)

    assert filled("rebuild").code == 0

    assert what_it_says(filled) == before
    assert json.loads(filled("fsck", "--json").out)["clean"]


def lose_the_index(hilum: Hilum) -> None:
    for path in hilum.data.glob("index.sqlite*"):
        path.unlink()


@pytest.mark.parametrize("command", ["import", "migrate"])
@pytest.mark.parametrize("left", [None, b""])
def test_objects_without_an_index_are_not_taken_for_a_new_archive(
    filled: Hilum, media: Path, command: str, left: bytes | None
) -> None:
    """An empty index would give out names that the objects have."""
    lose_the_index(filled)
    path = filled.data / "index.sqlite"
    if left is not None:
        path.write_bytes(left)

    ran = filled(*(["import", media] if command == "import" else ["migrate"]))

    assert ran.code == 3
    assert "hilum rebuild" in ran.err
    assert len(ran.err.strip().splitlines()) == 1
    assert path.exists() == (left is not None)


def test_no_version_number_of_an_object_is_given_out_again(filled: Hilum) -> None:
    """Also of one that is not put back: it stays, and its name is taken."""
    lose_the_index(filled)
    first = filled.objects()[0]
    instance = first.name.rsplit(".", 2)[0]
    first.with_name(f"{instance}.7000.dcm").write_bytes(b"not an instance")

    assert filled("rebuild", "--json").json["notPutBack"] == 1

    assert filled.sql("SELECT value FROM counter WHERE name = 'version'")[0][0] >= 7000


def hold_an_upload(hilum: Hilum) -> tuple[Path, bytes]:
    """As the upload door leaves it, accepted and not archived."""
    content = part10(a_dataset())
    path = hilum.data / "holding" / "files" / "00" / study_id() / "0"
    path.parent.mkdir(parents=True)
    path.write_bytes(content)

    async def receive() -> None:
        async with SqlIndex(f"sqlite:///{hilum.data / 'index.sqlite'}") as index:
            await index.submissions.receive(a_submission(files=1))

    asyncio.run(receive())
    return path, content


def test_uploads_are_taken_over_and_their_files_stay(filled: Hilum) -> None:
    path, content = hold_an_upload(filled)

    ran = filled("rebuild", "--json")

    assert (ran.code, ran.json["carried"]["submissions"], ran.json["heldAside"]) == (0, 1, None)
    assert path.read_bytes() == content
    assert filled.sql("SELECT study_id, state FROM submission") == [(study_id(), "uploaded")]


def test_files_of_uploads_that_nobody_knows_any_more_are_put_aside(filled: Hilum) -> None:
    """Else they would be taken for what a crash left, and removed."""
    for number in ("", "-2"):
        path, content = hold_an_upload(filled)
        lose_the_index(filled)

        ran = filled("rebuild")

        aside = filled.data / "holding" / f"files.before-rebuild{number}"
        assert f"hilum import {aside}" in " ".join(ran.err.split())
        assert not path.exists()
        assert [each.read_bytes() for each in aside.rglob("*") if each.is_file()] == [content]
    assert filled("import", aside).code == 0
    assert filled("rebuild").code == 0
    assert len(list((filled.data / "holding").glob("files.before-rebuild*"))) == 2
