"""What of the product a process serves."""

from enum import StrEnum
from typing import Final


class Role(StrEnum):
    """The value is what `--role` and `HILUM_ROLE` say."""

    ALL = "all"
    MIDDLEWARE = "middleware"
    """Fetches from Orthanc, without DIMSE."""
    GATEWAY = "gateway"
    """Takes uploads and tells how far they are."""
    VALIDATOR = "validator"
    DESCRIPTOR = "descriptor"
    """Describes and archives what was found valid."""
    STATUS = "status"


DIVIDED: Final = (Role.GATEWAY, Role.VALIDATOR, Role.DESCRIPTOR, Role.STATUS)
"""The roles that uploads pass through in a deployment of several processes."""
