"""Our findings beside those of dciodvfy: what agrees, what only one of both says, and why."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from hilum.validation.findings import Finding, Severity, keyword_of
from hilum.validation.instance import examine_source
from tests.corpus import corpus, corpus_id
from tests.peers.dciodvfy import Complaint, complaints
from tests.planted import FAULTS, base

UNREADABLE = {
    "not-dicom", "truncated-instance", "malformed-element", "damaged-deflate",
    "transfer-syntax-mismatch", "encoding", "duplicate", "value-size", "meta-missing",
    "meta-attribute-missing",
}  # fmt: skip
_VALUE = {"value-format", "value-length", "value-characters", "value-size", "charset"}
_META = {"meta-missing", "meta-mismatch", "meta-attribute-missing", "meta-value-invalid"}
# What dciodvfy says (a pattern of its words) and the codes that say the same of the same attribute.
KINDS = {
    "Missing attribute": {
        "attribute-missing", "attribute-perhaps-missing", "functional-group-missing",
        "meta-attribute-missing",
    },
    "Empty attribute": {"value-missing"},
    "Attribute present when condition|Shall not be present": {"attribute-not-allowed"},
    "Unrecognized enumerated value": {
        "value-not-enumerated", "frames-number", "pixel-description",
    },
    "Value invalid for this VR|Illegal root": {*_VALUE, "meta-value-invalid"},
    "Multiplicity|number of Items|single Item": {"multiplicity", "items-number"},
    "A value is required": {"multiplicity", "attribute-missing", "value-missing"},
    "same value as": {"uid-reused"},
    "different from|but missing SOP": {"meta-mismatch"},
    "Value is zero|unit vector|orthogonal|Bad attribute value|exceeds High": {
        "value-out-of-range", "pixel-description",
    },
    "incorrect value length": {"pixel-length"},
    "Number of items in PerFrame": {"frames-number"},
    "private owner": {"private-block"},
    "Invalid Value Representation": {"vr-mismatch"},
    "not listed in": {"reference-unlisted"},
}  # fmt: skip
_NO_IOD = "Information Object Not found"
# Complaints about the encoding, which dciodvfy tells of many an attribute and we of the file.
ENCODING = (
    "read failed|Seek failed|giving up|Tags out of order|Value Length|Illegal zero bytes"
    "|Implicit VR encoding even though"
)


@dataclass
class Judgement:
    """Counts: an error of dciodvfy counts once for a file, its kind and its attribute."""

    files: int = 0
    errors: int = 0
    found: int = 0
    warned: int = 0
    """Of those, the ones of which we only warn."""
    agreed: Counter[str] = field(default_factory=Counter)
    """By the kind of dciodvfy."""
    missed: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    """Names of files, by kind and attribute."""
    extra: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    """The same of errors and warnings that we alone tell, by code and attribute."""

    @property
    def share(self) -> float:
        """Of the errors of dciodvfy, those we find."""
        return self.found / self.errors

    def add(self, name: str, findings: Iterable[Finding], judged: Iterable[Complaint]) -> None:
        """Compare what both say of one file."""
        told = [each for each in findings if each.severity is not Severity.INFO]
        ours = {(each.code, _tag(each)) for each in told}
        errors = {(each.code, _tag(each)) for each in told if each.severity is Severity.ERROR}
        judged = list(judged)
        self.files += 1
        for complaint in {c for c in judged if c.severity == "Error"}:
            self.errors += 1
            if _is_found(complaint, ours):
                self.found += 1
                self.warned += not _is_found(complaint, errors)
                self.agreed[_shown_kind(complaint.kind)] += 1
            else:
                key = (_shown_kind(complaint.kind), _name(complaint.tag))
                self.missed.setdefault(key, []).append(name)
        theirs = {complaint.tag for complaint in judged}
        is_encoding = any(re.search(ENCODING, complaint.kind) for complaint in judged)
        for code, tag in ours:
            if tag not in theirs and not (code in UNREADABLE and is_encoding):
                self.extra.setdefault((code, _name(tag)), []).append(name)


def judge_corpus() -> Judgement:
    """Compare all files of pydicom and pydicom-data."""
    judgement = Judgement()
    for path in corpus():
        findings = examine_source(path.read_bytes()).findings
        judgement.add(corpus_id(path), findings, complaints(path))
    return judgement


def judge_planted() -> Judgement:
    """Compare instances with a planted fault each."""
    judgement = Judgement()
    with TemporaryDirectory() as folder:
        path = Path(folder) / "planted.dcm"
        for fault in FAULTS:
            path.write_bytes(base(fault.base))
            judged, known = complaints(path), set(examine_source(base(fault.base)).findings)
            part10 = fault.part10()
            path.write_bytes(part10)
            findings = [each for each in examine_source(part10).findings if each not in known]
            judgement.add(fault.name, findings, complaints(path) - judged)
    return judgement


def _tag(finding: Finding) -> int | None:
    return None if finding.path is None else finding.path.tag


def _is_found(complaint: Complaint, ours: "set[tuple[str, int | None]]") -> bool:
    if complaint.kind.startswith(_NO_IOD):
        return any(
            code in {"sop-class-unknown", *UNREADABLE}
            or (code == "attribute-missing" and tag == 0x00080016)
            for code, tag in ours
        )
    if re.search(ENCODING, complaint.kind):
        return any(code in UNREADABLE for code, _ in ours)
    if complaint.kind.startswith("Metaheader"):
        return any(code in _META for code, _ in ours)
    for pattern, codes in KINDS.items():
        if re.search(pattern, complaint.kind):
            return any((code, complaint.tag) in ours for code in codes)
    return any(tag == complaint.tag for _, tag in ours)


def _shown_kind(kind: str) -> str:
    return kind.split(" - ", 1)[0].removesuffix(" Module").strip(" -")


def _name(tag: int | None) -> str:
    if tag is None:
        return ""
    return keyword_of(tag) or f"({tag >> 16:04x},{tag & 0xFFFF:04x})"
