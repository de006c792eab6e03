"""How what is in quarantine is shown as JSON, over HTTP and by commands."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from hilum.domain.errors import HilumError
from hilum.domain.findings import Finding
from hilum.domain.instances import Outcome
from hilum.domain.quarantine import Quarantined
from hilum.submissions.mending.mend import COERCIONS, Applied
from hilum.submissions.quarantine import Decided
from hilum.submissions.repairing import Proposal, Prospect
from hilum.wire.finding_documents import finding_document, worst_first

MOST_TOLD: Final = 200
"""Changes of one coercion, and findings: a file may have as many faults as elements."""


def quarantined_document(record: Quarantined) -> dict[str, Any]:
    """What a list tells of each."""
    what, uids = record.what, record.what.uids
    return {
        "key": record.key,
        "state": record.state.value,
        "code": what.code,
        "received": _time(record.received),
        "changed": _time(record.changed),
        "expires": _time(what.expires),
        "size_bytes": what.size_bytes,
        "door": what.origin.door.value,
        "peer": what.origin.peer,
        "principal": what.origin.principal,
        "correlation_id": what.origin.correlation_id,
        "partition": int(what.policy.partition),
        "profile": what.policy.profile,
        "depth": what.policy.depth,
        "study_id": what.study_id,
        "number": what.number,
        "name": what.name,
        "study_instance_uid": None if uids is None else uids.study,
        "series_instance_uid": None if uids is None else uids.series,
        "sop_instance_uid": None if uids is None else uids.sop_instance,
        "sop_class_uid": what.sop_class_uid,
    }


def whole_document(record: Quarantined) -> dict[str, Any]:
    """The same with findings, worst first, and history, oldest first."""
    return {
        **quarantined_document(record),
        "findings": [finding_document(each) for each in worst_first(record.what.findings)],
        "history": [
            {
                "time": _time(step.time),
                "state": step.state.value,
                "by": step.by,
                "text": step.text,
            }
            for step in record.history
        ],
    }


def prospect_document(prospect: Prospect) -> dict[str, Any]:
    """What a repair could do."""
    return {
        "repairs": [_proposal(each) for each in prospect.proposals],
        **_findings("remaining", prospect.remaining),
        "would_pass": prospect.would_pass,
        "not_repairable": prospect.cause or None,
    }


def decided_document(decided: Decided) -> dict[str, Any]:
    """What came of a decision."""
    document = whole_document(decided.record)
    document["outcome"] = None if decided.outcome is None else _outcome(decided.outcome)
    document["repairs"] = [_applied(each) for each in decided.applied]
    return document


def _proposal(proposal: Proposal) -> dict[str, Any]:
    coercion = COERCIONS[proposal.applied.coercion]
    return {
        "text": coercion.purpose,
        "default": not coercion.only_when_named,
        "parameter": coercion.parameter or None,
        **_applied(proposal.applied),
        **_findings("mends", proposal.mends),
    }


def _applied(applied: Applied) -> dict[str, Any]:
    return {
        "name": applied.coercion,
        "changes": [
            {"path": None if change.path is None else str(change.path), "text": change.text}
            for change in applied.changes[:MOST_TOLD]
        ],
        "changes_complete": len(applied.changes) <= MOST_TOLD,
    }


def _outcome(outcome: Outcome) -> Mapping[str, Any]:
    return {
        "disposition": outcome.disposition.value,
        "sop_instance_uid": outcome.sop_instance_uid,
        "version": outcome.version,
        "error": outcome.error.code if isinstance(outcome.error, HilumError) else None,
        **_findings("findings", outcome.findings),
    }


def _findings(name: str, findings: Sequence[Finding]) -> Mapping[str, Any]:
    return {
        name: [finding_document(each) for each in worst_first(findings)[:MOST_TOLD]],
        f"{name}_complete": len(findings) <= MOST_TOLD,
    }


def _time(time: datetime) -> str:
    return time.isoformat(timespec="milliseconds")
