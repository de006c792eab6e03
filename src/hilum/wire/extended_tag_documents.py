"""Extended query tags as JSON (Azure DICOM service, section 8): both ways."""

from collections.abc import Sequence
from typing import Any, Final

from hilum.domain.errors import MalformedBody
from hilum.domain.extended_tags import ExtendedTag, TagError, TagStatus
from hilum.operations.extended_tags.rules import AskedTag
from hilum.wire.azure_json import Fields, read_fields, read_json
from hilum.wire.operation_answers import operation_href, utc_text

_STATUS: Final = "queryStatus"
_QUERY: Final = {"enabled": True, "disabled": False}


def read_asked(body: bytes) -> Sequence[AskedTag]:
    """Read what is to be added. Raises `MalformedBody`."""
    told = read_json(body)
    if not isinstance(told, list) or not all(isinstance(each, dict) for each in told):
        raise MalformedBody("The body should be a JSON array of extended query tags.")
    return [_asked(Fields(each, f"[{at}]")) for at, each in enumerate(told)]


def _asked(fields: Fields) -> AskedTag:
    return AskedTag(
        fields.text("path"), fields.text("vr"), fields.text("privateCreator"), fields.text("level")
    )


def read_query_status(body: bytes) -> bool:
    """Read whether queries are to be allowed. Raises `MalformedBody`."""
    fields = read_fields(body)
    unknown = fields.others({_STATUS})
    text = fields.text(_STATUS)
    if unknown or text is None or text.lower() not in _QUERY:
        raise MalformedBody(f'The body should be {{"{_STATUS}": "Enabled"}} or "Disabled".')
    return _QUERY[text.lower()]


def tag_document(tag: ExtendedTag, base: str) -> dict[str, Any]:
    """`base` is the URL of the surface."""
    document: dict[str, Any] = {"path": tag.path, "vr": tag.vr}
    if tag.private_creator:
        document["privateCreator"] = tag.private_creator
    document |= {
        "level": tag.level.name.lower(),
        "status": tag.status.value,
        _STATUS: "enabled" if tag.query_enabled else "disabled",
    }
    if tag.errors:
        href = f"{base}/extendedquerytags/{tag.path}/errors"
        document["errors"] = {"count": tag.errors, "href": href}
    if tag.status is TagStatus.ADDING and tag.job_id is not None:
        href = operation_href(base, tag.job_id)
        document["operation"] = {"id": tag.job_id, "href": href}
    return document


def error_document(error: TagError, partition: str | None) -> dict[str, Any]:
    """`partition` is its name where partitions are in use."""
    document: dict[str, Any] = {} if partition is None else {"partitionName": partition}
    return document | {
        "studyInstanceUid": error.uids.study,
        "seriesInstanceUid": error.uids.series,
        "sopInstanceUid": error.uids.sop_instance,
        "createdTime": utc_text(error.created),
        "errorMessage": error.message,
    }
