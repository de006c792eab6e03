"""Zip files as a source of instances: names are only shown, sizes are only believed when counted.

Nothing is ever unpacked to a path. Nested zip files are not followed.
"""

import io
import struct
import threading
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import IO, Final

_METHODS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_ENCRYPTED: Final = 0x1
_END_RECORD: Final = b"PK\x05\x06"
_END_RECORD_BYTES: Final = 22
_LONGEST_COMMENT: Final = 0xFFFF
_ZIP64_LOCATOR: Final = b"PK\x06\x07"
_ZIP64_LOCATOR_BYTES: Final = 20
_ZIP64_END_RECORD: Final = b"PK\x06\x06"
_ZIP64_END_RECORD_BYTES: Final = 56
_NAME_SHOWN: Final = 120


class ZipFault(StrEnum):
    """What can be wrong with a zip file or a member; the value is the code of a finding."""

    DAMAGED = "zip-damaged"
    ENCRYPTED = "zip-encrypted"
    COMPRESSION = "zip-compression"
    """A method other than deflate."""
    NESTED = "zip-nested"
    BOMB = "zip-bomb"
    """It expands to more than is allowed, or announces it."""
    MEMBERS = "zip-members"
    """There are more of them than is allowed."""


class ZipRefused(Exception):
    """A zip file or member that must not be read on; the text names no file."""

    def __init__(self, fault: ZipFault, reason: str) -> None:
        super().__init__(reason)
        self.fault = fault
        self.reason = reason


@dataclass(frozen=True, slots=True)
class ZipProblem:
    """Why a member is not to be opened."""

    fault: ZipFault
    reason: str


@dataclass(frozen=True, slots=True)
class ZipMember:
    """A member that is no folder."""

    index: int
    """Its place in the directory of the zip file, folders counted."""
    name: str
    """As it is written there: for showing, never for opening anything."""
    checksum: int
    """CRC-32 of the expanded bytes, as announced."""
    size_bytes: int
    """Of the expanded bytes, as announced: not to be believed."""
    compressed_bytes: int
    problem: ZipProblem | None
    open: Callable[[], "MemberReader"]
    """Open for reading from the start. Raises `OSError` or `ZipRefused`."""


@dataclass(frozen=True, slots=True)
class ZipLimits:
    """Bounds against decompression bombs."""

    member_bytes: int = 8 << 30
    """Most bytes one member may hold when expanded."""
    ratio: int = 100
    """Most expanded bytes for each byte of the zip file, beyond `free_bytes`."""
    free_bytes: int = 64 << 20
    """What any zip file may expand to whatever its ratio: empty images compress 1,000 to 1."""
    total_bytes: int | None = None
    """What the zip file may expand to whatever its size; None: what the others allow."""
    members: int = 1_000_000
    directory_bytes: int = 256 << 20
    """Largest central directory, which is read into memory."""


class SharedZip:
    """An open zip file that closes when whoever opened it and every holder let go of it.

    Opening raises `OSError`, or `ZipRefused` for a file that cannot be used.
    """

    def __init__(self, path: Path, limits: ZipLimits) -> None:
        self._limits = limits
        self._lock = threading.Lock()
        self._holders = 1
        self._expanded_bytes = 0
        self.is_bomb = False
        """It expanded to more than is allowed for all of it: nothing more can be read."""
        status = path.stat()
        self.size_bytes, self.mtime_ns = status.st_size, status.st_mtime_ns
        _check_directory(path, limits)
        try:
            self._zip = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
            raise ZipRefused(ZipFault.DAMAGED, "damaged zip file") from error
        if len(self._zip.filelist) > limits.members:
            self._zip.close()
            reason = f"the zip file has more than {limits.members:,} members"
            raise ZipRefused(ZipFault.MEMBERS, reason)

    def members(self) -> Iterator[ZipMember]:
        """Yield the members that are no folders, in the order of the directory."""
        for index, member in enumerate(self._zip.filelist):
            if not member.is_dir():
                yield ZipMember(
                    index,
                    member.filename,
                    member.CRC,
                    member.file_size,
                    member.compress_size,
                    _why_not(member, self._limits),
                    partial(self._open, member),
                )

    def hold(self) -> Callable[[], None]:
        """Keep the file open until the returned function is called; a second call is harmless."""
        with self._lock:
            self._holders += 1
        return _once(self.release)

    def release(self) -> None:
        with self._lock:
            self._holders -= 1
            last = self._holders == 0
        if last:
            self._zip.close()

    def _open(self, member: zipfile.ZipInfo) -> "MemberReader":
        with _damage_is_refused():
            return MemberReader(self._zip.open(member), self._limits, self.expanded)

    def expanded(self, count: int) -> None:
        """Count expanded bytes of the whole file: overlapping members are a bomb too."""
        with self._lock:
            self._expanded_bytes += count
            total = self._expanded_bytes
        limits = self._limits
        if total > max(limits.free_bytes, limits.ratio * self.size_bytes):
            self.is_bomb = True
            reason = f"the zip file expands to more than {limits.ratio} times its size"
            raise ZipRefused(ZipFault.BOMB, reason)
        if limits.total_bytes is not None and total > limits.total_bytes:
            self.is_bomb = True
            raise ZipRefused(ZipFault.BOMB, "the zip file expands to more than is left for it")


class MemberReader:
    """A member's bytes, counted as they expand."""

    def __init__(
        self, stream: IO[bytes], limits: ZipLimits, expanded: Callable[[int], None]
    ) -> None:
        self._stream = stream
        self._limits = limits
        self._expanded = expanded
        self._read_bytes = 0

    def read(self, size: int, /) -> bytes:
        with _damage_is_refused():
            data = self._stream.read(size)
        self._read_bytes += len(data)
        if self._read_bytes > self._limits.member_bytes:
            raise ZipRefused(ZipFault.BOMB, _too_large(self._limits))
        self._expanded(len(data))
        return data

    def close(self) -> None:
        self._stream.close()


@contextmanager
def _damage_is_refused() -> Iterator[None]:
    """Make the many errors of a damaged member one."""
    try:
        yield
    except (zipfile.BadZipFile, zlib.error, EOFError, struct.error, NotImplementedError) as error:
        raise ZipRefused(ZipFault.DAMAGED, "damaged member of a zip file") from error


def _once(release: Callable[[], None]) -> Callable[[], None]:
    """Let a second call do nothing, so that nobody can release for somebody else."""
    pending = [release]

    def releases() -> None:
        if pending:
            pending.pop()()

    return releases


def _why_not(member: zipfile.ZipInfo, limits: ZipLimits) -> ZipProblem | None:
    if member.flag_bits & _ENCRYPTED:
        return ZipProblem(ZipFault.ENCRYPTED, "encrypted member of a zip file")
    if member.compress_type not in _METHODS:
        reason = "member of a zip file with a compression other than deflate"
        return ZipProblem(ZipFault.COMPRESSION, reason)
    if member.filename.lower().endswith(".zip"):
        return ZipProblem(ZipFault.NESTED, "zip file inside a zip file: unpack it and import that")
    if member.file_size > limits.member_bytes:
        return ZipProblem(ZipFault.BOMB, _too_large(limits))
    return None


def _too_large(limits: ZipLimits) -> str:
    return f"member of a zip file larger than {limits.member_bytes:,} bytes"


def shown_name(name: str) -> str:
    """A member's name for people: no control characters, no endless length."""
    printable = "".join(char if char.isprintable() else "?" for char in name)
    return printable if len(printable) <= _NAME_SHOWN else f"{printable[:_NAME_SHOWN]}..."


def _check_directory(path: Path, limits: ZipLimits) -> None:
    """Refuse a central directory that would not fit, before anything reads it."""
    with path.open("rb") as file:
        end = file.seek(0, io.SEEK_END)
        span = _END_RECORD_BYTES + _LONGEST_COMMENT + _ZIP64_LOCATOR_BYTES
        start = file.seek(max(0, end - span))
        tail = file.read(span)
        found = tail.rfind(_END_RECORD)
        if found < 0 or len(tail) - found < _END_RECORD_BYTES:
            raise ZipRefused(
                ZipFault.DAMAGED, "damaged zip file: its directory is missing (cut short?)"
            )
        (directory_bytes,) = struct.unpack_from("<L", tail, found + 12)
        locator = found - _ZIP64_LOCATOR_BYTES
        if locator >= 0 and tail[locator : locator + 4] == _ZIP64_LOCATOR:
            file.seek(max(0, start + locator - _ZIP64_END_RECORD_BYTES))
            record = file.read(_ZIP64_END_RECORD_BYTES)
            if record[:4] == _ZIP64_END_RECORD:
                (directory_bytes,) = struct.unpack_from("<Q", record, 40)
    if directory_bytes > limits.directory_bytes:
        reason = f"the directory of the zip file is larger than {limits.directory_bytes:,} bytes"
        raise ZipRefused(ZipFault.BOMB, reason)
