"""`SqlIndex`: every port of `hilum.ports.index` over one database."""

import asyncio
import math
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from types import TracebackType
from typing import Final, Self

from hilum.adapters.database.arrivals import SqlArrivals
from hilum.adapters.database.carrying import SqlCarrying
from hilum.adapters.database.change_feed import SqlChangeFeed
from hilum.adapters.database.committing import commit_batch
from hilum.adapters.database.connections import Connection, Dialect
from hilum.adapters.database.counters import raise_to
from hilum.adapters.database.counting import read_counts, read_newest_studies
from hilum.adapters.database.deleting import delete_scope, forget_freed, postpone, read_due
from hilum.adapters.database.delivery import SqlDelivery
from hilum.adapters.database.dialects import dialect_for
from hilum.adapters.database.expiries import SqlExpiry
from hilum.adapters.database.extended_tags import SqlExtendedTags
from hilum.adapters.database.external_metadata import SqlExternalMetadata
from hilum.adapters.database.job_errors import SqlJobErrors
from hilum.adapters.database.jobs import SqlJobs
from hilum.adapters.database.key_rows import SqlKeys
from hilum.adapters.database.lanes import USUAL_PATIENCE, Lane, Patience, Reader, Worker, Writer
from hilum.adapters.database.maintaining import SqlMaintenance
from hilum.adapters.database.partitions import SqlPartitions
from hilum.adapters.database.places import claim_place
from hilum.adapters.database.quarantine import SqlQuarantine
from hilum.adapters.database.reading import (
    read_bulk,
    read_described,
    read_feed,
    read_feed_id,
    read_frames,
    read_instances,
    read_metadata,
    read_metadata_of,
    read_referenced,
    read_summary,
)
from hilum.adapters.database.remembering import Remembered
from hilum.adapters.database.revising import revise_study
from hilum.adapters.database.searching import USUAL_EFFORT, Effort, Searcher
from hilum.adapters.database.submissions import SqlSubmissions
from hilum.adapters.database.tables import REVISION
from hilum.adapters.database.times import now_microseconds, to_microseconds
from hilum.adapters.database.worklist import SqlWorklist
from hilum.domain.errors import ArchiveUnavailable
from hilum.domain.identifiers import ObjectKey, Scope, Version
from hilum.domain.instances import Kept
from hilum.domain.occupancy import Hold
from hilum.domain.origins import Origin
from hilum.domain.queries import Query, SearchPage
from hilum.domain.records import (
    ArchiveCounts,
    BulkRecord,
    Committed,
    DueDeletion,
    FeedEntry,
    FramesRecord,
    InstanceRecord,
    MetadataRecord,
    NewestStudy,
    ScopeSummary,
    VersionedMetadata,
)
from hilum.foundation.bell import Bell

_ROW_BYTES: Final = 2048
"""Memory of a question and its answer, counted generously."""


class SqlIndex:
    """The index and feed in the database at `url`, whose schema `migrate` made.

    `readers` threads answer searches and as many others look-ups, so that slow searches do not
    hold up what takes no time; each statement for `limit_seconds` at most (`QueryTooCostly`); a
    search returns `row_cap` rows at most. Look-ups of single instances are remembered in
    `remembered_bytes` while nothing changes. A submission counts as unfinished when nobody was
    heard of for `submission_seconds`. One thread writes. Calls wait in bounded queues and
    raise `ArchiveUnavailable` when `patience` ends, or when another process keeps the database
    locked for `busy_seconds`.
    """

    def __init__(  # noqa: PLR0913, PLR0915 (one for each setting, and for each port)
        self,
        url: str,
        *,
        readers: int = 4,
        limit_seconds: float = 15.0,
        row_cap: int = 1000,
        busy_seconds: float = 5.0,
        patience: Patience = USUAL_PATIENCE,
        effort: Effort = USUAL_EFFORT,
        remembered_bytes: int = 16 << 20,
        submission_seconds: float = 60.0,
        hold: Hold | None = Hold.SHARED,
        now: Callable[[], int] = now_microseconds,
    ) -> None:
        self._dialect = dialect_for(url, busy_seconds, hold)
        self._now = now
        self._remembered = Remembered(self._dialect.watch(), remembered_bytes)
        self._searcher = Searcher(self._dialect, row_cap, effort)

        def lane(workers: Sequence[Worker], seconds: float = math.inf) -> Lane:
            return Lane(workers, patience.calls, seconds, patience.limited)

        def reading(name: str) -> Sequence[Worker]:
            numbers = range(1, readers + 1)
            return [Reader(f"{name}-{number}", self._dialect, limit_seconds) for number in numbers]

        self._writer = lane([Writer("index-writer", self._dialect)])
        self._readers = lane(reading("index-reader"), patience.seconds)
        self._lookups = lane(reading("index-lookup"), patience.seconds)
        self._maintenance = lane([Reader("index-maintenance", self._dialect, math.inf)])
        self.keys = SqlKeys(self._lookups, self._writer)
        """API keys, kept in the same database."""
        self.arrivals = SqlArrivals(self._lookups, self._writer)
        """What sources offered, and how far each was read."""
        self.maintenance = SqlMaintenance(self._dialect, self._maintenance, self._writer, now)
        """What checking, mending and rebuilding ask."""
        self.carrying = SqlCarrying(self._dialect, self._maintenance, self._writer)
        """What a rebuild takes over from one index into another."""
        self.fed = Bell()
        """Rung when a commit of this process added to the feed."""
        self.delivery = SqlDelivery(self._lookups, self._writer, now, self.fed.ring)
        """Followers of the feed, dead letters, studies that come to rest."""
        self.changes = SqlChangeFeed(self._lookups, self._writer, self._dialect)
        """What happened to instances, by position and by time."""
        self.submissions = SqlSubmissions(
            self._lookups, self._writer, now, self.fed.ring, submission_seconds
        )
        """Uploads that are answered later."""
        self.expiry = SqlExpiry(self._lookups, self._writer, self._dialect, now, self.fed.ring)
        """Studies that are deleted by themselves."""
        self.external = SqlExternalMetadata(self._lookups)
        """What is said of studies beside their instances."""
        self.quarantine = SqlQuarantine(self._lookups, self._writer, now)
        """What was refused and is kept apart."""
        self.partitions = SqlPartitions(self._lookups, self._writer, now)
        """Data partitions by name."""
        self.jobs = SqlJobs(self._lookups, self._writer, now)
        """Long work in the background."""
        self.job_errors = SqlJobErrors(self._lookups, self._writer)
        """What of it was not done."""
        self.extended = SqlExtendedTags(
            self._dialect, self._lookups, self._maintenance, self._writer, now
        )
        """Attributes that an operator has indexed besides the usual."""
        self.worklist = SqlWorklist(self._readers, self._lookups, self._writer, self._dialect, now)
        """Work items and who subscribed to them."""
        self._write = self._writer.run
        self._read = self._readers.run
        self._look_up = self._lookups.run

    async def open(self) -> None:
        """Start the threads and check the schema. `ArchiveUnavailable` when it is another."""
        self._writer.start()
        self._readers.start()
        self._lookups.start()
        self._maintenance.start()
        try:
            await self._read(_check_schema)
            await asyncio.to_thread(self._remembered.open)
            if self._dialect.occupies:
                await self._write(_begin_writing)
        except BaseException:
            await self.close()
            raise

    async def claim_objects(self, place: str) -> str:
        """Note where the objects of a database of its own server are, unless it is noted already.

        Returns what is noted.
        """
        return await self._write(lambda connection: claim_place(connection, place))

    async def close(self) -> None:
        """Finish what was asked for and close the database; a second time does nothing."""
        self._remembered.close()
        await self._readers.close()
        await self._lookups.close()
        await self._maintenance.close()
        await self._writer.close()

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    # InstanceWriter

    async def commit(self, batch: Sequence[Kept]) -> Sequence[Committed]:
        if not batch:
            return []
        committed = await self._write(
            lambda connection: commit_batch(
                connection, self._dialect, batch, self._now(), self._now
            )
        )
        self.fed.ring()
        return committed

    async def revise(self, study: Scope, newest: Version, batch: Sequence[Kept]) -> Version | None:
        revised = await self._write(
            lambda connection: revise_study(
                connection, self._dialect, study, newest, batch, self._now(), self._now
            )
        )
        self.fed.ring()
        return revised

    async def delete(self, scope: Scope, origin: Origin) -> int:
        deleted = await self._write(
            lambda connection: delete_scope(
                connection, self._dialect, scope, origin, self._now(), self._now
            )
        )
        self.fed.ring()
        return deleted

    async def reserve_versions(self, count: int) -> range:
        return await self._write(
            lambda connection: self._dialect.draw_run(connection, "version", count)
        )

    # InstanceReader

    async def summary(self, scope: Scope) -> ScopeSummary | None:
        return await self._remembered.ask(
            ("summary", scope),
            lambda: self._look_up(lambda connection: read_summary(connection, scope)),
            lambda _: _ROW_BYTES,
        )

    async def instances(self, scope: Scope, after: int, limit: int) -> Sequence[InstanceRecord]:
        def look_up() -> Awaitable[Sequence[InstanceRecord]]:
            return self._look_up(lambda connection: read_instances(connection, scope, after, limit))

        if scope.sop_instance is None:
            return await look_up()
        return await self._remembered.ask(
            ("instance", scope, after, limit), look_up, lambda _: _ROW_BYTES
        )

    async def metadata(
        self, scope: Scope, after: int, limit: int, limit_bytes: int | None = None
    ) -> Sequence[MetadataRecord]:
        return await self._look_up(
            lambda connection: read_metadata(connection, scope, after, limit, limit_bytes)
        )

    async def metadata_of(
        self, keys: Sequence[int], limit_bytes: int | None = None
    ) -> Sequence[MetadataRecord]:
        return await self._look_up(
            lambda connection: read_metadata_of(connection, keys, limit_bytes)
        )

    async def referenced(self, keys: Sequence[ObjectKey]) -> set[ObjectKey]:
        return await self._look_up(
            lambda connection: read_referenced(connection, self._dialect, keys)
        )

    # FrameReader

    async def frames(self, scope: Scope) -> FramesRecord | None:
        return await self._remembered.ask(
            ("frames", scope),
            lambda: self._look_up(lambda connection: read_frames(connection, scope)),
            lambda found: _ROW_BYTES + (0 if found is None else len(found.frame_table)),
        )

    async def described(self, scope: Scope) -> VersionedMetadata | None:
        return await self._look_up(lambda connection: read_described(connection, scope))

    # BulkReader

    async def bulk(self, scope: Scope, after: int, limit: int) -> Sequence[BulkRecord]:
        return await self._look_up(lambda connection: read_bulk(connection, scope, after, limit))

    # SearchIndex

    async def search(self, query: Query) -> SearchPage:
        return await self._read(lambda connection: self._searcher.search(connection, query))

    # FeedReader

    async def feed(self, after: int, limit: int) -> Sequence[FeedEntry]:
        return await self._read(lambda connection: read_feed(connection, after, limit))

    async def feed_id(self) -> str:
        return await self._look_up(read_feed_id)

    # DeletionQueue

    async def due(self, now: datetime, limit: int) -> Sequence[DueDeletion]:
        moment = to_microseconds(now)
        return await self._look_up(lambda connection: read_due(connection, moment, limit))

    async def freed(self, keys: Sequence[int]) -> None:
        await self._write(lambda connection: forget_freed(connection, keys))

    async def postpone(self, key: int, until: datetime) -> None:
        moment = to_microseconds(until)
        await self._write(lambda connection: postpone(connection, key, moment))

    # Statistics

    async def counts(self) -> ArchiveCounts:
        return await self._read(read_counts)

    async def newest_studies(self, limit: int) -> Sequence[NewestStudy]:
        return await self._read(lambda connection: read_newest_studies(connection, limit))

    # IndexHealth

    async def ping(self) -> Version:
        written = await self._write(lambda connection: _write_version(connection, self._dialect))
        held = await self._look_up(_last_version)
        if held < written:
            raise ArchiveUnavailable("The archive is not available: a write did not stay.")
        return Version(held)


def _write_version(connection: Connection, dialect: Dialect) -> int:
    number = dialect.draw(connection, "version", 1)[0]
    raise_to(connection, "version", number)  # in a row, were numbers drawn from elsewhere
    return number


def _last_version(connection: Connection) -> int:
    row = connection.execute("SELECT value FROM counter WHERE name = 'version'").fetchone()
    return int(row[0])


def _begin_writing(_connection: Connection) -> None:
    """Being connected is what tells others that the archive is open."""


def _check_schema(connection: Connection) -> None:
    found = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    if found is None or found[0] != REVISION:
        raise ArchiveUnavailable(
            "The database has another schema than this program needs; run `hilum migrate`."
        )
