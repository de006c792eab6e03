"""Committing on the calling thread, for a process that does nothing else."""

from collections.abc import Callable, Sequence

from hilum.adapters.database.committing import commit_batch
from hilum.adapters.database.dialects import dialect_for
from hilum.adapters.database.lanes import Writer
from hilum.adapters.database.times import now_microseconds
from hilum.domain.instances import Kept
from hilum.domain.records import Committed


class DirectCommits:
    """The part of `SqlIndex` that writes instances; `SqlIndex` may be open beside it."""

    def __init__(
        self, url: str, *, busy_seconds: float = 5.0, now: Callable[[], int] = now_microseconds
    ) -> None:
        self._dialect = dialect_for(url, busy_seconds)
        self._writer = Writer("direct", self._dialect)
        self._now = now

    def commit(self, batch: Sequence[Kept]) -> Sequence[Committed]:
        """See `InstanceWriter.commit`."""
        if not batch:
            return []
        return self._writer.perform(
            lambda connection: commit_batch(
                connection, self._dialect, batch, self._now(), self._now
            )
        )

    def rest(self) -> None:
        """Use a pause; see `Dialect.rest`."""
        self._writer.rest()

    def close(self) -> None:
        self._writer.disconnect()
