"""Attributes of studies that are in no instance. Written by `InstanceWriter.commit`.

All of it raises `ArchiveUnavailable` when the database cannot be used.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

from hilum.domain.external_metadata import ExternalAttribute
from hilum.domain.identifiers import PartitionKey


class ReadsExternalMetadata(Protocol):
    async def vrs(self, partition: PartitionKey) -> Mapping[str, str]:
        """The VR of every tag that was ever used in the partition; it never changes."""
        ...

    async def of_studies(
        self, partition: PartitionKey, studies: Sequence[str]
    ) -> Mapping[str, Sequence[ExternalAttribute]]:
        """What is said of these studies, by Study Instance UID, each in ascending order of tags.

        Studies of which nothing is said are left out.
        """
        ...
