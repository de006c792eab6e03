"""How several processes change one PostgreSQL database without waiting for each other in a circle.

Locks are advisory: they cost no row versions and go when their transaction or connection goes.
Everybody takes them in this order, and rows only while holding them:

1. `ARCHIVE`, shared, for as long as a writing connection lasts; alone by who rebuilds or migrates;
2. `CHANGES`, shared, by every transaction that changes instances; alone by one that mends them all;
3. `STUDY`, one for each study of a batch, in the order of their numbers;
4. `FEED`, by the trigger on the feed's table (`postgresql_schema`), when entries are added.
"""

from collections.abc import Iterable
from typing import Final
from zlib import crc32

from hilum.adapters.database.connections import Connection

ARCHIVE: Final = 0x48494C01
CHANGES: Final = 0x48494C02
STUDY: Final = 0x48494C03
FEED: Final = 0x48494C04
MIGRATION: Final = 0x48494C05
NUMBERS: Final = 0x48494C06

_STUDY_LOCKS: Final = 4096
"""So many at most, since the server has room for some thousands only: studies may share one."""
_LOCK_STUDIES: Final = (
    f"SELECT pg_advisory_xact_lock_shared({CHANGES}, ?::int4) UNION ALL "
    f"SELECT pg_advisory_xact_lock({STUDY}, study) FROM unnest(?::int4[]) AS study"
)
_AWAIT_STUDIES: Final = (
    f"SELECT pg_advisory_xact_lock_shared({STUDY}, study) FROM unnest(?::int4[]) AS study"
)


def number_of(name: str) -> int:
    """A number for a name, in the range of one half of a lock's key."""
    return crc32(name.encode()) & 0x7FFF_FFFF


def is_held(connection: Connection, schema: str) -> bool:
    """Whether some process has the archive open."""
    sql = (
        "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND classid::int8 = ? "
        "AND objid::int8 = ? AND granted AND database = "
        "(SELECT oid FROM pg_database WHERE datname = current_database()) LIMIT 1"
    )
    return connection.execute(sql, (ARCHIVE, number_of(schema))).fetchone() is not None


def _study_numbers(studies: Iterable[tuple[int, str]]) -> list[int]:
    return sorted({crc32(f"{partition}/{uid}".encode()) % _STUDY_LOCKS
                   for partition, uid in studies})  # fmt: skip


def lock_studies(connection: Connection, schema: str, studies: Iterable[tuple[int, str]]) -> None:
    """Nobody else changes these studies until the transaction ends, be they held or not."""
    connection.execute(_LOCK_STUDIES, (number_of(schema), _study_numbers(studies)))


def await_changes(connection: Connection, studies: Iterable[tuple[int, str]]) -> None:
    """Wait until the transactions that are changing these studies now have ended."""
    connection.execute(_AWAIT_STUDIES, (_study_numbers(studies),))


def lock_feed(connection: Connection) -> None:
    """Take the lock that the trigger on the feed's table takes, before anything is inserted."""
    connection.execute(f"SELECT pg_advisory_xact_lock({FEED}, 'feed'::regclass::oid::int4)")


def lock_all(connection: Connection, schema: str) -> None:
    """Nobody else changes any study until the transaction ends."""
    connection.execute(f"SELECT pg_advisory_xact_lock({CHANGES}, ?::int4)", (number_of(schema),))
