"""Below `/viewer`: the viewer's page, its files and its configuration."""

import asyncio
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from hilum.desk.pages import page
from hilum.desk.viewer.configuration import app_config
from hilum.desk.viewer.files import INDEX, Build, ViewerFile, ViewerFolder
from hilum.desk.viewer.index_page import IndexPage, index_page
from hilum.wire.accept import accepts_gzip
from hilum.wire.base_url import BaseUrl
from hilum.wire.etags import none_match

_CONFIGURATION: Final = "app-config.js"
_ISOLATED: Final = {
    # Decoders share memory between threads, which browsers allow to isolated pages only.
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
}
_HOW_TO_GET_IT: Final = (
    "<h1>No viewer here yet</h1>"
    "<p>Hilum shows images with OHIF, which is no part of it. In a checkout of Hilum</p>"
    "<pre>make viewer</pre>"
    "<p>fetches it into <code>.viewer</code>. A server that was started elsewhere finds it by the"
    " setting <code>viewer.folder</code>. Then load this page again; no restart is needed.</p>"
)
_ASK_AGAIN: Final = "no-cache"
_FOR_EVER: Final = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class ViewerOptions:
    """Where the viewer is, on disk and on this server."""

    folder: ViewerFolder
    path: str = "/viewer"
    dicomweb: str = "/dicom-web"
    """Path of the surface that the viewer asks."""


def viewer_router(options: ViewerOptions, base_url: BaseUrl) -> APIRouter:
    """Needs no credentials: all that lies here is public, what it shows is asked from DICOMweb."""
    router = APIRouter(tags=["Desk"], include_in_schema=False)
    door = _Door(options, base_url)

    async def top(request: Request) -> Response:
        return await door.answer(request, "")

    async def below(request: Request, path: str) -> Response:
        return await door.answer(request, path)

    for template, endpoint in (("", top), ("/{path:path}", below)):
        router.add_api_route(template, endpoint, methods=["GET", "HEAD"], response_class=Response)
    return router


@dataclass(frozen=True, slots=True)
class _Door:
    options: ViewerOptions
    base_url: BaseUrl

    async def answer(self, request: Request, path: str) -> Response:
        build = await asyncio.to_thread(self.options.folder.current)
        if build is None:
            return page(request, "No viewer here yet", _HOW_TO_GET_IT, status=404)
        file = None if path in ("", INDEX, _CONFIGURATION) else build.files.get(path)
        if file is not None:
            return _file_response(request, file)
        prefix = urlsplit(self.base_url(request.scope)).path
        if path == _CONFIGURATION:
            return self._configuration(prefix)
        if path != INDEX and ("." in path.rpartition("/")[2] or ".." in path.split("/")):
            # A place in the viewer has no dot; a missing file must not look like a page.
            raise HTTPException(404)
        return await self._page(request, build, prefix)

    def _configuration(self, prefix: str) -> Response:
        script = app_config(
            self.base_url.public_url, prefix, prefix + self.options.path, self.options.dicomweb
        )
        headers = {"Cache-Control": _ASK_AGAIN, **_ISOLATED}
        return Response(script, headers=headers, media_type="text/javascript")

    async def _page(self, request: Request, build: Build, prefix: str) -> Response:
        html = await asyncio.to_thread(build.files[INDEX].path.read_bytes)
        made: IndexPage = index_page(html, prefix + self.options.path)
        headers = {
            "Content-Security-Policy": made.policy,
            "Cache-Control": _ASK_AGAIN,
            "ETag": f'"{made.tag}"',
            **_ISOLATED,
        }
        if not none_match(request.headers.get("if-none-match"), made.tag):
            return Response(status_code=304, headers=headers)
        return Response(made.body, headers=headers, media_type="text/html")


class _WholeFile(FileResponse):
    chunk_size = 256 * 1024


def _file_response(request: Request, file: ViewerFile) -> Response:
    headers = {"Cache-Control": _FOR_EVER if file.hashed else _ASK_AGAIN, **_ISOLATED}
    sent = file
    if file.packed is not None:
        headers["Vary"] = "Accept-Encoding"
        if accepts_gzip(request.headers.get("accept-encoding")):
            headers["Content-Encoding"] = "gzip"
            sent = file.packed
    headers["ETag"] = f'"{sent.tag}"'
    if not none_match(request.headers.get("if-none-match"), sent.tag):
        headers.pop("Content-Encoding", None)
        return Response(status_code=304, headers=headers)
    return _WholeFile(sent.path, headers=headers, media_type=file.media_type, stat_result=sent.stat)
