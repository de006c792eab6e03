"""`hilum validate STUDY`: what is held is judged as files are."""

from pathlib import Path

import pydicom
from pydicom.data import get_testdata_file
from pydicom.encaps import encapsulate, generate_frames

from tests.integration.cli.conftest import Hilum


def test_a_held_study_is_judged_as_its_files_are(filled: Hilum, media: Path) -> None:
    files = media / "head"
    study = pydicom.dcmread(next(iter(files.iterdir()))).StudyInstanceUID

    held = filled("validate", study, "--json").json
    from_files = filled("validate", files, "--json").json

    assert [row["path"] for row in held["files"]] == [None] * 9
    assert {row["study"] for row in held["files"]} == {study}

    def by_instance(document: dict[str, list[dict[str, object]]]) -> dict[object, object]:
        return {row["sop_instance"]: row["findings"] for row in document["files"]}

    assert by_instance(held) == by_instance(from_files)
    for told in ("studies", "errors", "warnings", "files_with_errors"):
        assert held[told] == from_files[told]


def test_files_and_studies_are_one_report(filled: Hilum, media: Path) -> None:
    study = pydicom.dcmread(next(iter((media / "head").iterdir()))).StudyInstanceUID
    file = media / "pet" / "IM0000"

    ran = filled("validate", file, study, "--html", media / "report.html")

    assert f"Study {study}: 9 files" in ran.out
    assert "10 files" in ran.out
    assert study in (media / "report.html").read_text()


def test_a_study_that_is_not_held_and_a_name_that_is_none_are_said_so(filled: Hilum) -> None:
    missing, neither = filled("validate", "1.2.3"), filled("validate", "no-such-folder")

    assert (missing.code, neither.code) == (3, 2)
    assert "No instance of study 1.2.3 is held here." in missing.err
    assert "no file or folder no-such-folder, and it is no Study Instance UID" in neither.err


def test_files_need_no_archive(hilum: Hilum, media: Path) -> None:
    hilum("validate", media / "pet")

    assert not hilum.data.exists()


def test_frames_of_a_held_study_are_decoded_when_asked_for(filled: Hilum, tmp_path: Path) -> None:
    dataset = pydicom.dcmread(str(get_testdata_file("JPEG2000.dcm")))
    (frame,) = generate_frames(dataset.PixelData, number_of_frames=1)
    dataset.PixelData = encapsulate([frame[:200]])
    dataset.save_as(tmp_path / "cut.dcm")
    filled("import", tmp_path / "cut.dcm")

    study = dataset.StudyInstanceUID
    plain = filled("validate", study, "--json", "--profile", "practice").json
    decoded = filled("validate", study, "--json", "--profile", "practice", "--decode").json

    assert plain["errors"] == 0
    ((row,), errors) = decoded["files"], decoded["errors"]
    assert errors == 1
    assert "frame-undecodable" in {each["code"] for each in row["findings"]}
