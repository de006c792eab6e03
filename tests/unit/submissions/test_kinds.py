"""What a file is by name and first bytes."""

import pytest
from pydicom.data import get_testdata_file

from hilum.submissions.kinds import HEAD_BYTES, is_directory, is_of_system, leads_out


def head(name: str) -> bytes:
    with open(str(get_testdata_file(name)), "rb") as file:  # noqa: PTH123
        return file.read(HEAD_BYTES)


@pytest.mark.parametrize(
    "name",
    [
        "../a.dcm", "a/../../b.dcm", "a/..", "/etc/passwd", "\\\\host\\share\\a.dcm", "C:\\a.dcm",
        "c:a.dcm", "a\\..\\..\\b.dcm", "a\0b",
    ],
)  # fmt: skip
def test_names_that_would_leave_their_folder_lead_out(name: str) -> None:
    assert leads_out(name)


@pytest.mark.parametrize("name", ["a.dcm", "a/b/c.dcm", "a\\b.dcm", "..a/b..c/...", "ä ö", "ab:c"])
def test_other_names_do_not(name: str) -> None:
    assert not leads_out(name)


def test_a_dicomdir_is_known_by_its_name_in_any_case_and_by_its_class() -> None:
    assert is_directory("cd/dicomdir", b"")
    assert is_directory("DICOMDIR;1", b"")
    assert is_directory("other.dcm", head("DICOMDIR"))
    assert not is_directory("other.dcm", head("CT_small.dcm"))
    assert not is_directory("DICOMDIR.txt", b"")


def test_an_image_that_is_named_like_a_dicomdir_is_an_image() -> None:
    assert not is_directory("cd/DICOMDIR", head("CT_small.dcm"))


def test_what_systems_leave_is_known_by_its_name_unless_it_is_dicom() -> None:
    for name in ("__MACOSX/a/1.dcm", "a/.DS_Store", "Thumbs.db", "a/._1.dcm", "DESKTOP.INI"):
        assert is_of_system(name, b"whatever")
        assert not is_of_system(name, head("CT_small.dcm"))
    assert not is_of_system("a/1.dcm", b"whatever")
