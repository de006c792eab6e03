"""The answer to a store request (PS3.18 section 10.5.3 and annex I; Azure, sections 2.4 to 2.7)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from hilum.domain.errors import ArchiveFault, HilumError
from hilum.domain.findings import Finding, Severity
from hilum.domain.identifiers import StudyInstanceUID
from hilum.domain.instances import Disposition, OnConflict, Outcome
from hilum.ingest.validate import IMPLICIT_VR, MULTIPLE_VALUES, STUDY_MISMATCH
from hilum.validation.findings import NOT_UNDERSTOOD
from hilum.wire.base_url import instance_url
from hilum.wire.dataset_forms import AS_JSON, DataSetForm, xml_body
from hilum.wire.finding_documents import mend
from hilum.wire.store_rules import DOES_NOT_MATCH, DUPLICATE, PROCESSING_FAILURE
from hilum.wire.surfaces import Surface

_ERROR_COMMENT: Final = "00000902"
_REFERENCED_SOP_CLASS_UID: Final = "00081150"
_REFERENCED_SOP_INSTANCE_UID: Final = "00081155"
_RETRIEVE_URL: Final = "00081190"
_WARNING_REASON: Final = "00081196"
_FAILURE_REASON: Final = "00081197"
_FAILED_SOP_SEQUENCE: Final = "00081198"
_REFERENCED_SOP_SEQUENCE: Final = "00081199"
_OTHER_FAILURES_SEQUENCE: Final = "0008119A"
_FAILED_ATTRIBUTES_SEQUENCE: Final = "00741048"

_MULTIPLE_VALUES_TEXT: Final = (
    "One or more indexed Dicom tag(s) have multiple values, only first value is indexed."
)
_DEEP_TOLD: Final = 50
"""Deep findings that are told of one instance."""
_DUPLICATE_TEXT: Final = "Another instance with the same UIDs is held here; it stays as it is."

Element = dict[str, Any]
Item = dict[str, Element]


@dataclass(frozen=True, slots=True)
class StoreRequest:
    """What the answer needs to know of the request."""

    surface_url: str
    """See `hilum.wire.request_facts`."""
    study: StudyInstanceUID | None = None
    """The study in the URL."""
    on_conflict: OnConflict = OnConflict.REFUSE


@dataclass(frozen=True, slots=True)
class StoreAnswer:
    status: int
    body: bytes
    """One data set; empty for 204."""
    media_type: str | None = None
    """None when there is no body."""
    headers: Mapping[str, str] = field(default_factory=dict)


def store_answer(
    outcomes: Sequence[Outcome],
    request: StoreRequest,
    surface: Surface,
    form: DataSetForm = AS_JSON,
) -> StoreAnswer:
    """Render the outcomes, which are in the order of the parts.

    Raises the archive's own error when it could keep none of the instances: sending the whole
    request again may then succeed.
    """
    if not outcomes:
        return StoreAnswer(204, b"")
    if all(outcome.disposition is Disposition.FAILED for outcome in outcomes):
        _raise_first(outcomes)
    dataset = _DataSet(request, surface)
    for outcome in outcomes:
        dataset.add(outcome)
    headers: dict[str, str] = {}
    if any(MULTIPLE_VALUES in outcome.warnings for outcome in outcomes if outcome.held):
        host = request.surface_url.partition("//")[2].partition("/")[0]
        headers["Warning"] = f'299 {host}: "{_MULTIPLE_VALUES_TEXT}"'
    media_type, body = form.media_type, orjson.dumps(dataset.elements())
    if form.xml:
        media_type, body = xml_body([dataset.elements()], form)
    return StoreAnswer(dataset.status(), body, media_type, headers)


def _raise_first(outcomes: Sequence[Outcome]) -> None:
    for outcome in outcomes:
        if isinstance(outcome.error, HilumError):
            raise outcome.error


class _DataSet:
    """The Store Instances Response Module being filled."""

    def __init__(self, request: StoreRequest, surface: Surface) -> None:
        self._request = request
        self._surface = surface
        self._base = request.surface_url
        self._stored: list[Item] = []
        self._failed: list[Item] = []
        self._other_failures: list[Item] = []
        self._studies: set[StudyInstanceUID] = set()
        self._has_warnings = False

    def add(self, outcome: Outcome) -> None:
        reason = self._failure_reason(outcome)
        if reason is None:
            self._stored.append(self._stored_item(outcome))
        elif outcome.sop_instance_uid is None and self._surface.store.has_other_failures:
            self._other_failures.append(self._failed_item(outcome, reason))
        else:
            self._failed.append(self._failed_item(outcome, reason))

    def status(self) -> int:
        if self._failed or self._other_failures:
            return 202 if self._stored else 409
        return 202 if self._has_warnings and self._surface.warnings_are_202 else 200

    def elements(self) -> Item:
        elements: Item = {}
        study = self._request.study
        if study is None and self._surface.store.names_study_always and len(self._studies) == 1:
            (study,) = self._studies
        if self._stored and study is not None:
            elements[_RETRIEVE_URL] = _value("UR", f"{self._base}/studies/{study}")
        elif self._surface.store.names_study_always:
            elements[_RETRIEVE_URL] = {"vr": "UR"}
        for tag, items in (
            (_FAILED_SOP_SEQUENCE, self._failed),
            (_REFERENCED_SOP_SEQUENCE, self._stored),
            (_OTHER_FAILURES_SEQUENCE, self._other_failures),
        ):
            if items:
                elements[tag] = _sequence(items)
        return elements

    def _failure_reason(self, outcome: Outcome) -> int | None:
        rules = self._surface.store
        match outcome.disposition:
            case Disposition.CREATED | Disposition.NEW_VERSION:
                return None
            case Disposition.ALREADY_HELD:
                refused = self._request.on_conflict is OnConflict.REFUSE
                return DUPLICATE if refused and self._surface.same_bytes_conflict else None
            case Disposition.CONFLICT:
                return DUPLICATE
            case Disposition.UNREADABLE:
                return rules.unreadable_reason
            case Disposition.REFUSED:
                codes = {finding.code for finding in _errors(outcome)}
                if codes == {STUDY_MISMATCH}:
                    return rules.wrong_study_reason
                is_readable = not codes or codes - NOT_UNDERSTOOD
                return DOES_NOT_MATCH if is_readable else rules.not_understood_reason
            case Disposition.FAILED:
                known = isinstance(outcome.error, ArchiveFault)
                return rules.fault_reason if known else PROCESSING_FAILURE

    def _stored_item(self, outcome: Outcome) -> Item:
        item = _referenced(outcome)
        if outcome.uids is not None:
            self._studies.add(outcome.uids.study)
            item[_RETRIEVE_URL] = _value("UR", instance_url(self._base, outcome.uids))
        reason = self._warning_reason(outcome)
        if reason is not None:
            self._has_warnings = True
            item[_WARNING_REASON] = _value("US", reason)
        told = _told(outcome) if self._surface.store.finding_reason is not None else []
        if told or self._surface.lists_failed_attributes:
            item[_FAILED_ATTRIBUTES_SEQUENCE] = _sequence(_comments(told))
        return item

    def _warning_reason(self, outcome: Outcome) -> int | None:
        rules = self._surface.store
        if IMPLICIT_VR in outcome.warnings and rules.implicit_vr_reason is not None:
            return rules.implicit_vr_reason
        return rules.finding_reason if _told(outcome) else None

    def _failed_item(self, outcome: Outcome, reason: int) -> Item:
        item = _referenced(outcome)
        item[_FAILURE_REASON] = _value("US", reason)
        comments = _comments(_errors(outcome))
        if not comments and self._surface.store.explains_failures:
            is_duplicate = reason == DUPLICATE
            comments = [_text(_DUPLICATE_TEXT if is_duplicate else _explanation(outcome))]
        if comments:
            item[_FAILED_ATTRIBUTES_SEQUENCE] = _sequence(comments)
        return item


def _referenced(outcome: Outcome) -> Item:
    item: Item = {}
    if outcome.sop_class_uid is not None:
        item[_REFERENCED_SOP_CLASS_UID] = _value("UI", outcome.sop_class_uid)
    if outcome.sop_instance_uid is not None:
        item[_REFERENCED_SOP_INSTANCE_UID] = _value("UI", outcome.sop_instance_uid)
    return item


def _errors(outcome: Outcome) -> list[Finding]:
    return [finding for finding in outcome.findings if finding.severity is Severity.ERROR]


def _told(outcome: Outcome) -> list[Finding]:
    """The findings of an instance that was kept; remarks are in its report only."""
    return [finding for finding in outcome.findings if finding.severity is not Severity.INFO]


def _is_deep(finding: Finding) -> bool:
    return bool(finding.path or finding.section)


def _comments(findings: Sequence[Finding]) -> list[Item]:
    """One comment for each finding; of deep ones, of which there can be hundreds, the first."""
    deep = [finding for finding in findings if _is_deep(finding)]
    surplus = {id(finding) for finding in deep[_DEEP_TOLD:]}
    items = [_comment(finding) for finding in findings if id(finding) not in surplus]
    if surplus:
        items.append(_text(f"DICOM100: {len(surplus)} more findings."))
    return items


def _explanation(outcome: Outcome) -> str:
    if isinstance(outcome.error, HilumError):
        return str(outcome.error)
    return "The instance could not be kept."


def _comment(finding: Finding) -> Item:
    """Azure's words: `DICOM100: (gggg,eeee) - reason`."""
    where = f"{finding.tag_text} - " if finding.tag is not None else ""
    advice = f" {mend(finding)}" if _is_deep(finding) else ""
    return _text(f"DICOM100: {where}{finding.text}{advice}")


def _text(comment: str) -> Item:
    return {_ERROR_COMMENT: _value("LO", comment)}


def _value(vr: str, value: str | int) -> Element:
    return {"vr": vr, "Value": [value]}


def _sequence(items: Sequence[Item]) -> Element:
    return {"vr": "SQ", "Value": list(items)} if items else {"vr": "SQ"}
