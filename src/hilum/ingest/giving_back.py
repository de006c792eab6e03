"""Files of the spool that an object store took, and that are to be kept apart instead."""

import asyncio
import os
from pathlib import Path

from hilum.domain.identifiers import ObjectKey
from hilum.ports.objects import LocalObjects, ObjectStore


async def give_back(objects: ObjectStore, key: ObjectKey, path: Path) -> None:
    """Have the bytes of the object lie at `path` again, which it was taken from.

    Raises `OSError`, `ArchiveFault`; then nothing lies there.
    """
    if isinstance(objects, LocalObjects) and await asyncio.to_thread(
        _linked, objects.path(key), path
    ):
        return
    file = await asyncio.to_thread(path.open, "xb")
    try:
        with file:
            async for chunk in objects.stream(key):
                await asyncio.to_thread(file.write, chunk)
    except BaseException:
        await asyncio.to_thread(path.unlink)
        raise


def _linked(stored: Path, path: Path) -> bool:
    try:
        os.link(stored, path)
    except FileExistsError:  # it was not taken
        return True
    except OSError:  # on another file system
        return False
    return True
