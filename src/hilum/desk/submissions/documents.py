"""How a submission and its files are shown as JSON."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from hilum.domain.submissions import FileNote, SubmissionRecord, SubmissionStep
from hilum.wire.finding_documents import finding_document


def submission_document(
    record: SubmissionRecord, step: SubmissionStep | None = None
) -> dict[str, Any]:
    """How it stands; at `step`, a line of its history, what is still known of how it stood then."""
    last = step is None or step is record.history[-1]
    history = record.history
    if step is not None:
        history = history[: history.index(step) + 1]
    return {
        "study_id": record.study_id,
        "status": record.state.value if step is None else step.state.value,
        "timestamp": time_text(record.changed if step is None else step.time),
        "details": dict(record.data) if last else {},
        "partial": record.is_partial and last,
        "round": record.round if step is None else step.round,
        "created": time_text(record.created),
        "correlation_id": record.origin.correlation_id,
        "files": {
            "total": record.files,
            "bytes": record.size_bytes,
            **({state.value: number for state, number in record.counts.items()} if last else {}),
        },
        "history": [
            {
                "time": time_text(each.time),
                "round": each.round,
                "status": each.state.value,
                "text": each.text,
            }
            for each in history
        ],
    }


def file_document(note: FileNote, quarantine: int | None) -> dict[str, Any]:
    """One file with its findings; `quarantine` is its number there, if it ever was there."""
    uids = note.uids
    return {
        "number": note.number,
        "parent": note.parent,
        "name": note.name,
        "size_bytes": note.size_bytes,
        "state": note.state.value,
        "study_instance_uid": None if uids is None else uids.study,
        "series_instance_uid": None if uids is None else uids.series,
        "sop_instance_uid": None if uids is None else uids.sop_instance,
        "code": note.code,
        "quarantine": quarantine,
        "findings": finding_documents(note),
    }


def brief_file_document(note: FileNote, quarantine: int | None) -> dict[str, Any]:
    """What the status of a submission shows of a file with findings."""
    return {
        "number": note.number,
        "name": note.name,
        "state": note.state.value,
        "code": note.code,
        "quarantine": quarantine,
        "findings": finding_documents(note),
    }


def finding_documents(note: FileNote) -> Sequence[Mapping[str, Any]]:
    return [finding_document(finding) for finding in note.findings]


def time_text(time: datetime) -> str:
    return time.isoformat(timespec="milliseconds")
