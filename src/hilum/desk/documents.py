"""The OpenAPI document, and a page that shows it without loading anything from the network."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import orjson
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from hilum.desk.pages import page, table, text

_METHODS: Final = ("get", "head", "post", "put", "patch", "delete", "options")
OpenApi = Callable[[], Mapping[str, Any]]


def documents_router(document: OpenApi) -> APIRouter:
    """`/docs` and `/openapi.json`, made from `document` when they are first asked for."""
    router = APIRouter(tags=["Desk"], include_in_schema=False)
    rendered: dict[str, Response] = {}
    bodies: dict[str, str] = {}

    @router.get("/openapi.json", summary="The API, for programs")
    async def openapi() -> Response:
        if "json" not in rendered:
            body = orjson.dumps(document(), option=orjson.OPT_INDENT_2)
            rendered["json"] = Response(body, media_type="application/json")
        return rendered["json"]

    @router.get("/docs", summary="The API, for people")
    async def docs(request: Request) -> Response:
        if "page" not in bodies:
            bodies["page"] = _body(document())
        return page(request, "Hilum API", bodies["page"])

    return router


def _body(document: Mapping[str, Any]) -> str:
    info = document["info"]
    groups: dict[str, list[str]] = {}
    for path, operations in document["paths"].items():
        for method in _METHODS:
            if method in operations:
                operation = operations[method]
                group = (operation.get("tags") or ["Other"])[0]
                groups.setdefault(group, []).append(_operation(path, method, operation))
    sections = "".join(
        f"<h2>{text(group)}</h2>{''.join(entries)}" for group, entries in groups.items()
    )
    return (
        f"<h1>{text(info['title'])} API</h1>{_paragraphs(info.get('description', ''))}"
        '<p>For programs: <a href="/openapi.json">openapi.json</a>.</p>' + sections
    )


def _operation(path: str, method: str, operation: Mapping[str, Any]) -> str:
    responses: Mapping[str, Mapping[str, Any]] = operation.get("responses", {})
    answers = [
        (text(status), _inline(str(answer.get("description", ""))))
        for status, answer in responses.items()
    ]
    return (
        f'<details><summary><span class="method">{text(method.upper())}</span>'
        f"<code>{text(path)}</code> {text(operation.get('summary', ''))}</summary>"
        f"{_paragraphs(operation.get('description', ''))}"
        f"{_parameters(operation.get('parameters', ()))}"
        f"{table(('Status', 'Meaning'), answers)}</details>"
    )


def _parameters(parameters: Sequence[Mapping[str, Any]]) -> str:
    if not parameters:
        return ""
    rows = [
        (
            f"<code>{text(each['name'])}</code>",
            text(each["in"]),
            _inline(str(each.get("description", ""))),
        )
        for each in parameters
    ]
    return table(("Parameter", "In", "Meaning"), rows)


def _paragraphs(description: str) -> str:
    blocks = (block.strip() for block in description.split("\n\n"))
    return "".join(f"<p>{_inline(block)}</p>" for block in blocks if block)


def _inline(markdown: str) -> str:
    """Text with its backticks made into code; nothing else of Markdown is used in our routes."""
    pieces = markdown.split("`")
    return "".join(
        f"<code>{text(piece)}</code>" if index % 2 else text(piece)
        for index, piece in enumerate(pieces)
    )
