"""DIMSE: C-STORE and C-ECHO."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from hilum.adapters.telemetry.checks import StateCheck
from hilum.bootstrap import door_options as options
from hilum.bootstrap.parts.part import Part, Surroundings
from hilum.desk.status import DoorAddress
from hilum.inbound.dimse.store import CStoreDoor
from hilum.servers.dimse import DimseServer


@asynccontextmanager
async def dimse_part(around: Surroundings) -> AsyncIterator[Part]:
    """The listener; nothing when its port is 0."""
    settings, archive = around.settings, around.archive
    if not settings.dimse.port:
        yield Part()
        return
    door = CStoreDoor(
        archive.receive,
        settings.dimse.validation_profile,
        options.dimse_on_conflict(settings),
    )
    chosen = options.dimse_options(settings)
    async with DimseServer(chosen, door, archive.spool, around.metrics.dimse) as server:
        check = StateCheck(
            "dimse",
            lambda: server.listening,
            f"Listening on port {server.port}.",
            "The DIMSE listener has ended: see the log, and restart the server.",
        )
        address = f"{settings.dimse.ae_title} at {settings.dimse.host}:{server.port}"
        yield Part(
            checks=[check],
            doors=lambda: (DoorAddress("DIMSE", address, "C-ECHO and C-STORE"),),
            opened=server,
        )
