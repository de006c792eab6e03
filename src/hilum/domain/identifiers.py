"""UIDs and the scopes made of them. A UID is parsed before it is used for anything."""

import re
from dataclasses import dataclass
from typing import Final, NewType

from hilum.domain.editions import Edition
from hilum.domain.errors import InvalidUID

UID = NewType("UID", str)
StudyInstanceUID = NewType("StudyInstanceUID", str)
SeriesInstanceUID = NewType("SeriesInstanceUID", str)
SOPInstanceUID = NewType("SOPInstanceUID", str)
SOPClassUID = NewType("SOPClassUID", str)
TransferSyntaxUID = NewType("TransferSyntaxUID", str)
PartitionKey = NewType("PartitionKey", int)
"""Number of a data partition; 1 is the default partition, which always exists."""

ObjectKey = NewType("ObjectKey", str)
"""Name of an object in the object store: `/`-joined, made of parsed UIDs and numbers only."""

Version = NewType("Version", int)
"""Version of an instance: larger is newer, never used twice, gaps are normal."""

DEFAULT_PARTITION: Final = PartitionKey(1)
DEFAULT_PARTITION_NAME: Final = "Microsoft.Default"

UID_MAXIMUM_LENGTH: Final = 64
_UID = re.compile(r"[0-9.]*[0-9]", re.ASCII)


def parse_uid(text: str, name: str = "UID") -> UID:
    """Return `text` as a UID without its padding (trailing spaces and NULs).

    At most 64 characters, digits and dots, ending in a digit (PS3.5 section 9.1). Leading zeros in
    a component are let through: real devices send them. Such a text is safe as one component of a
    path, since it can be neither empty nor `.` nor `..` and holds no separator.

    Raises `InvalidUID`, naming `name` as the culprit.
    """
    uid = text.rstrip(" \0")
    if not uid:
        raise InvalidUID(name, "it is empty")
    if len(uid) > UID_MAXIMUM_LENGTH:
        raise InvalidUID(name, f"it is longer than {UID_MAXIMUM_LENGTH} characters")
    if _UID.fullmatch(uid) is None:
        raise InvalidUID(name, "only digits and dots are allowed, and the last must be a digit")
    return UID(uid)


@dataclass(frozen=True, slots=True)
class InstanceUIDs:
    """The triple that identifies an instance inside a partition."""

    study: StudyInstanceUID
    series: SeriesInstanceUID
    sop_instance: SOPInstanceUID


@dataclass(frozen=True, slots=True)
class Scope:
    """A study, a series of it, or one instance of that: what a retrieve or delete names.

    `series` is set whenever `sop_instance` is.
    """

    study: StudyInstanceUID
    series: SeriesInstanceUID | None = None
    sop_instance: SOPInstanceUID | None = None
    partition: PartitionKey = DEFAULT_PARTITION
    edition: Edition = Edition.LATEST
    """Which version of instances that have two; searches and deletes have no choice."""


def object_key(partition: PartitionKey, uids: InstanceUIDs, version: Version) -> ObjectKey:
    """Name the object that holds one version of an instance.

    `partition/study/series/sop-instance.version.dcm`; whoever stores it may shard further.
    """
    return ObjectKey(f"{partition}/{uids.study}/{uids.series}/{uids.sop_instance}.{version}.dcm")


def parse_object_key(key: str) -> tuple[PartitionKey, InstanceUIDs, Version]:
    """Read back what `object_key` wrote. Raises `ValueError` for any other text."""
    partition, study, series, file_name = key.split("/")
    sop_instance, version, suffix = file_name.rsplit(".", 2)
    if suffix != "dcm":
        message = f"not an object key: {key!r}"
        raise ValueError(message)
    try:
        uids = InstanceUIDs(
            StudyInstanceUID(parse_uid(study)),
            SeriesInstanceUID(parse_uid(series)),
            SOPInstanceUID(parse_uid(sop_instance)),
        )
    except InvalidUID as error:
        message = f"not an object key: {key!r}"
        raise ValueError(message) from error
    return PartitionKey(int(partition)), uids, Version(int(version))
