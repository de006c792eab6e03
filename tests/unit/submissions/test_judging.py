"""One file is judged, whatever is in it."""

import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pydicom.data import get_testdata_file

from hilum.dicom.limits import HeaderLimits
from hilum.domain.errors import ArchiveUnavailable, ObjectMissing
from hilum.domain.instances import Content, StorePolicy
from hilum.domain.submissions import FileNote, FileState
from hilum.ingest.examine import Examined, examine
from hilum.ingest.judging import Criteria
from hilum.ingest.judging import Judging as IngestJudging
from hilum.ports.telemetry import NoIngestMeter
from hilum.submissions.judging import Judging

CT = Path(str(get_testdata_file("CT_small.dcm"))).read_bytes()
POLICY = StorePolicy("standard", depth="strict")


class Files:
    """The part of the holding that judging uses."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, place: str) -> Path:
        return self._folder / place


@pytest.fixture
async def judge_of_ingest() -> AsyncIterator[IngestJudging]:
    judging = IngestJudging(
        meter=NoIngestMeter(),
        header_limits=HeaderLimits(),
        inline_bytes=1,
        threads=1,
        memo_bytes=1 << 20,
        criteria=Criteria(),
    )
    yield judging
    judging.close()


def a_note(size_bytes: int, name: str = "a.dcm") -> FileNote:
    return FileNote(0, FileState.RECEIVED, name, "file", size_bytes)


@pytest.mark.slow
async def test_files_with_random_damage_are_judged_and_never_stop_the_work(
    tmp_path: Path, judge_of_ingest: IngestJudging
) -> None:
    judging = Judging(Files(tmp_path), judge_of_ingest)  # type: ignore[arg-type]
    chance = random.Random(11)
    states = set()
    for _ in range(300):
        data = bytearray(CT[: chance.choice([len(CT), chance.randrange(len(CT))])])
        for _ in range(chance.randint(0, 20)):
            if data:
                data[chance.randrange(min(len(data), 7000))] = chance.randrange(256)
        (tmp_path / "file").write_bytes(data)

        judged = await judging(a_note(len(data)), POLICY)

        states.add(judged.note.state)
        assert "processing-failed" not in {found.code for found in judged.note.findings}
        if judged.note.state is FileState.QUARANTINED:
            assert judged.note.findings
    assert states == {FileState.QUARANTINED, FileState.VALID}


async def test_a_bug_that_a_file_meets_refuses_it_and_tells_nothing_of_it(tmp_path: Path) -> None:
    async def broken(content: Content, policy: StorePolicy) -> Examined:
        raise ValueError("Doe^John")

    (tmp_path / "file").write_bytes(CT)
    judged = await Judging(Files(tmp_path), broken)(a_note(len(CT)), POLICY)  # type: ignore[arg-type]

    (finding,) = judged.note.findings
    assert judged.note.state is FileState.QUARANTINED
    assert (finding.code, finding.found) == ("processing-failed", "ValueError")
    assert "Doe" not in repr(finding)


async def test_an_outage_is_no_fault_of_the_file(tmp_path: Path) -> None:
    async def away(content: Content, policy: StorePolicy) -> Examined:
        raise ArchiveUnavailable("away")

    (tmp_path / "file").write_bytes(CT)
    judging = Judging(Files(tmp_path), away)  # type: ignore[arg-type]

    with pytest.raises(ArchiveUnavailable):
        await judging(a_note(len(CT)), POLICY)
    (tmp_path / "file").unlink()
    with pytest.raises(ObjectMissing):
        await judging(a_note(len(CT)), POLICY)


async def test_facts_for_the_study_come_with_what_is_judged_in_depth_only(tmp_path: Path) -> None:
    async def now(content: Content, policy: StorePolicy) -> Examined:
        return examine(content, policy, HeaderLimits(), NoIngestMeter())

    (tmp_path / "file").write_bytes(CT)
    judging = Judging(Files(tmp_path), now)  # type: ignore[arg-type]

    deep = await judging(a_note(len(CT)), StorePolicy("standard", depth="practice"))
    short = await judging(a_note(len(CT)), StorePolicy("standard"))

    assert deep.facts is not None
    assert short.facts is None
    assert deep.digest == short.digest
    assert (deep.modality, deep.study_date) == ("CT", "20040119")
