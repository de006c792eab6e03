"""The caches below one folder as a whole: what they hold, and removing them."""

import os
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from hilum.adapters.storage.derived.files import on_disk
from hilum.adapters.storage.derived.layout import is_archive_folder
from hilum.adapters.storage.faults import archive_fault


@dataclass(frozen=True, slots=True)
class Holding:
    """What lies in a folder; marks of versions that are gone are no objects."""

    objects: int
    size_bytes: int


def holding(folder: Path) -> Holding:
    """Count what the caches in `folder` hold; nothing when there is no such folder.

    Raises `ArchiveUnavailable`.
    """
    objects = size = 0
    try:
        for cache in _caches(folder):
            for parent, _, files in os.walk(cache):
                # Objects lie three levels deep: shard, version, file.
                if len(Path(parent).relative_to(cache).parts) != 2:
                    continue
                for name in files:
                    with suppress(FileNotFoundError):
                        size += on_disk((Path(parent) / name).stat().st_size)
                        objects += 1
    except OSError as error:
        raise archive_fault(error, "looking at derived objects") from error
    return Holding(objects, size)


def clear(folder: Path, keep: Path | None = None) -> None:
    """Remove the caches in `folder`, but for `keep`; a server that uses one makes it again.

    Raises `ArchiveUnavailable`.
    """
    try:
        for cache in _caches(folder):
            if cache != keep:
                _remove(cache)
    except OSError as error:
        raise archive_fault(error, "removing derived objects") from error


def _remove(cache: Path) -> None:
    shutil.rmtree(cache, ignore_errors=True)
    if cache.exists():
        shutil.rmtree(cache)  # once more, and now tell why


def _caches(folder: Path) -> list[Path]:
    try:
        return [each for each in folder.iterdir() if is_archive_folder(each.name)]
    except FileNotFoundError:
        return []
