"""Where something came from: named in rows, logs and metrics; never with patient data."""

from dataclasses import dataclass
from enum import StrEnum


class Door(StrEnum):
    """The doors in. The value is used as a metric label and in stored rows."""

    STOW = "stow"
    C_STORE = "c-store"
    IMPORT = "import"
    ORTHANC = "orthanc"
    UPLOAD = "upload"
    QUARANTINE = "quarantine"
    """Released or repaired there."""
    DEMO = "demo"
    REBUILD = "rebuild"
    UPDATE = "update"
    """No door in either: a bulk update made another version."""
    DELETE = "delete"
    """No door in, but a change that the feed tells of: DELETE over DICOMweb."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Who sent it, through which door, under which correlation id."""

    door: Door
    correlation_id: str
    peer: str = ""
    """Network address, or `AE_TITLE@address` over DIMSE."""
    principal: str = ""
    """The authenticated caller: a key's name or a token's subject; empty when open."""
