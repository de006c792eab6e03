"""Attributes of a study that are in none of its instances: who stored it named them beside."""

from dataclasses import dataclass
from typing import Final

EXTERNAL_CREATOR: Final = "Microsoft"
"""Private creator of all of them, as clients of the Azure DICOM service expect."""


@dataclass(frozen=True, slots=True)
class ExternalAttribute:
    """A private attribute with one value."""

    tag: str
    """8 upper-case hexadecimal digits, of a private group, with its block (PS3.5 7.8.1)."""
    vr: str
    """One of `hilum.domain.extended_tags.EXTENDED_VRS`."""
    value: str
    """Not empty, without padding, and valid for the VR."""
