"""`metadata.json`: what an archived study of a submission is, and of what it consists.

The document holds all that is needed to make it again, so that an instance that goes can be taken
out of a view whose submission nobody remembers any more.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from hilum.dicom.dictionary import DICTIONARY
from hilum.domain.errors import InvalidUID
from hilum.domain.findings import Finding, Severity
from hilum.domain.identifiers import (
    InstanceUIDs,
    PartitionKey,
    SeriesInstanceUID,
    SOPInstanceUID,
    StudyInstanceUID,
    Version,
    parse_uid,
)
from hilum.domain.records import InstanceRecord
from hilum.domain.submissions import FileNote

ORIGINAL: Final = "original.dcm"
METADATA: Final = "metadata.json"
_MISSING: Final = frozenset({"attribute-missing", "value-missing", "required-attribute"})
_FINDINGS_OF_FILE: Final = 50


@dataclass(frozen=True, slots=True)
class ViewFacts:
    """What the whole view has in common."""

    study_id: str
    partition: PartitionKey
    alone: bool
    """The submission had one file only."""
    validation_time: str | None
    processing_time: str | None


@dataclass(frozen=True, slots=True)
class Wanted:
    """An instance that a view is to show, if the archive still holds this version of it."""

    number: int
    name: str
    """Of the file, as its sender called it."""
    uids: InstanceUIDs
    version: Version
    findings: Sequence[Mapping[str, Any]]


def wanted_of(note: FileNote) -> Wanted | None:
    """What an archived file of a submission brought."""
    if note.uids is None or note.version is None:
        return None
    told = [_told(finding) for finding in note.findings[:_FINDINGS_OF_FILE]]
    return Wanted(note.number, note.name, note.uids, note.version, told)


def file_name(wanted: Wanted, facts: ViewFacts) -> str:
    """The name of its file in the view."""
    return ORIGINAL if facts.alone else f"{wanted.number:05d}.dcm"


def document(
    facts: ViewFacts,
    groups: Mapping[str, Mapping[str, Any]],
    shown: Sequence[tuple[Wanted, InstanceRecord]],
    *,
    has_files: bool,
    locations: Sequence[str],
) -> bytes:
    """The text for one study; `locations` are URLs of the objects, in the order of `shown`."""
    size = sum(record.size_bytes for _, record in shown)
    body = {
        "study_id": facts.study_id,
        "processing_time": facts.processing_time,
        **groups,
        "validation_details": _validation(facts, groups, shown, size),
        "partition": facts.partition,
        "single_file": facts.alone,
        "instances": [
            {
                "file": file_name(wanted, facts) if has_files else None,
                "location": location,
                "number": wanted.number,
                "original_filename": wanted.name,
                "study_instance_uid": record.uids.study,
                "series_instance_uid": record.uids.series,
                "sop_instance_uid": record.uids.sop_instance,
                "sop_class_uid": record.sop_class_uid,
                "transfer_syntax_uid": record.transfer_syntax_uid,
                "version": record.version,
                "size_bytes": record.size_bytes,
                "findings": list(wanted.findings),
            }
            for (wanted, record), location in zip(shown, locations, strict=True)
        ],
    }
    return orjson.dumps(body, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def read_document(text: bytes) -> tuple[ViewFacts, Sequence[Wanted]]:
    """Read back what `document` wrote. Raises `ValueError` for any other text."""
    try:
        body: dict[str, Any] = json.loads(text)
        validation = body["validation_details"]
        facts = ViewFacts(
            study_id=str(body["study_id"]),
            partition=PartitionKey(int(body["partition"])),
            alone=bool(body["single_file"]),
            validation_time=validation["validation_time"],
            processing_time=body["processing_time"],
        )
        return facts, [_wanted(each) for each in body["instances"]]
    except (KeyError, TypeError, AttributeError, InvalidUID) as error:
        message = "not a metadata.json of an archive view"
        raise ValueError(message) from error


def _wanted(entry: Mapping[str, Any]) -> Wanted:
    uids = InstanceUIDs(
        StudyInstanceUID(parse_uid(entry["study_instance_uid"])),
        SeriesInstanceUID(parse_uid(entry["series_instance_uid"])),
        SOPInstanceUID(parse_uid(entry["sop_instance_uid"])),
    )
    number, version = int(entry["number"]), Version(int(entry["version"]))
    return Wanted(number, str(entry["original_filename"]), uids, version, list(entry["findings"]))


def _validation(
    facts: ViewFacts,
    groups: Mapping[str, Mapping[str, Any]],
    shown: Sequence[tuple[Wanted, InstanceRecord]],
    size: int,
) -> dict[str, Any]:
    found = [finding for wanted, _ in shown for finding in wanted.findings]
    errors = [finding for finding in found if finding["severity"] == Severity.ERROR]
    missing = {finding["attribute"] for finding in errors if finding["code"] in _MISSING}
    return {
        "is_valid": not errors,
        "validation_time": facts.validation_time,
        "errors": sorted({finding["text"] for finding in errors}),
        "missing_tags": sorted(missing),
        "file_size": size,
        "modality": groups.get("modality_info", {}).get("modality"),
        "study_date": groups.get("study_info", {}).get("study_date"),
    }


def _told(finding: Finding) -> Mapping[str, Any]:
    return {
        "code": finding.code,
        "severity": finding.severity.value,
        "attribute": _attribute(finding),
        "text": finding.text,
    }


def _attribute(finding: Finding) -> str:
    """The keyword of a top-level attribute, the path of one inside a sequence."""
    if finding.tag is None:
        return finding.path
    if finding.path and finding.path.lower() != finding.tag_text:
        return finding.path
    entry = DICTIONARY.get(finding.tag)
    return entry[4] if entry is not None and entry[4] else finding.tag_text
