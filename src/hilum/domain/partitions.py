"""Data partitions: parts of an archive that know nothing of each other (Azure, section 1.3)."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from hilum.domain.errors import InvalidRequest
from hilum.domain.identifiers import PartitionKey

NAME_LENGTH: Final = 64
_NAME: Final = re.compile(rf"[A-Za-z0-9.\-_]{{1,{NAME_LENGTH}}}", re.ASCII)
_STEPS: Final = frozenset({".", ".."})
"""Clients take these out of URLs (RFC 3986 section 5.2.4): they would come to another partition."""


@dataclass(frozen=True, slots=True)
class Partition:
    """A data partition; it is never renamed and never goes."""

    key: PartitionKey
    name: str
    """Upper and lower case differ."""
    created: datetime


class PartitionsOff(InvalidRequest):
    """A path with a data partition, in an archive that has none."""

    code = "partitions-disabled"
    title = "Data partitions are disabled"

    def __init__(self) -> None:
        super().__init__(
            "The feature is disabled: this archive has no data partitions "
            "(setting partitions.enabled)."
        )


class PartitionNotNamed(InvalidRequest):
    """A path without a data partition where one has to be named."""

    code = "partition-not-named"
    title = "The data partition is not named"

    def __init__(self) -> None:
        super().__init__(
            "This archive has data partitions: name one in the path, as in "
            "/v2/partitions/{name}/studies."
        )


class InvalidPartitionName(InvalidRequest):
    """A text that is no name of a data partition."""

    code = "invalid-partition-name"
    title = "Not a name of a data partition"

    def __init__(self) -> None:
        super().__init__(
            f"A data partition's name has 1 to {NAME_LENGTH} characters, each a letter A to Z, a "
            "digit, a dot, a hyphen or an underscore, and is neither . nor .."
        )


class UnknownPartition(InvalidRequest):
    """A data partition that nobody stored anything in."""

    code = "unknown-partition"
    title = "The data partition does not exist"

    def __init__(self, name: str) -> None:
        super().__init__(
            f"The data partition {name} does not exist: storing into it makes it (POST)."
        )


def parse_partition_name(text: str) -> str:
    """Return `text` if it can name a partition. Raises `InvalidPartitionName`."""
    if _NAME.fullmatch(text) is None or text in _STEPS:
        raise InvalidPartitionName
    return text
