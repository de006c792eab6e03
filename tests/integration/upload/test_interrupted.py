"""Stages that end anywhere, and are called again: the same end as without that."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hilum.bootstrap.submissions import SubmissionWork
from hilum.domain.instances import StorePolicy
from hilum.domain.submissions import FileState, StudyId, SubmissionState
from tests.instances import an_instance, new_sop_instance_uid
from tests.integration.upload.stages import NamedFile, Uploads, uploads, zipped

POLICY = StorePolicy("standard")


class Interruption:
    """Cancels the task that works, at one of its calls to the outside."""

    def __init__(self, call: int, *, afterwards: bool) -> None:
        self._call = call
        self._afterwards = afterwards
        self._calls = 0
        self.task: asyncio.Task[Any] | None = None
        self.happened = False

    def around(self, target: Any) -> Any:
        return _Watched(target, self)

    def before(self) -> bool:
        """Count a call; whether it is the one to be interrupted afterwards."""
        self._calls += 1
        due = self._calls == self._call
        if due and not self._afterwards:
            self.strike()
        return due and self._afterwards

    def strike(self) -> None:
        assert self.task is not None
        self.happened = True
        self.task.cancel()


class _Watched:
    """An engine whose calls are counted."""

    def __init__(self, target: Any, interruption: Interruption) -> None:
        self._target = target
        self._interruption = interruption

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._target, name)
        return self._counted(found) if asyncio.iscoroutinefunction(found) else found

    async def __call__(self, *arguments: Any) -> Any:
        return await self._counted(self._target)(*arguments)

    def _counted(self, found: Callable[..., Any]) -> Callable[..., Any]:
        async def counted(*arguments: Any, **named: Any) -> Any:
            due = self._interruption.before()
            await asyncio.sleep(0)
            try:
                return await found(*arguments, **named)
            finally:
                if due:
                    self._interruption.strike()
                    await asyncio.sleep(0)

        return counted


def interrupted(work: SubmissionWork, by: Interruption) -> SubmissionWork:
    submissions = by.around(work.validating.submissions)
    holding = by.around(work.validating.holding)
    aside = replace(work.aside, quarantine=by.around(work.aside.quarantine))
    judging = work.validating.judging
    validating = replace(
        work.validating,
        submissions=submissions,
        holding=holding,
        judging=replace(judging, examine=by.around(judging.examine)),
        unpacking=replace(
            work.validating.unpacking, submissions=submissions, holding=holding, aside=aside
        ),
        aside=aside,
    )
    archiving = replace(
        work.archiving,
        submissions=submissions,
        holding=holding,
        receive=by.around(work.archiving.receive),
        aside=aside,
        view=by.around(work.archiving.view),
    )
    return replace(work, validating=validating, archiving=archiving)


def files() -> list[NamedFile]:
    """One of everything; new instances each time."""
    again = new_sop_instance_uid()
    return [
        ("a.dcm", an_instance()),
        ("z.zip", zipped(
            ("m1.dcm", an_instance()), ("../out.dcm", an_instance()), ("in.zip", zipped(b"x")),
            ("DICOMDIR", b"x"), ("m2.dcm", an_instance()),
        )),
        ("text.txt", b"no DICOM" * 50),
        ("first.dcm", an_instance(SOPInstanceUID=again)),
        ("second.dcm", an_instance(SOPInstanceUID=again, PatientID="P-2")),
    ]  # fmt: skip


EXPECTED = {
    "a.dcm": (FileState.ARCHIVED, ""),
    "z.zip": (FileState.UNPACKED, ""),
    "text.txt": (FileState.QUARANTINED, "not-dicom"),
    "first.dcm": (FileState.ARCHIVED, ""),
    "second.dcm": (FileState.QUARANTINED, "sop-instance-twice"),
    "m1.dcm": (FileState.ARCHIVED, ""),
    "out.dcm": (FileState.QUARANTINED, "zip-path"),
    "in.zip": (FileState.QUARANTINED, "zip-nested"),
    "DICOMDIR": (FileState.IGNORED, "index-file"),
    "m2.dcm": (FileState.ARCHIVED, ""),
}


@pytest.fixture
async def opened(tmp_path: Path) -> AsyncIterator[Uploads]:
    async with uploads(tmp_path / "data") as found:
        yield found


async def interrupted_run(opened: Uploads, study_id: StudyId, by: Interruption) -> None:
    work = interrupted(opened.work, by)

    async def both() -> None:
        await work.validating(study_id)
        await work.archiving(study_id)

    by.task = asyncio.create_task(both())
    await asyncio.gather(by.task, return_exceptions=True)


async def demand_the_same_end(opened: Uploads, study_id: StudyId) -> None:
    notes = await opened.notes(study_id)
    record = await opened.record(study_id)
    found = {
        note.name: (
            FileState.ARCHIVED if note.state is FileState.ALREADY_HELD else note.state,
            note.code,
        )
        for note in notes
    }
    aside = await opened.quarantine(study_id)
    ranks = [step.state.rank for step in record.history]
    view = opened.data_dir / "archive" / study_id
    assert found == EXPECTED
    assert [note.number for note in notes] == list(range(len(EXPECTED)))
    assert record.state is SubmissionState.ARCHIVED
    assert ranks == sorted(set(ranks))
    assert sorted(one.what.name for one in aside) == [
        "in.zip", "out.dcm", "second.dcm", "text.txt",
    ]  # fmt: skip
    assert {one.what.place for one in aside} == {
        place for place in await opened.held_places() if place.startswith(study_id)
    }
    assert len(list(view.rglob("*.dcm"))) == 4


@pytest.mark.slow
@pytest.mark.parametrize("afterwards", [False, True], ids=["before", "after"])
async def test_a_stage_that_is_cut_at_any_call_ends_the_same_when_it_is_called_again(
    opened: Uploads, afterwards: bool
) -> None:
    call = 0
    while True:
        call += 1
        by = Interruption(call, afterwards=afterwards)
        study_id = await opened.submit(*files(), policy=POLICY)

        await interrupted_run(opened, study_id, by)
        await opened.work.validating(study_id)
        await opened.work.archiving(study_id)

        await demand_the_same_end(opened, study_id)
        assert await opened.instances() == 4 * call
        if not by.happened:
            break
    assert call > 40
    assert len(opened.objects) == 4 * call


async def test_a_process_that_is_gone_leaves_work_that_another_ends(tmp_path: Path) -> None:
    async with uploads(tmp_path / "data") as before:
        study_id = await before.submit(*files(), policy=POLICY)
        await interrupted_run(before, study_id, Interruption(12, afterwards=True))

    async with uploads(tmp_path / "data") as after:
        await after.work.validating(study_id)
        await after.work.archiving(study_id)

        await demand_the_same_end(after, study_id)
