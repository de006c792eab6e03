"""Extended query tags as rows: `ExtendedTagList` and `ReindexStore` over the lanes of an index."""

from collections.abc import Callable, Sequence
from typing import Final

from hilum.adapters.database.connections import Connection, Dialect
from hilum.adapters.database.extended_filling import fill, read_descriptions, read_span
from hilum.adapters.database.extended_rows import (
    TAG,
    note_change,
    read_generation,
    read_tags,
    table_of,
    tag_of,
)
from hilum.adapters.database.extended_tables import extended_tag
from hilum.adapters.database.jobs import add_job
from hilum.adapters.database.lanes import Lane
from hilum.adapters.database.statements import columns_of, insert_into
from hilum.adapters.database.times import from_microseconds
from hilum.domain.extended_tags import (
    ExtendedTag,
    ExtendedTagExists,
    ExtendedTags,
    NewExtendedTag,
    TagError,
    TagStatus,
    TooManyExtendedTags,
)
from hilum.domain.identifiers import InstanceUIDs, PartitionKey
from hilum.domain.jobs import JobId, NewJob
from hilum.ports.extended_tags import IndexedInstance, StoredDescription

_ADD: Final = insert_into(extended_tag, columns_of(extended_tag, without=["key"]))
_PAGE: Final = f"{TAG} ORDER BY key LIMIT ? OFFSET ?"
_GET: Final = f"{TAG} WHERE path = ? ORDER BY CASE status WHEN 'deleting' THEN 1 ELSE 0 END, key"
_OF_JOB: Final = f"{TAG} WHERE job_id = ? AND status = 'adding' ORDER BY key"
_DELETING: Final = f"{TAG} WHERE status = 'deleting' ORDER BY key LIMIT 1"
_ENABLE: Final = "UPDATE extended_tag SET query_enabled = ? WHERE path = ? AND status <> 'deleting'"
_DELETE: Final = (
    "UPDATE extended_tag SET status = 'deleting', job_id = NULL "
    "WHERE path = ? AND status <> 'deleting'"
)
_COMPLETE: Final = (
    "UPDATE extended_tag SET status = 'ready', job_id = NULL WHERE job_id = ? AND status = 'adding'"
)
_SWEEP: Final = (
    "DELETE FROM {0} WHERE tag_key = ? AND {1} IN "
    "(SELECT x.{1} FROM {0} x WHERE x.tag_key = ? ORDER BY x.{1} LIMIT ?)"
)
_HOLD: Final = "UPDATE extended_tag SET status = status WHERE key = ? AND status = 'deleting'"
_DROP: Final = "DELETE FROM extended_tag WHERE key = ? AND status = 'deleting'"
_ERRORS: Final = (
    'SELECT i.partition_key, s."StudyInstanceUID", e."SeriesInstanceUID", i."SOPInstanceUID", '
    "x.created, x.message FROM extended_error x CROSS JOIN instance i ON i.key = x.instance_key "
    "CROSS JOIN series e ON e.key = i.series_key CROSS JOIN study s ON s.key = i.study_key "
    "WHERE x.tag_key = ? ORDER BY x.instance_key LIMIT ? OFFSET ?"
)


class SqlExtendedTags:
    """Short questions go along `reader`, pages of descriptions along `walker`.

    While tags are added or deleted commits wait, so that none misses the change.
    """

    def __init__(
        self,
        dialect: Dialect,
        reader: Lane,
        walker: Lane,
        writer: Lane,
        now: Callable[[], int],
    ) -> None:
        self._dialect = dialect
        self._read = reader.run
        self._walk = walker.run
        self._write = writer.run
        self._now = now

    async def extended_tags(self) -> ExtendedTags:
        return await self._read(read_tags)

    # ExtendedTagList

    async def page(self, limit: int, offset: int) -> Sequence[ExtendedTag]:
        return await self._read(
            lambda connection: [
                tag_of(row) for row in connection.execute(_PAGE, (limit, offset)).fetchall()
            ]
        )

    async def get(self, path: str) -> ExtendedTag | None:
        return await self._read(lambda connection: _get(connection, path))

    async def add(
        self, new: Sequence[NewExtendedTag], job: NewJob, maximum: int
    ) -> Sequence[ExtendedTag]:
        def work(connection: Connection) -> list[ExtendedTag]:
            self._dialect.lock_all(connection)
            _demand_room(connection, new, maximum)
            now = self._now()
            add_job(connection, job, now)
            connection.executemany(_ADD, [_row(each, job.job_id, now) for each in new])
            note_change(connection)
            return [tag_of(row) for row in connection.execute(_OF_JOB, (job.job_id,)).fetchall()]

        return await self._write(work)

    async def enable(self, path: str, *, enabled: bool) -> ExtendedTag | None:
        def work(connection: Connection) -> ExtendedTag | None:
            if connection.execute(_ENABLE, (int(enabled), path)).rowcount == 0:
                return None
            return _get(connection, path)

        return await self._write(work)

    async def delete(self, path: str) -> bool:
        def work(connection: Connection) -> bool:
            self._dialect.lock_all(connection)
            if connection.execute(_DELETE, (path,)).rowcount == 0:
                return False
            note_change(connection)
            return True

        return await self._write(work)

    async def sweep(self, limit: int) -> int:
        if not await self._read(lambda connection: connection.execute(_DELETING).fetchall()):
            return 0
        return await self._write(lambda connection: _sweep(connection, limit))

    async def errors(self, path: str, limit: int, offset: int) -> Sequence[TagError]:
        def work(connection: Connection) -> list[TagError]:
            tag = _get(connection, path)
            if tag is None:
                return []
            rows = connection.execute(_ERRORS, (tag.key, limit, offset)).fetchall()
            return [
                TagError(
                    PartitionKey(row[0]),
                    InstanceUIDs(row[1], row[2], row[3]),
                    from_microseconds(row[4]),
                    row[5],
                )
                for row in rows
            ]

        return await self._read(work)

    # ReindexStore

    async def tags_of(self, job_id: JobId) -> ExtendedTags:
        def work(connection: Connection) -> ExtendedTags:
            generation = read_generation(connection)
            rows = connection.execute(_OF_JOB, (job_id,)).fetchall()
            return ExtendedTags(generation, [tag_of(row) for row in rows])

        return await self._read(work)

    async def span(self) -> tuple[int, int]:
        return await self._read(read_span)

    async def descriptions(
        self, below: int, rows: int, size_bytes: int
    ) -> Sequence[StoredDescription]:
        return await self._walk(
            lambda connection: read_descriptions(connection, below, rows, size_bytes)
        )

    async def fill(self, job_id: JobId, indexed: Sequence[IndexedInstance]) -> None:
        def work(connection: Connection) -> None:
            studies = {(each.stored.partition, each.stored.study) for each in indexed}
            self._dialect.lock_studies(connection, studies)
            tags = [tag_of(row) for row in connection.execute(_OF_JOB, (job_id,)).fetchall()]
            fill(connection, tags, indexed, self._now())

        if any(each.values.values or each.values.problems for each in indexed):
            await self._write(work)

    async def complete(self, job_id: JobId) -> None:
        await self._write(lambda connection: connection.execute(_COMPLETE, (job_id,)).close())


def _get(connection: Connection, path: str) -> ExtendedTag | None:
    row = connection.execute(_GET, (path,)).fetchone()
    return None if row is None else tag_of(row)


def _demand_room(connection: Connection, new: Sequence[NewExtendedTag], maximum: int) -> None:
    held = read_tags(connection).tags
    paths = {tag.path for tag in held}
    for each in new:
        if each.path in paths:
            raise ExtendedTagExists(f"There is an extended query tag {each.path} already.")
    if len(held) + len(new) > maximum:
        raise TooManyExtendedTags(
            f"There are {len(held)} extended query tags, {len(new)} are to be added, and at most "
            f"{maximum} are allowed (setting extended_tags.maximum): delete some first."
        )


def _row(new: NewExtendedTag, job_id: JobId, now: int) -> tuple[object, ...]:
    return (
        new.path, new.vr, new.private_creator, int(new.level), TagStatus.ADDING.value, 1, 0,
        job_id, now,
    )  # fmt: skip


def _sweep(connection: Connection, limit: int) -> int:
    row = connection.execute(_DELETING).fetchone()
    if row is None:
        return 0
    tag = tag_of(row)
    # One process at a time: another would find the rows that are going, think that none is left,
    # and drop the tag before the rest of them.
    if connection.execute(_HOLD, (tag.key,)).rowcount == 0:
        return 1
    for table, column in ((table_of(tag), "owner_key"), ("extended_error", "instance_key")):
        sql = _SWEEP.format(table, column)
        gone = connection.execute(sql, (tag.key, tag.key, limit)).rowcount
        if gone:
            return gone
    connection.execute(_DROP, (tag.key,)).close()
    return 1
