"""Instances with metadata that extended query tags can be made values of, and tags for them."""

from dataclasses import replace
from typing import Any

import orjson

from hilum.adapters.database.sql_index import SqlIndex
from hilum.dicom.attributes import tag_of
from hilum.dicom.dictionary import DICTIONARY
from hilum.domain.extended_tags import ExtendedTag, NewExtendedTag
from hilum.domain.identifiers import InstanceUIDs
from hilum.domain.instances import Kept
from hilum.domain.jobs import JobId, JobKind, JobRecord, NewJob, Progress, new_job_id
from hilum.domain.levels import Level
from hilum.domain.queries import Equals, ExtendedCondition, Query
from hilum.ingest.describe import compress
from hilum.operations.extended_tags.reindexing import ReindexOptions, ReindexWork
from tests.contract.index.kept import a_kept

AGE = NewExtendedTag("00101010", "AS", "", Level.STUDY)
PART = NewExtendedTag("00180015", "CS", "", Level.SERIES)
NUMBER = NewExtendedTag("00200013", "IS", "", Level.INSTANCE)
THICKNESS = NewExtendedTag("00180050", "DS", "", Level.INSTANCE)
PRIVATE = NewExtendedTag("00191001", "SH", "MAKER", Level.INSTANCE)


def saying(of: InstanceUIDs, elements: dict[str, Any] | None = None, **values: Any) -> Kept:
    """An instance with these values by keyword, or whole elements by DICOM JSON key.

    Options of `a_kept` start with an underscore.
    """
    options = {name[1:]: values.pop(name) for name in list(values) if name.startswith("_")}
    json = dict(elements or {})
    for keyword, value in values.items():
        tag = tag_of(keyword)
        json[f"{tag:08X}"] = {"vr": DICTIONARY[tag][0], "Value": [value]}
    kept = a_kept(of, content=f"{orjson.dumps(json)!r}{options.pop('content', '')}", **options)
    metadata, _ = compress(orjson.dumps(dict(sorted(json.items()))))
    return replace(kept, description=replace(kept.description, metadata=metadata))


async def add(index: SqlIndex, *tags: NewExtendedTag, maximum: int = 128) -> JobId:
    job = NewJob(new_job_id(), JobKind.REINDEX, {}, exclusive="")
    await index.extended.add(tags, job, maximum)
    return job.job_id


class Running:
    """A job in the hands of its work; interrupted after so many notes of progress."""

    def __init__(self, record: JobRecord, saves: int = 1000) -> None:
        self.record = record
        self.secrets: dict[str, str] = {}
        self.saved: list[Progress] = []
        self._saves = saves

    async def save(self, progress: Progress) -> None:
        if len(self.saved) >= self._saves:
            raise InterruptedError
        self.saved.append(progress)


async def reindex(index: SqlIndex, job_id: JobId, page: int = 3) -> Progress:
    record = await index.jobs.get(job_id)
    assert record is not None
    work = ReindexWork(index.extended, lambda: False, ReindexOptions(page_instances=page))
    return await work.run(Running(record))


async def tag(index: SqlIndex, new: NewExtendedTag) -> ExtendedTag:
    found = await index.extended.get(new.path)
    assert found is not None
    return found


async def found(
    index: SqlIndex, new: NewExtendedTag, value: Any, level: Level | None = None
) -> int:
    """How many of the tag's level match."""
    held = await tag(index, new)
    match = Equals(value) if isinstance(value, str | int | float) else value
    condition = ExtendedCondition(new.path, held.key, held.level, held.kind, match)
    page = await index.search(Query(level or held.level, [condition]))
    return len(page.rows)
