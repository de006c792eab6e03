"""`GET /upload`, and the files its page consists of."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from hilum.desk.pages import page, text
from hilum.wire.etags import none_match

_FILES: Final = Path(__file__).parent / "files"
_MEDIA_TYPES: Final = {".js": "text/javascript", ".css": "text/css"}
_BODY: Final = """
<main>
<h1>Upload</h1>
<p>Files are kept as they come, validated, and archived; what cannot be kept lies in quarantine,
where it can be repaired. DICOM files and zip files of them are taken.</p>
<form id="key-form" hidden>
<p id="key-why"></p>
<label>API key <input name="key" type="password" required autocomplete="off"
 aria-describedby="key-why"></label>
<button>Use this key</button>
<p><small>It is kept until this tab is closed. Whoever runs the server makes keys with
<code>hilum keys create</code>.</small></p>
</form>
<form id="upload-form" method="post" action="/upload" enctype="multipart/form-data"
 data-files="{files}" data-file-bytes="{file_bytes}" data-request-bytes="{request_bytes}">
<div id="drop" class="drop">
<p>Drop files or folders here, or choose them:</p>
<label>Files <input type="file" name="file" multiple></label>
<label class="folder">A folder <input type="file" webkitdirectory></label>
<p class="unscripted"><button>Upload</button> Without JavaScript the answer is text; its
<code>status_url</code> tells how it goes on.</p>
</div>
</form>
<p id="said" class="seen-by-readers" role="status" aria-live="polite"></p>
<section aria-labelledby="uploads-title">
<h2 id="uploads-title">Uploads of this browser</h2>
<div id="uploads"></div>
</section>
<dialog id="question" aria-labelledby="question-title"></dialog>
</main>
"""


@dataclass(frozen=True, slots=True)
class UploadPageOptions:
    """What the page says before anything is sent; bounds of the door itself."""

    files: int
    file_bytes: int
    request_bytes: int


@dataclass(frozen=True, slots=True)
class _File:
    body: bytes
    media_type: str
    tag: str


def upload_page_router(options: UploadPageOptions) -> APIRouter:
    """Needs no credentials: the page shows nothing that it did not ask for with the user's key."""
    router = APIRouter(tags=["Desk"], include_in_schema=False)
    files = _files()
    body = _BODY.format(
        files=text(options.files),
        file_bytes=text(options.file_bytes),
        request_bytes=text(options.request_bytes),
    )

    @router.get("/upload", summary="Upload files in a browser")
    async def upload(request: Request) -> Response:
        return page(request, "Upload", body, script="/upload/main.js", style="/upload/upload.css")

    @router.get("/upload/{name}", summary="A file of that page")
    async def file(request: Request, name: str) -> Response:
        found = files.get(name)
        if found is None:
            raise HTTPException(404)
        headers = {"ETag": f'"{found.tag}"', "Cache-Control": "no-cache"}
        if not none_match(request.headers.get("if-none-match"), found.tag):
            return Response(status_code=304, headers=headers)
        return Response(found.body, headers=headers, media_type=found.media_type)

    return router


def _files() -> Mapping[str, _File]:
    return {
        path.name: _File(body, _MEDIA_TYPES[path.suffix], hashlib.sha256(body).hexdigest()[:32])
        for path in _FILES.iterdir()
        if path.suffix in _MEDIA_TYPES and (body := path.read_bytes())
    }
