"""What an instance's header must hold, by profile; `docs/findings.md` explains every code."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from hilum.dicom.attributes import INDEXED_ATTRIBUTES, keyword_of, tag_of
from hilum.dicom.grammar import OFFSET
from hilum.dicom.header import Header
from hilum.domain.errors import InvalidUID
from hilum.domain.findings import Finding, Severity
from hilum.domain.identifiers import (
    InstanceUIDs,
    SeriesInstanceUID,
    SOPClassUID,
    SOPInstanceUID,
    StudyInstanceUID,
    parse_uid,
)
from hilum.domain.instances import StorePolicy
from hilum.ingest.extended import ExtendedElement
from hilum.ingest.profiles import ERROR, IDENTIFYING_TAGS, Profile, profile_named
from hilum.ingest.short_rules import SHORT_RULES
from hilum.validation.facts import Facts

ATTRIBUTE_MISSING: Final = "attribute-missing"
VALUE_MISSING: Final = "value-missing"
VALUE_INVALID: Final = "value-invalid"
VR_MISMATCH: Final = "vr-mismatch"
STUDY_MISMATCH: Final = "study-mismatch"
SOP_CLASS_MISMATCH: Final = "sop-class-mismatch"
SOP_INSTANCE_MISMATCH: Final = "sop-instance-mismatch"
MENDS: Final[Mapping[str, str]] = {
    ATTRIBUTE_MISSING: "Have the sender include it.",
    VALUE_MISSING: "Have the sender fill it.",
    VALUE_INVALID: "Have the sender write it as the text says.",
    VR_MISMATCH: "Have the sender use the dictionary's VR.",
    STUDY_MISMATCH: "Send it to its own study, or to `/studies`.",
    SOP_CLASS_MISMATCH: "Mend the sender: command and data set must agree (PS3.4 B.2.3).",
    SOP_INSTANCE_MISMATCH: "Mend the sender: command and data set must agree (PS3.4 B.2.3).",
}
"""What to do about each kind of finding."""
CODES: Final = tuple(MENDS)

IMPLICIT_VR: Final = "implicit-vr"
MULTIPLE_VALUES: Final = "multiple-values"
NOTICES: Final = (IMPLICIT_VR, MULTIPLE_VALUES)

_IMPLICIT_VR_LITTLE_ENDIAN: Final = "1.2.840.10008.1.2"
_STUDY, _SERIES, _SOP_INSTANCE, _SOP_CLASS = IDENTIFYING_TAGS
_TIMEZONE_OFFSET: Final = tag_of("TimezoneOffsetFromUTC")
_INDEXED_TAGS: Final = tuple(attribute.tag for attribute in INDEXED_ATTRIBUTES)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What validation says, and the UIDs as far as they could be read."""

    findings: Sequence[Finding]
    notices: frozenset[str]
    """`implicit-vr`, `multiple-values`: facts that are no finding."""
    uids: InstanceUIDs | None
    """None unless all three are valid."""
    sop_class_uid: SOPClassUID | None
    sop_instance_uid: SOPInstanceUID | None
    facts: Facts | None = None
    """What its study is judged by; None when the instance was not looked at in depth."""

    @property
    def is_refused(self) -> bool:
        return any(finding.severity is Severity.ERROR for finding in self.findings)


def validate(
    header: Header, policy: StorePolicy, extended: Sequence[ExtendedElement] = ()
) -> Verdict:
    """Judge a header by the policy's profile. Raises `KeyError` for a profile there is not.

    `extended` are the elements that an operator has indexed besides those of the profile.
    """
    profile = profile_named(policy.profile)
    uids = {tag: _uid(header, tag) for tag in IDENTIFYING_TAGS}
    wrong_uids = [finding for finding in uids.values() if isinstance(finding, Finding)]
    texts = {tag: uid for tag, uid in uids.items() if isinstance(uid, str)}
    findings = [
        *wrong_uids,
        *_mismatches(policy, texts),
        *_required(header, profile),
        *_indexed(header, profile),
    ]
    findings.extend(_extended(extended, profile, {finding.tag for finding in findings}))
    findings.extend(_wrong_offset(header, profile))
    findings.extend(_value_problems(header, profile, {finding.tag for finding in findings}))
    triple = None
    if _STUDY in texts and _SERIES in texts and _SOP_INSTANCE in texts:
        triple = InstanceUIDs(
            StudyInstanceUID(texts[_STUDY]),
            SeriesInstanceUID(texts[_SERIES]),
            SOPInstanceUID(texts[_SOP_INSTANCE]),
        )
    return Verdict(
        tuple(findings),
        frozenset(_notices(header, extended)),
        triple,
        SOPClassUID(texts[_SOP_CLASS]) if _SOP_CLASS in texts else None,
        SOPInstanceUID(texts[_SOP_INSTANCE]) if _SOP_INSTANCE in texts else None,
    )


def _uid(header: Header, tag: int) -> str | Finding:
    found = header.values.get(tag)
    if found is None:
        return _missing(tag, ERROR)
    if not found[1] or not found[1][0]:
        return _empty(tag, ERROR)
    try:
        return parse_uid(str(found[1][0]), keyword_of(tag))
    except InvalidUID as error:
        return Finding(VALUE_INVALID, ERROR, tag, str(error))


def _mismatches(policy: StorePolicy, uids: dict[int, str]) -> Iterator[Finding]:
    """Where the instance is not the one that its sender announced."""
    for announced, tag, code, text in (
        (
            policy.study,
            _STUDY,
            STUDY_MISMATCH,
            "The instance belongs to another study than the one it was sent to.",
        ),
        (
            policy.sop_class,
            _SOP_CLASS,
            SOP_CLASS_MISMATCH,
            "The SOP class is not the announced one.",
        ),
        (
            policy.sop_instance,
            _SOP_INSTANCE,
            SOP_INSTANCE_MISMATCH,
            "The SOP Instance UID is not the announced one.",
        ),
    ):
        if announced is not None and tag in uids and uids[tag] != announced:
            yield Finding(code, ERROR, tag, text)


def _required(header: Header, profile: Profile) -> Iterator[Finding]:
    for tag, requirement in profile.required.items():
        found = header.values.get(tag)
        if found is None:
            if requirement.absent is not None:
                yield _missing(tag, requirement.absent)
        elif not found[1] or not found[1][0]:
            if requirement.empty is not None:
                yield _empty(tag, requirement.empty)
        elif requirement.invalid is not None:
            yield from _short_rule(tag, "LO", found, requirement.invalid)


def _indexed(header: Header, profile: Profile) -> Iterator[Finding]:
    for tag, vr in profile.short_rules.items():
        found = header.values.get(tag)
        if found is not None:
            yield from _short_rule(tag, vr, found, ERROR)


def _extended(
    elements: Sequence[ExtendedElement], profile: Profile, told: "set[int | None]"
) -> Iterator[Finding]:
    if profile.extended is None:
        return
    for element in elements:
        tag, problem = element.tag.tag, element.problem
        if problem is not None and tag not in told:
            told.add(tag)
            code = VALUE_INVALID if element.vr == element.tag.vr else VR_MISMATCH
            name = keyword_of(tag) or f"({element.tag.path[:4]},{element.tag.path[4:]})"
            text = f"{name} does not validate VR {element.tag.vr}: {problem}"
            yield Finding(code, profile.extended, tag, text)


def _short_rule(
    tag: int, vr: str, found: tuple[str, list[Any]], severity: Severity
) -> Iterator[Finding]:
    actual, values = found
    if actual != vr:
        text = f"{keyword_of(tag)} must have VR {vr} and has VR {actual}."
        yield Finding(VR_MISMATCH, severity, tag, text)
        return
    reason = SHORT_RULES[vr](values[0]) if values and values[0] is not None else None
    if reason is not None:
        text = f"{keyword_of(tag)} does not validate VR {vr}: {reason}"
        yield Finding(VALUE_INVALID, severity, tag, text)


def _value_problems(header: Header, profile: Profile, told: "set[int | None]") -> Iterator[Finding]:
    """The first problem of each top-level tag. UIDs that `parse_uid` took are let through."""
    if profile.value_problem is None:
        return
    told.update(IDENTIFYING_TAGS if profile.value_problem is Severity.WARNING else ())
    for problem in header.problems:
        if problem.tag not in told:
            told.add(problem.tag)
            text = f"Content of {problem.path} does not validate VR {problem.vr}: {problem.reason}"
            yield Finding(VALUE_INVALID, profile.value_problem, problem.tag, text)


def _wrong_offset(header: Header, profile: Profile) -> Iterator[Finding]:
    """Its VR, SH, allows any text (PS3.3 C.12.1.1.8 does not)."""
    _, values = header.values.get(_TIMEZONE_OFFSET, ("", []))
    if profile.value_problem is None or not values or values[0] is None:
        return
    if OFFSET.fullmatch(str(values[0]).strip(" \0").encode()) is None:
        text = (
            "TimezoneOffsetFromUTC is no offset of the form &ZZXX between -1200 and +1400 "
            "(-0000 is none)."
        )
        yield Finding(VALUE_INVALID, profile.value_problem, _TIMEZONE_OFFSET, text)


def _missing(tag: int, severity: Severity) -> Finding:
    return Finding(ATTRIBUTE_MISSING, severity, tag, _required_text(tag))


def _empty(tag: int, severity: Severity) -> Finding:
    return Finding(VALUE_MISSING, severity, tag, _required_text(tag))


def _required_text(tag: int) -> str:
    return f"The required tag '({tag >> 16:04x},{tag & 0xFFFF:04x})' is missing."


def _notices(header: Header, extended: Sequence[ExtendedElement]) -> Iterator[str]:
    if header.transfer_syntax_uid == _IMPLICIT_VR_LITTLE_ENDIAN:
        yield IMPLICIT_VR
    values = header.values
    for tag in _INDEXED_TAGS:
        found = values.get(tag)
        if found is not None and len(found[1]) > 1:
            yield MULTIPLE_VALUES
            return
    if any(len(element.values) > 1 for element in extended):
        yield MULTIPLE_VALUES
