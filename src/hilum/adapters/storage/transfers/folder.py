"""A folder as a place of transfers. Nothing in it is followed that leads out of it.

It may lie on a file system that hangs, so it is worked on in threads that nobody else needs.
"""

import asyncio
import os
import re
import secrets
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from errno import EACCES, EDQUOT, ENOENT, ENOSPC, ENOTDIR, EPERM, EROFS
from itertools import islice
from operator import itemgetter
from pathlib import Path
from typing import BinaryIO, Final, TypeVar

from hilum.domain.errors import ObjectMissing
from hilum.domain.transfers import PlaceUnavailable, PlaceUnusable
from hilum.ports.transfers import PlacedFile

_CHUNK_BYTES: Final = 1 << 20
_PAGE: Final = 200
_PARTIAL: Final = ".hilum-partial-"
_ESCAPED: Final = re.compile(r"\\x([0-9a-f]{2})")
_LASTING: Final = frozenset({EACCES, EPERM, EROFS, ENOENT, ENOTDIR})
_T = TypeVar("_T")


class FolderPlace:
    """`TransferStore`. `threads` work on the folder; without, those that all share do."""

    def __init__(self, folder: Path, threads: Executor | None = None) -> None:
        self._folder = folder
        self._threads = threads

    async def put(
        self,
        name: str,
        content: bytes | AsyncIterator[bytes],
        size_bytes: int,  # noqa: ARG002 - buckets need it
    ) -> None:
        path = self._folder.joinpath(*name.split("/"))
        partial = path.with_name(f"{_PARTIAL}{secrets.token_hex(8)}")
        with _faults():
            file = await self._in_thread(lambda: _create(partial))
        try:
            with file:
                if isinstance(content, bytes):
                    await self._write(file, content)
                else:
                    async for chunk in content:
                        await self._write(file, chunk)
                with _faults():
                    await self._in_thread(lambda: _publish(file, partial, path))
        except BaseException:
            partial.unlink(missing_ok=True)
            raise

    async def clear(self, folder: str) -> None:
        with _faults():
            await self._in_thread(lambda: _clear(self._folder / folder))

    async def list(self, after: str) -> AsyncIterator[PlacedFile]:
        found = _walk(self._folder, "", after.split("/") if after else [])
        while True:
            with _faults():
                page = await self._in_thread(lambda: list(islice(found, _PAGE)))
            for each in page:
                yield each
            if len(page) < _PAGE:
                return

    async def stream(self, file: PlacedFile) -> AsyncIterator[bytes]:
        path = self._folder.joinpath(*map(_entry_name, file.name.split("/")))
        try:
            opened = await self._in_thread(lambda: _open(path))
        except OSError as error:
            message = f"The file cannot be read: {os.strerror(error.errno or 0)}."
            raise ObjectMissing(message) from error
        with opened:
            while True:
                with _faults():
                    chunk = await self._in_thread(lambda: opened.read(_CHUNK_BYTES))
                if not chunk:
                    return
                yield chunk

    def href(self, name: str) -> str:
        return self._folder.joinpath(*name.split("/")).as_uri()

    async def _write(self, file: BinaryIO, data: bytes) -> None:
        with _faults():
            await self._in_thread(lambda: file.write(data))

    async def _in_thread(self, work: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)


def _create(path: Path) -> BinaryIO:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.open("xb")


def _publish(file: BinaryIO, partial: Path, path: Path) -> None:
    """Let the file show under its name, whole, and survive a power failure."""
    file.flush()
    os.fsync(file.fileno())
    partial.replace(path)
    descriptor = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _clear(folder: Path) -> None:
    for path in folder.rglob(f"{_PARTIAL}*"):
        path.unlink(missing_ok=True)


def _open(path: Path) -> BinaryIO:
    return os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb")


def _walk(folder: Path, above: str, after: list[str]) -> Iterator[PlacedFile]:
    """Files below `folder` whose names, part by part, are behind `after`."""
    with os.scandir(folder) as entries:
        found = sorted(((_text(entry.name), entry) for entry in entries), key=itemgetter(0))
    first = after[0] if after else None
    for text, entry in found:
        if (first is not None and text < first) or entry.name.startswith(_PARTIAL):
            continue
        name = f"{above}{text}"
        if entry.is_dir(follow_symlinks=False):
            rest = after[1:] if text == first else []
            yield from _walk(Path(entry.path), f"{name}/", rest)
        elif entry.is_file(follow_symlinks=False) and text != first:
            yield PlacedFile(name, entry.stat(follow_symlinks=False).st_size)


def _text(name: str) -> str:
    r"""A name as any database takes it: a byte that is no UTF-8 as `\xff`, `\` as `\x5c`."""
    escaped = name.replace("\\", r"\x5c")
    return escaped.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _entry_name(text: str) -> str:
    """The name that `_text` made a text of."""
    return _ESCAPED.sub(lambda found: _byte(found[1]), text)


def _byte(digits: str) -> str:
    return bytes.fromhex(digits).decode("utf-8", "surrogateescape")


@contextmanager
def _faults() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = os.strerror(error.errno or 0)
        if error.errno in {ENOSPC, EDQUOT}:
            message = "The folder has no space left."
            raise PlaceUnavailable(message) from error
        if error.errno in _LASTING:
            message = f"The folder cannot be used: {reason}."
            raise PlaceUnusable(message) from error
        message = f"The folder cannot be used now: {reason}."
        raise PlaceUnavailable(message) from error
