"""`hilum jobs` beside a server."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from hilum.cli.jobs import Kind, State
from hilum.domain.jobs import JobKind, JobState
from tests.instances import an_instance
from tests.integration.cli.conftest import Hilum
from tests.served_dicomweb import ServedDicomWeb

STUDY = "1.2.826.0.1.3680043.10.14"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that transfers may use, by the command's settings and the server's."""
    folder = tmp_path / "outside"
    folder.mkdir()
    monkeypatch.setenv("HILUM_TRANSFERS__FOLDERS", str(folder))
    return folder


@pytest.fixture
def server(hilum: Hilum, folder: Path) -> Iterator[ServedDicomWeb]:
    quick = {"operations": {"poll_seconds": 0.05}, "transfers": {"folders": [folder]}}
    with ServedDicomWeb(hilum.data, **quick) as served:
        yield served


def test_files_are_imported_and_exported_by_the_server(
    hilum: Hilum, folder: Path, server: ServedDicomWeb
) -> None:
    data = an_instance(StudyInstanceUID=STUDY)
    (folder / "in").mkdir()
    (folder / "in" / "a").write_bytes(data)
    (folder / "in" / "b").write_bytes(data[:-5])

    imported = hilum("jobs", "import", folder / "in", "--wait", "--json")
    errors = hilum("jobs", "errors", imported.json["job_id"], "--json")
    exported = hilum("jobs", "export", folder, STUDY, "--wait")
    listed = hilum("jobs", "list", "--json")
    table = hilum("jobs", "list")

    assert imported.code == 0
    assert imported.json["results"] == {"stored": 1, "alreadyHeld": 0, "failed": 1, "notDicom": 0}
    assert (errors.code, [each["what"] for each in errors.json]) == (1, ["b"])
    assert exported.code == 0
    assert "exported 1" in exported.out
    assert [path.read_bytes() for path in folder.rglob("*.dcm")] == [data]
    assert [each["kind"] for each in listed.json] == ["export", "import"]
    rows = [line.split()[1:5] for line in table.out.splitlines() if "import" in line]
    assert rows == [[imported.json["job_id"], "import", "succeeded", "100"]]  # in one line
    assert hilum("jobs", "list", "--kind", "update", "--json").json == []


def test_what_nobody_works_on_can_be_looked_at_and_cancelled(filled: Hilum, folder: Path) -> None:
    begun = filled("jobs", "export", folder, STUDY)
    job_id = begun.out.strip()

    shown = filled("jobs", "show", job_id)
    waited = filled("jobs", "wait", job_id, "--timeout", "0")
    cancelled = filled("jobs", "cancel", job_id)

    assert (begun.code, shown.json["state"]) == (0, "notStarted")
    assert shown.json["request"]["identifiers"] == [STUDY]
    assert (waited.code, cancelled.code) == (3, 0)
    assert "has not ended yet" in waited.err
    assert filled("jobs", "show", job_id).json["cancel_requested"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("show", "x"), "32 hexadecimal digits"),
        (("export", "/etc", STUDY), "transfers.folders"),
        (("export", "s3://bucket", STUDY), "transfers.places"),
        (("import", "ftp://bucket"), "transfers.folders"),
        (("import", "/", "--partition", "none"), "does not exist"),
    ],
)
def test_what_makes_no_sense_is_refused(
    filled: Hilum, folder: Path, arguments: tuple[str, ...], told: str
) -> None:
    ran = filled("jobs", *arguments)

    assert ran.code == 2
    assert told in ran.err


def test_an_unknown_operation_is_told(filled: Hilum) -> None:
    ran = filled("jobs", "show", "0" * 32)

    assert ran.code == 3
    assert "No operation has this id" in ran.err


def test_the_words_of_the_command_are_those_of_the_product() -> None:
    assert [each.value for each in Kind] == [each.value for each in JobKind]
    assert [each.value for each in State] == [each.value for each in JobState]
