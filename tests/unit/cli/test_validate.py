"""`hilum validate`: what it says, as what, and how it ends."""

import io
import json
import os
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from zipfile import ZipFile

import pydicom
import pytest
import structlog
from pydicom.data import get_testdata_file
from pydicom.encaps import encapsulate, generate_frames

from hilum.cli import main
from hilum.foundation.logs import LogOptions, configure_logging
from tests.planted import CT, FAULTS, base

_SECRET = "Doe^Jane^Secret"


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    """Commands that read settings log to a standard error that ends with their test."""
    with configure_logging(LogOptions(), io.StringIO()):
        yield
    structlog.reset_defaults()


def _fault(name: str) -> bytes:
    return next(fault.part10() for fault in FAULTS if fault.name == name)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A study of a right file and two wrong ones, one file that is cut, and one of no DICOM."""
    files = tmp_path / "files"
    (files / "deeper").mkdir(parents=True)
    (files / "right.dcm").write_bytes(base(CT))
    (files / "deeper" / "a.dcm").write_bytes(_fault("no FrameOfReferenceUID"))
    (files / "deeper" / "b.dcm").write_bytes(_fault("no FrameOfReferenceUID"))
    (files / "cut.dcm").write_bytes(_fault("a file cut short"))
    (files / "readme.txt").write_text("nothing to see here")
    return files


def test_a_right_file_ends_with_0(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "right.dcm"
    file.write_bytes(base(CT))

    assert main(["validate", str(file)]) == 0
    assert "1 file, 0 with errors" in capsys.readouterr().out


def test_a_zip_file_is_named_as_such(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "studies.zip"
    with ZipFile(file, "w") as archive:
        archive.writestr("right.dcm", base(CT))

    assert main(["validate", str(file)]) == 1
    assert "it is a zip file; unpack it" in capsys.readouterr().out


def test_names_of_files_command_no_terminal_and_need_be_no_text(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files, report = tmp_path / "files", tmp_path / "report.html"
    files.mkdir()
    for name in (b"\x1b[2J.dcm", b"\xff.dcm"):
        (files / os.fsdecode(name)).write_bytes(_fault("a file cut short"))

    assert main(["validate", str(files), "--html", str(report)]) == 1

    for told in (capsys.readouterr().out, report.read_text("utf-8")):
        assert r"\x1b[2J.dcm" in told
        assert r"\udcff.dcm" in told
        assert "\x1b" not in told


def test_findings_are_told_by_study_with_the_files_that_share_them(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["validate", str(folder)]) == 1

    said = capsys.readouterr().out
    assert "attribute-missing: FrameOfReferenceUID (0020,0052)" in said
    assert "expected type 1 of Frame of Reference; found absent [PS3.3 C.7.4" in said
    assert f"in 2 of 3 files: {folder}/deeper/a.dcm, {folder}/deeper/b.dcm" in said
    assert "sop-instance-twice" in said
    assert "Files without a study: 1 file" in said
    assert "truncated-instance" in said
    assert "4 files, 3 with errors" in said
    assert "1 file left out as no DICOM" in said


def test_json_has_every_finding_of_every_file(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["validate", "--json", str(folder)]) == 1

    document = json.loads(capsys.readouterr().out)
    files = {Path(row["path"]).name: row for row in document["files"]}
    assert set(files) == {"right.dcm", "a.dcm", "b.dcm", "cut.dcm"}
    assert files["right.dcm"]["findings"] == []
    (finding,) = files["a.dcm"]["findings"]
    assert finding["path"] == "(0020,0052)"
    assert finding["severity"] == "error"
    assert files["cut.dcm"]["study"] is None
    assert document["files_with_errors"] == 3
    assert document["files_left_out"] == 1
    across = {row["study"]: row["findings"] for row in document["studies"]}
    assert [each["code"] for each in across[files["a.dcm"]["study"]]] == ["sop-instance-twice"]


def test_a_page_is_written_that_names_files_safely(tmp_path: Path) -> None:
    wrong = tmp_path / "<script>alert(1)<"
    wrong.write_bytes(_fault("no FrameOfReferenceUID"))
    page = tmp_path / "report.html"

    assert main(["validate", str(wrong), "--html", str(page), "--quiet"]) == 1

    text = page.read_text("utf-8")
    assert "&lt;script&gt;alert(1)&lt;" in text
    assert "<script>" not in text
    HTMLParser().feed(text)
    assert "FrameOfReferenceUID (0020,0052)" in text


def test_a_profile_makes_errors_warnings(tmp_path: Path) -> None:
    file = tmp_path / "wrong.dcm"
    file.write_bytes(_fault("no FrameOfReferenceUID"))

    assert main(["validate", str(file)]) == 1
    assert main(["validate", str(file), "--profile", "practice"]) == 0


def test_no_value_of_a_patient_is_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = base(CT).replace(b"CompressedSamples^CT1 ", _SECRET.ljust(22).encode())
    assert _SECRET.encode() in data
    file = tmp_path / "patient.dcm"
    file.write_bytes(data.replace(b"JFK IMAGING", b"JFK\x07\x07\x07AGING"))
    two = tmp_path / "other.dcm"
    two.write_bytes(base(CT))

    assert main(["validate", "--json", str(tmp_path)]) == 1

    said = capsys.readouterr().out
    assert "study-patient-unclear" in said
    assert "value-characters" in said
    assert "Secret" not in said
    assert "AGING" not in said


def test_a_file_named_that_is_no_dicom_is_an_error_and_one_not_there_wrong_usage(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = tmp_path / "text.txt"
    text.write_text("no DICOM at all")

    assert main(["validate", str(text)]) == 1
    assert "not-dicom" in capsys.readouterr().out
    assert main(["validate", str(tmp_path / "missing")]) == 2
    assert main(["validate", str(tmp_path / "empty")]) == 2


def test_a_profile_of_the_settings_is_taken_and_one_there_is_not_is_wrong_usage(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, config = tmp_path / "right.dcm", tmp_path / "hilum.toml"
    file.write_bytes(base(CT))
    config.write_text(
        '[validation.profiles.ward]\nbase = "practice"\nrequire = ["AccessionNumber"]'
    )

    assert main(["validate", str(file), "--profile", "ward", "--config", str(config)]) == 1
    assert "required-attribute: AccessionNumber (0008,0050)" in capsys.readouterr().out

    assert main(["validate", str(file), "--profile", "wrad", "--config", str(config)]) == 2
    assert "no profile 'wrad'; there are standard, practice, strict, ward" in (
        capsys.readouterr().err
    )


def test_frames_are_decoded_when_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dataset = pydicom.dcmread(str(get_testdata_file("JPEG2000.dcm")))
    (frame,) = generate_frames(dataset.PixelData, number_of_frames=1)
    dataset.PixelData = encapsulate([frame[:200]])
    dataset.save_as(tmp_path / "cut.dcm")
    command = ["validate", str(tmp_path), "--profile", "practice", "--json"]

    assert main(command) == 0
    capsys.readouterr()
    assert main([*command, "--decode", "--data", str(tmp_path)]) == 1

    ((row,), *_) = [json.loads(capsys.readouterr().out)["files"]]
    (finding,) = [each for each in row["findings"] if each["code"] == "frame-undecodable"]
    assert finding["found"] == "frame 1: The stored frame cannot be decoded: it was cut off"
    assert finding["where"] == "(7fe0,0010) PixelData"
