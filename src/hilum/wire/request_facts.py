"""What the layers of the HTTP application noted about a request, and what its headers say."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from starlette.requests import Request

from hilum.domain.identifiers import (
    DEFAULT_PARTITION,
    DEFAULT_PARTITION_NAME,
    PartitionKey,
    Scope,
    SeriesInstanceUID,
    SOPInstanceUID,
    StudyInstanceUID,
    parse_uid,
)
from hilum.domain.origins import Door, Origin
from hilum.wire.base_url import BaseUrl
from hilum.wire.surfaces import Surface


@dataclass(frozen=True, slots=True)
class Place:
    """Where on a surface a request is: which of its names it used, and in which partition."""

    partition: PartitionKey = DEFAULT_PARTITION
    partition_name: str = DEFAULT_PARTITION_NAME
    path: str = ""
    """What to write for the surface's prefix in URLs, such as `/v2/partitions/main`; empty: the
    prefix itself."""


_USUAL_PLACE: Final = Place()


def place_of(scope: Mapping[str, Any]) -> Place:
    """What the dispatcher found out about the path of an ASGI scope."""
    place: Place = scope.get("state", {}).get("place", _USUAL_PLACE)
    return place


def partition_of(request: Request) -> PartitionKey:
    """The data partition that a request is about."""
    return place_of(request.scope).partition


def surface_url(base_url: BaseUrl, scope: Mapping[str, Any], surface: Surface) -> str:
    """The URL of a surface as the client named it, partition included: where its resources lie."""
    return base_url(scope) + (place_of(scope).path or surface.prefix)


def origin_of(request: Request, door: Door) -> Origin:
    """Who asked, under which correlation id."""
    state = request.scope.get("state", {})
    return Origin(
        door,
        correlation_id=state.get("correlation_id", ""),
        peer=request.client.host if request.client else "",
        principal=getattr(state.get("principal"), "name", ""),
    )


def scope_of(
    request: Request, study: str, series: str | None = None, sop_instance: str | None = None
) -> Scope:
    """The scope of these UIDs, of the path, in the request's partition.

    Raises `InvalidUID`, naming the culprit.
    """
    return Scope(
        StudyInstanceUID(parse_uid(study, "StudyInstanceUID")),
        None if series is None else SeriesInstanceUID(parse_uid(series, "SeriesInstanceUID")),
        None if sop_instance is None else SOPInstanceUID(parse_uid(sop_instance, "SOPInstanceUID")),
        partition_of(request),
    )


def warning(base: str, text: str) -> str:
    """Value of a Warning header; `base` is the base URL of the request, whose host is the agent."""
    agent = base.partition("://")[2].partition("/")[0]
    return f'299 {agent}: "{text}"'
