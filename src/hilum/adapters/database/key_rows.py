"""API keys as rows."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from hilum.adapters.database.connections import Connection, Row
from hilum.adapters.database.lanes import Lane
from hilum.adapters.database.statements import columns_of, insert_into, quoted
from hilum.adapters.database.tables import api_key
from hilum.adapters.database.times import from_microseconds, to_microseconds
from hilum.domain.errors import InvalidRequest
from hilum.domain.keys import ApiKey

_COLUMNS: Final = columns_of(api_key)
_INSERT: Final = insert_into(api_key, _COLUMNS) + " ON CONFLICT DO NOTHING"
_SELECT: Final = f"SELECT {quoted(_COLUMNS)} FROM api_key"


class SqlKeys:
    """`hilum.ports.keys.KeyStore` over the lanes of an index."""

    def __init__(self, reader: Lane, writer: Lane) -> None:
        self._read = reader.run
        self._write = writer.run

    async def add(self, key: ApiKey) -> None:
        row = _row(key)
        added = await self._write(lambda connection: connection.execute(_INSERT, row).rowcount)
        if not added:
            raise InvalidRequest(f"There is a key with the id {key.key_id!r} already.")

    async def find(self, key_id: str) -> ApiKey | None:
        return await self._read(lambda connection: _find(connection, key_id))

    async def list(self) -> Sequence[ApiKey]:
        return await self._read(_all)

    async def revoke(self, key_id: str, at: datetime) -> bool:
        moment = to_microseconds(at)
        return await self._write(lambda connection: _revoke(connection, key_id, moment))

    async def touch(self, key_id: str, at: datetime) -> None:
        moment = to_microseconds(at)
        await self._write(lambda connection: _touch(connection, key_id, moment))


def _find(connection: Connection, key_id: str) -> ApiKey | None:
    row = connection.execute(f"{_SELECT} WHERE key_id = ?", (key_id,)).fetchone()
    return None if row is None else _key(row)


def _all(connection: Connection) -> list[ApiKey]:
    rows = connection.execute(f"{_SELECT} ORDER BY created, key_id").fetchall()
    return [_key(row) for row in rows]


def _revoke(connection: Connection, key_id: str, at: int) -> bool:
    sql = "UPDATE api_key SET revoked = coalesce(revoked, ?) WHERE key_id = ?"
    return connection.execute(sql, (at, key_id)).rowcount > 0


def _touch(connection: Connection, key_id: str, at: int) -> None:
    sql = "UPDATE api_key SET last_used = ? WHERE key_id = ? AND coalesce(last_used, 0) < ?"
    connection.execute(sql, (at, key_id, at))


def _row(key: ApiKey) -> tuple[Any, ...]:
    return (
        key.key_id, key.name, key.secret_hash, " ".join(sorted(key.scopes)),
        to_microseconds(key.created), _moment(key.expires), _moment(key.revoked),
        _moment(key.last_used),
    )  # fmt: skip


def _moment(value: datetime | None) -> int | None:
    return None if value is None else to_microseconds(value)


def _key(row: Row) -> ApiKey:
    key_id, name, secret_hash, scopes, created, *moments = row
    expires, revoked, last_used = (
        None if moment is None else from_microseconds(moment) for moment in moments
    )
    return ApiKey(
        key_id, name, secret_hash, frozenset(scopes.split()), from_microseconds(created),
        expires, revoked, last_used,
    )  # fmt: skip
