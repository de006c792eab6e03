"""Questions by UID: each is one statement that goes down the unique indexes."""

from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from struct import unpack
from typing import Any, Final

from hilum.adapters.database.connections import Connection, Dialect, Row, Sql, Streaming
from hilum.adapters.database.statements import chunks, marks, padded
from hilum.adapters.database.times import from_microseconds
from hilum.domain.editions import Edition
from hilum.domain.identifiers import (
    DEFAULT_PARTITION,
    InstanceUIDs,
    ObjectKey,
    Scope,
    parse_object_key,
)
from hilum.domain.instances import Metadata
from hilum.domain.records import (
    BulkRecord,
    FeedEntry,
    FeedKind,
    FramesRecord,
    InstanceRecord,
    MetadataRecord,
    ScopeSummary,
    VersionedMetadata,
)

_METADATA: Final = "d.instance_key, d.deflated, d.crc32, d.size_bytes, d.invalid_tags, d.bulk_table"
_PAGE: Final = " AND i.key > ? ORDER BY i.key LIMIT ?"


def _walks(select: str, join: str = "", tail: str = "") -> tuple[str, str, str]:
    """Write `select` over the instances `i` of a study `s`, of a series `e` of it, and over one.

    CROSS JOIN keeps SQLite from choosing another order than from the top down.
    """
    study = f's."StudyInstanceUID" = ? AND s.partition_key = ?{tail}'
    below = (
        "FROM study s CROSS JOIN series e ON e.study_key = s.key "
        f"CROSS JOIN instance i ON i.series_key = e.key {join} WHERE"
    )
    series = "CROSS JOIN series e ON e.key = i.series_key" if "SeriesInstanceUID" in select else ""
    return (
        f"SELECT {select} FROM study s CROSS JOIN instance i ON i.study_key = s.key "
        f"{series} {join} WHERE {study}",
        f'SELECT {select} {below} e."SeriesInstanceUID" = ? AND {study}',
        f'SELECT {select} {below} i."SOPInstanceUID" = ? AND e."SeriesInstanceUID" = ? AND {study}',
    )


@dataclass(frozen=True, slots=True)
class _Statements:
    """What is asked of one edition, each over a study, a series and an instance."""

    instances: Sequence[str]
    frames: str
    bulk: Sequence[str]
    described: str
    descriptions: Sequence[str]
    summaries: Sequence[str]


def _statements(edition: Edition) -> _Statements:
    beside, version = "", "i.version"
    described = "d.{}"
    if edition is Edition.ORIGINAL:  # where there is none, the live version is the original
        beside = "LEFT JOIN original o ON o.instance_key = i.key "
        version = "coalesce(o.version, i.version)"
        described = "CASE WHEN o.version IS NULL THEN d.{0} ELSE o.{0} END"

    def of(*names: str) -> str:
        return ", ".join(described.format(name) for name in names)

    instance = (
        'i.key, e."SeriesInstanceUID", i."SOPInstanceUID", i."SOPClassUID", '
        "v.transfer_syntax_uid, v.version, v.object_key, v.size_bytes, v.dataset_offset"
    )
    versions = f"{beside}CROSS JOIN instance_version v ON v.version = {version}"
    description = "CROSS JOIN description d ON d.instance_key = i.key"
    both = f"{versions} {description}"
    text = of("deflated", "crc32", "size_bytes")
    metadata = f"d.instance_key, {text}, {of('invalid_tags', 'bulk_table')}"
    pixels = f"v.dataset_sha256, {of('frame_table')}"
    return _Statements(
        instances=_walks(instance, versions, _PAGE),
        frames=_walks(f"{pixels}, {instance}", both)[2],
        bulk=_walks(f"{pixels}, {of('bulk_table')}, {instance}", both, _PAGE),
        described=_walks(f"{version}, {text}", f"{beside}{description}")[2],
        descriptions=_walks(metadata, f"{beside}{description}", _PAGE),
        summaries=(*_SUMMARIES, _walks(f"1, {version}", beside)[2]),
    )


_REFERENCED: Final = _walks(
    "1", "CROSS JOIN instance_version v ON v.instance_key = i.key", " AND v.object_key = ?"
)[2]
_SUMMARIES: Final = (
    "SELECT s.number_of_instances, s.newest_version FROM study s "
    'WHERE s."StudyInstanceUID" = ? AND s.partition_key = ?',
    "SELECT e.number_of_instances, e.newest_version FROM study s "
    "CROSS JOIN series e ON e.study_key = s.key "
    'WHERE e."SeriesInstanceUID" = ? AND s."StudyInstanceUID" = ? AND s.partition_key = ?',
)
"""Of a study and a series; what is newest in them is so whichever edition is asked for."""
_STATEMENTS: Final = {edition: _statements(edition) for edition in Edition}


def place(scope: Scope) -> tuple[int, list[Any]]:
    """How deep a scope goes (0 is a study), and the parameters that name it, deepest first."""
    if scope.series is None:
        return 0, [scope.study, scope.partition]
    if scope.sop_instance is None:
        return 1, [scope.series, scope.study, scope.partition]
    return 2, [scope.sop_instance, scope.series, scope.study, scope.partition]


def read_summary(connection: Connection, scope: Scope) -> ScopeSummary | None:
    depth, parameters = place(scope)
    row = connection.execute(_STATEMENTS[scope.edition].summaries[depth], parameters).fetchone()
    return None if row is None else ScopeSummary(row[0], row[1])


def read_instances(
    connection: Connection, scope: Scope, after: int, limit: int
) -> list[InstanceRecord]:
    depth, parameters = place(scope)
    sql = _STATEMENTS[scope.edition].instances[depth]
    rows = connection.execute(sql, [*parameters, after, limit]).fetchall()
    return [_instance(row, scope) for row in rows]


def _instance(row: Sequence[Any], scope: Scope) -> InstanceRecord:
    return InstanceRecord(row[0], InstanceUIDs(scope.study, row[1], row[2]), *row[3:])


def read_frames(connection: Connection, scope: Scope) -> FramesRecord | None:
    row = connection.execute(_STATEMENTS[scope.edition].frames, place(scope)[1]).fetchone()
    return None if row is None else FramesRecord(_instance(row[2:], scope), row[0], row[1])


def read_bulk(connection: Connection, scope: Scope, after: int, limit: int) -> list[BulkRecord]:
    depth, parameters = place(scope)
    sql = _STATEMENTS[scope.edition].bulk[depth]
    rows = connection.execute(sql, [*parameters, after, limit]).fetchall()
    return [BulkRecord(_instance(row[3:], scope), row[0], row[1], row[2] or b"") for row in rows]


def read_described(connection: Connection, scope: Scope) -> VersionedMetadata | None:
    row = connection.execute(_STATEMENTS[scope.edition].described, place(scope)[1]).fetchone()
    return None if row is None else VersionedMetadata(row[0], Metadata(*row[1:]))


def read_metadata(
    connection: Connection, scope: Scope, after: int, limit: int, limit_bytes: int | None = None
) -> list[MetadataRecord]:
    depth, parameters = place(scope)
    found: list[MetadataRecord] = []
    asked = (_STATEMENTS[scope.edition].descriptions[depth], (*parameters, after, limit))
    _fetch_metadata(connection, asked, found, limit_bytes)
    return found


def read_metadata_of(
    connection: Connection, keys: Sequence[int], limit_bytes: int | None = None
) -> list[MetadataRecord]:
    found: list[MetadataRecord] = []
    for some in chunks(sorted(set(keys))):
        values = padded(some)
        sql = (
            f"SELECT {_METADATA} FROM description d WHERE d.instance_key IN "
            f"({marks(len(values))}) ORDER BY d.instance_key"
        )
        left = _fetch_metadata(connection, (sql, tuple(values)), found, limit_bytes)
        if left is not None and left <= 0:
            break
        limit_bytes = left
    return found


def _fetch_metadata(
    connection: Connection, asked: Sql, found: list[MetadataRecord], limit_bytes: int | None
) -> int | None:
    """Add rows until their texts reach `limit_bytes`; return what is left of it.

    Rows are fetched one by one, so that those after the last are never in memory.
    """
    if limit_bytes is None:
        found.extend(_metadata(row) for row in connection.execute(*asked).fetchall())
        return None
    if limit_bytes <= 0:
        return limit_bytes
    with closing(one_by_one(connection, asked)) as rows:
        for row in rows:
            found.append(_metadata(row))
            limit_bytes -= found[-1].size_bytes
            if limit_bytes <= 0:
                break
    return limit_bytes


def one_by_one(connection: Connection, asked: Sql) -> Generator[Row, None, None]:
    """Rows that are not all in memory at once; close it."""
    if isinstance(connection, Streaming):
        with closing(connection.stream(*asked)) as rows:
            yield from rows
        return
    cursor = connection.execute(*asked)
    try:
        while (row := cursor.fetchone()) is not None:
            yield row
    finally:
        cursor.close()


def _metadata(row: tuple[Any, ...]) -> MetadataRecord:
    key, deflated, crc32, size_bytes, invalid, bulk_table = row
    tags = unpack(f"<{len(invalid) // 4}I", invalid) if invalid else ()
    metadata = Metadata(deflated, crc32, size_bytes)
    return MetadataRecord(key, metadata, tags, bulk_table or b"")


def read_referenced(
    connection: Connection, dialect: Dialect, keys: Sequence[ObjectKey]
) -> set[ObjectKey]:
    """Look each key up by the UIDs in it: a text that is no object key is referred to by none.

    Who asks may have lost the connection in the middle of a commit, whose end is waited for.
    """
    dialect.await_changes(connection, set(_studies(keys)))
    return {key for key in keys if _is_referenced(connection, key)}


def _studies(keys: Sequence[ObjectKey]) -> Iterator[tuple[int, str]]:
    for key in keys:
        with suppress(ValueError):
            partition, uids, _ = parse_object_key(key)
            yield partition, uids.study


def _is_referenced(connection: Connection, key: ObjectKey) -> bool:
    try:
        partition, uids, _ = parse_object_key(key)
    except ValueError:
        return False
    _, parameters = place(Scope(uids.study, uids.series, uids.sop_instance, partition))
    row = connection.execute(_REFERENCED, [*parameters, key]).fetchone()
    return row is not None


def read_feed_id(connection: Connection) -> str:
    """Name the feed by the microsecond in which its index was made: no other feed has that."""
    row = connection.execute(
        "SELECT created FROM partition WHERE key = ?", (DEFAULT_PARTITION,)
    ).fetchone()
    return f"{row[0]:x}"


def read_feed(connection: Connection, after: int, limit: int) -> list[FeedEntry]:
    """Read on after a sequence; none below one that shows is still to come.

    One transaction at a time gives out sequences, and until it ends: on SQLite only one writes, on
    PostgreSQL a trigger of the feed's table sees to it.
    """
    rows = connection.execute(
        "SELECT sequence, time, partition_key, kind, study_instance_uid, series_instance_uid, "
        "sop_instance_uid, version, correlation_id, payload, position, "
        "(SELECT name FROM partition WHERE key = partition_key) FROM feed WHERE sequence > ? "
        "ORDER BY sequence LIMIT ?",
        (after, limit),
    ).fetchall()
    return [
        FeedEntry(
            row[0], from_microseconds(row[1]), row[2], FeedKind(row[3]),
            InstanceUIDs(row[4], row[5], row[6]), row[7], row[8], row[9], row[10],
            row[11] or "",
        )
        for row in rows
    ]  # fmt: skip
