"""What a file of the cache looks like: a head that proves the rest, and the bytes.

Files are not flushed before they are used, so after a crash one may be short, or hold zeros.
"""

import struct
import zlib
from typing import Final

_HEAD: Final = struct.Struct("<4sIQ")
_MAGIC: Final = b"HDO1"
HEAD_BYTES: Final = _HEAD.size


def head_of(name: str, data: bytes) -> bytes:
    """Return what stands before `data` in the file called `name`."""
    return _HEAD.pack(_MAGIC, _checksum(name, data), len(data))


def opened(name: str, file: bytes) -> bytes | None:
    """Return the bytes of a file; None unless all of it was written, and under this name."""
    if len(file) < HEAD_BYTES:
        return None
    magic, checksum, size = _HEAD.unpack_from(file)
    data = file[HEAD_BYTES:]
    if magic != _MAGIC or size != len(data) or checksum != _checksum(name, data):
        return None
    return data


def _checksum(name: str, data: bytes) -> int:
    return zlib.crc32(data, zlib.crc32(name.encode()))
