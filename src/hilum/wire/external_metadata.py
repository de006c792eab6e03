"""Telling of what was said of a study beside its instances, in data sets of DICOM JSON."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson
from starlette.requests import Request

from hilum.domain.extended_tags import EXTENDED_VRS, ValueKind
from hilum.domain.external_metadata import EXTERNAL_CREATOR, ExternalAttribute
from hilum.domain.records import MetadataRecord
from hilum.wire.bulk_telling import inflate, with_text

REQUEST_META: Final = "msdicom-request-meta"
"""`true`: with what was said of the study; anything else: without."""
_STUDY: Final = "0020000D"
_GROUPS: Final = ("Alphabetic", "Ideographic", "Phonetic")
_BLOCKS: Final = range(0x10, 0x100)

DataSet = dict[str, Any]


def wants_external(request: Request) -> bool:
    return request.headers.get(REQUEST_META, "").strip().lower() == "true"


def tag_with_external(tag: str, attributes: Sequence[ExternalAttribute]) -> str:
    """An entity tag that is never that of the text without, nor with others."""
    said = "\\".join(f"{each.tag}{each.vr}{each.value}" for each in attributes)
    return f"{tag}-meta-{hashlib.sha256(said.encode()).hexdigest()[:16]}"


def with_external(dataset: DataSet, attributes: Sequence[ExternalAttribute]) -> DataSet:
    """The data set with these attributes and the private creator that their blocks need.

    Where the data set has a block already, for another creator, the attributes go into the next
    one that is free (PS3.5 7.8.1); when none is, they are left out.
    """
    told: dict[str, Any] = dict(dataset)
    ours = _blocks(dataset)
    named = dict.fromkeys((each.tag[:4], each.tag[4:6]) for each in attributes)
    # Blocks that can stay come first: none of them may be taken by one that has to move.
    moved = [name for name in named if not ours.setdefault(name, True)]
    blocks = {name: name[1] for name in named} | {
        (group, block): _free_block(ours, group) for group, block in moved
    }
    for each in attributes:
        group = each.tag[:4]
        block = blocks[group, each.tag[4:6]]
        if not block:
            continue
        told[f"{group}00{block}"] = {"vr": "LO", "Value": [EXTERNAL_CREATOR]}
        told[f"{group}{block}{each.tag[6:]}"] = {"vr": each.vr, "Value": [_value(each)]}
    return dict(sorted(told.items()))


def studies_with_external(
    datasets: Sequence[DataSet], said: Mapping[str, Sequence[ExternalAttribute]]
) -> Sequence[DataSet]:
    """Results of a search, each with what was said of its study."""
    return [
        with_external(dataset, attributes)
        if (attributes := said.get(study_of(dataset)))
        else dataset
        for dataset in datasets
    ]


def study_of(dataset: DataSet) -> str:
    """Study Instance UID of a result; empty when it was not asked for."""
    values = dataset.get(_STUDY, {}).get("Value")
    return str(values[0]) if values else ""


def record_with_external(
    record: MetadataRecord, attributes: Sequence[ExternalAttribute]
) -> MetadataRecord:
    """Stored metadata that tells no bulk data, with these attributes."""
    dataset: DataSet = orjson.loads(inflate(record.metadata))
    return with_text(record, orjson.dumps(with_external(dataset, attributes)))


def _blocks(dataset: DataSet) -> dict[tuple[str, str], bool]:
    """Private blocks of a data set by group; whether our creator reserved each."""
    found: dict[tuple[str, str], bool] = {}
    for key, element in dataset.items():
        if key[3] not in "13579BDF":
            continue
        if key[4:6] == "00":
            values = element.get("Value") or [None]
            found[key[:4], key[6:]] = str(values[0]).strip() == EXTERNAL_CREATOR
        else:
            found.setdefault((key[:4], key[4:6]), False)
    return found


def _free_block(ours: dict[tuple[str, str], bool], group: str) -> str:
    """A block that nobody has, which is then ours; empty when there is none."""
    for number in _BLOCKS:
        block = f"{number:02X}"
        if (group, block) not in ours:
            ours[group, block] = True
            return block
    return ""


def _value(attribute: ExternalAttribute) -> str | int | float | dict[str, str]:
    kind, value = EXTENDED_VRS[attribute.vr], attribute.value
    if kind is ValueKind.INTEGER:
        return int(value)
    if kind is ValueKind.REAL:
        return float(value)
    if attribute.vr == "PN":
        groups = zip(_GROUPS, value.split("="), strict=False)
        return {name: group for name, group in groups if group}
    return value
