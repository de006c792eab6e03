"""Forgetting submissions and what was in quarantine, long after anything happened to them."""

from typing import Final

from hilum.adapters.database.connections import Connection

_FILES_PRUNED: Final = 5000
"""In one transaction, which others wait for; those of one submission at least."""
_OLD: Final = (
    "SELECT key, files FROM submission WHERE due IS NULL AND changed < ? AND NOT EXISTS (SELECT 1 "
    "FROM quarantined q WHERE q.study_id = submission.study_id AND q.state = 'held') "
    "ORDER BY changed LIMIT ?"
)
_GONE: Final = (
    "SELECT key FROM quarantined WHERE due IS NULL AND changed < ? ORDER BY changed LIMIT ?"
)
_DROP_GONE: Final = (
    "DELETE FROM quarantined_step WHERE quarantined_key = ?",
    "DELETE FROM quarantined WHERE key = ?",
)
_STILL_OLD: Final = "UPDATE submission SET due = NULL WHERE key = ? AND due IS NULL AND changed < ?"
_DROP: Final = (
    "DELETE FROM submission_step WHERE submission_key = ?",
    "DELETE FROM submission_file WHERE submission_key = ?",
    "DELETE FROM submission WHERE key = ?",
)


def is_old(connection: Connection, before: int) -> bool:
    """Whether there is something to forget."""
    return bool(_old(connection, before, 1) or _gone(connection, before, 1))


def _old(connection: Connection, before: int, limit: int) -> list[tuple[int, int]]:
    """Keys of submissions, with how many files they have."""
    return connection.execute(_OLD, (before, limit)).fetchall()


def _gone(connection: Connection, before: int, limit: int) -> list[tuple[int]]:
    return connection.execute(_GONE, (before, limit)).fetchall()


def prune_old(connection: Connection, before: int, limit: int) -> int:
    """See `SubmissionNotes.prune`; several turns may be needed."""
    files = 0
    old: list[tuple[int]] = []
    for key, count in _old(connection, before, limit):
        files += count
        if old and files > _FILES_PRUNED:
            break
        # Has the row to ourselves, unless another process has begun a new round by now.
        if connection.execute(_STILL_OLD, (key, before)).rowcount > 0:
            old.append((key,))
    for sql in _DROP:
        connection.executemany(sql, old)
    gone = _gone(connection, before, limit - len(old))
    for sql in _DROP_GONE:
        connection.executemany(sql, gone)
    return len(old) + len(gone)
