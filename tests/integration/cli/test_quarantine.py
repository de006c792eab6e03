"""`hilum quarantine`, on an archive that no server has open, and beside one."""

import re
from pathlib import Path
from typing import get_args

import pytest

from hilum.cli.quarantine import State, Way
from hilum.domain.origins import Door
from hilum.domain.quarantine import QuarantineState
from hilum.settings.quarantine import QuarantineDoor
from tests.integration.cli.conftest import Hilum
from tests.integration.quarantine.senders import a_faulty_ct, part10
from tests.served import ServedHilum


@pytest.fixture
def refused(hilum: Hilum, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hilum:
    """Three files that an import refused: two that can be mended, one that cannot."""
    monkeypatch.setenv("HILUM_QUARANTINE__DOORS", "import")
    folder = tmp_path / "media"
    folder.mkdir()
    faults: tuple[dict[str, bytes | None], ...] = (
        {"StudyDate": b"2004.01.19"},
        {"StudyDate": b"2004-01-19"},
        {"SeriesInstanceUID": None},
    )
    for number, fault in enumerate(faults):
        dataset = a_faulty_ct(**fault)
        dataset.SOPInstanceUID = f"1.2.3.{number + 1}"
        (folder / f"IM{number}").write_bytes(part10(dataset))
    ran = hilum("import", folder, "--profile", "strict", "--jobs", "1", "--json")
    assert (ran.json["refused"], ran.json["quarantined"]) == (3, 3)
    return hilum


def test_an_import_tells_how_many_are_in_quarantine(refused: Hilum, tmp_path: Path) -> None:
    again = refused("import", tmp_path / "media", "--profile", "strict", "--quiet")

    assert "3 refused, 3 of them in quarantine" in again.out
    assert len(refused("quarantine", "list", "--json").json) == 3


def test_listing_ends_with_1_while_something_is_held(refused: Hilum) -> None:
    listed = refused("quarantine", "list")
    by_code = refused("quarantine", "list", "--code", "attribute-missing", "--json")
    other = refused("quarantine", "list", "--door", "c-store")

    assert (listed.code, by_code.code, other.code) == (1, 1, 0)
    assert "import" in listed.out
    assert [each["key"] for each in by_code.json] == [3]


def test_showing_tells_what_could_be_repaired(refused: Hilum) -> None:
    shown = refused("quarantine", "show", "1").json
    hopeless = refused("quarantine", "show", "3").json

    assert "fix-vr-values" in [each["name"] for each in shown["repairs"]]
    assert shown["would_pass"]
    assert not hopeless["would_pass"]
    assert hopeless["remaining"][0]["tag"] == "(0020,000e)"


def test_a_dry_run_tells_and_does_nothing(refused: Hilum) -> None:
    ran = refused("quarantine", "repair", "1", "--dry-run", "-k", "fix-vr-values")

    assert ran.code == 0
    assert "1: would be taken" in ran.out
    assert "fix-vr-values (0008,0020): written in the form of its VR" in ran.out
    assert [each["state"] for each in refused("quarantine", "list", "--json").json] == ["held"] * 3


def test_several_are_repaired_and_those_that_cannot_be_are_told(refused: Hilum) -> None:
    ran = refused("quarantine", "repair", "1", "3", "2", "--reason", "asked")

    assert ran.code == 1
    assert re.search(r"^1: repaired\. .*\(0008,0020\).* asked$", ran.out, re.MULTILINE)
    assert re.search(r"^2: repaired\.", ran.out, re.MULTILINE)
    assert "3: attribute-missing (0020,000e)" in ran.err
    assert "It stays in quarantine" in ran.err
    assert len(refused.objects()) == 2
    history = refused("quarantine", "show", "1").json["history"]
    assert history[-1]["by"] == "operator"


def test_released_discarded_and_decided_once(refused: Hilum) -> None:
    released = refused("quarantine", "release", "1", "--json")
    again = refused("quarantine", "release", "1")
    discarded = refused("quarantine", "discard", "3", "--reason", "sent again")
    nowhere = refused("quarantine", "show", "99")

    assert released.json[0]["outcome"]["disposition"] == "created"
    assert (again.code, discarded.code, nowhere.code) == (1, 0, 3)
    assert "was released at" in again.err
    assert "3: discarded. sent again" in discarded.out
    assert "99" in nowhere.err


def test_wrong_words_are_told(refused: Hilum) -> None:
    coercion = refused("quarantine", "repair", "1", "-k", "fix-everything")
    reason = refused("quarantine", "discard", "1", "--reason", " ")

    assert coercion.code == 1
    assert "there are fix-lengths, declare-charset" in coercion.err
    assert reason.code == 2


def test_states_and_doors_are_those_there_are() -> None:
    assert [each.value for each in State] == [each.value for each in QuarantineState]
    assert {each.value for each in Way} == {Door.UPLOAD.value, *get_args(QuarantineDoor)}


def test_a_misspelt_door_is_no_empty_list(refused: Hilum) -> None:
    misspelt = refused("quarantine", "list", "--door", "cstore")

    assert misspelt.code == 2
    assert "c-store" in misspelt.err


@pytest.mark.slow
def test_it_works_beside_a_running_server(refused: Hilum, tmp_path: Path) -> None:
    (tmp_path / "served").mkdir()
    server = ServedHilum(tmp_path / "served")
    server.data = refused.data
    with server:
        repaired = server.run("quarantine", "repair", "1", "--json")
        found = server.get_json("/dicom-web/instances")
        left = server.get_json("/api/v1/quarantine?state=held")

    assert repaired.returncode == 0, repaired.stderr
    assert len(found) == 1  # type: ignore[arg-type]
    assert [each["key"] for each in left] == [3, 2]  # type: ignore[attr-defined]
