"""What lies at the root of a DICOMweb surface, for whoever looks there first."""

from typing import Final

import orjson
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from hilum.desk.pages import page, table, text
from hilum.wire.surfaces import Surface

_STUDY: Final = "/studies/{study}"
_SERIES: Final = f"{_STUDY}/series/{{series}}"
_INSTANCE: Final = f"{_SERIES}/instances/{{instance}}"
_RESOURCES: Final = (
    ("learn what is offered (WADL, JSON)", "GET", "/capabilities"),
    ("store", "POST", "/studies"),
    ("search for studies", "GET", "/studies"),
    ("search for series", "GET", f"{_STUDY}/series"),
    ("search for instances", "GET", f"{_SERIES}/instances"),
    ("retrieve a study", "GET", _STUDY),
    ("retrieve a series", "GET", _SERIES),
    ("retrieve an instance", "GET", _INSTANCE),
    ("retrieve metadata", "GET", f"{_STUDY}/metadata"),
    ("retrieve frames", "GET", f"{_INSTANCE}/frames/{{frames}}"),
    ("delete", "DELETE", _STUDY),
)


def surface_router(surface: Surface) -> APIRouter:
    """The root of `surface`: a page for browsers, JSON for others; it needs no credentials."""
    router = APIRouter(tags=["Desk"], include_in_schema=False)
    base = surface.prefix
    rows = [(name, method, base + path) for name, method, path in _RESOURCES]
    told = orjson.dumps(
        {
            "service": "DICOMweb",
            "surface": surface.name,
            "resources": [
                {"for": name, "method": method, "path": path} for name, method, path in rows
            ],
            "documentation": "/docs",
            "openapi": "/openapi.json",
        }
    )
    cells = [
        (text(name), f"<code>{text(method)}</code>", f"<code>{text(path)}</code>")
        for name, method, path in rows
    ]
    body = (
        f"<h1>DICOMweb at {text(base)}</h1>"
        '<p>Nothing lies here itself; <a href="/docs">the API</a> tells all of it.</p>'
        f"{table(('For', 'Method', 'Address'), cells)}"
    )

    @router.get("", summary="What lies below")
    async def root(request: Request) -> Response:
        headers = {"Vary": "Accept", "Link": '</docs>; rel="service-doc"'}
        if "text/html" in request.headers.get("accept", ""):
            answer = page(request, f"DICOMweb at {base}", body)
            answer.headers.update(headers)
            return answer
        return Response(told, headers=headers, media_type="application/json")

    return router
