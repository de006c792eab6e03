"""The capabilities of a DICOMweb surface, told from its routes (PS3.18 section 8.9)."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import orjson
from fastapi import APIRouter
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from hilum.dicom.attributes import INDEXED_ITEMS
from hilum.domain.levels import Level
from hilum.imaging.syntaxes import OCTETS, SYNTAXES
from hilum.wire.base_url import BaseUrl
from hilum.wire.capabilities import (
    JSON,
    WADL,
    Answer,
    Method,
    Parameter,
    Resource,
    as_json,
    negotiate_capabilities,
)
from hilum.wire.media_types import DICOM
from hilum.wire.query_parameters import accept_of
from hilum.wire.request_facts import surface_url
from hilum.wire.retrieve_rules import AS_STORED, EXPLICIT_LITTLE
from hilum.wire.surfaces import Surface
from hilum.wire.wadl import wadl

_TYPE: Final = re.compile(r'type="([^"]+)"')
_CONVERTOR: Final = re.compile(r":\w+(?=\})")
"""In a path: says that a variable holds several segments."""
_SEARCHED: Final = {"studies": Level.STUDY, "series": Level.SERIES, "instances": Level.INSTANCE}
_SCOPES: Final = ("{study}", "{series}", "{instance}")
_SEARCH_MARK: Final = "includefield"
_CONTENT_TYPE: Final = "contentType"
"""The name of the parameter `accept` in the URI service (PS3.18 8.3.3.1)."""
_DOCUMENTED: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "The description",
        "content": {WADL: {"schema": {"type": "string"}}, JSON: {"schema": {"type": "object"}}},
    },
    406: {"description": "Nothing that the Accept header names can be given"},
}


def capabilities_router(
    routers: Sequence[APIRouter], surface: Surface, *, base_url: BaseUrl | None = None
) -> APIRouter:
    """`OPTIONS` of the root of `surface` and `GET` of `/capabilities`: what `routers` offer.

    Neither needs credentials: nothing is told that the documentation does not tell.
    """
    router = APIRouter(tags=[f"{surface.prefix} capabilities"])
    base = base_url or BaseUrl()
    title = f"DICOMweb at {surface.prefix}"
    known: list[Resource] = []

    async def capabilities(request: Request) -> Response:
        accept = accept_of(request.scope, request.scope["query_string"], strict=False)
        media_type = negotiate_capabilities(accept)
        if not known:
            known.append(describe(routers, surface))
        url = surface_url(base, request.scope, surface)
        headers = {"Vary": "Accept", "Cache-Control": "no-cache"}
        if request.method == "OPTIONS":
            headers["Allow"] = "GET, OPTIONS"
        if media_type == WADL:
            return Response(wadl(known[0], title, url), headers=headers, media_type=WADL)
        body = orjson.dumps(as_json(known[0], title, url), option=orjson.OPT_INDENT_2)
        return Response(body, headers=headers, media_type=media_type)

    router.add_api_route("", capabilities, methods=["OPTIONS"], include_in_schema=False)
    router.add_api_route(
        "/capabilities",
        capabilities,
        methods=["GET"],
        summary="What this service offers",
        response_class=Response,
        responses=_DOCUMENTED,
    )
    router.add_api_route("/capabilities", capabilities, methods=["HEAD"], include_in_schema=False)
    return router


def describe(routers: Iterable[APIRouter], surface: Surface) -> Resource:
    """The tree of resources of `routers`, relative to the prefix of `surface`."""
    root = Resource("")
    for router in routers:
        for route in router.routes:
            if isinstance(route, APIRoute) and _is_told(route):
                methods = root.at(_CONVERTOR.sub("", route.path)).methods
                methods.extend(
                    _method(route, name, surface) for name in sorted(route.methods or ())
                )
    return root


def _is_told(route: APIRoute) -> bool:
    """The documentation leaves out HEAD, and routes that only say there is none."""
    return route.include_in_schema or route.methods == {"HEAD"}


def _method(route: APIRoute, name: str, surface: Surface) -> Method:
    transaction = "".join(part.capitalize() for part in route.endpoint.__name__.split("_"))
    if name == "HEAD":
        return Method(name, f"{transaction}Head", "As GET, without the body", (), (), ())
    title = route.summary or (route.description or transaction).partition("\n")[0]
    return Method(
        name,
        transaction,
        title,
        tuple(_parameters(route, surface)),
        tuple((route.openapi_extra or {}).get("requestBody", {}).get("content", ())),
        tuple(_answers(route)),
    )


def _parameters(route: APIRoute, surface: Surface) -> Iterator[Parameter]:
    given = (each.media_types for each in _answers(route) if each.status.startswith("2"))
    media_types = next(filter(None, given), ())
    extra: Mapping[str, Any] = route.openapi_extra or {}
    names = {each["name"] for each in extra.get("parameters", ())}
    if media_types:
        yield Parameter("Accept", "header", options=tuple(_options(media_types, route, surface)))
        if _takes_accept(route, surface) and _CONTENT_TYPE not in names:
            yield Parameter("accept", "query", "Counts before the header Accept")
    for each in extra.get("parameters", ()):
        options = tuple(map(str, each.get("schema", {}).get("enum", ())))
        yield Parameter(each["name"], each["in"], each.get("description", ""), options)
    if _SEARCH_MARK in names:
        yield from _matched(route.path, surface)


def _takes_accept(route: APIRoute, surface: Surface) -> bool:
    return not surface.strict_accept and "GET" in (route.methods or ())


def _answers(route: APIRoute) -> Iterator[Answer]:
    for status, told in sorted(route.responses.items(), key=lambda answer: str(answer[0])):
        content: Mapping[str, Any] = told.get("content", {})
        yield Answer(str(status), told.get("description", ""), tuple(content))


def _options(media_types: Iterable[str], route: APIRoute, surface: Surface) -> Iterator[str]:
    """Each media type, alone and with every transfer syntax that may be named with it."""
    for media_type in media_types:
        yield media_type
        for syntax in _syntaxes(media_type, route.path, surface):
            yield f"{media_type}; transfer-syntax={syntax}"


def _syntaxes(media_type: str, path: str, surface: Surface) -> Iterable[str]:
    part = _TYPE.search(media_type)
    inner = part[1] if part is not None else media_type
    if inner == DICOM:
        made = (syntax.uid for syntax in SYNTAXES.values() if syntax.encodes)
        return sorted(surface.retrieve.offered_syntaxes) or (AS_STORED, *made)
    if path.endswith("/frames/{frames}"):
        named = dict(surface.frames.offered).get(inner, frozenset())
        return sorted(named) or (AS_STORED, *_of_frames(inner))
    if "/bulkdata/" in path:  # pixel data: as it is stored, octets also native
        return (AS_STORED, EXPLICIT_LITTLE) if inner == OCTETS else tuple(_of_frames(inner))
    return ()


def _of_frames(media_type: str) -> Iterator[str]:
    """Transfer syntaxes that frames of this media type can have; octets are little endian."""
    for syntax in SYNTAXES.values():
        goes_out = syntax.is_encapsulated or syntax.uid == EXPLICIT_LITTLE
        if goes_out and syntax.media_type.lower() == media_type:
            yield syntax.uid


def _matched(path: str, surface: Surface) -> Iterator[Parameter]:
    """What a search at `path` can match on: see `hilum.wire.query_attributes`."""
    level = _SEARCHED.get(path.rpartition("/")[2])
    if level is None:
        return  # its route says it itself
    fixed = 0 if surface.search.path_levels else sum(scope in path for scope in _SCOPES)
    for attribute in surface.search.searchable.values():
        if fixed < attribute.level <= level:
            yield Parameter(attribute.keyword, "query", f"{attribute.vr}, for matching")
    if not surface.search.literal:
        for item in INDEXED_ITEMS:
            if fixed < item.level <= level:
                name = f"{item.sequence}.{item.keyword}"
                yield Parameter(name, "query", f"{item.vr}, for matching")
