"""Values of extended query tags as rows: written and removed within transactions of others."""

from collections.abc import Iterable, Sequence
from typing import Final

from hilum.adapters.database.connections import Connection, Row
from hilum.adapters.database.extended_tables import GENERATION, VALUE_TABLES
from hilum.domain.extended_tags import ExtendedTag, ExtendedTags, ExtendedValues, TagStatus
from hilum.domain.instances import Kept
from hilum.domain.jobs import JobId
from hilum.domain.levels import Level
from hilum.ingest.extended import extended_values

TAG: Final = (
    "SELECT key, path, vr, private_creator, level, status, query_enabled, errors, job_id "
    "FROM extended_tag"
)
_LIVE: Final = f"{TAG} WHERE status <> 'deleting' ORDER BY key"
_GENERATION: Final = "SELECT value FROM counter WHERE name = ?"
_CHANGED: Final = (
    "INSERT INTO counter (name, value) VALUES (?, 1) "
    "ON CONFLICT (name) DO UPDATE SET value = counter.value + 1"
)
_PUT: Final = (
    "INSERT INTO {} (tag_key, owner_key, partition_key, value) VALUES (?, ?, ?, ?) "
    "ON CONFLICT (tag_key, owner_key) DO UPDATE SET value = excluded.value"
)
_FORGET: Final = "DELETE FROM {} WHERE tag_key = ? AND owner_key = ?"
_FORGET_OF: Final = (
    "DELETE FROM {} WHERE tag_key = ? AND owner_key IN (SELECT i.key FROM instance i WHERE {})"
)
_ERRORS_OF: Final = (
    "SELECT count(*), x.tag_key FROM extended_error x WHERE x.instance_key IN "
    "(SELECT i.key FROM instance i WHERE {}) GROUP BY x.tag_key ORDER BY x.tag_key"
)
_FORGET_ERRORS_OF: Final = (
    "DELETE FROM extended_error WHERE instance_key IN (SELECT i.key FROM instance i WHERE {})"
)
_FEWER_ERRORS: Final = "UPDATE extended_tag SET errors = errors - ? WHERE key = ?"


def tag_of(row: Row) -> ExtendedTag:
    key, path, vr, creator, level, status, enabled, errors, job_id = row
    return ExtendedTag(
        key=key,
        path=path,
        vr=vr,
        private_creator=creator,
        level=Level(level),
        status=TagStatus(status),
        query_enabled=bool(enabled),
        errors=errors,
        job_id=None if job_id is None else JobId(job_id),
    )


def read_generation(connection: Connection) -> int:
    row = connection.execute(_GENERATION, (GENERATION,)).fetchone()
    return 0 if row is None else int(row[0])


def read_tags(connection: Connection) -> ExtendedTags:
    """Those that index now. The generation is read first: a change in between is found later."""
    generation = read_generation(connection)
    if not generation:
        return ExtendedTags(0, ())
    return ExtendedTags(generation, [tag_of(row) for row in connection.execute(_LIVE).fetchall()])


def note_change(connection: Connection) -> None:
    """Have whoever commits from now on make values anew. Others must be kept out meanwhile."""
    connection.execute(_CHANGED, (GENERATION,)).close()


def table_of(tag: ExtendedTag) -> str:
    return VALUE_TABLES[tag.kind].name


class ExtendedWrites:
    """What a batch of instances writes; of a study and series the latest word counts."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._tags = ExtendedTags(0, ())
        self._by_key: dict[int, ExtendedTag] = {}
        self._put: dict[str, dict[tuple[int, int], Row]] = {}
        self._replaced: list[int] = []

    def begin(self) -> None:
        """Read the tags; those who change them must be kept out by now."""
        self._tags = read_tags(self._connection)
        self._by_key = {tag.key: tag for tag in self._tags.tags}

    def put(self, item: Kept, keys: tuple[int, int, int], *, replaces: bool) -> None:
        """Take in an instance; `keys` are those of its study, its series and itself."""
        if not self._by_key:
            return
        if replaces:
            self._replaced.append(keys[2])
            for rows in self._put.values():  # of an earlier version in the same batch
                for name in [name for name in rows if name[1] == keys[2]]:
                    if self._by_key[name[0]].level is Level.INSTANCE:
                        del rows[name]
        for each in self._values(item).values:
            tag = self._by_key[each.tag_key]
            owner = keys[tag.level - Level.STUDY]
            rows = self._put.setdefault(table_of(tag), {})
            rows[tag.key, owner] = (tag.key, owner, item.partition, each.value)

    def _values(self, item: Kept) -> ExtendedValues:
        described = item.description
        if described.extended.generation == self._tags.generation:
            return described.extended
        dropped = frozenset(described.invalid_tags) if item.warned else frozenset()
        return extended_values(described.metadata.text(), self._tags, dropped)

    def run(self) -> None:
        """Write; the instances must be there."""
        if self._replaced:
            forget_instances(self._connection, self._by_key.values(), self._replaced)
        for table, rows in self._put.items():
            self._connection.executemany(_PUT.format(table), list(rows.values()))


def forget_instances(
    connection: Connection, tags: Iterable[ExtendedTag], keys: Sequence[int]
) -> None:
    """Remove what instances said themselves, and why they could not be indexed."""
    for tag in tags:
        if tag.level is Level.INSTANCE:
            rows = [(tag.key, key) for key in keys]
            connection.executemany(_FORGET.format(table_of(tag)), rows)
    for key in keys:
        _forget_errors(connection, "i.key = ?", key)


def forget_scope(connection: Connection, where: str, key: int) -> None:
    """The same of all instances `i` that satisfy a condition on one key."""
    for tag in read_tags(connection).tags:
        if tag.level is Level.INSTANCE:
            connection.execute(_FORGET_OF.format(table_of(tag), where), (tag.key, key)).close()
    _forget_errors(connection, where, key)


def _forget_errors(connection: Connection, where: str, key: int) -> None:
    found = connection.execute(_ERRORS_OF.format(where), (key,)).fetchall()
    if found:
        connection.executemany(_FEWER_ERRORS, found)
        connection.execute(_FORGET_ERRORS_OF.format(where), (key,)).close()


def forget_owners(connection: Connection, level: Level, keys: Sequence[int]) -> None:
    """Remove what is known of studies or series that are no more."""
    if not keys:
        return
    for tag in read_tags(connection).tags:
        if tag.level is level:
            rows = [(tag.key, key) for key in keys]
            connection.executemany(_FORGET.format(table_of(tag)), rows)
