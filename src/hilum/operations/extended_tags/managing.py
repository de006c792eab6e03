"""What operators do with extended query tags, through whichever door."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from hilum.domain.extended_tags import ExtendedTag, ExtendedTagNotFound, TagError
from hilum.domain.jobs import JobId, JobKind, NewJob, new_job_id
from hilum.domain.origins import Origin
from hilum.foundation.bell import Bell
from hilum.ingest.current_tags import CurrentTags
from hilum.operations.extended_tags.rules import AskedTag, checked_tags, parse_path
from hilum.ports.extended_tags import ExtendedTagList

EXCLUSIVE: Final = "reindex"
"""Only one re-index is active at a time."""
_SWEEPS_AT_ONCE: Final = 4
"""Of a deleted tag; what it still has then goes in the background."""


@dataclass(frozen=True, slots=True)
class ManageExtendedTags:
    """The use cases behind `/extendedquerytags` and `hilum tags`."""

    tags: ExtendedTagList
    current: CurrentTags
    """Of this process, which is to know of a change at once."""
    job_added: Bell
    deleted: Bell
    """Rung when there is something to sweep."""
    maximum: int = 128
    sweep_rows: int = 1000

    async def add(self, asked: Sequence[AskedTag], origin: Origin) -> JobId:
        """Index by these from now on, and what is held by a job, whose id is returned.

        Raises `InvalidExtendedTag`, `ExtendedTagExists`, `TooManyExtendedTags`, `JobActive`.
        """
        new = checked_tags(asked)
        job = NewJob(
            new_job_id(),
            JobKind.REINDEX,
            {"paths": [tag.path for tag in new]},
            exclusive=EXCLUSIVE,
            principal=origin.principal,
            correlation_id=origin.correlation_id,
        )
        await self.tags.add(new, job, self.maximum)
        await self.current.refresh()
        self.job_added.ring()
        return job.job_id

    async def page(self, limit: int, offset: int) -> Sequence[ExtendedTag]:
        return await self.tags.page(limit, offset)

    async def show(self, name: str) -> ExtendedTag:
        """`name` is a keyword or tag. Raises `InvalidExtendedTag`, `ExtendedTagNotFound`."""
        return _found(await self.tags.get(parse_path(name)), name)

    async def enable(self, name: str, *, enabled: bool) -> ExtendedTag:
        """Allow queries by it or not. Raises as `show`."""
        return _found(await self.tags.enable(parse_path(name), enabled=enabled), name)

    async def delete(self, name: str) -> None:
        """Index by it no more; what it had is removed, most often at once. Raises as `show`."""
        if not await self.tags.delete(parse_path(name)):
            _found(None, name)
        await self.current.refresh()
        for _ in range(_SWEEPS_AT_ONCE):
            if not await self.tags.sweep(self.sweep_rows):
                return
        self.deleted.ring()

    async def errors(self, name: str, limit: int, offset: int) -> Sequence[TagError]:
        """Why instances could not be indexed by it. Raises as `show`."""
        tag = await self.show(name)
        return await self.tags.errors(tag.path, limit, offset)


def _found(tag: ExtendedTag | None, name: str) -> ExtendedTag:
    if tag is None:
        raise ExtendedTagNotFound(f"There is no extended query tag {parse_path(name)} here.")
    return tag
