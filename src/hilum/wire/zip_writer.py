"""Writing ZIP archives into a stream (PKWARE APPNOTE 6.3.10, within ISO/IEC 21320-1).

Files are stored and not compressed: their sizes are known, so the length of the archive is known
before its first byte. Nothing is held but 60 bytes and the name of each file.
"""

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

_LOCAL: Final = struct.Struct("<4sHHHHHLLLHH")
_CENTRAL: Final = struct.Struct("<4sBBHHHHHLLLHHHHHLL")
_END: Final = struct.Struct("<4sHHHHLLH")
_END_64: Final = struct.Struct("<4sQBBHLLQQQQ")
_LOCATOR: Final = struct.Struct("<4sLQL")
_VERSION: Final = 20
_VERSION_64: Final = 45
_UNIX: Final = 3
_SIZES_FOLLOW: Final = 0x0008
"""Flag of a file whose checksum stands behind it."""
_MODE: Final = 0o100644 << 16
_EXTRA_64: Final = 0x0001
_FULL_32: Final = 0xFFFFFFFF
_FULL_16: Final = 0xFFFF
_FIRST_YEAR: Final = 1980


@dataclass(frozen=True, slots=True)
class ZipFile:
    """A file that is about to be written."""

    name: str
    """ASCII, with `/` between folders."""
    size_bytes: int | None
    """None when it is not known before the file is written."""
    crc32: int | None = None
    """None likewise: size and checksum are told behind the file, too."""

    @property
    def is_wide(self) -> bool:
        """Whether its sizes have 64 bits."""
        return self.size_bytes is None or self.size_bytes >= _FULL_32


@dataclass(frozen=True, slots=True)
class _Written:
    name: bytes
    size_bytes: int
    crc32: int
    offset: int
    flags: int


class ZipWriter:
    """Writes what is around the files; their bytes go out by another way.

    Order of use: for every file `before(...)`, its bytes, `after(...)`; `end()` at the last.
    """

    __slots__ = ("_moment", "_offset", "_written")

    def __init__(self, moment: datetime) -> None:
        """`moment`: the date of all files; the format has no time zone."""
        self._moment = _dos_date(moment)
        self._offset = 0
        self._written: list[_Written] = []

    def before(self, file: ZipFile) -> bytes:
        """The local header (4.3.7)."""
        size = file.size_bytes or 0
        extra = _extra_64(size, size) if file.is_wide else b""
        told = _FULL_32 if file.is_wide else size
        name = file.name.encode("ascii")
        head = _LOCAL.pack(
            b"PK\3\4",
            _VERSION_64 if file.is_wide else _VERSION,
            _flags(file),
            0,
            *self._moment,
            file.crc32 or 0,
            told,
            told,
            len(name),
            len(extra),
        )
        return head + name + extra

    def after(self, file: ZipFile, size_bytes: int, crc32: int) -> bytes:
        """The data descriptor (4.3.9) of a file whose checksum was not known before."""
        name = file.name.encode("ascii")
        self._written.append(_Written(name, size_bytes, crc32, self._offset, _flags(file)))
        self._offset += _around_bytes(file) + size_bytes
        if file.crc32 is not None:
            return b""
        sizes = "QQ" if file.is_wide else "LL"
        return struct.pack(f"<4sL{sizes}", b"PK\7\x08", crc32, size_bytes, size_bytes)

    def end(self) -> Iterator[bytes]:
        """Yield the central directory (4.3.12) and its end."""
        size = 0
        for written in self._written:
            entry = self._central(written)
            size += len(entry)
            yield entry
        yield _end(len(self._written), size, self._offset)

    def _central(self, written: _Written) -> bytes:
        wide = [
            number
            for number in (written.size_bytes, written.size_bytes, written.offset)
            if number >= _FULL_32
        ]
        extra = _extra_64(*wide) if wide else b""
        size = min(written.size_bytes, _FULL_32)
        version = _VERSION_64 if wide else _VERSION
        head = _CENTRAL.pack(
            b"PK\1\2",
            version,
            _UNIX,
            version,
            written.flags,
            0,
            *self._moment,
            written.crc32,
            size,
            size,
            len(written.name),
            len(extra),
            0,
            0,
            0,
            _MODE,
            min(written.offset, _FULL_32),
        )
        return head + written.name + extra


def archive_bytes(files: Iterable[ZipFile]) -> int:
    """Length of the archive of these files, whose sizes are known, written in this order."""
    offset = directory = count = 0
    for file in files:
        size = file.size_bytes or 0
        directory += _CENTRAL.size + len(file.name)
        wide = 2 * (size >= _FULL_32) + (offset >= _FULL_32)
        directory += 4 + 8 * wide if wide else 0
        offset += _around_bytes(file) + size
        count += 1
    return offset + directory + len(_end(count, directory, offset))


def _flags(file: ZipFile) -> int:
    return _SIZES_FOLLOW if file.crc32 is None else 0


def _around_bytes(file: ZipFile) -> int:
    around = _LOCAL.size + len(file.name) + (20 if file.is_wide else 0)
    if file.crc32 is None:
        around += 24 if file.is_wide else 16
    return around


def _end(count: int, size: int, offset: int) -> bytes:
    end = _END.pack(
        b"PK\5\6",
        0,
        0,
        min(count, _FULL_16),
        min(count, _FULL_16),
        min(size, _FULL_32),
        min(offset, _FULL_32),
        0,
    )
    if count < _FULL_16 and size < _FULL_32 and offset < _FULL_32:
        return end
    rest = _END_64.size - 12
    wide = _END_64.pack(
        b"PK\6\6", rest, _VERSION_64, _UNIX, _VERSION_64, 0, 0, count, count, size, offset
    )
    return wide + _LOCATOR.pack(b"PK\6\7", 0, offset + size, 1) + end


def _extra_64(*numbers: int) -> bytes:
    return struct.pack(f"<HH{len(numbers)}Q", _EXTRA_64, 8 * len(numbers), *numbers)


def _dos_date(moment: datetime) -> tuple[int, int]:
    """Time and date as in 4.4.6: two seconds exact, from 1980 on."""
    year = min(max(moment.year - _FIRST_YEAR, 0), 127)
    return (
        moment.hour << 11 | moment.minute << 5 | moment.second // 2,
        year << 9 | moment.month << 5 | moment.day,
    )
