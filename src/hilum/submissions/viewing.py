"""The archive view of a submission: making it, taking out what is gone, making all of it again."""

import json
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

import structlog

from hilum.catalogue.stored_metadata import read_metadata
from hilum.dicom.json_values import JsonDataset
from hilum.domain.errors import ObjectMissing
from hilum.domain.identifiers import (
    ObjectKey,
    PartitionKey,
    Scope,
    SOPInstanceUID,
    StudyInstanceUID,
    Version,
)
from hilum.domain.instances import Metadata
from hilum.domain.records import InstanceRecord
from hilum.domain.submissions import (
    FileState,
    StudyId,
    SubmissionRecord,
    SubmissionState,
)
from hilum.ports.archive_view import StudyOfView, ViewFile, ViewFolder, ViewFolders, WrittenView
from hilum.ports.index import InstanceReader
from hilum.ports.submissions import SubmissionList
from hilum.submissions.view_document import (
    ViewFacts,
    Wanted,
    document,
    file_name,
    read_document,
    wanted_of,
)
from hilum.submissions.view_fields import STANDARD, Fields, described

_log = structlog.get_logger("hilum.archive_view")

_PAGE: Final = 500
_ONE_BY_ONE: Final = 8
"""So many instances of a study are asked for by their UIDs; for more its pages are read."""
_ATTEMPTS: Final = 5
"""Instances may go between the look at the index and the use of their objects."""

Locate = Callable[[ObjectKey], str]
Shown = Sequence[tuple[Wanted, InstanceRecord]]


@dataclass(frozen=True, slots=True)
class ViewOptions:
    """How views look."""

    locate: Locate
    """The URL of an object."""
    has_files: bool = True
    """False: `metadata.json` only, which says where the objects are."""
    fields: Fields = field(default_factory=lambda: STANDARD)


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What making all views again came to."""

    submissions: int
    kept: int
    """Views of submissions that are forgotten, whose instances are held."""
    removed: int
    """Views of which nothing is held, and leftovers."""


class Progress(Protocol):
    """Hears how many views were made."""

    def __call__(self, done: int) -> None: ...


class Viewing:
    """`hilum.ports.archive_view.ArchiveView`, and its care."""

    def __init__(
        self,
        submissions: SubmissionList,
        index: InstanceReader,
        folders: ViewFolders,
        options: ViewOptions,
    ) -> None:
        self._submissions = submissions
        self._index = index
        self._folders = folders
        self._options = options

    async def write(self, study_id: StudyId, *, anew: bool = False) -> WrittenView | None:
        """See `ArchiveView.write`. `anew`: trust no file that is there."""
        async with self._folders.turn(study_id):
            record = await self._submissions.submission(study_id)
            if record is None:
                return None
            wanted = await self._archived(study_id)
            return await self._make(study_id, _facts(record), wanted, anew=anew)

    async def departed(self, study: StudyOfView) -> None:
        """Take out of all views what the archive does not hold any more of a study."""
        for study_id in await self._folders.views_of(study):
            await self._renew(study_id)

    async def rebuild(self, progress: Progress = lambda _: None) -> Rebuilt:
        """Make every view again from database and objects; beside a running server, too."""
        known: set[StudyId] = set()
        before: int | None = None
        while page := await self._submissions.submissions(before=before, limit=_PAGE):
            before = page[-1].key
            for record in page:
                if record.counts.get(FileState.ARCHIVED) or record.counts.get(
                    FileState.ALREADY_HELD
                ):
                    await self.write(record.study_id, anew=True)
                    known.add(record.study_id)
                    progress(len(known))
        kept = removed = 0
        async for study_id in self._folders.list():
            if study_id not in known:
                if await self._renew(study_id):
                    kept += 1
                else:
                    removed += 1
        return Rebuilt(len(known), kept, removed + await self._folders.sweep())

    async def _renew(self, study_id: StudyId) -> bool:
        """Make a view again from what it says of itself; False when nothing is left of it."""
        async with self._folders.turn(study_id):
            try:
                read = [read_document(text) for text in await self._folders.documents(study_id)]
            except ValueError:
                _log.warning("archive_view_unreadable", submission=study_id)
                read = []
            if not read:
                await self._folders.publish(study_id, ())
                return False
            wanted = [each for _, some in read for each in some]
            written = await self._make(study_id, read[0][0], wanted)
            return bool(written.metadata_files)

    async def _archived(self, study_id: StudyId) -> Sequence[Wanted]:
        found: list[Wanted] = []
        after = -1
        while page := await self._submissions.files(study_id, after, _PAGE):
            after = page[-1].number
            kept = (
                note for note in page if note.state in {FileState.ARCHIVED, FileState.ALREADY_HELD}
            )
            found.extend(wanted for note in kept if (wanted := wanted_of(note)) is not None)
            if len(page) < _PAGE:
                break
        return found

    async def _make(
        self, study_id: StudyId, facts: ViewFacts, wanted: Sequence[Wanted], *, anew: bool = False
    ) -> WrittenView:
        """Only inside the turn of the submission."""
        # A study is announced before its instances are looked up: whoever deletes one afterwards
        # finds the view, and waits for its turn.
        studies = [
            StudyOfView(facts.partition, study)
            for study in dict.fromkeys(each.uids.study for each in wanted)
        ]
        await self._folders.announce(study_id, studies)
        stand = frozenset() if anew else await self._standing(study_id)
        for attempt in range(_ATTEMPTS):
            folders = await self._folders_of(facts, studies, wanted, stand)
            try:
                return await self._folders.publish(study_id, folders)
            except ObjectMissing:
                if attempt == _ATTEMPTS - 1:
                    raise
        raise AssertionError  # the last attempt returned or raised

    async def _standing(self, study_id: StudyId) -> frozenset[tuple[str, int, Version]]:
        """Study, number and version of what the view shows now, as far as that can be read."""
        standing: set[tuple[str, int, Version]] = set()
        for text in await self._folders.documents(study_id):
            try:
                _, wanted = read_document(text)
            except ValueError:
                continue
            standing.update((each.uids.study, each.number, each.version) for each in wanted)
        return frozenset(standing)

    async def _folders_of(
        self,
        facts: ViewFacts,
        studies: Sequence[StudyOfView],
        wanted: Sequence[Wanted],
        stand: frozenset[tuple[str, int, Version]],
    ) -> Sequence[ViewFolder]:
        folders = []
        of_study = defaultdict[StudyInstanceUID, list[Wanted]](list)
        for one in wanted:
            of_study[one.uids.study].append(one)
        for each in studies:
            shown = await self._held(each, of_study[each.study])
            described_by = await self._described(shown)
            if described_by is None:
                continue
            text = document(
                facts,
                described(described_by, self._options.fields),
                shown,
                has_files=self._options.has_files,
                locations=[self._options.locate(record.object_key) for _, record in shown],
            )
            files = [
                ViewFile(
                    file_name(one, facts),
                    record.object_key,
                    record.size_bytes,
                    stands=(each.study, one.number, one.version) in stand,
                )
                for one, record in shown
            ]
            folders.append(
                ViewFolder(
                    None if facts.alone else each.study,
                    files if self._options.has_files else (),
                    text,
                )
            )
        return folders

    async def _held(self, study: StudyOfView, wanted: Sequence[Wanted]) -> Shown:
        """Those of which the very version is live, in the order of their numbers."""
        found: dict[SOPInstanceUID, InstanceRecord] = {}
        for scope in _scopes(study.partition, wanted):
            async for record in self._records(scope):
                found[record.uids.sop_instance] = record
        live = ((one, found.get(one.uids.sop_instance)) for one in wanted)
        shown = [
            (one, record)
            for one, record in live
            if record is not None and (record.version, record.uids) == (one.version, one.uids)
        ]
        return sorted(shown, key=lambda each: each[0].number)

    async def _records(self, scope: Scope) -> AsyncIterator[InstanceRecord]:
        after = 0
        while page := await self._index.instances(scope, after, _PAGE):
            after = page[-1].key
            for record in page:
                yield record
            if len(page) < _PAGE:
                return

    async def _described(self, shown: Shown) -> JsonDataset | None:
        """What the first instance that is still there says of the study; None without any."""
        for _, record in shown:
            found = await self._index.metadata_of([record.key])
            if found:
                return await read_metadata(found[0].metadata, _dataset)
        return None


def _scopes(partition: PartitionKey, wanted: Sequence[Wanted]) -> Iterable[Scope]:
    if len(wanted) > _ONE_BY_ONE:
        return [Scope(wanted[0].uids.study, partition=partition)]
    return [
        Scope(each.uids.study, each.uids.series, each.uids.sop_instance, partition)
        for each in wanted
    ]


def _dataset(metadata: Metadata) -> JsonDataset:
    dataset: JsonDataset = json.loads(metadata.text())
    return dataset


def _facts(record: SubmissionRecord) -> ViewFacts:
    counts = dict(record.counts)
    files = sum(counts.values())
    files -= counts.get(FileState.UNPACKED, 0) + counts.get(FileState.IGNORED, 0)
    return ViewFacts(
        study_id=record.study_id,
        partition=record.policy.partition,
        alone=files == 1,
        validation_time=_time_of(record, SubmissionState.VALIDATED),
        processing_time=_time_of(record, SubmissionState.PROCESSING),
    )


def _time_of(record: SubmissionRecord, state: SubmissionState) -> str | None:
    times = [step.time for step in record.history if step.state is state]
    return times[-1].isoformat(timespec="milliseconds") if times else None
