"""What of the product a process serves."""

from enum import StrEnum


class Role(StrEnum):
    """The value is what `--role` and `HILUM_ROLE` say."""

    ALL = "all"
    MIDDLEWARE = "middleware"
    """Fetches from Orthanc, without DIMSE."""
