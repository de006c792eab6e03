"""How jobs are shown as JSON, over HTTP and by commands. Secrets never are."""

from typing import Any

from hilum.domain.jobs import JobError, JobRecord
from hilum.wire.operation_answers import percent_complete, utc_text


def job_document(record: JobRecord) -> dict[str, Any]:
    """What a list tells of each."""
    progress = record.progress
    return {
        "key": record.key,
        "job_id": record.job_id,
        "kind": record.kind.value,
        "state": record.state.value,
        "percent": percent_complete(record),
        "done": progress.done,
        "total": progress.total,
        "attempts": record.attempts,
        "cancel_requested": record.cancel_requested,
        "error": record.error,
        "created": utc_text(record.created),
        "changed": utc_text(record.changed),
        "partition": int(record.partition),
        "principal": record.principal,
        "correlation_id": record.correlation_id,
    }


def whole_job_document(record: JobRecord) -> dict[str, Any]:
    """The same with what was asked for and what came of it."""
    return {
        **job_document(record),
        "request": dict(record.request),
        "results": dict(record.progress.results),
    }


def error_document(number: int, error: JobError) -> dict[str, Any]:
    """Why a part was not done."""
    return {
        "number": number,
        "time": utc_text(error.time),
        "what": error.what,
        "message": error.message,
    }
