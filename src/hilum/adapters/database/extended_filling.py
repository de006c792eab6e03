"""Indexing what is held by tags that were added later: reading descriptions, writing values."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from struct import unpack
from typing import Final

from hilum.adapters.database.connections import Connection, Row
from hilum.adapters.database.extended_rows import table_of
from hilum.adapters.database.reading import one_by_one
from hilum.domain.extended_tags import ExtendedTag, ValueKind
from hilum.domain.instances import Metadata
from hilum.domain.levels import Level
from hilum.ports.extended_tags import IndexedInstance, StoredDescription

_TYPES: Final = {
    ValueKind.TEXT: "TEXT",
    ValueKind.INTEGER: "BIGINT",
    ValueKind.REAL: "DOUBLE PRECISION",
}
_OWNERS: Final = {Level.STUDY: "study_key", Level.SERIES: "series_key", Level.INSTANCE: "key"}
_SPAN: Final = (
    "SELECT coalesce((SELECT max(key) FROM instance), 0), "
    "(SELECT coalesce(sum(number_of_instances), 0) FROM partition)"
)
_DESCRIPTIONS: Final = (
    'SELECT i.key, i.version, i.partition_key, s."StudyInstanceUID", i.study_key, i.series_key, '
    "d.deflated, d.crc32, d.size_bytes, "
    "CASE WHEN v.warned = 1 THEN d.invalid_tags ELSE NULL END "
    "FROM instance i CROSS JOIN description d ON d.instance_key = i.key "
    "CROSS JOIN instance_version v ON v.version = i.version "
    "CROSS JOIN study s ON s.key = i.study_key "
    "WHERE i.key < ? ORDER BY i.key DESC LIMIT ?"
)
_FILL: Final = (
    "INSERT INTO {table} (tag_key, owner_key, partition_key, value) "
    "SELECT CAST(? AS BIGINT), i.{owner}, i.partition_key, CAST(? AS {kind}) FROM instance i "
    "WHERE i.key = ? AND i.version = ? ON CONFLICT (tag_key, owner_key) DO NOTHING"
)
_NOTE: Final = (
    "INSERT INTO extended_error (tag_key, instance_key, created, message) "
    "SELECT CAST(? AS BIGINT), i.key, CAST(? AS BIGINT), CAST(? AS TEXT) FROM instance i "
    "WHERE i.key = ? AND i.version = ? ON CONFLICT (tag_key, instance_key) DO NOTHING"
)
_MORE_ERRORS: Final = "UPDATE extended_tag SET errors = errors + ?, query_enabled = 0 WHERE key = ?"


def read_span(connection: Connection) -> tuple[int, int]:
    """The highest key of an instance, and how many instances there are."""
    highest, count = connection.execute(_SPAN).fetchone()
    return int(highest), int(count)


def read_descriptions(
    connection: Connection, below: int, rows: int, size_bytes: int
) -> list[StoredDescription]:
    """Rows are fetched one by one, so that those after the last are never in memory."""
    found: list[StoredDescription] = []
    with closing(one_by_one(connection, (_DESCRIPTIONS, (below, rows)))) as fetched:
        for row in fetched:
            found.append(_stored(row))
            size_bytes -= found[-1].metadata.size_bytes
            if size_bytes <= 0:
                break
    return found


def _stored(row: Row) -> StoredDescription:
    key, version, partition, study, study_key, series_key, deflated, crc32, size, invalid = row
    dropped = unpack(f"<{len(invalid) // 4}I", invalid) if invalid else ()
    metadata = Metadata(deflated, crc32, size)
    return StoredDescription(
        key, version, partition, study, study_key, series_key, metadata, dropped
    )


def fill(
    connection: Connection,
    tags: Sequence[ExtendedTag],
    indexed: Sequence[IndexedInstance],
    now: int,
) -> None:
    """Write for `tags` what is missing; `indexed` goes from the newest instance down.

    Of a study or series, whose latest word counts, the newest instance that says something about it
    is the first: nothing that is there already is replaced. Studies must be locked.
    """
    for tag in tags:
        sql = _FILL.format(table=table_of(tag), owner=_OWNERS[tag.level], kind=_TYPES[tag.kind])
        rows = list(_rows(tag, indexed))
        if rows:
            connection.executemany(sql, rows)
        _note_errors(connection, tag, indexed, now)


def _rows(tag: ExtendedTag, indexed: Sequence[IndexedInstance]) -> Iterator[Row]:
    for each in indexed:
        for one in each.values.values:
            if one.tag_key == tag.key:
                yield tag.key, one.value, each.stored.key, each.stored.version


def _note_errors(
    connection: Connection, tag: ExtendedTag, indexed: Sequence[IndexedInstance], now: int
) -> None:
    noted = 0
    for each in indexed:
        message = each.values.problems.get(tag.key)
        if message is not None:
            row = (tag.key, now, message, each.stored.key, each.stored.version)
            noted += connection.execute(_NOTE, row).rowcount
    if noted:
        connection.execute(_MORE_ERRORS, (noted, tag.key)).close()
