"""The archive view: a folder for each submission, for people and programs that read files.

`archive/{study_id}/original.dcm` and `metadata.json`, or, when the submission had several files, a
folder for each study with `NNNNN.dcm` and `metadata.json`. All of it can be made again.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from hilum.domain.identifiers import ObjectKey, PartitionKey, StudyInstanceUID
from hilum.domain.submissions import StudyId


@dataclass(frozen=True, slots=True)
class WrittenView:
    """Where the view of a submission lies."""

    folder: str
    """Absolute path."""
    metadata_files: Sequence[str]
    """Absolute paths, one for each study; none when nothing of the submission is held any more."""

    @property
    def metadata_file(self) -> str:
        """The first of them, or empty."""
        return self.metadata_files[0] if self.metadata_files else ""


class ArchiveView(Protocol):
    """What the stage that archives calls."""

    async def write(self, study_id: StudyId) -> WrittenView | None:
        """Make the view as the submission stands: note its archived files before.

        Durable on return; the same again changes nothing. Instances that were deleted or
        superseded meanwhile are left out. None when there is no such submission. Raises
        `ArchiveFull`, `ArchiveUnavailable`.
        """
        ...


@dataclass(frozen=True, slots=True)
class StudyOfView:
    """A study that a view holds instances of."""

    partition: PartitionKey
    study: StudyInstanceUID


@dataclass(frozen=True, slots=True)
class ViewFile:
    """An instance in a view."""

    name: str
    object_key: ObjectKey
    size_bytes: int
    stands: bool = False
    """The file that has this name in the view now is of this very version."""


@dataclass(frozen=True, slots=True)
class ViewFolder:
    """One folder with its `metadata.json`."""

    study: StudyInstanceUID | None
    """None: the view's own folder."""
    files: Sequence[ViewFile]
    metadata: bytes


class ViewFolders(Protocol):
    """The views on a file system; all of it raises `ArchiveFull` or `ArchiveUnavailable`."""

    def turn(self, study_id: StudyId) -> AbstractAsyncContextManager[None]:
        """Nobody else, in any process, is inside for the same submission."""
        ...

    async def announce(self, study_id: StudyId, studies: Sequence[StudyOfView]) -> None:
        """Have `views_of` name this submission for `studies`; durable on return."""
        ...

    async def views_of(self, study: StudyOfView) -> Sequence[StudyId]:
        """Submissions whose views may hold instances of a study."""
        ...

    async def documents(self, study_id: StudyId) -> Sequence[bytes]:
        """What the `metadata.json` files of a view hold now; none when there is no view."""
        ...

    async def publish(self, study_id: StudyId, folders: Sequence[ViewFolder]) -> WrittenView:
        """Make the view hold `folders` and nothing else; without any it is removed.

        A view that is new appears whole. Durable on return.
        """
        ...

    def list(self) -> AsyncIterator[StudyId]:
        """Yield every submission that has a view, in no promised order."""
        ...

    async def sweep(self) -> int:
        """Remove what is no view: what a dead process left, strange files; how many."""
        ...
