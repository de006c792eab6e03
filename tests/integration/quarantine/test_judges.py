"""Mended files before independent judges: dciodvfy finds fewer faults, dcmdump reads them."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.peers.dciodvfy import Complaint, complaints, needs_dciodvfy
from tests.planted import FAULTS, Fault
from tests.unit.submissions.test_mending import MENDED, bytes_of, mend

LATERALITY = 0x00200060
"""Once `CHEST` is spelt right, it is known that there is no side to tell."""


def of_faults() -> list[Fault]:
    return [fault for fault in FAULTS if fault.name in MENDED]


def errors(path: Path) -> set[Complaint]:
    return {each for each in complaints(path) if each.severity == "Error"}


@needs_dciodvfy()
@pytest.mark.parametrize("fault", of_faults(), ids=lambda fault: fault.name)
def test_dciodvfy_finds_no_new_error_in_what_was_mended(fault: Fault, tmp_path: Path) -> None:
    before, after = tmp_path / "before.dcm", tmp_path / "after.dcm"
    before.write_bytes(fault.part10())
    after.write_bytes(bytes_of(mend(fault.part10())))

    found = errors(before)
    left = {each for each in errors(after) if each.tag != LATERALITY}

    assert left <= found
    if fault.tag is not None and any(each.tag == fault.tag for each in found):
        assert not any(each.tag == fault.tag for each in left)


@pytest.mark.skipif(
    shutil.which("dcmdump") is None, reason="dcmdump not found: run scripts/services install dcmtk"
)
@pytest.mark.parametrize("fault", of_faults(), ids=lambda fault: fault.name)
def test_dcmdump_reads_what_was_mended_without_a_complaint(fault: Fault, tmp_path: Path) -> None:
    path = tmp_path / "after.dcm"
    path.write_bytes(bytes_of(mend(fault.part10())))

    dumped = subprocess.run(
        ["dcmdump", "+E", str(path)], capture_output=True, timeout=60, check=False
    )

    assert dumped.returncode == 0
    assert dumped.stderr == b""
