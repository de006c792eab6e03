"""What of jobs was not done, as rows: `hilum.ports.jobs.JobErrors` over the lanes of an index."""

from collections.abc import Sequence
from typing import Final

from hilum.adapters.database.connections import Connection
from hilum.adapters.database.job_tables import job_error
from hilum.adapters.database.lanes import Lane
from hilum.adapters.database.statements import columns_of, insert_into
from hilum.adapters.database.submission_values import clean
from hilum.adapters.database.times import from_microseconds, to_microseconds
from hilum.domain.jobs import JobError, JobId

_TEXT_CHARACTERS: Final = 2000
_KEY: Final = "SELECT key FROM job WHERE job_id = ?"
_FORGET: Final = "DELETE FROM job_error WHERE job_key = ? AND number >= ?"
_KEEP: Final = insert_into(job_error, columns_of(job_error))
_LIST: Final = (
    f"SELECT what, message, time FROM job_error WHERE job_key = ({_KEY}) AND number > ? "
    "ORDER BY number LIMIT ?"
)


class SqlJobErrors:
    """`JobErrors`."""

    def __init__(self, reader: Lane, writer: Lane) -> None:
        self._read = reader.run
        self._write = writer.run

    async def keep(self, job_id: JobId, first: int, errors: Sequence[JobError]) -> None:
        def work(connection: Connection) -> None:
            found = connection.execute(_KEY, (job_id,)).fetchone()
            if found is None:
                return
            key = found[0]
            connection.execute(_FORGET, (key, first)).close()
            rows = [
                (key, number, to_microseconds(each.time), _short(each.what), _short(each.message))
                for number, each in enumerate(errors, first)
            ]
            if rows:
                connection.executemany(_KEEP, rows)

        await self._write(work)

    async def errors(self, job_id: JobId, after: int, limit: int) -> Sequence[JobError]:
        return await self._read(
            lambda connection: [
                JobError(what, message, from_microseconds(time))
                for what, message, time in connection.execute(
                    _LIST, (job_id, after, limit)
                ).fetchall()
            ]
        )


def _short(text: str) -> str:
    return clean(text)[:_TEXT_CHARACTERS]
