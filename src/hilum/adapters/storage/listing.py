"""Walking the object folders lazily: memory does not grow with the number of objects."""

import os
from collections.abc import Generator
from pathlib import Path

from hilum.domain.identifiers import ObjectKey, object_key, parse_object_key
from hilum.ports.objects import StoredObject


def stored_objects(objects: Path) -> Generator[StoredObject, None, None]:
    """Yield every file below `objects` that lies where its key would put it.

    What appears or vanishes meanwhile may or may not be told.
    """
    for partition in _folders(objects):
        for shard in _folders(partition.path):
            for study in _folders(shard.path):
                for series in _folders(study.path):
                    yield from _objects_of(partition.name, study.name, series)


def _folders(path: str | Path) -> Generator[os.DirEntry[str], None, None]:
    try:
        with os.scandir(path) as entries:
            yield from (entry for entry in entries if entry.is_dir(follow_symlinks=False))
    except FileNotFoundError:
        return


def _objects_of(
    partition: str, study: str, series: os.DirEntry[str]
) -> Generator[StoredObject, None, None]:
    try:
        with os.scandir(series.path) as entries:
            for entry in entries:
                key = _key(f"{partition}/{study}/{series.name}/{entry.name}")
                size = _size(entry)
                if key is not None and size is not None:
                    yield StoredObject(key, size)
    except FileNotFoundError:
        return


def _key(text: str) -> ObjectKey | None:
    try:
        key = object_key(*parse_object_key(text))
    except ValueError:
        return None
    return key if key == text else None


def _size(entry: os.DirEntry[str]) -> int | None:
    try:
        return entry.stat(follow_symlinks=False).st_size
    except FileNotFoundError:
        return None
