"""The life of a work item: created, changed, performed, canceled, searched for (PS3.4 annex CC)."""

import uuid
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from hilum.dicom.attributes import tag_of
from hilum.dicom.dictionary import DICTIONARY
from hilum.dicom.json_values import items, text
from hilum.domain.identifiers import UID, PartitionKey, parse_uid
from hilum.domain.workitems import (
    UPS_PUSH,
    AlreadyCanceled,
    FinalStateUnmet,
    InvalidWorkitem,
    PerformerUnreachable,
    Workitem,
    WorkitemChanged,
    WorkitemDataset,
    WorkitemExists,
    WorkitemNotFound,
    WorkitemQuery,
    WorkitemState,
)
from hilum.foundation.clock import Clock
from hilum.ports.worklist import WorkitemContent, Workitems
from hilum.worklist import reports
from hilum.worklist.checking import (
    demand_changeable,
    demand_creatable,
    missing_at_end,
    supplied_tags,
    supply,
)
from hilum.worklist.datasets import Dataset, WorkitemLimits, checked
from hilum.worklist.matching import values_of
from hilum.worklist.states import (
    CANCEL_REQUESTS,
    UPDATES,
    Verdict,
    change_verdict,
    refusal,
    shown,
)


def _tag(keyword: str) -> str:
    return f"{tag_of(keyword):08X}"


_SOP_CLASS: Final = _tag("SOPClassUID")
_SOP_INSTANCE: Final = _tag("SOPInstanceUID")
_TRANSACTION: Final = _tag("TransactionUID")
_MODIFIED: Final = _tag("ScheduledProcedureStepModificationDateTime")
_LABEL: Final = _tag("WorklistLabel")
_CANCELED_AT: Final = _tag("ProcedureStepCancellationDateTime")
_VRS: Final = {tag: DICTIONARY[int(tag, 16)][0] for tag in supplied_tags()}
_CODE_VALUE, _SCHEME, _MEANING = (
    _tag(keyword) for keyword in ("CodeValue", "CodingSchemeDesignator", "CodeMeaning")
)
_UNSPECIFIED: Final = {
    _CODE_VALUE: {"vr": "SH", "Value": ["110513"]},
    _SCHEME: {"vr": "SH", "Value": ["DCM"]},
    _MEANING: {"vr": "LO", "Value": ["Discontinued for unspecified reason"]},
}
"""Of context group 9300 (PS3.16): a canceled work item must give a reason."""


@dataclass(frozen=True, slots=True)
class Manners:
    """In what the doors to the worklist differ."""

    complete: bool
    """A new work item names every attribute that may be empty, too; else those are supplied."""
    names_uid: bool
    """Its sender gives it its UID; else one is made where there is none."""
    label: str = ""
    """Overwrites the WorklistLabel of a new work item, where this is not empty."""


@dataclass(frozen=True, slots=True)
class Worklist:
    """For every door. A change that another one overtook raises `WorkitemChanged`."""

    store: Workitems
    clock: Clock
    limits: WorkitemLimits = field(default_factory=WorkitemLimits)

    async def create(
        self, partition: PartitionKey, raw: object, uid: str | None, manners: Manners
    ) -> UID:
        """Keep a new work item; `uid` is what its sender named it beside the data set.

        Raises `InvalidWorkitem`, `InvalidUID`, `LimitExceeded`, `WorkitemExists`.
        """
        dataset = checked(raw, self.limits)
        named = _uid_of(dataset, uid, manners)
        dataset |= {
            _SOP_CLASS: {"vr": "UI", "Value": [UPS_PUSH]},
            _SOP_INSTANCE: {"vr": "UI", "Value": [named]},
            _MODIFIED: self._now(),
            reports.STATE: {"vr": "CS", "Value": [WorkitemState.SCHEDULED.value]},
        }
        if manners.label:
            dataset[_LABEL] = {"vr": "LO", "Value": [manners.label]}
        if not manners.complete:
            supply(dataset, _VRS)
        demand_creatable(dataset)
        content = _content(WorkitemState.SCHEDULED, None, dataset)
        if not await self.store.add(partition, named, content, reports.created(content.dataset)):
            raise WorkitemExists
        return named

    async def get(self, partition: PartitionKey, uid: str) -> Workitem:
        """Raises `WorkitemNotFound`, `InvalidUID`."""
        found = await self.store.get(partition, parse_uid(uid, "The UID of the work item"))
        if found is None:
            raise WorkitemNotFound
        return found

    async def update(
        self, partition: PartitionKey, uid: str, raw: object, transaction: str | None
    ) -> None:
        """Replace the attributes that the update names, each as a whole.

        Raises `InvalidWorkitem`, `WorkitemConflict`, and as `get` does.
        """
        changes = checked(raw, self.limits)
        former = await self.get(partition, uid)
        if _matches(changes, _SOP_INSTANCE, former.uid):
            del changes[_SOP_INSTANCE]  # which work item is meant; no change
        given = shown(former.transaction, _transaction(transaction))
        if (refused := refusal(UPDATES[former.state, given], former.state)) is not None:
            raise refused
        demand_changeable(changes)
        dataset = {**former.dataset, **changes, _MODIFIED: self._now()}
        checked(dataset, self.limits)  # together they may be too much
        await self._replace(former, _content(former.state, former.transaction, dataset))

    async def change_state(self, partition: PartitionKey, uid: str, raw: object) -> Verdict:
        """Take, complete or cancel a work item, as who performs it.

        `Verdict.DO`, or that it has the wanted state already. Raises as `update` does.
        """
        wish = checked(raw, self.limits)
        transaction, wanted = _transaction(text(wish, _TRANSACTION)), _wanted(wish)
        if transaction is None:
            message = "TransactionUID (00081195) must have a value."
            raise InvalidWorkitem(message)
        former = await self.get(partition, uid)
        verdict = change_verdict(former.state, wanted, shown(former.transaction, transaction))
        if (refused := refusal(verdict, former.state)) is not None:
            raise refused
        if verdict not in {Verdict.DO, Verdict.DO_IF_COMPLETE}:
            return verdict
        if verdict is Verdict.DO_IF_COMPLETE and (
            missing := missing_at_end(former.dataset, wanted)
        ):
            raise FinalStateUnmet(wanted, missing)
        dataset = {**former.dataset, reports.STATE: {"vr": "CS", "Value": [wanted.value]}}
        await self._replace(former, _content(wanted, transaction, dataset))
        return Verdict.DO

    async def request_cancel(
        self, partition: PartitionKey, uid: str, raw: object, requester: str
    ) -> Verdict:
        """Cancel what nobody performs yet, or tell who watches it that somebody wants it canceled.

        `Verdict.DO` when it is canceled, `Verdict.ASK` when others were told. Raises
        `PerformerUnreachable` when there was nobody to be told, `AlreadyCanceled`, and as `update`.
        """
        wish = checked(raw, self.limits)
        former = await self.get(partition, uid)
        verdict = CANCEL_REQUESTS[former.state]
        if (refused := refusal(verdict, former.state)) is not None:
            raise refused
        if verdict is Verdict.ALREADY_CANCELED:
            raise AlreadyCanceled
        if verdict is Verdict.ASK:
            report = reports.cancel_requested(wish, requester)
            told = await self.store.report(former, [report])
            if told is None:
                raise WorkitemChanged
            if not told:
                raise PerformerUnreachable
            return verdict
        await self._cancel(former, wish)
        return verdict

    async def search(self, query: WorkitemQuery) -> list[Workitem]:
        """Newest first."""
        return list(await self.store.search(query))

    async def _cancel(self, former: Workitem, wish: WorkitemDataset) -> None:
        reason = {tag: wish[tag] for tag in reports.WISHES if tag in wish}
        if not items(wish, reports.REASON_CODES):
            reason[reports.REASON_CODES] = {"vr": "SQ", "Value": [_UNSPECIFIED]}
        present = items(former.dataset, reports.PROGRESS)
        item = {**(present[0] if present else {}), _CANCELED_AT: self._now(), **reason}
        dataset = {
            **former.dataset,
            reports.PROGRESS: {"vr": "SQ", "Value": [dict(sorted(item.items()))]},
            reports.STATE: {"vr": "CS", "Value": [WorkitemState.CANCELED.value]},
        }
        content = _content(WorkitemState.CANCELED, None, dataset)
        told = [reports.scheduled_taken(former.dataset), reports.state_report(content.dataset)]
        if not await self.store.replace(former, content, told):
            raise WorkitemChanged

    async def _replace(self, former: Workitem, content: WorkitemContent) -> None:
        told = reports.changed(former.dataset, content.dataset)
        if not await self.store.replace(former, content, told):
            raise WorkitemChanged

    def _now(self) -> Dataset:
        now: datetime = self.clock.now()
        return {"vr": "DT", "Value": [f"{now:%Y%m%d%H%M%S.%f}+0000"]}


def _uid_of(dataset: Dataset, uid: str | None, manners: Manners) -> UID:
    """The UID of a new work item. Raises `InvalidWorkitem`, `InvalidUID`."""
    in_it, beside = text(dataset, _SOP_INSTANCE), (uid or "").strip()
    if not in_it and not beside:
        if manners.names_uid:
            message = "SOPInstanceUID (00080018) must be in the data set or in the query string."
            raise InvalidWorkitem(message)
        return UID(f"2.25.{uuid.uuid4().int}")
    named = parse_uid(beside or in_it, "The UID of the work item")
    if in_it and parse_uid(in_it, "SOPInstanceUID") != named:
        message = "SOPInstanceUID (00080018) differs from the UID in the query string."
        raise InvalidWorkitem(message)
    return named


def _matches(dataset: WorkitemDataset, tag: str, value: str) -> bool:
    return tag in dataset and text(dataset, tag).rstrip("\0") == value


def _transaction(given: str | None) -> str | None:
    """Raises `InvalidUID`."""
    return parse_uid(given, "The Transaction UID") if given else None


def _wanted(wish: WorkitemDataset) -> WorkitemState:
    named = text(wish, reports.STATE)
    try:
        return WorkitemState(named)
    except ValueError:
        message = (
            f"ProcedureStepState ({reports.STATE}) should be one of {', '.join(WorkitemState)}."
        )
        raise InvalidWorkitem(message) from None


def _content(
    state: WorkitemState, transaction: str | None, dataset: dict[str, Any]
) -> WorkitemContent:
    told = {tag: dataset[tag] for tag in sorted(dataset) if tag != _TRANSACTION}
    return WorkitemContent(state, transaction, told, values_of(told))
