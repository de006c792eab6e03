"""The door to Orthanc, from settings; its HTTP client is loaded only when there is a source."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hilum.bootstrap.archive import Archive
from hilum.bootstrap.index_place import on_server
from hilum.domain.errors import ArchiveUnavailable
from hilum.domain.instances import OnConflict
from hilum.foundation.bell import Bell
from hilum.foundation.clock import Clock
from hilum.inbound.orthanc.webhook import Calls
from hilum.ports.announcing import Announcements
from hilum.ports.ingestion_telemetry import IngestionMeter
from hilum.ports.readiness import NotReady
from hilum.settings import Settings
from hilum.settings.orthanc import OrthancSourceSettings

if TYPE_CHECKING:
    from hilum.inbound.orthanc.door import OrthancDoor
    from hilum.inbound.orthanc.options import OrthancOptions, OrthancSource

_FOR_LONG: Final = 3600.0


def orthanc_door(
    settings: Settings,
    archive: Archive,
    announcements: Announcements,
    meter: IngestionMeter,
    clock: Clock,
) -> "AbstractAsyncContextManager[OrthancDoor | None]":
    """The door, to be opened with `async with`; None without sources.

    Raises `ArchiveUnavailable` for what stands in the way: a missing extra, a password or a TLS
    file that cannot be read.
    """
    if not settings.orthanc.sources:
        return nullcontext()
    try:
        from hilum.inbound.orthanc.door import DoorParts, OrthancDoor  # noqa: PLC0415 (an extra)
    except ModuleNotFoundError as error:
        if error.name != "httpx":
            raise
        message = (
            "orthanc.sources needs the extra `orthanc`, which is not installed:"
            " pip install 'hilum[orthanc]'"
        )
        raise ArchiveUnavailable(message) from error
    parts = DoorParts(
        ingest=archive.receive,
        spool=archive.spool,
        work=archive.index.arrivals,
        arrivals=archive.index.arrivals,
        cursors=archive.index.arrivals,
        announcements=announcements,
        meter=meter,
        clock=clock,
        alone=not on_server(settings),
    )
    sources = [orthanc_source(name, one) for name, one in settings.orthanc.sources.items()]
    return OrthancDoor(sources, orthanc_options(settings), parts)


def orthanc_calls(settings: Settings, archive: Archive, door: "OrthancDoor | None") -> Calls | None:
    """What the webhook needs; None without sources."""
    if door is None:
        return None
    body_bytes = settings.orthanc.webhook_bytes
    return Calls(archive.index.arrivals, door.sources, door.wake, body_bytes)


@asynccontextmanager
async def waking(door: "OrthancDoor | None", noted: Bell) -> AsyncIterator[None]:
    """Have the workers look whenever `noted` rings, also for what another process noted."""
    if door is None:
        yield
        return
    task = asyncio.create_task(_wake(door, noted), name="hilum-orthanc-waking")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _wake(door: "OrthancDoor", noted: Bell) -> None:
    while True:
        await noted.wait(noted.rung, _FOR_LONG)
        door.wake()


@dataclass(frozen=True, slots=True)
class OrthancCheck:
    """What readiness says of the sources: one that is down is waited for, and shows."""

    door: "OrthancDoor"
    name: str = "orthanc"

    async def __call__(self) -> str:
        if not self.door.alive:
            message = "A follower of an Orthanc has ended: see the log, and restart the server."
            raise NotReady(message)
        if silent := self.door.silent:
            return f"Waits for: {', '.join(silent)}. Nothing is lost meanwhile."
        return f"Follows: {', '.join(self.door.sources)}."


def orthanc_options(settings: Settings) -> "OrthancOptions":
    from hilum.inbound.orthanc.options import OrthancOptions  # noqa: PLC0415

    orthanc = settings.orthanc
    return OrthancOptions(
        studies_at_once=orthanc.studies_at_once,
        attempts=orthanc.attempts,
        retry_seconds=orthanc.retry_seconds,
        maximum_retry_seconds=orthanc.maximum_retry_seconds,
        lease_seconds=orthanc.lease_seconds,
        look_seconds=orthanc.look_seconds,
        unstable_seconds=orthanc.unstable_seconds,
        begun_seconds=orthanc.begun_seconds,
        existing_studies=orthanc.existing_studies,
        resync_after_outage=orthanc.resync_after_outage,
        resync_seconds=orthanc.resync_seconds,
        studies_per_page=orthanc.studies_per_page,
        memory_instance_bytes=orthanc.memory_instance_bytes,
        memory_bytes=orthanc.memory_bytes,
        instance_bytes=orthanc.instance_bytes,
        validation_profile=orthanc.validation_profile,
        on_conflict=OnConflict(orthanc.on_conflict),
    )


def orthanc_source(name: str, source: OrthancSourceSettings) -> "OrthancSource":
    """Raises `ArchiveUnavailable` for a password that cannot be read."""
    from hilum.inbound.orthanc.options import OrthancSource, OrthancTls  # noqa: PLC0415

    return OrthancSource(
        name=name,
        url=source.url,
        username=source.username,
        password=_password(name, source),
        tls=OrthancTls(source.tls_ca_file, source.tls_certificate_file, source.tls_key_file),
        poll=source.poll,
        poll_seconds=source.poll_seconds,
        changes_per_page=source.changes_per_page,
        parallel_fetches=source.parallel_fetches,
        connect_seconds=source.connect_seconds,
        read_seconds=source.read_seconds,
        answer_bytes=source.answer_bytes,
    )


def _password(name: str, source: OrthancSourceSettings) -> str:
    if source.password is not None:
        return source.password.get_secret_value()
    if source.password_file is not None:
        try:
            return source.password_file.read_text(encoding="utf-8").removesuffix("\n")
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or type(error).__name__
            message = f"{source.password_file}, with the password of orthanc.sources.{name}, "
            raise ArchiveUnavailable(f"{message}cannot be read: {reason}.") from error
    if source.password_variable:
        found = os.environ.get(source.password_variable)
        if found is None:
            variable = source.password_variable
            message = f"{variable}, with the password of orthanc.sources.{name}, is not set."
            raise ArchiveUnavailable(message)
        return found
    return ""
