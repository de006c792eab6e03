"""What the layers of the HTTP application noted about a request, and what its headers say."""

from starlette.requests import Request

from hilum.domain.identifiers import (
    Scope,
    SeriesInstanceUID,
    SOPInstanceUID,
    StudyInstanceUID,
    parse_uid,
)
from hilum.domain.origins import Door, Origin


def origin_of(request: Request, door: Door) -> Origin:
    """Who asked, under which correlation id."""
    state = request.scope.get("state", {})
    return Origin(
        door,
        correlation_id=state.get("correlation_id", ""),
        peer=request.client.host if request.client else "",
        principal=getattr(state.get("principal"), "name", ""),
    )


def scope_of(study: str, series: str | None = None, sop_instance: str | None = None) -> Scope:
    """Parse the UIDs of a path. Raises `InvalidUID`, naming the culprit."""
    return Scope(
        StudyInstanceUID(parse_uid(study, "StudyInstanceUID")),
        None if series is None else SeriesInstanceUID(parse_uid(series, "SeriesInstanceUID")),
        None if sop_instance is None else SOPInstanceUID(parse_uid(sop_instance, "SOPInstanceUID")),
    )


def warning(base: str, text: str) -> str:
    """Value of a Warning header; `base` is the base URL of the request, whose host is the agent."""
    agent = base.partition("://")[2].partition("/")[0]
    return f'299 {agent}: "{text}"'
