"""Every check, in the order in which they run: a new group is added here and nowhere else."""

# ruff: noqa: I001
from hilum.conformance.checks import CHECKS
from hilum.conformance.groups import (
    storing,
    searching,
    matching,
    retrieving,
    negotiating,
    metadata,
    frames,
    bulk_data,
    rendering,
    thumbnails,
    by_uri,
    service,
)

__all__ = [
    "CHECKS",
    "bulk_data",
    "by_uri",
    "frames",
    "matching",
    "metadata",
    "negotiating",
    "rendering",
    "retrieving",
    "searching",
    "service",
    "storing",
    "thumbnails",
]
