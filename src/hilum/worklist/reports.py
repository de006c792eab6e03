"""What subscribers are told of a work item (PS3.4 sections CC.2.4.1 and CC.2.4.3)."""

from collections.abc import Sequence
from typing import Final

from hilum.dicom.attributes import tag_of
from hilum.dicom.json_values import items
from hilum.domain.workitems import (
    EventKind,
    WorkitemDataset,
    WorkitemReport,
    WorkitemState,
)


def _tag(keyword: str) -> str:
    return f"{tag_of(keyword):08X}"


def _tags(keywords: str) -> tuple[str, ...]:
    return tuple(map(_tag, keywords.split()))


STATE: Final = _tag("ProcedureStepState")
READINESS: Final = _tag("InputReadinessState")
PROGRESS: Final = _tag("ProcedureStepProgressInformationSequence")
REASON_CODES: Final = _tag("ProcedureStepDiscontinuationReasonCodeSequence")
STATION: Final = _tag("ScheduledStationNameCodeSequence")
PERFORMERS: Final = _tag("ScheduledHumanPerformersSequence")
REQUESTER: Final = _tag("RequestingAE")
_WHY: Final = (_tag("ReasonForCancellation"), REASON_CODES)
WISHES: Final = (*_WHY, *_tags("ContactURI ContactDisplayName"))
"""What a request to cancel may say."""
_TOLD_OF_PROGRESS: Final = _tags(
    "ProcedureStepProgress ProcedureStepProgressDescription "
    "ProcedureStepProgressParametersSequence ProcedureStepCommunicationsURISequence"
)
_TOLD_OF_PERFORMERS: Final = _tags("HumanPerformerCodeSequence HumanPerformerOrganization")


def created(dataset: WorkitemDataset) -> Sequence[WorkitemReport]:
    """Of a new work item."""
    return [state_report(dataset), *_assigned({}, dataset)]


def changed(before: WorkitemDataset, after: WorkitemDataset) -> Sequence[WorkitemReport]:
    """Of a change, if it is one that anybody is told of."""
    reports = []
    if before.get(STATE) != after.get(STATE) or before.get(READINESS) != after.get(READINESS):
        reports.append(state_report(after))
    if after.get(STATE) == before.get(STATE) and before.get(PROGRESS) != after.get(PROGRESS):
        told = [_only(item, _TOLD_OF_PROGRESS) for item in items(after, PROGRESS)]
        reports.append(
            WorkitemReport(EventKind.PROGRESS_REPORT, {PROGRESS: {"vr": "SQ", "Value": told}})
        )
    return [*reports, *_assigned(before, after)]


def state_report(dataset: WorkitemDataset) -> WorkitemReport:
    """The state a work item has: also what a new subscriber is told first."""
    facts = _only(dataset, (READINESS, STATE))
    for item in items(dataset, PROGRESS)[:1]:
        facts |= _only(item, _WHY)
    return WorkitemReport(EventKind.STATE_REPORT, dict(sorted(facts.items())))


def scheduled_taken(dataset: WorkitemDataset) -> WorkitemReport:
    """That it is IN PROGRESS: through that state, too, the archive cancels (PS3.4 CC.2.2.3)."""
    state = {"vr": "CS", "Value": [WorkitemState.IN_PROGRESS.value]}
    return state_report({READINESS: dataset.get(READINESS, {"vr": "CS"}), STATE: state})


def cancel_requested(wish: WorkitemDataset, requester: str) -> WorkitemReport:
    """That somebody who does not perform it wants it canceled."""
    facts = {REQUESTER: {"vr": "AE", "Value": [requester]}, **_only(wish, WISHES)}
    return WorkitemReport(EventKind.CANCEL_REQUESTED, dict(sorted(facts.items())))


def _assigned(before: WorkitemDataset, after: WorkitemDataset) -> Sequence[WorkitemReport]:
    """To whom it was given, when that is new."""
    if all(before.get(tag) == after.get(tag) for tag in (STATION, PERFORMERS)):
        return []
    facts = _valued(_only(after, (STATION,)))
    for item in items(after, PERFORMERS)[:1]:
        facts |= _valued(_only(item, _TOLD_OF_PERFORMERS))
    return [WorkitemReport(EventKind.ASSIGNED, dict(sorted(facts.items())))] if facts else []


def _only(dataset: WorkitemDataset, tags: Sequence[str]) -> dict[str, object]:
    return {tag: dataset[tag] for tag in tags if tag in dataset}


def _valued(dataset: dict[str, object]) -> dict[str, object]:
    return {
        tag: element
        for tag, element in dataset.items()
        if isinstance(element, dict) and element.get("Value")
    }
