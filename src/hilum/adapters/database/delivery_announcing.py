"""Facts about whole studies, written to the feed inside the open transaction.

`study_watch` remembers in which state a study was announced last, so saying it again is free. Its
row is locked first, so that of two processes that announce one study the second finds it done.
"""

from dataclasses import dataclass
from typing import Any, Final

import orjson

from hilum.adapters.database.connections import Connection
from hilum.adapters.database.delivery_tables import REVISION_FLOOR
from hilum.adapters.database.merging import PATIENT_ID, first_text
from hilum.adapters.database.modalities import SEPARATOR
from hilum.adapters.database.statements import quoted
from hilum.adapters.database.times import from_microseconds
from hilum.domain.identifiers import DEFAULT_PARTITION
from hilum.domain.records import FeedKind
from hilum.ports.announcing import ExpectedStudy, IngestionFailure, StableBecause, StableStudy

_STUDY_DATE: Final = "00080020"

WATCH: Final = (
    "partition_key", "study_instance_uid", "last_change", "due", "because", "expected_count",
    "source", "correlation_id", "newest_sequence", "revision", "announced_version",
    "announced_count", "announced", "failed_instances",
)  # fmt: skip
_FIRST_REVISION: Final = f"coalesce((SELECT value FROM counter WHERE name = '{REVISION_FLOOR}'), 0)"
LOCK_WATCH: Final = (
    f"INSERT INTO study_watch ({quoted(WATCH)}) VALUES "
    f"({', '.join(_FIRST_REVISION if name == 'revision' else '?' for name in WATCH)}) "
    "ON CONFLICT (partition_key, study_instance_uid) "
    "DO UPDATE SET newest_sequence = study_watch.newest_sequence"
)
_READ_WATCH: Final = (
    "SELECT revision, announced_version, announced_count, source, failed_instances "
    "FROM study_watch WHERE partition_key = ? AND study_instance_uid = ?"
)
_READ_STUDY: Final = (
    "SELECT key, newest_version, number_of_instances, number_of_series, size_bytes, modalities, "
    'changed, attributes FROM study WHERE "StudyInstanceUID" = ? AND partition_key = ?'
)
_FIRST_MODALITY: Final = (
    "SELECT shown_modality FROM series WHERE study_key = ? AND shown_modality IS NOT NULL "
    "ORDER BY key LIMIT 1"
)
_REST: Final = (
    "UPDATE study_watch SET due = NULL WHERE partition_key = ? AND study_instance_uid = ?"
)
_WAIT: Final = (
    "UPDATE study_watch SET due = ?, last_change = ? WHERE partition_key = ? "
    "AND study_instance_uid = ?"
)
_ANNOUNCED: Final = (
    "UPDATE study_watch SET due = NULL, revision = ?, announced_version = ?, announced_count = ?, "
    "announced = ?, source = ?, failed_instances = ? WHERE partition_key = ? "
    "AND study_instance_uid = ?"
)
_EXPECT: Final = (
    "UPDATE study_watch SET source = ?, expected_count = ?, correlation_id = ?, due = ?, "
    "because = 'quiet' WHERE partition_key = ? AND study_instance_uid = ?"
)
_TELL: Final = (
    "INSERT INTO feed (time, partition_key, kind, study_instance_uid, series_instance_uid, "
    "sop_instance_uid, version, correlation_id, payload) VALUES (?, ?, ?, ?, '', '', ?, ?, ?)"
)
_FILE: Final = (
    "INSERT INTO dead_letter (origin, subject, sequence, event_id, event_type, event_key, "
    "correlation_id, cause, message, attempts, first_failed, last_failed, state, target, reason, "
    "copied, headers, body) VALUES ('ingestion', ?, 0, ?, 'ingestion', ?, ?, ?, ?, ?, ?, ?, "
    "'open', '', '', ?, '{}', ?) ON CONFLICT (origin, subject, event_id) DO UPDATE SET "
    "event_key = excluded.event_key, correlation_id = excluded.correlation_id, "
    "cause = excluded.cause, message = excluded.message, attempts = excluded.attempts, "
    "last_failed = excluded.last_failed, state = 'open', body = excluded.body"
)
_FIRST_FAILED: Final = (
    "SELECT first_failed FROM dead_letter WHERE origin = 'ingestion' AND subject = ? "
    "AND event_id = ?"
)


@dataclass(frozen=True, slots=True)
class Unless:
    """Announce only a study that nothing changed since; else look again after `wait`."""

    changed_after: int
    wait: int


def announce_stable(
    connection: Connection, stable: StableStudy, now: int, unless: Unless | None = None
) -> bool:
    """Add the fact; False when this state was announced before, or `unless` holds."""
    study = (stable.partition, stable.study)
    lock_watch(connection, study, stable.correlation_id, now)
    row = connection.execute(_READ_STUDY, (stable.study, stable.partition)).fetchone()
    if row is None:
        connection.execute(_REST, study)
        return False
    key, version, count, series, size_bytes, modalities, changed, attributes = row
    if unless is not None and changed > unless.changed_after:
        connection.execute(_WAIT, (changed + unless.wait, changed, *study))
        return False
    watch = connection.execute(_READ_WATCH, study).fetchone()
    revision, told_version, told_count, source, failed = watch
    if (told_version, told_count) == (version, count) and (
        stable.because is not StableBecause.SOURCE or failed == stable.failed_instances
    ):
        connection.execute(_REST, study)
        return False
    if stable.because is StableBecause.SOURCE:
        failed = stable.failed_instances
    revision, source = revision + 1, stable.source or source
    first = connection.execute(_FIRST_MODALITY, (key,)).fetchone()
    payload = {
        "because": stable.because.value,
        "source": source,
        "revision": revision,
        "failed_instances": failed,
        "number_of_instances": count,
        "number_of_series": series,
        "size_bytes": size_bytes,
        "patient_id": first_text(attributes, PATIENT_ID),
        "study_date": first_text(attributes, _STUDY_DATE),
        "modality": None if first is None else first[0],
        "modalities": modalities.split(SEPARATOR) if modalities else [],
    }
    tell(connection, now, FeedKind.STUDY_STABLE, study, version, stable.correlation_id, payload)
    connection.execute(_ANNOUNCED, (revision, version, count, now, source, failed, *study))
    return True


def lock_watch(
    connection: Connection, study: tuple[int, str], correlation_id: str, now: int
) -> None:
    """Have a row in `study_watch` for the study, and have it to ourselves until the commit."""
    row = (*study, now, None, "quiet", None, "", correlation_id, 0, 0, 0, None, 0)
    connection.execute(LOCK_WATCH, row)


def expect_study(connection: Connection, expected: ExpectedStudy, now: int, patience: int) -> None:
    """Note what the source says; the study counts as stable after `patience` at the latest."""
    study = (expected.partition, expected.study)
    lock_watch(connection, study, expected.correlation_id, now)
    connection.execute(
        _EXPECT,
        (expected.source, expected.instances, expected.correlation_id, now + patience, *study),
    )


def announce_failure(connection: Connection, failure: IngestionFailure, now: int) -> None:
    body: dict[str, Any] = {
        "source": failure.source,
        "source_id": failure.source_id,
        "reason": failure.reason,
        "stage": failure.stage,
        "error_class": failure.error_class,
        "message": failure.message,
        "attempt": failure.attempt,
        "study_instance_uid": failure.study,
        "findings": list(failure.findings),
    }
    name = (failure.source, failure.source_id)
    connection.execute(
        _FILE,
        (
            *name, failure.study or "", failure.correlation_id, failure.reason, failure.message,
            failure.attempt, now, now, now, orjson.dumps(body),
        ),
    )  # fmt: skip
    first = connection.execute(_FIRST_FAILED, name).fetchone()[0]
    body["first_failed"] = from_microseconds(first).isoformat(timespec="milliseconds")
    study = (DEFAULT_PARTITION, failure.study or "")
    tell(connection, now, FeedKind.INGESTION_FAILED, study, 0, failure.correlation_id, body)


def tell(
    connection: Connection,
    now: int,
    kind: FeedKind,
    study: tuple[int, str],
    version: int,
    correlation_id: str,
    payload: dict[str, Any],
) -> None:
    """Write a fact about a study, or about none, to the feed."""
    text = orjson.dumps(payload).decode()
    connection.execute(_TELL, (now, study[0], kind.value, study[1], version, correlation_id, text))
