"""Files in, files out: the same bytes, under names that tell nothing."""

import asyncio
import shutil
import zipfile
from pathlib import Path

import pydicom
import pytest

from hilum.adapters.database.sql_index import SqlIndex
from hilum.domain.identifiers import Scope, StudyInstanceUID
from hilum.domain.origins import Door, Origin
from tests.filesets import file_set
from tests.integration.cli.conftest import Hilum

PET = "2.25.260314154381788614996743738305359663134"


def contents(folder: Path) -> list[bytes]:
    return sorted(path.read_bytes() for path in folder.rglob("*") if path.is_file())


def studies_of(hilum: Hilum) -> list[str]:
    return [row[0] for row in hilum.sql('SELECT "StudyInstanceUID" FROM study ORDER BY key')]


def test_what_was_imported_is_exported_byte_for_byte(
    filled: Hilum, media: Path, tmp_path: Path
) -> None:
    ran = filled("export", *studies_of(filled), "-o", tmp_path / "out")

    assert ran.code == 0
    assert contents(tmp_path / "out") == contents(media)
    assert not list((tmp_path / "out").glob(".*"))


def test_exported_names_are_made_of_uids(filled: Hilum, tmp_path: Path) -> None:
    filled("export", PET, "-o", tmp_path / "out")

    for path in (tmp_path / "out").rglob("*.dcm"):
        dataset = pydicom.dcmread(path, stop_before_pixels=True)
        uids = (dataset.StudyInstanceUID, dataset.SeriesInstanceUID, dataset.SOPInstanceUID)
        assert path.relative_to(tmp_path / "out") == Path(*uids[:2], f"{uids[2]}.dcm")


@pytest.mark.parametrize("options", [(), ("--compress",)])
def test_a_zip_file_holds_the_same_bytes(
    filled: Hilum, media: Path, tmp_path: Path, options: tuple[str, ...]
) -> None:
    ran = filled("export", *studies_of(filled), "-o", tmp_path / "out.zip", *options)

    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        assert archive.testzip() is None
        assert sorted(archive.read(name) for name in archive.namelist()) == contents(media)
    assert ran.code == 0
    assert not list(tmp_path.glob(".*partial"))


def test_an_exported_zip_file_can_be_imported_elsewhere(filled: Hilum, tmp_path: Path) -> None:
    filled("export", *studies_of(filled), "-o", tmp_path / "out.zip", "--compress")
    other = Hilum(tmp_path / "other", filled.capsys)

    ran = other("import", tmp_path / "out.zip", "--json")

    assert (ran.code, ran.json["created"]) == (0, 21)
    assert sorted(path.read_bytes() for path in other.objects()) == sorted(
        path.read_bytes() for path in filled.objects()
    )


def test_a_medium_has_a_dicomdir_that_others_can_read(
    filled: Hilum, media: Path, tmp_path: Path
) -> None:
    ran = filled("export", *studies_of(filled), "-o", tmp_path / "cd", "--dicomdir")

    with file_set(tmp_path / "cd" / "DICOMDIR") as files:
        found = sorted(Path(instance.path).read_bytes() for instance in files)
        studies = files.find_values("StudyInstanceUID")
        series = files.find_values("SeriesInstanceUID")
    assert ran.code == 0
    assert found == contents(media)
    assert (len(studies), len(series)) == (2, 4)
    names = {name for part in tmp_path.glob("cd/PT*/**/*") for name in [part.name]}
    assert all(len(name) <= 8 and name == name.upper() for name in names)


def test_a_medium_in_a_zip_file_can_be_imported(filled: Hilum, tmp_path: Path) -> None:
    filled("export", *studies_of(filled), "-o", tmp_path / "cd.zip", "--dicomdir")
    other = Hilum(tmp_path / "other", filled.capsys)

    ran = other("import", tmp_path / "cd.zip", "--json")

    assert (ran.code, ran.json["created"], ran.json["notDicom"]) == (0, 21, 0)


def test_an_export_replaces_nothing_unless_told_to(
    filled: Hilum, media: Path, tmp_path: Path
) -> None:
    (tmp_path / "out" / PET).mkdir(parents=True)
    (tmp_path / "out" / PET / "mine").write_text("mine")
    (tmp_path / "out.zip").write_text("mine")

    folder = filled("export", PET, "-o", tmp_path / "out")
    archive = filled("export", PET, "-o", tmp_path / "out.zip")

    assert (folder.code, archive.code) == (2, 2)
    assert "--force" in folder.err
    assert (tmp_path / "out" / PET / "mine").read_text() == "mine"
    assert (tmp_path / "out.zip").read_text() == "mine"

    assert filled("export", PET, "-o", tmp_path / "out", "--force").code == 0
    assert filled("export", PET, "-o", tmp_path / "out.zip", "--force").code == 0
    assert contents(tmp_path / "out") == contents(media / "pet")
    assert zipfile.is_zipfile(tmp_path / "out.zip")


@pytest.mark.parametrize("name", ["x.zip", "x"])
def test_an_export_makes_no_parents(filled: Hilum, tmp_path: Path, name: str) -> None:
    ran = filled("export", PET, "-o", tmp_path / "not" / "there" / name)

    assert ran.code == 2
    assert "there is no folder" in ran.err
    assert not (tmp_path / "not").exists()


def test_what_is_kept_is_not_for_everybody(filled: Hilum) -> None:
    modes = {path.name: path.stat().st_mode & 0o777 for path in filled.data.rglob("*")}

    assert {mode & 0o027 for mode in modes.values()} == {0}


def test_an_unknown_study_exports_nothing(filled: Hilum, tmp_path: Path) -> None:
    ran = filled("export", PET, "1.2.3", "-o", tmp_path / "out")

    assert ran.code == 3
    assert "1.2.3" in ran.err
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").iterdir())


def test_text_that_is_no_uid_is_refused(filled: Hilum, tmp_path: Path) -> None:
    ran = filled("export", "../../etc", "-o", tmp_path / "out")

    assert ran.code == 2
    assert "not a valid UID" in ran.err


def test_a_damaged_object_is_left_out_and_reported(filled: Hilum, tmp_path: Path) -> None:
    victim = next(path for path in filled.objects() if PET in str(path))
    data = bytearray(victim.read_bytes())
    data[-100] ^= 1
    victim.write_bytes(data)

    ran = filled("export", PET, "-o", tmp_path / "out", "--json")

    assert ran.code == 1
    assert ran.json["instances"] == 11
    assert "fsck" in ran.json["notExported"][0]["reason"]
    assert len(contents(tmp_path / "out")) == 11


def test_an_import_run_again_reads_nothing_twice(filled: Hilum, media: Path) -> None:
    again = filled("import", media, "--json")
    anew = filled("import", media, "--restart", "--json")

    everything = sum(map(len, contents(media)))
    assert (again.json["newBytes"], again.json["alreadyHeldBytes"]) == (0, 0)
    assert (anew.json["newBytes"], anew.json["alreadyHeldBytes"]) == (0, everything)
    assert again.json["skippedAcceptedBefore"] == 21
    assert (anew.json["alreadyHeld"], anew.json["skippedAcceptedBefore"]) == (21, 0)
    assert (again.code, anew.code) == (0, 0)


def test_a_refusal_is_told_with_its_reason_and_ends_with_1(
    hilum: Hilum, media: Path, tmp_path: Path
) -> None:
    dataset = pydicom.dcmread(media / "pet" / "IM0000")
    del dataset.SeriesInstanceUID
    dataset.save_as(media / "pet" / "IM0000")
    (media / "pet" / "IM0001").write_bytes((media / "pet" / "IM0001").read_bytes()[:2000])

    ran = hilum("import", media, "--report", tmp_path / "refused.jsonl")

    assert ran.code == 1
    assert "Not accepted" in ran.out
    assert "(0020,000e)" in ran.out
    assert "19 new" in ran.out
    assert len((tmp_path / "refused.jsonl").read_text().splitlines()) == 2


def test_a_refused_name_commands_no_terminal(hilum: Hilum, tmp_path: Path) -> None:
    (tmp_path / "\x1b[2J.dcm").write_bytes(bytes(128) + b"DICM")

    ran = hilum("import", tmp_path)

    assert ran.code == 1
    assert "Not accepted" in ran.out
    assert "\x1b" not in ran.out


def test_other_bytes_under_the_same_uids_follow_the_choice(filled: Hilum, media: Path) -> None:
    dataset = pydicom.dcmread(media / "pet" / "IM0000")
    dataset.ImageComments = "Other bytes"
    dataset.save_as(media / "pet" / "IM0000")

    refused = filled("import", media / "pet", "--json")
    replaced = filled("import", media / "pet", "--on-conflict", "new-version", "--json")

    assert (refused.code, refused.json["refused"]) == (1, 1)
    assert "--on-conflict new-version" in refused.json["reasons"][0]["reason"]
    assert (replaced.code, replaced.json["newVersions"]) == (0, 1)


def test_a_path_that_is_not_there_is_a_usage_error(hilum: Hilum, tmp_path: Path) -> None:
    ran = hilum("import", tmp_path / "gone")

    assert ran.code == 2
    assert "gone" in ran.err
    assert not hilum.data.exists()


def test_a_folder_without_dicom_ends_with_1(hilum: Hilum, tmp_path: Path) -> None:
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "a.txt").write_text("nothing")

    ran = hilum("import", tmp_path / "texts")

    assert ran.code == 1
    assert "nothing that is DICOM was found" in ran.err


def test_the_demo_loads_studies_once(hilum: Hilum) -> None:
    first = hilum("demo", "--studies", "2", "--json")
    second = hilum("demo", "--studies", "2", "--json")

    assert first.json["created"] == 132
    assert len(first.json["studies"]) == 2
    assert (second.json["created"], second.json["thereBefore"]) == (0, 132)
    assert hilum("fsck", "--deep").code == 0


@pytest.mark.parametrize("loss", ["archive", "study"])
def test_an_import_brings_back_what_the_archive_no_longer_holds(
    filled: Hilum, media: Path, loss: str
) -> None:
    if loss == "archive":
        for path in filled.data.glob("index.sqlite*"):
            path.unlink()
        shutil.rmtree(filled.data / "objects")
    else:
        asyncio.run(_delete(filled, *studies_of(filled)))

    again = filled("import", media, "--json")

    assert (again.code, again.json["skippedAcceptedBefore"], again.json["created"]) == (0, 0, 21)
    assert filled.sql("SELECT count(*) FROM instance") == [(21,)]


async def _delete(hilum: Hilum, *studies: str) -> None:
    async with SqlIndex(f"sqlite:///{hilum.data / 'index.sqlite'}") as index:
        for study in studies:
            await index.delete(Scope(StudyInstanceUID(study)), Origin(Door.REBUILD, "test"))
