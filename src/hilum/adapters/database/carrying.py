"""Taking over into a new index what no object tells: followers, dead letters, keys, uploads, ...

Rows are copied as they are, page by page along the primary key, and then put right by one statement
for the feed of the new index, which has another name and counts on above the former one.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Table

from hilum.adapters.database.arrivals_tables import arrival, arrival_step, source_cursor
from hilum.adapters.database.change_feed import last_position
from hilum.adapters.database.connections import Connection, Dialect, Row, Sql
from hilum.adapters.database.delivery_tables import (
    REVISION_FLOOR,
    dead_letter,
    study_watch,
    subscription,
)
from hilum.adapters.database.expiry_tables import study_expiry
from hilum.adapters.database.extended_rows import note_change
from hilum.adapters.database.extended_tables import extended_tag
from hilum.adapters.database.external_tables import external_tag, external_value
from hilum.adapters.database.job_tables import job, job_error, job_secret
from hilum.adapters.database.lanes import Lane
from hilum.adapters.database.reading import read_feed_id
from hilum.adapters.database.statements import columns_of, insert_into, marks, quoted
from hilum.adapters.database.submission_tables import (
    quarantined,
    quarantined_step,
    submission,
    submission_file,
    submission_step,
)
from hilum.adapters.database.tables import POSITION_FLOOR, api_key, feed, partition
from hilum.adapters.database.worklist_tables import (
    workitem,
    workitem_event,
    workitem_receiver,
    workitem_subscription,
    workitem_value,
    workitem_watch,
)
from hilum.domain.identifiers import DEFAULT_PARTITION
from hilum.domain.records import FeedKind

_PAGE: Final = 256
_KINDS_OF_OBJECTS: Final = (FeedKind.CREATED.value, FeedKind.UPDATED.value)
_UNTOLD: Final = (
    "kind NOT IN (?, ?) AND sequence > "
    '(SELECT min(CASE WHEN feed_id = ? THEN "cursor" ELSE 0 END) FROM subscription)'
)
_FROM_THE_START: Final = (
    'UPDATE subscription SET feed_id = ?, "cursor" = 0, epoch = epoch + 1, attempts = 0, '
    "next_attempt = NULL, last_error = NULL"
)
_ANNOUNCE_AGAIN: Final = (
    "UPDATE study_watch SET newest_sequence = 0, announced_version = 0, announced_count = 0"
)
_NUMBERED: Final = {
    each.name
    for each in (
        feed, dead_letter, arrival, arrival_step, submission, submission_step, quarantined,
        quarantined_step, job, extended_tag,
        workitem, workitem_event,
    )
}  # fmt: skip
"""Tables that number their rows themselves."""
_NOBODY_FETCHES: Final = "UPDATE arrival SET worker = NULL, due = 0 WHERE state = 'fetching'"
_NOBODY_WORKS: Final = "UPDATE submission SET due = 0 WHERE due IS NOT NULL"
_NOBODY_DOES: Final = "UPDATE job SET due = 0, holder = NULL WHERE due IS NOT NULL"
_BEGUN_ANEW: Final = (
    # How far an export was is told in keys of the former index.
    "DELETE FROM job_error WHERE job_key IN "
    "(SELECT key FROM job WHERE kind = 'export' AND due IS NOT NULL)",
    "UPDATE job SET checkpoint = '{}', results = '{}', done = 0, total = 0 "
    "WHERE kind = 'export' AND due IS NOT NULL",
)
_INDEXED_ANEW: Final = "UPDATE extended_tag SET status = 'ready', errors = 0, job_id = NULL"
_NOBODY_FOLLOWS: Final = "UPDATE source_cursor SET worker = '', until = 0"
_READ_FLOOR: Final = "SELECT value FROM counter WHERE name = ?"
_RAISE_FLOOR: Final = (
    "INSERT INTO counter (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET "
    "value = excluded.value WHERE counter.value < excluded.value"
)
_COUNT_ANEW: Final = (
    "UPDATE partition SET number_of_studies = 0, number_of_series = 0, number_of_instances = 0, "
    "size_bytes = 0"
)
_ORIGINS: Final = ("door", "peer", "principal", "correlation_id", "created", "warned")
_READ_ORIGINS: Final = (
    f"SELECT version, object_key, {quoted(_ORIGINS)} FROM instance_version WHERE version > ? "
    "ORDER BY version LIMIT ?"
)
_WRITE_ORIGIN: Final = (
    f"UPDATE instance_version SET {', '.join(f'{each} = ?' for each in _ORIGINS)} "
    "WHERE version = ? AND object_key = ?"
)


def _nothing(_connection: Connection) -> None:
    pass


def _everything(_connection: Connection) -> Sql:
    return "1 = 1", ()


def _untold(connection: Connection) -> Sql:
    return _UNTOLD, (*_KINDS_OF_OBJECTS, read_feed_id(connection))


@dataclass(frozen=True, slots=True)
class Part:
    """What is taken over as a whole."""

    name: str
    """In words for a person."""
    tables: tuple[Table, ...]
    which: Callable[[Connection], Sql] = _everything
    """Which of the former rows, asked of the former index."""
    mend: Callable[[Connection], object] = _nothing
    """What makes the rows fit the new index."""


def _mend_jobs(connection: Connection) -> None:
    for sql in (_NOBODY_DOES, *_BEGUN_ANEW):
        connection.execute(sql).close()


def _mend_followers(connection: Connection) -> None:
    connection.execute(_FROM_THE_START, (read_feed_id(connection),))


def _mend_arrivals(connection: Connection) -> None:
    connection.execute(_NOBODY_FETCHES)
    connection.execute(_NOBODY_FOLLOWS)


def _mend_extended_tags(connection: Connection) -> None:
    """What is committed from now on, which will be everything, is indexed by them at once."""
    connection.execute(_INDEXED_ANEW)
    note_change(connection)


REVISIONS: Final = Part(
    "revisions of stable studies",
    (study_watch,),
    mend=lambda connection: connection.execute(_ANNOUNCE_AGAIN),
)
SUBMISSIONS: Final = Part(
    "submissions",
    (submission, submission_file, submission_step),
    mend=lambda connection: connection.execute(_NOBODY_WORKS),
)
QUARANTINE: Final = Part("quarantined files", (quarantined, quarantined_step))
JOBS: Final = Part(
    "operations",
    (job, job_secret, job_error),
    mend=_mend_jobs,
)
WORKLIST: Final = Part(
    "work items",
    (
        workitem,
        workitem_value,
        workitem_subscription,
        workitem_watch,
        workitem_receiver,
        workitem_event,
    ),
)
PARTITIONS: Final = Part(
    "data partitions",
    (partition,),
    which=lambda _connection: ("key <> ?", (DEFAULT_PARTITION,)),
    mend=lambda connection: connection.execute(_COUNT_ANEW),
)
PARTS: Final = (
    PARTITIONS,  # before what lies in them
    Part("API keys", (api_key,)),
    Part("subscriptions", (subscription,), mend=_mend_followers),
    Part("events that were still to be told", (feed,), which=_untold),
    Part("dead letters", (dead_letter,)),
    REVISIONS,
    Part(
        "arrivals from sources",
        (arrival, arrival_step, source_cursor),
        mend=_mend_arrivals,
    ),
    SUBMISSIONS,
    QUARANTINE,
    JOBS,
    Part(
        "extended query tags",
        (extended_tag,),
        which=lambda _connection: ("status <> 'deleting'", ()),
        mend=_mend_extended_tags,
    ),
    Part("expiries of studies", (study_expiry,)),
    Part("external attributes of studies", (external_value, external_tag)),
    WORKLIST,
)
ORIGINS: Final = "origins of instances"

NOT_CARRIED: Final[Mapping[str, str]] = {
    "counter": "raised above what was given out",
    "patient": "made from the objects",
    "study": "made from the objects",
    "study_modality": "made from the objects",
    "series": "made from the objects",
    "instance": "made from the objects",
    "instance_version": "made from the objects, then told where they came from",
    "description": "made from the objects",
    "original": "made from the objects",
    "sequence_item": "made from the objects",
    "extended_text": "made from the objects",
    "extended_integer": "made from the objects",
    "extended_real": "made from the objects",
    "extended_error": "found by indexing what was held before a tag, which a rebuild does not do",
    "deletion": "freed before the objects are read",
    "lease": "lasts for seconds",
}
"""Every other table, and why nothing of it is copied."""


class SqlCarrying:
    """One index as the source of what is taken over, or as the one that takes it.

    Raises `ArchiveFault` when the source is damaged; what was taken by then stays taken.
    """

    def __init__(self, dialect: Dialect, reader: Lane, writer: Lane) -> None:
        self._dialect = dialect
        self._read = reader.run
        self._write = writer.run

    async def take(self, part: Part, former: "SqlCarrying") -> int:
        """Copy the rows of `part` out of the former index; how many its first table has."""
        counts = [await self._copy(table, part, former) for table in part.tables]
        await self._write(part.mend)
        return counts[0]

    async def _copy(self, table: Table, part: Part, former: "SqlCarrying") -> int:
        columns = columns_of(table)
        sql, after, copied = insert_into(table, columns), None, 0
        while page := await former.page(table, part, after):
            await self._write(_inserting(sql, page))
            copied += len(page)
            last = dict(zip(columns, page[-1], strict=True))
            after = tuple(last[column.name] for column in table.primary_key.columns)
        if after is not None and table.name in _NUMBERED:
            await self._number_above(table.name, int(after[0]))
        return copied

    async def _number_above(self, table: str, number: int) -> None:
        await self._write(lambda connection: self._dialect.number_above(connection, table, number))

    async def page(self, table: Table, part: Part, after: Row | None) -> Sequence[Row]:
        """The next rows of a table, as its columns stand."""
        keys = tuple(column.name for column in table.primary_key.columns)

        def work(connection: Connection) -> list[Row]:
            where, parameters = part.which(connection)
            if after is not None:
                where += f" AND ({quoted(keys)}) > ({marks(len(keys))})"
                parameters = (*parameters, *after)
            sql = (
                f'SELECT {quoted(columns_of(table))} FROM "{table.name}" WHERE {where} '
                f"ORDER BY {quoted(keys)} LIMIT ?"
            )
            return connection.execute(sql, (*parameters, _PAGE)).fetchall()

        return await self._read(work)

    async def take_origins(self, former: "SqlCarrying") -> int:
        """Say again of each version where it came from and when; how many were known."""
        after = known = 0
        while page := await former.origins(after):
            after = page[-1][0]
            known += await self._write(_noting(page))
        return known

    async def origins(self, after: int) -> Sequence[Row]:
        return await self._read(
            lambda connection: connection.execute(_READ_ORIGINS, (after, _PAGE)).fetchall()
        )

    async def last_position(self) -> int:
        """The highest position that the feed ever gave to an entry; 0 when it gave none."""
        return await self._read(last_position)

    async def raise_position_floor(self, floor: int) -> None:
        """Give entries of the feed positions above `floor` from now on."""
        await self._write(
            lambda connection: connection.execute(_RAISE_FLOOR, (POSITION_FLOOR, floor)).rowcount
        )

    async def revision_floor(self) -> int:
        """Revisions of studies that are announced for the first time begin above this."""

        def work(connection: Connection) -> int:
            row = connection.execute(_READ_FLOOR, (REVISION_FLOOR,)).fetchone()
            return 0 if row is None else int(row[0])

        return await self._read(work)

    async def raise_revision_floor(self, floor: int) -> None:
        await self._write(
            lambda connection: connection.execute(_RAISE_FLOOR, (REVISION_FLOOR, floor)).rowcount
        )


def _inserting(sql: str, page: Sequence[Row]) -> Callable[[Connection], None]:
    def work(connection: Connection) -> None:
        connection.executemany(sql, page)

    return work


def _noting(page: Sequence[Row]) -> Callable[[Connection], int]:
    rows = [(*row[2:], row[0], row[1]) for row in page]

    def work(connection: Connection) -> int:
        return sum(connection.execute(_WRITE_ORIGIN, row).rowcount for row in rows)

    return work
