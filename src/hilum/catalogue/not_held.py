"""The error for what is not here."""

from hilum.domain.errors import InstanceNotFound, NotHeld, SeriesNotFound, StudyNotFound
from hilum.domain.identifiers import Scope


def not_held(scope: Scope) -> NotHeld:
    """The error for a scope of which nothing is held."""
    if scope.sop_instance is not None:
        return InstanceNotFound(f"Instance {scope.sop_instance} is not held here.")
    if scope.series is not None:
        return SeriesNotFound(f"No instance of series {scope.series} is held here.")
    return StudyNotFound(f"No instance of study {scope.study} is held here.")
