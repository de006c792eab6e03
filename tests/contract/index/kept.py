"""Instances as the pipeline hands them to the index, made of what a test says about them."""

import hashlib
import itertools
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import orjson

from hilum.dicom.attributes import INDEXED_ATTRIBUTES, Folding, fold_name, fold_text, tag_of
from hilum.domain.identifiers import (
    DEFAULT_PARTITION,
    InstanceUIDs,
    PartitionKey,
    Scope,
    SeriesInstanceUID,
    SOPClassUID,
    SOPInstanceUID,
    StudyInstanceUID,
    TransferSyntaxUID,
    Version,
    object_key,
)
from hilum.domain.instances import (
    Description,
    Kept,
    LevelDescription,
    Metadata,
    OnConflict,
    SequenceItemValue,
)
from hilum.domain.levels import Level
from hilum.domain.origins import Door, Origin

CT = SOPClassUID("1.2.840.10008.5.1.4.1.1.2")
EXPLICIT = TransferSyntaxUID("1.2.840.10008.1.2.1")
ORIGIN = Origin(Door.STOW, "correlation", "127.0.0.1", "tester")

_versions = itertools.count(1)
_attributes = {each.keyword: each for each in INDEXED_ATTRIBUTES}


def uids(study: int = 1, series: int = 1, instance: int = 1) -> InstanceUIDs:
    """UIDs that number a study, a series in it and an instance in that."""
    return InstanceUIDs(
        StudyInstanceUID(f"1.2.{study}"),
        SeriesInstanceUID(f"1.2.{study}.{series}"),
        SOPInstanceUID(f"1.2.{study}.{series}.{instance}"),
    )


def scope(of: InstanceUIDs, level: Level, partition: PartitionKey = DEFAULT_PARTITION) -> Scope:
    return Scope(
        of.study,
        of.series if level >= Level.SERIES else None,
        of.sop_instance if level is Level.INSTANCE else None,
        partition,
    )


def a_kept(
    of: InstanceUIDs | None = None,
    *,
    content: str = "content",
    version: int | None = None,
    on_conflict: OnConflict = OnConflict.REFUSE,
    partition: PartitionKey = DEFAULT_PARTITION,
    size_bytes: int = 1000,
    items: Mapping[Level, Iterable[tuple[str, int, str]]] | None = None,
    transfer_syntax: TransferSyntaxUID = EXPLICIT,
    origin: Origin = ORIGIN,
    invalid_tags: tuple[int, ...] = (),
    instance_keys: Mapping[str, Any] | None = None,
    **values: str | int | None,
) -> Kept:
    """An instance whose indexed attributes have these values, as they are written in a file."""
    of = of or uids()
    number = Version(next(_versions) if version is None else version)
    by_level: dict[Level, dict[str, Any]] = {level: {} for level in Level}
    for keyword, value in values.items():
        by_level[_attributes[keyword].level][keyword] = value
    by_level[Level.STUDY].setdefault("StudyInstanceUID", of.study)
    by_level[Level.SERIES].setdefault("SeriesInstanceUID", of.series)
    by_level[Level.INSTANCE].setdefault("SOPInstanceUID", of.sop_instance)
    levels = {level: _level(by_level[level], (items or {}).get(level, ())) for level in Level}
    text = f"{of.sop_instance} {content}".encode()
    described = Description(
        uids=of,
        sop_class_uid=CT,
        transfer_syntax_uid=transfer_syntax,
        study=levels[Level.STUDY],
        series=levels[Level.SERIES],
        instance=replace(
            levels[Level.INSTANCE],
            keys={**levels[Level.INSTANCE].keys, **(instance_keys or {})},
        ),
        metadata=Metadata(b"deflated " + text, 4_000_000_000, 12_345),
        frame_table=b"frames",
        bulk_table=b"bulk",
        dataset_offset=512,
        invalid_tags=invalid_tags,
    )
    return Kept(
        partition=partition,
        description=described,
        version=number,
        object_key=object_key(partition, of, number),
        size_bytes=size_bytes,
        head_sha256=hashlib.sha256(b"head").digest(),
        dataset_sha256=hashlib.sha256(content.encode()).digest(),
        on_conflict=on_conflict,
        origin=origin,
    )


def _level(values: dict[str, Any], items: Iterable[tuple[str, int, str]]) -> LevelDescription:
    keys = {keyword: folded(keyword, value) for keyword, value in values.items()}
    found = tuple(SequenceItemValue(*item) for item in items)
    return LevelDescription(keys, json_of(values), found)


def folded(keyword: str, value: Any) -> Any:
    """What a match column holds for a value."""
    folding = _attributes[keyword].folding
    if value is None or folding in {Folding.INTEGER, Folding.DATE, Folding.TIME, Folding.UID}:
        return value
    return fold_name(value) if folding is Folding.NAME else fold_text(value)


def json_of(values: Mapping[str, Any]) -> bytes:
    """The DICOM JSON of these attributes, without those that have no value."""
    elements = {
        f"{tag_of(keyword):08X}": _element(_attributes[keyword].vr, value)
        for keyword, value in values.items()
        if value not in {None, ""}
    }
    return orjson.dumps(dict(sorted(elements.items())))


def _element(vr: str, value: Any) -> dict[str, Any]:
    return {"vr": vr, "Value": [{"Alphabetic": value} if vr == "PN" else value]}


def read_json(attributes: bytes | None) -> dict[str, Any]:
    """First values by keyword, names as plain text."""
    read: dict[str, Any] = {}
    held = orjson.loads(attributes or b"{}")
    for keyword in _attributes:
        element = held.get(f"{tag_of(keyword):08X}")
        if element is not None:
            value = element["Value"][0]
            read[keyword] = value["Alphabetic"] if isinstance(value, dict) else value
    return read
