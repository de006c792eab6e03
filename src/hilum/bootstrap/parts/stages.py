"""The stages that uploads go through, and what takes up again what nobody works on."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Final

from hilum.bootstrap.parts.part import Part, Surroundings
from hilum.bootstrap.submissions import SubmissionWork, redrive, stages, submission_work
from hilum.submissions.stages import Stage


def _stages_part(
    chosen: Callable[[SubmissionWork], tuple[Stage, ...]],
) -> Callable[[Surroundings], AbstractAsyncContextManager[Part]]:
    @asynccontextmanager
    async def opened(around: Surroundings) -> AsyncIterator[Part]:
        archive, clock, meter = around.archive, around.clock, around.metrics.submissions
        work = submission_work(around.settings, archive, around.view, clock)
        redriven = redrive(around.settings, archive, around.bus, clock, meter)
        of_stages = stages(work, archive, around.bus, clock, meter)
        async with of_stages.running(*chosen(work)), redriven.running():
            yield Part(opened=of_stages)

    return opened


validator_part: Final = _stages_part(lambda work: (work.validator,))
"""Judges what was uploaded."""
descriptor_part: Final = _stages_part(lambda work: (work.descriptor,))
"""Archives what was validated."""
submissions_part: Final = _stages_part(lambda work: (work.validator, work.descriptor))
"""Both, in one process."""
