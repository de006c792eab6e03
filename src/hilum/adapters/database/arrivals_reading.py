"""What operators ask of arrivals."""

from collections.abc import Mapping
from typing import Final

from hilum.adapters.database.arrivals_tables import arrival_step
from hilum.adapters.database.connections import Connection, Row
from hilum.adapters.database.times import from_microseconds
from hilum.domain.arrivals import ArrivalRecord, ArrivalState, Step
from hilum.domain.identifiers import StudyInstanceUID

_SHOWN: Final = (
    "SELECT key, source, source_id, state, correlation_id, study_instance_uid, instances, kept, "
    "failed, attempts, created, changed, due, error FROM arrival"
)
_STEPS: Final = (
    f"SELECT time, state, text FROM {arrival_step.name} WHERE arrival_key = ? ORDER BY key"
)


def find_arrival(connection: Connection, key: int) -> ArrivalRecord | None:
    row = connection.execute(f"{_SHOWN} WHERE key = ?", (key,)).fetchone()
    if row is None:
        return None
    steps = connection.execute(_STEPS, (key,)).fetchall()
    return _record(
        row,
        tuple(
            Step(from_microseconds(time), ArrivalState(state), text) for time, state, text in steps
        ),
    )


def find_arrivals(
    connection: Connection,
    conditions: Mapping[str, str | None],
    before: int | None,
    limit: int,
) -> list[ArrivalRecord]:
    """`conditions` by column; those that are None do not count."""
    given = {column: value for column, value in conditions.items() if value is not None}
    where = [f"{column} = ?" for column in given]
    parameters: list[str | int] = [str(value) for value in given.values()]
    if before is not None:
        where.append("key < ?")
        parameters.append(before)
    sql = _SHOWN + (f" WHERE {' AND '.join(where)}" if where else "")
    rows = connection.execute(f"{sql} ORDER BY key DESC LIMIT ?", (*parameters, limit)).fetchall()
    return [_record(row) for row in rows]


def read_counts(connection: Connection) -> dict[str, dict[ArrivalState, int]]:
    counts: dict[str, dict[ArrivalState, int]] = {}
    sql = "SELECT source, state, count(*) FROM arrival GROUP BY source, state"
    for source, state, number in connection.execute(sql).fetchall():
        counts.setdefault(source, {})[ArrivalState(state)] = number
    return counts


def _record(row: Row, history: tuple[Step, ...] = ()) -> ArrivalRecord:
    (
        key, source, source_id, state, correlation_id, study, instances, kept, failed, attempts,
        created, changed, due, error,
    ) = row  # fmt: skip
    return ArrivalRecord(
        key=key,
        source=source,
        source_id=source_id,
        state=ArrivalState(state),
        correlation_id=correlation_id,
        study=None if study is None else StudyInstanceUID(study),
        instances=instances,
        kept=kept,
        failed=failed,
        attempts=attempts,
        created=from_microseconds(created),
        changed=from_microseconds(changed),
        due=None if due is None else from_microseconds(due),
        error=error,
        history=history,
    )
