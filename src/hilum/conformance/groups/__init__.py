"""The checks, a module for each group; a new one is listed here and nowhere else.

The order of the imports is the order in which the groups run.
"""

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
    service,
)

__all__ = [
    "CHECKS",
    "bulk_data",
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
