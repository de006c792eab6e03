"""Studies, series and instances as one ZIP archive, made while it is sent (PS3.18 8.6.1.3).

What is in it is a file-set as on other media, with its DICOMDIR (PS3.12 annex V, PS3.10 8).
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Final

from fastapi import Request, Response
from isal import isal_zlib

from hilum.catalogue.file_sets import FileOfSet, FileSet, FileSets
from hilum.catalogue.instance_syntaxes import Wanted
from hilum.catalogue.retrieve import OpenInstance, Retrieve
from hilum.domain.errors import ObjectMissing
from hilum.domain.identifiers import Scope
from hilum.foundation.clock import Clock, SystemClock
from hilum.wire.base_url import BaseUrl
from hilum.wire.bodies import StreamedResponse
from hilum.wire.media_types import ZIP
from hilum.wire.request_facts import surface_url, warning
from hilum.wire.surfaces import Surface
from hilum.wire.zip_writer import ZipFile, ZipWriter, archive_bytes

_WHOLE_BYTES: Final = 4 << 20
"""Files up to this size are held to tell their checksum before them, as simple readers want it."""
_DIRECTORY: Final = "DICOMDIR"


@dataclass(frozen=True, slots=True)
class ArchiveSender:
    """Answers who asks for `application/zip` on a surface."""

    retrieve: Retrieve
    surface: Surface
    base_url: BaseUrl
    clock: Clock = field(default_factory=SystemClock)

    async def __call__(self, request: Request, scope: Scope, wanted: Wanted) -> Response:
        plan = await self.retrieve.plan(scope, wanted)
        file_set = await FileSets(self.retrieve).lay_out(plan)
        name = scope.sop_instance or scope.series or scope.study
        headers = {
            "content-type": ZIP,
            "content-disposition": f'attachment; filename="{name}.zip"',
            "vary": "Accept",
            "cache-control": "private, no-cache",
        }
        status = 200
        if plan.left_out:
            text = f"{plan.left_out} instances cannot be given in a transfer syntax that is named."
            base = surface_url(self.base_url, request.scope, self.surface)
            headers["warning"], status = warning(base, text), 206
        length = None
        if all(self.retrieve.goes_as_stored(file.record, wanted) for file in file_set.files):
            length = await asyncio.to_thread(_archive_bytes, file_set)
        chunks = self._chunks(file_set, measured=length is not None)
        # The first file is opened before the answer begins: a missing object is an error then.
        first = b"" if request.method == "HEAD" else await anext(chunks)
        return StreamedResponse(chunks, headers, first=first, status_code=status, length=length)

    async def _chunks(self, file_set: FileSet, *, measured: bool) -> AsyncGenerator[bytes, None]:
        writer = ZipWriter(self.clock.now())
        async with aclosing(FileSets(self.retrieve).open(file_set)) as opened_files:
            async for file, opened in opened_files:
                if measured and opened.size_bytes != file.record.size_bytes:
                    uid = file.record.uids.sop_instance
                    message = f"Instance {uid} was replaced while its archive was being sent."
                    raise ObjectMissing(message)
                async with aclosing(_written(writer, file, opened)) as pieces:
                    async for piece in pieces:
                        yield piece
        # Behind the files, since it tells the transfer syntax that each was given in.
        directory = await asyncio.to_thread(b"".join, file_set.directory.chunks())
        entry = ZipFile(_DIRECTORY, len(directory), isal_zlib.crc32(directory))
        yield writer.before(entry) + directory
        writer.after(entry, len(directory), isal_zlib.crc32(directory))
        yield b"".join(writer.end())


async def _written(
    writer: ZipWriter, file: FileOfSet, opened: OpenInstance
) -> AsyncGenerator[bytes, None]:
    """Yield a file with what is around it in the archive."""
    size, content = opened.size_bytes, opened.content
    if size is not None and size <= _WHOLE_BYTES:
        if not isinstance(content, bytes):
            content = b"".join([chunk async for chunk in content])
        crc32 = isal_zlib.crc32(content)
        entry = ZipFile(file.name, size, crc32)
        yield writer.before(entry)
        yield content
        writer.after(entry, len(content), crc32)
        return
    entry = ZipFile(file.name, size)
    yield writer.before(entry)
    written = crc32 = 0
    async with aclosing(_chunks_of(content)) as chunks:
        async for chunk in chunks:
            written += len(chunk)
            crc32 = isal_zlib.crc32(chunk, crc32)
            yield chunk
    yield writer.after(entry, written, crc32)


async def _chunks_of(content: bytes | AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    if isinstance(content, bytes):
        yield content
        return
    try:
        async for chunk in content:
            yield chunk
    finally:
        if isinstance(content, AsyncGenerator):  # the client may have gone
            await content.aclose()


def _archive_bytes(file_set: FileSet) -> int:
    """Length of the archive of files that go out as stored."""
    entries = [_entry(file.name, file.record.size_bytes) for file in file_set.files]
    return archive_bytes([*entries, _entry(_DIRECTORY, file_set.directory.size_bytes)])


def _entry(name: str, size_bytes: int) -> ZipFile:
    """As long as what is written for such a file; only its checksum is made up."""
    is_held = size_bytes <= _WHOLE_BYTES or name == _DIRECTORY
    return ZipFile(name, size_bytes, 0 if is_held else None)
