"""Which object store the settings choose: the disk below the data folder, or a bucket."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING

from hilum.adapters.storage.disk import DiskObjects
from hilum.adapters.storage.faults import archive_fault
from hilum.adapters.storage.listing import stored_objects
from hilum.adapters.telemetry.checks import AnswersPing, PingCheck
from hilum.domain.errors import ArchiveUnavailable
from hilum.ports.objects import ObjectStore
from hilum.ports.readiness import Check
from hilum.settings import Settings

if TYPE_CHECKING:
    from hilum.bootstrap.remote_objects import Remote


def make_objects(settings: Settings) -> AbstractAsyncContextManager[ObjectStore]:
    """The chosen store, to be opened with `async with`, which raises `ArchiveFault`.

    Raises `ArchiveUnavailable` when the settings of a bucket cannot work.
    """
    storage = settings.storage
    if storage.url:
        return _remote().make(settings)
    return DiskObjects(
        settings.data_dir,
        writers=storage.writers,
        readers=storage.readers,
        chunk_bytes=storage.chunk_bytes,
        reserve_bytes=storage.reserve_bytes,
    )


def has_objects(settings: Settings) -> bool:
    """True when the chosen store holds an object; blocks. Raises `ArchiveFault`."""
    if settings.storage.url:
        return _remote().holds_any(settings)
    try:
        return next(stored_objects(settings.data_dir / "objects"), None) is not None
    except OSError as error:
        raise archive_fault(error, "looking for objects") from error


def are_shared(settings: Settings) -> bool:
    """True when processes on other machines may use the same objects."""
    return bool(settings.storage.url)


def storage_kind(settings: Settings) -> str:
    """The kind of store in a word, for labels: `local`, `s3`, `gcs`, `azure`."""
    scheme = settings.storage.url.partition(":")[0]
    return {"": "local", "gs": "gcs", "az": "azure"}.get(scheme, scheme)


def place_of_objects(settings: Settings) -> str:
    """Where the objects are, in words for a person."""
    return settings.storage.url or str(settings.data_dir)


def try_remote_store(settings: Settings) -> str | None:
    """What can be said of the bucket, None without one; blocks. Raises `ArchiveFault`."""
    return _remote().describe(settings) if settings.storage.url else None


def object_store_checks(objects: ObjectStore) -> Sequence[Check]:
    """What readiness tries of a store that is not on our disk."""
    if not isinstance(objects, AnswersPing):
        return ()
    return (PingCheck("objects", objects.ping, "The object store answers."),)


def _remote() -> "type[Remote]":
    """Load the client of buckets, which a disk does not need."""
    try:
        from hilum.bootstrap.remote_objects import Remote  # noqa: PLC0415 - only when chosen
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "obstore":
            raise
        message = (
            "storage.url needs the extra `objects`, which is not installed:"
            " pip install 'hilum[objects]'"
        )
        raise ArchiveUnavailable(message) from error
    return Remote
