"""Counts of the whole archive and its newest studies."""

from hilum.adapters.database.connections import Connection
from hilum.adapters.database.modalities import SEPARATOR
from hilum.adapters.database.times import from_microseconds
from hilum.domain.records import ArchiveCounts, NewestStudy


def read_counts(connection: Connection) -> ArchiveCounts:
    row = connection.execute(
        "SELECT sum(number_of_studies), sum(number_of_series), sum(number_of_instances), "
        "sum(size_bytes), (SELECT coalesce(max(sequence), 0) FROM feed), "
        "(SELECT count(*) FROM deletion) FROM partition"
    ).fetchone()
    return ArchiveCounts(*row)


def read_newest_studies(connection: Connection, limit: int) -> list[NewestStudy]:
    rows = connection.execute(
        'SELECT "StudyInstanceUID", modalities, number_of_series, number_of_instances, created '
        "FROM study ORDER BY key DESC LIMIT ?",
        (limit,),
    ).fetchall()
    return [
        NewestStudy(
            uid, modalities.split(SEPARATOR) if modalities else [], series, instances,
            from_microseconds(created),
        )
        for uid, modalities, series, instances, created in rows
    ]  # fmt: skip
