"""The memory of submissions as stages see it, and how they read it."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final, Protocol, TypeVar

from hilum.domain.errors import ArchiveUnavailable, ObjectMissing
from hilum.domain.submissions import (
    Advance,
    FileNote,
    FileState,
    StudyId,
    SubmissionRecord,
    SubmissionState,
)
from hilum.ports.holding import Holding
from hilum.ports.submissions import SubmissionList, SubmissionNotes
from hilum.submissions.receiving import place_of

PAGE: Final = 64
"""Files that are read, judged and noted together."""

T = TypeVar("T")


HELD: Final = frozenset({FileState.ARCHIVED, FileState.ALREADY_HELD})
_NEEDS_NO_BYTES: Final = frozenset({*HELD, FileState.UNPACKED, FileState.IGNORED})


class Submissions(SubmissionNotes, SubmissionList, Protocol):
    """What stages write and read."""


class AttemptsUsedUp(Exception):
    """Attempt after attempt ended with its process: another one would end this one, too."""


async def begin(
    submissions: Submissions, record: SubmissionRecord, state: SubmissionState, attempts: int
) -> None:
    """A stage begins with a submission, in `state`, and so that others know should it never end.

    Raises `AttemptsUsedUp` when so many `attempts` in `state` neither ended nor got anywhere.
    """
    if record.state is state and record.attempts >= attempts:
        raise AttemptsUsedUp
    await submissions.advance(record.study_id, Advance(state))


async def pages(
    submissions: SubmissionList, study_id: StudyId, after: int = -1
) -> AsyncIterator[Sequence[FileNote]]:
    """Yield the files above `after` in pages; those added meanwhile come, too."""
    while page := await submissions.files(study_id, after, PAGE):
        yield page
        after = page[-1].number


async def side_by_side(work: Iterable[Awaitable[T]]) -> list[T]:
    """Wait for all of it, and then raise the first error as it is, so that its kind tells."""
    results = await asyncio.gather(*work, return_exceptions=True)
    done: list[T] = []
    for result in results:
        if isinstance(result, BaseException):
            raise result
        done.append(result)
    return done


@contextmanager
def reading() -> Iterator[None]:
    """Say what the file system says of a file in the holding as the archive says it.

    Raises `ObjectMissing` when it is not there any more, `ArchiveUnavailable` when it cannot be
    read.
    """
    try:
        yield
    except FileNotFoundError as error:
        message = "A file that was received is no longer held."
        raise ObjectMissing(message) from error
    except OSError as error:
        message = f"A file that was received cannot be read: {os.strerror(error.errno or 0)}."
        raise ArchiveUnavailable(message) from error


async def freed(submissions: SubmissionList, holding: Holding, study_id: StudyId) -> None:
    """Give back the space of files that nobody needs any more, as noted: without a place.

    Called before a submission settles: nobody looks at it afterwards, and bytes that stayed would
    outlive a deletion. A file that is held and has a place all the same came back from
    quarantine, to which its bytes belong.
    """
    async for page in pages(submissions, study_id):
        for note in page:
            if note.state in _NEEDS_NO_BYTES and not (note.state in HELD and note.place):
                await holding.discard(place_of(study_id, note.number))
