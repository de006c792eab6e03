"""For repairs, exports and caches: instances taken away in silence, and what versions are."""

from collections.abc import Sequence

from hilum.adapters.database.connections import Connection, Dialect
from hilum.adapters.database.deleting import delete_scope
from hilum.adapters.database.statements import chunks, marks, padded
from hilum.domain.identifiers import Scope, Version
from hilum.domain.origins import Door, Origin

_NOBODY = Origin(Door.REBUILD, "forgotten")


def forget(connection: Connection, dialect: Dialect, scope: Scope, now: int) -> None:
    """Delete inside the open transaction, and take back what the delete announced and queued."""
    dialect.lock_all(connection)
    queued = _highest(connection, "SELECT max(key) FROM deletion")
    announced = _highest(connection, "SELECT max(sequence) FROM feed")
    delete_scope(connection, dialect, scope, _NOBODY, now)
    connection.execute("DELETE FROM deletion WHERE key > ?", (queued,))
    connection.execute("DELETE FROM feed WHERE sequence > ?", (announced,))


def read_digests(
    connection: Connection, versions: Sequence[Version]
) -> dict[Version, tuple[bytes, bytes]]:
    found: dict[Version, tuple[bytes, bytes]] = {}
    for some in chunks(list(versions)):
        values = padded(some)
        rows = connection.execute(
            "SELECT version, head_sha256, dataset_sha256 FROM instance_version "
            f"WHERE version IN ({marks(len(values))})",
            values,
        ).fetchall()
        found.update((version, (head, dataset)) for version, head, dataset in rows)
    return found


def read_live(connection: Connection, versions: Sequence[Version]) -> set[Version]:
    found: set[Version] = set()
    for some in chunks(list(versions)):
        values = padded(some)
        rows = connection.execute(
            "SELECT v.version FROM instance_version v "
            "JOIN instance i ON i.key = v.instance_key "
            f"WHERE v.version IN ({marks(len(values))}) AND (i.version = v.version OR EXISTS "
            "(SELECT 1 FROM original o WHERE o.instance_key = i.key AND o.version = v.version))",
            values,
        ).fetchall()
        found.update(Version(version) for (version,) in rows)
    return found


def _highest(connection: Connection, sql: str) -> int:
    return int(connection.execute(sql).fetchone()[0] or 0)
