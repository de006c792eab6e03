"""Jobs as rows: `hilum.ports.jobs` over the lanes of an index.

Who works on a job holds it until `due`; whoever takes it then does so by one statement that looks
at `due` again, so that of two processes one gets it. Everything a holder notes names the holder.
"""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Any, Final

import orjson

from hilum.adapters.database.connections import Connection, Row
from hilum.adapters.database.job_tables import job
from hilum.adapters.database.lanes import Lane
from hilum.adapters.database.statements import columns_of, insert_into, marks, quoted
from hilum.adapters.database.submission_values import clean, json_text
from hilum.adapters.database.times import from_microseconds, to_microseconds
from hilum.domain.identifiers import PartitionKey
from hilum.domain.jobs import (
    JobActive,
    JobId,
    JobKind,
    JobRecord,
    JobState,
    NewJob,
    Progress,
)
from hilum.foundation.bell import Bell
from hilum.ports.jobs import ClaimedJob, JobQuery

_SECOND: Final = 1_000_000
_TEXT_CHARACTERS: Final = 2000
_CANDIDATES: Final = 16

_NEW: Final = columns_of(job, without=["key"])
_ADD: Final = f"{insert_into(job, _NEW)} ON CONFLICT (exclusive) DO NOTHING RETURNING key"
_ADD_SECRETS: Final = "INSERT INTO job_secret (job_key, secrets) VALUES (?, ?)"
_SECRETS: Final = "SELECT secrets FROM job_secret WHERE job_key = ?"
_FORGET_SECRETS: Final = (
    "DELETE FROM job_secret WHERE job_key = (SELECT key FROM job WHERE job_id = ?)"
)
_TAKEN: Final = "SELECT kind, job_id FROM job WHERE exclusive = ?"
_SHOWN: Final = (
    "key", "job_id", "kind", "state", "partition_key", "principal", "correlation_id", "created",
    "changed", "attempts", "stalled", "cancel_requested", "done", "total", "error", "request",
    "checkpoint", "results",
)  # fmt: skip
_LONG: Final = ("request", "checkpoint", "results")
_SELECT: Final = f"SELECT {quoted(_SHOWN)} FROM job"
_SELECT_SHORT: Final = (
    f"SELECT {quoted([name for name in _SHOWN if name not in _LONG])}, '{{}}', '{{}}', '{{}}' "
    "FROM job"
)
_GET: Final = f"{_SELECT} WHERE job_id = ?"
_DUE: Final = "SELECT key FROM job WHERE due <= ? AND kind IN ({}) ORDER BY key LIMIT ?"
_IS_DUE: Final = "SELECT 1 FROM job WHERE due <= ? AND kind IN ({}) LIMIT 1"
_TAKE: Final = (
    "UPDATE job SET state = 'running', holder = ?, due = ?, changed = ?, attempts = attempts + 1, "
    f"stalled = stalled + 1 WHERE key = ? AND due <= ? RETURNING {quoted(_SHOWN)}"
)
_HELD: Final = "job_id = ? AND holder = ? AND due IS NOT NULL"
_GOES_ON: Final = f"{_HELD} AND cancel_requested = 0"
_RENEW: Final = f"UPDATE job SET due = ? WHERE {_GOES_ON}"
_SAVE: Final = (
    "UPDATE job SET stalled = CASE WHEN checkpoint = ? AND done = ? THEN stalled ELSE 1 END, "
    "checkpoint = ?, done = ?, total = ?, results = ?, changed = ? "
    f"WHERE {_GOES_ON}"
)
_FINISH: Final = (
    "UPDATE job SET state = ?, error = ?, checkpoint = ?, done = ?, total = ?, results = ?, "
    f"changed = ?, due = NULL, holder = NULL, exclusive = NULL WHERE {_HELD}"
)
_POSTPONE: Final = f"UPDATE job SET due = ?, holder = NULL, error = ?, changed = ? WHERE {_HELD}"
_GIVE_BACK: Final = (
    "UPDATE job SET due = 0, holder = NULL, attempts = attempts - 1, stalled = stalled - 1 "
    f"WHERE {_HELD}"
)
_RELEASE_ALL: Final = "UPDATE job SET due = 0, holder = NULL WHERE holder IS NOT NULL"
_CANCEL: Final = (
    "UPDATE job SET cancel_requested = 1, due = CASE WHEN holder IS NULL THEN 0 ELSE due END "
    "WHERE job_id = ? AND due IS NOT NULL"
)
_OLD: Final = "SELECT key FROM job WHERE due IS NULL AND changed < ? ORDER BY changed LIMIT ?"
_DROP: Final = (
    "DELETE FROM job_secret WHERE job_key = ?",
    "DELETE FROM job_error WHERE job_key = ?",
    "DELETE FROM job WHERE key = ?",
)


class SqlJobs:
    """`Jobs` and `JobQueue`."""

    def __init__(self, reader: Lane, writer: Lane, now: Callable[[], int]) -> None:
        self._read = reader.run
        self._write = writer.run
        self._now = now
        self.added: Final = Bell()
        """Rung when there may be something to claim."""

    # Jobs

    async def add(self, new: NewJob) -> JobRecord:
        record = await self._write(lambda connection: add_job(connection, new, self._now()))
        self.added.ring()
        return record

    async def get(self, job_id: JobId) -> JobRecord | None:
        return await self._read(lambda connection: _get(connection, job_id))

    async def list(self, query: JobQuery, before: int | None, limit: int) -> Sequence[JobRecord]:
        asked: dict[str, str | int | None] = {
            "kind = ?": query.kind.value if query.kind else None,
            "state = ?": query.state.value if query.state else None,
            "key < ?": before,
        }
        given = {name: value for name, value in asked.items() if value is not None}
        where = f" WHERE {' AND '.join(given)}" if given else ""
        sql = f"{_SELECT_SHORT}{where} ORDER BY key DESC LIMIT ?"
        parameters = (*given.values(), limit)
        return await self._read(
            lambda connection: [
                _record(row) for row in connection.execute(sql, parameters).fetchall()
            ]
        )

    async def cancel(self, job_id: JobId) -> JobRecord | None:
        def work(connection: Connection) -> JobRecord | None:
            connection.execute(_CANCEL, (job_id,)).close()
            return _get(connection, job_id)

        record = await self._write(work)
        self.added.ring()
        return record

    # JobQueue

    async def claim(
        self, kinds: Collection[JobKind], holder: str, seconds: float
    ) -> ClaimedJob | None:
        names = sorted(kind.value for kind in kinds)
        is_due = _IS_DUE.format(marks(len(names)))

        # Most looks find nothing: they should not cost a transaction that writes.
        def look(connection: Connection) -> bool:
            return connection.execute(is_due, (self._now(), *names)).fetchone() is not None

        if not names or not await self._read(look):
            return None
        lease = int(seconds * _SECOND)
        return await self._write(
            lambda connection: _claim(connection, names, holder, self._now(), lease)
        )

    async def renew(self, job_id: JobId, holder: str, seconds: float) -> bool:
        lease = int(seconds * _SECOND)
        return await self._write(
            lambda connection: (
                connection.execute(_RENEW, (self._now() + lease, job_id, holder)).rowcount > 0
            )
        )

    async def save(self, job_id: JobId, holder: str, progress: Progress) -> bool:
        checkpoint, done, total, results = _progress_columns(progress)

        def work(connection: Connection) -> bool:
            row = (checkpoint, done, checkpoint, done, total, results, self._now(), job_id, holder)
            return connection.execute(_SAVE, row).rowcount > 0

        return await self._write(work)

    async def finish(
        self, job_id: JobId, holder: str, state: JobState, progress: Progress, error: str = ""
    ) -> bool:
        values = (state.value, _short(error), *_progress_columns(progress))

        def work(connection: Connection) -> bool:
            row = (*values, self._now(), job_id, holder)
            if connection.execute(_FINISH, row).rowcount == 0:
                return False
            connection.execute(_FORGET_SECRETS, (job_id,)).close()
            return True

        return await self._write(work)

    async def postpone(self, job_id: JobId, holder: str, until: datetime, error: str) -> None:
        due, text = to_microseconds(until), _short(error)
        await self._write(
            lambda connection: connection.execute(
                _POSTPONE, (due, text, self._now(), job_id, holder)
            ).close()
        )

    async def give_back(self, job_id: JobId, holder: str) -> None:
        await self._write(
            lambda connection: connection.execute(_GIVE_BACK, (job_id, holder)).close()
        )

    async def release_all(self) -> None:
        await self._write(lambda connection: connection.execute(_RELEASE_ALL).close())

    async def prune(self, before: datetime, limit: int) -> int:
        moment = to_microseconds(before)

        def old(connection: Connection, most: int) -> Sequence[Row]:
            return connection.execute(_OLD, (moment, most)).fetchall()

        def work(connection: Connection) -> int:
            keys = old(connection, limit)
            for sql in _DROP:
                connection.executemany(sql, keys)
            return len(keys)

        if not await self._read(lambda connection: old(connection, 1)):
            return 0
        return await self._write(work)


def add_job(connection: Connection, new: NewJob, now: int) -> JobRecord:
    """Note a job within a transaction of others; then ring `SqlJobs.added`. Raises `JobActive`."""
    values: dict[str, Any] = {
        "job_id": new.job_id, "kind": new.kind.value, "state": JobState.NOT_STARTED.value,
        "exclusive": new.exclusive or None, "partition_key": new.partition,
        "principal": clean(new.principal), "correlation_id": clean(new.correlation_id),
        "created": now, "changed": now, "due": now, "holder": None, "attempts": 0, "stalled": 0,
        "cancel_requested": 0, "done": 0, "total": 0, "error": "",
        "request": json_text(new.request), "checkpoint": "{}", "results": "{}",
    }  # fmt: skip
    row = tuple(values[name] for name in _NEW)
    while (added := connection.execute(_ADD, row).fetchone()) is None:
        taken = connection.execute(_TAKEN, (new.exclusive,)).fetchone()
        if taken is not None:  # otherwise it has ended in this very moment
            raise JobActive(JobKind(taken[0]), JobId(taken[1]))
    if new.secrets:
        connection.execute(_ADD_SECRETS, (added[0], json_text(new.secrets))).close()
    return _record(connection.execute(_GET, (new.job_id,)).fetchone())


def _get(connection: Connection, job_id: JobId) -> JobRecord | None:
    row = connection.execute(_GET, (job_id,)).fetchone()
    return None if row is None else _record(row)


def _claim(
    connection: Connection, names: Sequence[str], holder: str, now: int, lease: int
) -> ClaimedJob | None:
    due = _DUE.format(marks(len(names)))
    for (key,) in connection.execute(due, (now, *names, _CANDIDATES)).fetchall():
        row = connection.execute(_TAKE, (holder, now + lease, now, key, now)).fetchone()
        if row is not None:
            secrets = connection.execute(_SECRETS, (key,)).fetchone()
            return ClaimedJob(
                record=_record(row),
                secrets={} if secrets is None else orjson.loads(secrets[0]),
                stalled=dict(zip(_SHOWN, row, strict=True))["stalled"],
            )
    return None


def _progress_columns(progress: Progress) -> tuple[str, int, int, str]:
    """Checkpoint, done, total and results."""
    checkpoint, results = json_text(progress.checkpoint), json_text(progress.results)
    return checkpoint, progress.done, progress.total, results


def _short(text: str) -> str:
    return clean(text)[:_TEXT_CHARACTERS]


def _record(row: Row) -> JobRecord:
    values = dict(zip(_SHOWN, row, strict=True))
    return JobRecord(
        key=values["key"],
        job_id=JobId(values["job_id"]),
        kind=JobKind(values["kind"]),
        state=JobState(values["state"]),
        request=orjson.loads(values["request"]),
        partition=PartitionKey(values["partition_key"]),
        principal=values["principal"],
        correlation_id=values["correlation_id"],
        progress=Progress(
            orjson.loads(values["checkpoint"]),
            values["done"],
            values["total"],
            orjson.loads(values["results"]),
        ),
        attempts=values["attempts"],
        error=values["error"],
        cancel_requested=bool(values["cancel_requested"]),
        created=from_microseconds(values["created"]),
        changed=from_microseconds(values["changed"]),
    )
