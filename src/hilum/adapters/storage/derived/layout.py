"""Where a derived object lies: `<shard>/<version>/<digest of the recipe>`.

A version that is gone has a mark, a file where its folder would be: nothing can be put there, by
any process, until the mark has grown old.
"""

import hashlib
from collections.abc import Iterator
from typing import Final

from hilum.domain.identifiers import Version

INCOMING: Final = "incoming"
"""Folder of files that are being written."""
SHARDS: Final = tuple(f"{number:02x}" for number in range(256))


def shard_of(version: Version) -> str:
    """Name of the folder that holds the folder of a version."""
    return SHARDS[version & 0xFF]


def file_of(recipe: str) -> str:
    """Name of the file of a recipe, whatever text that is."""
    return hashlib.sha256(recipe.encode("utf-8", "surrogatepass")).hexdigest()


def name_of(version: Version, recipe: str) -> str:
    """Path below the root, `/`-joined."""
    return f"{shard_of(version)}/{version}/{file_of(recipe)}"


def archive_folder(feed_id: str) -> str:
    """Name of the folder for one life of an index, since another one gives out its numbers again.

    `feed_id` is another one after a rebuild.
    """
    return "archive-" + hashlib.sha256(feed_id.encode()).hexdigest()[:16]


def is_archive_folder(name: str) -> bool:
    """Whether `archive_folder` could have given this name."""
    digits = name.removeprefix("archive-")
    return name != digits and len(digits) == 16 and set(digits) <= set("0123456789abcdef")


def versions_in(names: Iterator[str]) -> Iterator[Version]:
    """The names of folders of a shard that are versions."""
    for name in names:
        if name.isascii() and name.isdigit():
            yield Version(int(name))
