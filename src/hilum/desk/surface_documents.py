"""The OpenAPI document of one surface, made from its routes, and `GET /api.yaml` of the surface."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Final

from fastapi import APIRouter
from fastapi.openapi.utils import get_openapi
from starlette.requests import Request
from starlette.responses import Response

from hilum.wire.base_url import BaseUrl
from hilum.wire.request_facts import surface_url
from hilum.wire.surface_parameters import (
    DESCRIPTIONS,
    Json,
    headers_of,
    path_parameter,
    search_parameters,
)
from hilum.wire.surfaces import Surface
from hilum.wire.yaml_text import yaml_text

_SEARCH: Final = "fuzzymatching"
_TEXT: Final = {"text/plain": {"schema": {"type": "string"}}}
_ERRORS: Final[Mapping[str, str]] = {
    "400": "The request is not valid; the text says why",
    "500": "Something went wrong here; the text has the correlation id",
    "503": "The archive cannot do this now; Retry-After says when to come back",
}
_WITH_SCOPE: Final[Mapping[str, str]] = {
    "401": "Credentials are missing or not valid",
    "403": "The scope is not granted",
}
_WITH_BODY: Final[Mapping[str, str]] = {"408": "The body did not come in time"}
_TEXT_HEADER: Final = {"schema": {"type": "string"}}
_SHARED_HEADERS: Final = {
    "X-Correlation-ID": {"description": "Finds the request in the log", **_TEXT_HEADER},
    "api-supported-versions": {"description": "Versions of this interface", **_TEXT_HEADER},
}
_EVERY_HEADER: Final = {name: {"$ref": f"#/components/headers/{name}"} for name in _SHARED_HEADERS}
_HEADERS: Final[Mapping[str, Json]] = {
    "401": {"WWW-Authenticate": _TEXT_HEADER},
    "503": {"Retry-After": {"description": "Seconds", "schema": {"type": "integer"}}},
}
_SECURITY: Final[Json] = {
    "token": {"type": "http", "scheme": "bearer", "description": "A token, or an API key"},
    "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
}
_BEFORE: Final = frozenset({*_ERRORS, *_WITH_SCOPE, *_WITH_BODY})
_NO_BODY: Final = frozenset({"204", "304"})
_TITLE: Final = "Hilum at {prefix}"
_DESCRIPTION: Final = """\
Follows the Azure DICOM service. Routes that answer with data sets need an `Accept` header that \
covers what they answer with, else 406. Errors are plain text, those of work items a JSON string. \
With data partitions their name stands behind the version, `{prefix}/partitions/{{name}}`, for \
studies, work items and export.
"""


@dataclass(frozen=True, slots=True)
class Described:
    """A router of the surface, and what a caller must have been granted, any of it, to use it."""

    router: APIRouter
    scopes: Sequence[str]


def surface_document(described: Iterable[Described], surface: Surface, version: str) -> Json:
    """The document, without its servers."""
    paths: dict[str, Json] = {}
    schemas: Json = {}
    for each in described:
        # FastAPI's document may share parts with the router: it is copied before it is changed.
        told = deepcopy(get_openapi(title="", version="", routes=each.router.routes))
        schemas |= told.get("components", {}).get("schemas", {})
        for path, operations in told.get("paths", {}).items():
            for method, operation in operations.items():
                complete = _completed(operation, method, path, each.scopes, surface)
                paths.setdefault(path or "/", {})[method] = complete
    components: Json = {"securitySchemes": _SECURITY, "headers": _SHARED_HEADERS}
    used = {name: each for name, each in schemas.items() if "Validation" not in name}
    if used:
        components["schemas"] = used
    return {
        "openapi": "3.0.3",
        "info": {
            "title": _TITLE.format(prefix=surface.prefix),
            "version": version,
            "description": _DESCRIPTION.format(prefix=surface.prefix),
        },
        "paths": dict(sorted(paths.items())),
        "components": components,
    }


def _completed(
    operation: Json, method: str, path: str, scopes: Sequence[str], surface: Surface
) -> Json:
    operation = dict(operation)
    operation["operationId"] = _operation_id(method, path)
    answers: dict[str, Json] = {
        status: answer
        for status, answer in operation["responses"].items()
        if "HTTPValidationError" not in str(answer)
    }
    usual = {**_ERRORS, **(_WITH_SCOPE if scopes else {})}
    if "requestBody" in operation:
        usual |= _WITH_BODY
    for status, description in usual.items():
        answers.setdefault(status, {"description": description})
    operation["responses"] = {
        status: _answer(status, answer) for status, answer in sorted(answers.items())
    }
    operation["parameters"] = list(_parameters(operation, method, path, surface))
    operation["security"] = [{"token": []}, {"key": []}, {}] if scopes else []
    if scopes:
        needed = f"Scope: {' or '.join(scopes)}."
        operation["description"] = f"{operation.get('description', '').strip()}\n\n{needed}".strip()
    return operation


def _answer(status: str, answer: Json) -> Json:
    answer = dict(answer)
    # What is found out before an operation begins is told as text, however its own errors look.
    if status in _BEFORE or (status >= "400" and status != "406" and "content" not in answer):
        answer["content"] = {**answer.get("content", {}), **_TEXT}
    if status in _NO_BODY:
        answer.pop("content", None)
    answer["headers"] = {**answer.get("headers", {}), **_HEADERS.get(status, {}), **_EVERY_HEADER}
    return answer


def _parameters(operation: Json, method: str, path: str, surface: Surface) -> Iterator[Json]:
    told = [each for each in operation.get("parameters", ()) if each["in"] != "path"]
    for name in re.findall(r"{(\w+)}", path):
        yield path_parameter(name)
    if _SEARCH in {each["name"] for each in told} and "workitems" not in path:
        yield from search_parameters(path, surface)
    else:
        for each in told:
            usual = DESCRIPTIONS.get(each["name"])
            yield {"description": usual, **each} if usual else each
    names = {each["name"].lower() for each in told}
    for each in headers_of(method, path, operation["responses"], surface):
        if each["name"].lower() not in names:
            yield each


def _operation_id(method: str, path: str) -> str:
    words = re.findall(r"\w+", path)
    return method + "".join(word[:1].upper() + word[1:] for word in words)


def surface_document_router(
    document: Callable[[], Json], surface: Surface, base_url: BaseUrl | None = None
) -> APIRouter:
    """`/api.yaml`, relative to the prefix of the surface; it tells what the documentation tells."""
    router = APIRouter(tags=[f"{surface.prefix} capabilities"])
    base = base_url or BaseUrl()
    made: list[Json] = []

    @router.get(
        "/api.yaml",
        summary="This interface as an OpenAPI document",
        response_class=Response,
        responses={
            200: {
                "description": "OpenAPI 3.0",
                "content": {"application/yaml": {"schema": {"type": "object"}}},
            }
        },
    )
    async def api_yaml(request: Request) -> Response:
        if not made:
            made.append(document())
        url = surface_url(base, request.scope, surface)
        text = yaml_text({**made[0], "servers": [{"url": url}]})
        return Response(text, media_type="application/yaml", headers={"cache-control": "no-cache"})

    return router
