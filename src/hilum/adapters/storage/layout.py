"""Where an object lies below the root of its store, on a disk and in a bucket alike."""

import zlib
from functools import lru_cache

from hilum.domain.identifiers import ObjectKey, object_key, parse_object_key

Parts = tuple[str, ...]
"""Names of folders, outermost first."""


@lru_cache(maxsize=4096)
def place(key: ObjectKey) -> tuple[Parts, str]:
    """Parse a key into folders and a file name; nothing unparsed ever becomes part of a path.

    Raises `ValueError` for a text that `object_key` would not write.
    """
    partition, uids, version = parse_object_key(key)
    if object_key(partition, uids, version) != key:
        message = f"not an object key: {key!r}"
        raise ValueError(message)
    shard = f"{zlib.crc32(uids.study.encode()) & 0xFF:02x}"
    name = f"{uids.sop_instance}.{version}.dcm"
    return (str(partition), shard, uids.study, uids.series), name
