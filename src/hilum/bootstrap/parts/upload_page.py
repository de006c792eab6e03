"""The page at `/upload`, which asks the doors of the same server."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from hilum.bootstrap.parts.part import Part, Surroundings
from hilum.desk.upload.routes import UploadPageOptions, upload_page_router
from hilum.servers.http import Mount


@asynccontextmanager
async def upload_page_part(around: Surroundings) -> AsyncIterator[Part]:
    """The page and its files."""
    upload = around.settings.upload
    options = UploadPageOptions(
        files=upload.files, file_bytes=upload.file_bytes, request_bytes=upload.request_bytes
    )
    yield Part(mounts=[Mount(upload_page_router(options), "")])
