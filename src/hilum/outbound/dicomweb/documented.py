"""How the routes of this door look in the OpenAPI document."""

from collections.abc import Awaitable, Callable
from typing import Any, Final

from fastapi import APIRouter, Response

from hilum.wire.document_choices import DOCUMENT_TYPES
from hilum.wire.frame_rules import FrameRules
from hilum.wire.media_types import DICOM_JSON, JSON
from hilum.wire.rendered_rules import RenderedRules
from hilum.wire.retrieve_rules import RetrieveRules
from hilum.wire.surfaces import Surface

_Endpoint = Callable[..., Awaitable[Response]]
Responses = dict[int | str, dict[str, Any]]

_TEXT: Final = {"text/plain": {"schema": {"type": "string"}}}
_BINARY: Final = {"schema": {"type": "string", "format": "binary"}}
_DATASETS: Final = {
    "schema": {
        "type": "array",
        "items": {"type": "object", "description": "DICOM JSON (PS3.18 annex F)"},
    }
}

_XML: Final = {
    "application/dicom+xml": {
        "schema": {"type": "string", "description": "A Native DICOM Model (PS3.19 A.1)"}
    }
}
_XML_PARTS: Final = {
    'multipart/related; type="application/dicom+xml"': {
        "schema": {"type": "string", "description": "Native DICOM Models (PS3.19 A.1)"}
    }
}

_REFUSALS: Final[Responses] = {
    400: {"description": "A UID or a query parameter is not valid", "content": _TEXT},
    401: {"description": "Credentials are missing or not valid"},
    403: {"description": "The scope is not granted"},
    503: {"description": "The archive cannot do this now; try again", "content": _TEXT},
}
_NOT_HELD: Final[Responses] = {404: {"description": "Nothing with these UIDs is held here"}}
_NOT_ACCEPTABLE: Final[Responses] = {
    406: {"description": "Nothing that the Accept header names can be given"}
}

_ROWS: Final[Responses] = {
    204: {"description": "Nothing matched"},
    **_REFUSALS,
    **_NOT_ACCEPTABLE,
}


def _json(surface: Surface) -> dict[str, Any]:
    """DICOM JSON, and where the surface is lenient also under the name of plain JSON."""
    names = [DICOM_JSON] if surface.strict_accept else [DICOM_JSON, JSON]
    return dict.fromkeys(names, _DATASETS)


def search_answers(surface: Surface) -> Responses:
    """What a surface answers to a search."""
    content = _json(surface)
    if surface.offers_xml:
        content |= _XML_PARTS
    return {200: {"description": "What matched, newest first", "content": content}, **_ROWS}


def metadata_answers(surface: Surface, *, single: bool) -> Responses:
    """What a surface answers to a request for metadata; `single`: of one instance."""
    content = _json(surface)
    if surface.offers_xml:
        content |= _XML_PARTS | (_XML if single else {})
    without = "" if surface.retrieve.tells_bulk_data else " without bulk data"
    told = {"description": f"The data sets{without}", "content": content}
    return {200: told, **_METADATA}


def instance_answers(rules: RetrieveRules, *, single: bool) -> Responses:
    """What a surface with these rules answers to a request for instances, or one of them."""
    media_types = ['multipart/related; type="application/dicom"']
    if single:
        media_types.append("application/dicom")
    if rules.offers_zip:
        media_types.append("application/zip")
    if rules.tells_bulk_data:
        media_types.append('multipart/related; type="application/octet-stream"')
    what = "The instance, a Part 10 file" if single else "The instances, each a Part 10 file"
    told = {"description": what, "content": dict.fromkeys(media_types, _BINARY)}
    return {200: told, **_INSTANCES}


_METADATA: Final[Responses] = {
    304: {"description": "Not changed since the ETag in If-None-Match"},
    **_REFUSALS,
    **_NOT_HELD,
    **_NOT_ACCEPTABLE,
}
_INSTANCES: Final[Responses] = {
    206: {"description": "Some instances cannot be given so and are left out; Warning says it"},
    304: {"description": "Not changed since the ETag in If-None-Match (one instance)"},
    **_REFUSALS,
    **_NOT_HELD,
    **_NOT_ACCEPTABLE,
    413: {"description": "Too much to be converted, or too many instances for an archive"},
}
ALL_BULK_DATA: Final[Responses] = {
    200: {
        "description": "Every value that metadata tells by reference, each a part",
        "content": {'multipart/related; type="application/octet-stream"': _BINARY},
    },
    **_REFUSALS,
    404: {"description": "Nothing with these UIDs is held here, or nothing with bulk data"},
    **_NOT_ACCEPTABLE,
}


def bulk_answers(rules: FrameRules) -> Responses:
    """What a surface answers to a request for one bulk value; encapsulated pixels as stored."""
    media_types = [each for each, _ in rules.offered]
    media_types += [f'multipart/related; type="{each}"' for each in media_types]
    told = {
        "description": "The value, little endian; encapsulated pixel data also as it is stored",
        "content": dict.fromkeys([*media_types, "application/pdf"], _BINARY),
    }
    return {200: told, **_BULK_DATA}


_BULK_DATA: Final[Responses] = {
    206: {"description": "The bytes that the Range header names"},
    304: {"description": "Not changed since the ETag in If-None-Match"},
    **_REFUSALS,
    400: {"description": "A UID or the path of the value is not valid", "content": _TEXT},
    404: {"description": "The instance is not held, or has no such bulk data"},
    **_NOT_ACCEPTABLE,
    413: {"description": "Too many frames, or one that is too large to be decoded"},
    416: {"description": "The range begins behind the end"},
    422: {"description": "The pixel data cannot be decoded"},
}

_FRAMES: Final[Responses] = {
    206: {"description": "The bytes that the Range header names"},
    304: {"description": "Not changed since the ETag in If-None-Match"},
    **_REFUSALS,
    400: {"description": "A UID or the list of frames is not valid", "content": _TEXT},
    404: {"description": "The instance is not held, or has no pixel data or no such frame"},
    **_NOT_ACCEPTABLE,
    413: {"description": "Too many frames, or one that is too large to be decoded"},
    416: {"description": "The range begins behind the end"},
    422: {"description": "The frames cannot be told apart, or cannot be decoded"},
}


def frame_answers(rules: FrameRules) -> Responses:
    """What a surface with these rules answers to a request for frames."""
    media_types = [f'multipart/related; type="{each}"' for each, _ in rules.offered]
    media_types += [each for each, _ in rules.offered if each in rules.single_part]
    told = {
        "description": "The frames, each a part; one frame also alone",
        "content": dict.fromkeys(media_types, _BINARY),
    }
    return {200: told, **_FRAMES}


_RENDERED: Final[Responses] = {
    206: {"description": "Some instances cannot be drawn and are left out; Warning says how many"},
    304: {"description": "Not changed since the ETag in If-None-Match"},
    **_REFUSALS,
    400: {"description": "A UID, a parameter or the list of frames is not valid", "content": _TEXT},
    404: {"description": "Not held, or without pixel data or such a frame"},
    406: {"description": "Nothing that the Accept header names can be drawn of this"},
    413: {"description": "The picture, or what it is made of, is too large"},
    422: {"description": "The frames cannot be told apart, or cannot be decoded"},
}


def rendered_answers(rules: RenderedRules, *, alone: bool, documents: bool = False) -> Responses:
    """What a surface with these rules answers to a request for pictures.

    `alone`: the resource is one picture. `documents`: what is no image is rendered, too.
    """
    media_types = [str(each) for each in rules.offered] if alone else []
    if not rules.strict:
        media_types += [f'multipart/related; type="{each}"' for each in rules.offered]
    if documents and rules.documents:
        media_types += DOCUMENT_TYPES
    told = {
        "description": "One picture, or one in each part",
        "content": dict.fromkeys(media_types, _BINARY),
    }
    return {200: told, **_RENDERED}


_SEARCH_PARAMETERS: Final[list[dict[str, Any]]] = [
    {
        "name": name,
        "in": "query",
        "required": False,
        "description": description,
        "schema": schema,
    }
    for name, description, schema in (
        ("limit", "How many matches at most", {"type": "integer", "minimum": 1}),
        ("offset", "How many matches to pass over", {"type": "integer", "minimum": 0}),
        ("fuzzymatching", "Match names by the beginnings of words", {"type": "boolean"}),
        ("includefield", "Attributes to return besides, or `all`", {"type": "string"}),
    )
]
SEARCH_EXTRA: Final[dict[str, Any]] = {"parameters": _SEARCH_PARAMETERS}
"""What a search takes besides the attributes, which docs/conformance/searching.md lists."""

_URI: Final[Responses] = {
    206: {"description": "The bytes of a document or video that the Range header names"},
    304: _RENDERED[304],
    **_REFUSALS,
    400: {"description": "A parameter is missing or not valid, or not offered", "content": _TEXT},
    404: {"description": "The instance is not held"},
    406: {"description": "Nothing that contentType or Accept names can be given"},
    413: _RENDERED[413],
    422: _RENDERED[422],
}


def uri_answers(rules: RenderedRules) -> Responses:
    """What the URI service answers on a surface with these rules."""
    documents = DOCUMENT_TYPES if rules.documents else ()
    media_types = [*map(str, rules.offered), "application/dicom", *documents]
    told = {
        "description": "The instance: a picture, a document, or the Part 10 file",
        "content": dict.fromkeys(media_types, _BINARY),
    }
    return {200: told, **_URI}


URI_EXTRA: Final[dict[str, Any]] = {
    "parameters": [
        {
            "name": name,
            "in": "query",
            "required": required,
            "description": description,
            "schema": {"type": "string"},
        }
        for name, required, description in (
            ("requestType", True, "`WADO`"),
            ("studyUID", True, "Study Instance UID"),
            ("seriesUID", True, "Series Instance UID"),
            ("objectUID", True, "SOP Instance UID"),
            ("contentType", False, "Media types with commas; counts in place of Accept"),
            ("charset", False, "`UTF-8`"),
            ("transferSyntax", False, "Of application/dicom; the default where it is impossible"),
            ("frameNumber", False, "From 1"),
            ("rows", False, "Pixels of the picture at most"),
            ("columns", False, "Pixels of the picture at most"),
            ("region", False, "xmin,ymin,xmax,ymax as fractions from 0 to 1"),
            ("windowCenter", False, "Together with windowWidth"),
            ("windowWidth", False, "Together with windowCenter"),
            ("imageQuality", False, "Of JPEG, 1 to 100"),
            ("annotation", False, "patient, technique or both"),
            ("imageAnnotation", False, "The same under its name of today"),
        )
    ]
}

DELETED: Final[dict[str, Any]] = {
    "status_code": 204,
    "response_class": Response,
    "response_description": "No longer held; its space is freed later",
    "responses": {**_REFUSALS, **_NOT_HELD},
}
"""Keyword arguments of the delete routes."""


def documented(
    router: APIRouter,
    path: str,
    summary: str,
    responses: Responses,
    extra: dict[str, Any] | None = None,
) -> Callable[[_Endpoint], _Endpoint]:
    """Register an endpoint for GET, which is documented, and for HEAD."""

    def register(endpoint: _Endpoint) -> _Endpoint:
        router.add_api_route(
            path,
            endpoint,
            methods=["GET"],
            summary=summary,
            responses=responses,
            response_class=Response,
            openapi_extra=extra,
        )
        router.add_api_route(path, endpoint, methods=["HEAD"], include_in_schema=False)
        return endpoint

    return register
