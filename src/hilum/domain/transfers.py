"""Places outside the archive that instances are exported to and imported from."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from hilum.domain.errors import EngineUnavailable, InvalidRequest


class PlaceKind(StrEnum):
    """The value is `type` of a source or destination in a request."""

    AZURE_BLOB = "azureblob"
    S3 = "s3"
    GCS = "gcs"
    FOLDER = "folder"


class PlaceNotAllowed(InvalidRequest):
    """A place that the settings do not let anybody export to or import from."""

    code = "place-not-allowed"
    title = "This place is not allowed"


class PlaceUnusable(InvalidRequest):
    """A place that refuses the credentials, or has no such container: waiting does not help."""

    code = "place-unusable"
    title = "This place cannot be used"


class PlaceUnavailable(EngineUnavailable):
    """A place that cannot be reached now."""

    code = "place-unavailable"
    title = "This place cannot be reached"


@dataclass(frozen=True, slots=True)
class TransferPlace:
    """Where files go, or come from. Holds no credentials."""

    kind: PlaceKind
    url: str
    """The container or bucket: `https://account.blob.core.windows.net/container`, `s3://bucket`,
    `gs://bucket`, `http://host:9000/bucket`; of a folder its absolute path."""
    prefix: str = ""
    """What names of files begin with, without slashes around it."""
    region: str = ""
    own_identity: bool = False
    """Use the credentials of the machine instead of ones that came with the request."""

    def __str__(self) -> str:
        return f"{self.url}/{self.prefix}" if self.prefix else self.url

    def document(self) -> dict[str, Any]:
        """As it stands in the request of a job."""
        return {
            "type": self.kind.value,
            "url": self.url,
            "prefix": self.prefix,
            "region": self.region,
            "own_identity": self.own_identity,
        }


def place_of_document(told: Mapping[str, Any]) -> TransferPlace:
    """What `TransferPlace.document` wrote."""
    return TransferPlace(
        PlaceKind(told["type"]),
        told["url"],
        told["prefix"],
        told["region"],
        told["own_identity"],
    )
