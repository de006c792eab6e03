"""Our Application Entity: listens, admits associations, ends them in good order."""

import asyncio
import contextlib
import socket
import time
from types import TracebackType
from typing import Final, Self

import structlog
from pydicom.uid import UID
from pynetdicom.ae import ApplicationEntity

from hilum.domain.implementation import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from hilum.inbound.dimse.store import CStoreDoor
from hilum.ports.dimse_telemetry import DimseMeter, SilentDimseMeter
from hilum.ports.objects import Spool
from hilum.servers.dimse_admission import CONNECTIONS, Admission, WorkInProgress
from hilum.servers.dimse_association import AssociationServices, DimseAssociation
from hilum.servers.dimse_bridge import LoopBridge
from hilum.servers.dimse_dataset import SpoolAccess
from hilum.servers.dimse_library import configure_pynetdicom
from hilum.servers.dimse_options import DimseOptions
from hilum.servers.dimse_storing import Storing

_log = structlog.get_logger(__name__)

_ACCEPT_PAUSE_SECONDS: Final = 0.2
"""After a failed accept (no descriptors left): trying on at once would fill the log."""
_ABORT_SECONDS: Final = 2.0
"""How long an aborted association may take to end before its connection is cut."""


class DimseServer:
    """C-ECHO and C-STORE SCP; open it with `async with`, on the loop that runs the use cases.

    Leaving takes no new associations, answers new C-STOREs with 0xA700, waits for those that have
    begun (`shutdown_seconds`), then aborts what is left. The spool must outlive it.
    """

    def __init__(
        self,
        options: DimseOptions,
        door: CStoreDoor,
        spool: Spool,
        meter: DimseMeter | None = None,
    ) -> None:
        self._options = options
        self._door = door
        self._spool = spool
        self._meter = meter or SilentDimseMeter()
        self._admission = Admission(options)
        self._in_progress = WorkInProgress()
        self._associations: set[DimseAssociation] = set()
        self._listener: socket.socket | None = None
        self._accepting: asyncio.Task[None] | None = None

    @property
    def port(self) -> int:
        """The port listened on; 0 when not listening."""
        return int(self._listener.getsockname()[1]) if self._listener is not None else 0

    @property
    def listening(self) -> bool:
        """True while associations are taken."""
        return self._accepting is not None and not self._accepting.done()

    @property
    def associations(self) -> int:
        """Connections that are open, associated or not yet."""
        return sum(each.is_alive() for each in self._associations)

    async def __aenter__(self) -> Self:
        """Raises `OSError` when the address cannot be listened on."""
        configure_pynetdicom()
        loop = asyncio.get_running_loop()
        bridge = LoopBridge(loop)
        options = self._options
        services = AssociationServices(
            application_entity=_application_entity(options),
            options=options,
            admission=self._admission,
            in_progress=self._in_progress,
            storing=Storing(
                door=self._door,
                bridge=bridge,
                spool=SpoolAccess(self._spool, bridge, options.store_seconds),
                admission=self._admission,
                meter=self._meter,
                options=options,
            ),
            meter=self._meter,
        )
        self._listener = _listen(options)
        self._accepting = loop.create_task(self._accept(self._listener, services))
        _log.info("dimse_listening", host=options.host, port=self.port, ae_title=options.ae_title)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._admission.close()
        await self._stop_listening()
        unfinished = await asyncio.to_thread(
            self._in_progress.wait_for_end, self._options.shutdown_seconds
        )
        await self._end_associations()
        _log.info("dimse_stopped", unfinished=unfinished)

    async def _accept(self, listener: socket.socket, services: AssociationServices) -> None:
        loop = asyncio.get_running_loop()
        told: str | None = None
        while True:
            try:
                connection, address = await loop.sock_accept(listener)
            except OSError as error:
                if error.strerror != told:  # once, and again when something else is the matter
                    told = error.strerror
                    _log.error("dimse_accept_failed", reason=told)
                await asyncio.sleep(_ACCEPT_PAUSE_SECONDS)
                continue
            told = None
            self._associations = {each for each in self._associations if each.is_alive()}
            self._admit(services, connection, address[0])

    def _admit(
        self, services: AssociationServices, connection: socket.socket, address: str
    ) -> None:
        if not self._admission.connect(address):
            connection.close()
            self._meter.association_refused(CONNECTIONS)
            _log.warning("association_rejected", reason=CONNECTIONS, peer=address)
            return
        try:
            association = DimseAssociation(services, connection, address)
        except OSError:
            # The peer is gone already.
            connection.close()
            self._admission.disconnect(address, associated=False)
            return
        try:
            association.start()
        except RuntimeError:
            _log.error("dimse_accept_failed", reason="no thread can be started")
            association.discard()
            self._admission.disconnect(address, associated=False)
            return
        self._associations.add(association)

    async def _stop_listening(self) -> None:
        if self._accepting is not None:
            self._accepting.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._accepting
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    async def _end_associations(self) -> None:
        alive = [each for each in self._associations if each.is_alive()]
        for association in alive:
            association.end("shutdown")
        await asyncio.to_thread(_join, alive, _ABORT_SECONDS)
        for association in alive:
            association.cut()
        await asyncio.to_thread(_join, alive, self._options.store_seconds)
        self._associations.clear()


def _join(associations: list[DimseAssociation], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    for association in associations:
        association.join(max(deadline - time.monotonic(), 0))


def _application_entity(options: DimseOptions) -> ApplicationEntity:
    entity = ApplicationEntity(options.ae_title)
    entity.implementation_class_uid = UID(IMPLEMENTATION_CLASS_UID)
    entity.implementation_version_name = IMPLEMENTATION_VERSION_NAME
    entity.maximum_pdu_size = options.maximum_pdu_bytes
    entity.acse_timeout = options.artim_seconds
    entity.network_timeout = options.network_seconds
    return entity


def _listen(options: DimseOptions) -> socket.socket:
    family, _, _, _, address = socket.getaddrinfo(
        options.host or None, options.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    listener = socket.create_server(address[:2], family=family, backlog=options.backlog)
    listener.setblocking(False)
    return listener
