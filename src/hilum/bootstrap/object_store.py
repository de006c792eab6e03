"""Which object store the settings choose: the local disk below the data folder."""

from contextlib import AbstractAsyncContextManager

from hilum.adapters.storage.disk import DiskObjects
from hilum.adapters.storage.listing import stored_objects
from hilum.ports.objects import ObjectStore
from hilum.settings import Settings


def make_objects(settings: Settings) -> AbstractAsyncContextManager[ObjectStore]:
    """The chosen store, to be opened with `async with`, which raises `ArchiveFault`."""
    storage = settings.storage
    return DiskObjects(
        settings.data_dir,
        writers=storage.writers,
        readers=storage.readers,
        chunk_bytes=storage.chunk_bytes,
        reserve_bytes=storage.reserve_bytes,
    )


def has_objects(settings: Settings) -> bool:
    """True when the chosen store holds an object; blocks. Raises `ArchiveFault`."""
    return next(stored_objects(settings.data_dir / "objects"), None) is not None
