from pathlib import Path

import pytest

from hilum.adapters.telemetry.checks import DiskCheck, StateCheck
from hilum.adapters.telemetry.patient_attributes import patient_keywords
from hilum.ports.readiness import NotReady


def _names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


async def test_a_disk_that_takes_a_file_is_ready_and_left_as_it_was(tmp_path: Path) -> None:
    description = await DiskCheck(tmp_path, reserve_bytes=0)()

    assert "MiB free" in description
    assert _names(tmp_path) == []


async def test_a_disk_below_its_reserve_is_not_ready(tmp_path: Path) -> None:
    with pytest.raises(NotReady, match=r"storage\.reserve_bytes"):
        await DiskCheck(tmp_path, reserve_bytes=1 << 62)()


async def test_a_folder_that_cannot_be_written_is_not_ready(tmp_path: Path) -> None:
    with pytest.raises(NotReady, match="not writable: No such file"):
        await DiskCheck(tmp_path / "gone", reserve_bytes=0)()


async def test_a_component_that_knows_its_state_is_believed() -> None:
    state = [True]
    check = StateCheck("committer", lambda: state[0], "Commits.", "Ended: restart.")

    assert await check() == "Commits."
    state[0] = False
    with pytest.raises(NotReady, match="Ended: restart"):
        await check()


@pytest.mark.parametrize(
    "keyword",
    [
        "PatientName",
        "PatientID",
        "PatientBirthDate",
        "OtherPatientIDs",
        "ReferringPhysicianName",
        "OperatorsName",
        "AccessionNumber",
        "PatientComments",
        "ResponsiblePerson",
    ],
)
def test_keys_that_name_patient_data_are_known(keyword: str) -> None:
    assert keyword in patient_keywords()


@pytest.mark.parametrize("keyword", ["StudyInstanceUID", "Modality", "SOPClassUID", "Rows", ""])
def test_keys_that_logs_need_are_not_among_them(keyword: str) -> None:
    assert keyword not in patient_keywords()
