"""Object keys for tests."""

from hilum.domain.identifiers import (
    InstanceUIDs,
    ObjectKey,
    PartitionKey,
    SeriesInstanceUID,
    SOPInstanceUID,
    StudyInstanceUID,
    Version,
    object_key,
)


def a_key(number: int = 1, *, series: int = 1, study: int = 1, version: int = 1) -> ObjectKey:
    uids = InstanceUIDs(
        StudyInstanceUID(f"1.2.{study}"),
        SeriesInstanceUID(f"1.2.{study}.{series}"),
        SOPInstanceUID(f"1.2.{study}.{series}.{number}"),
    )
    return object_key(PartitionKey(1), uids, Version(version))
