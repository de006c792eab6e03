"""Work items and reports to rows and back; conditions of a search as SQL."""

import zlib
from collections.abc import Sequence
from typing import Any, Final

import orjson

from hilum.adapters.database.conditions import match_sql
from hilum.adapters.database.connections import Connection, Dialect, Row, Sql
from hilum.adapters.database.times import from_microseconds
from hilum.domain.identifiers import UID, PartitionKey
from hilum.domain.queries import Between, Empty, Equals, Like, OneOf, Words
from hilum.domain.workitems import (
    Subscriber,
    Workitem,
    WorkitemDataset,
    WorkitemKey,
    WorkitemMatch,
    WorkitemReport,
    WorkitemState,
)

SHOWN: Final = (
    "w.key, w.partition_key, w.uid, w.state, w.transaction_uid, w.version, w.created, w.changed, "
    "w.dataset"
)
_EVENT: Final = "workitem_event (partition_key, ae_title, uid, kind, facts, time)"
_TELL: Final = f"INSERT INTO {_EVENT} VALUES (?, ?, ?, ?, ?, ?)"
_TELL_ALL: Final = (
    f"INSERT INTO {_EVENT} SELECT w.partition_key, s.ae_title, w.uid, ?, ?, ? "
    "FROM workitem_subscription s JOIN workitem w ON w.key = s.workitem_key "
    "WHERE s.workitem_key = ?"
)
_MATCHES: Final[dict[str, type[WorkitemMatch]]] = {
    kind.__name__: kind for kind in (Equals, Like, OneOf, Between, Words, Empty)
}
_WORKLIST: Final = "worklist"


def lock_worklist(
    connection: Connection, dialect: Dialect, partitions: Sequence[PartitionKey]
) -> None:
    """One transaction at a time changes the worklist of a partition.

    So a subscription and what it begins with are of one moment, and events are in order.
    """
    dialect.lock_studies(connection, [(each, _WORKLIST) for each in partitions])


def packed(dataset: WorkitemDataset) -> bytes:
    return zlib.compress(orjson.dumps(dataset), 1)


def unpacked(data: bytes) -> dict[str, Any]:
    dataset: dict[str, Any] = orjson.loads(zlib.decompress(data))
    return dataset


def workitem_of(row: Row) -> Workitem:
    """Of the columns `SHOWN`."""
    _, partition, uid, state, transaction, version, created, changed, dataset = row
    return Workitem(
        PartitionKey(partition),
        UID(uid),
        WorkitemState(state),
        transaction,
        version,
        unpacked(bytes(dataset)),
        from_microseconds(created),
        from_microseconds(changed),
    )


def tell(
    connection: Connection, who: Subscriber, uid: str, report: WorkitemReport, now: int
) -> None:
    """Note what one subscriber is to be told."""
    facts = orjson.dumps(report.facts)
    values = (who.partition, who.ae_title, uid, report.kind.value, facts, now)
    connection.execute(_TELL, values)


def tell_all(connection: Connection, key: int, reports: Sequence[WorkitemReport], now: int) -> int:
    """Note what all subscribers of a work item are to be told; how many there are."""
    told = 0
    for report in reports:
        facts = orjson.dumps(report.facts)
        told = connection.execute(_TELL_ALL, (report.kind.value, facts, now, key)).rowcount
    return told


def conditions(dialect: Dialect, keys: Sequence[WorkitemKey]) -> Sql:
    """What a search demands of the work item `w`; begins with AND where it demands anything."""
    sql: list[str] = []
    parameters: list[object] = []
    for key in keys:
        one, values = _condition(dialect, key.match)
        sql.append(f" AND {one}")
        parameters += [key.path, *values]
    return "".join(sql), tuple(parameters)


def _condition(dialect: Dialect, match: WorkitemMatch) -> Sql:
    those = "(SELECT v.workitem_key FROM workitem_value v WHERE v.path = ?"
    if isinstance(match, Empty):
        return f"w.key NOT IN {those})", ()
    sql, values = match_sql(dialect, 'v."value"', match)
    return f"w.key IN {those} AND {sql})", values


def filter_text(keys: Sequence[WorkitemKey]) -> str:
    """A filter to be remembered; the same for the same keys in another order."""
    told = [
        [
            key.path,
            type(key.match).__name__,
            {name: getattr(key.match, name) for name in key.match.__slots__},
        ]
        for key in sorted(keys, key=lambda key: key.path)
    ]
    return orjson.dumps(told, option=orjson.OPT_SORT_KEYS).decode()


def filter_keys(text: str) -> Sequence[WorkitemKey]:
    """What `filter_text` wrote; of an empty text nothing."""
    return [
        WorkitemKey(path, _MATCHES[kind](**_frozen(members)))
        for path, kind, members in orjson.loads(text or "[]")
    ]


def _frozen(members: dict[str, Any]) -> dict[str, Any]:
    return {
        name: tuple(value) if isinstance(value, list) else value for name, value in members.items()
    }
