"""The upload door and the states of uploads alone: routes, gate and edge, without a socket."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from fastapi import FastAPI

from hilum.access import Access, AccessScope, ApiKeys, make_key
from hilum.adapters.storage.spool import DiskSpool
from hilum.catalogue.partitions import Partitions
from hilum.desk.submissions.files import SubmissionFiles
from hilum.desk.submissions.routes import status_commands_router, status_router, uploads_router
from hilum.desk.submissions.streams import StatusStreamOptions, StatusStreams
from hilum.domain.instances import StorePolicy
from hilum.foundation.clock import SystemClock
from hilum.inbound.upload.form import FormLimits
from hilum.inbound.upload.route import upload_router
from hilum.ports.http_telemetry import NoHttpMeter
from hilum.servers.http_audit import Auditor
from hilum.servers.http_dispatch import Dispatch
from hilum.servers.http_edge import Edge, EdgeOptions
from hilum.servers.http_places import Places
from hilum.servers.http_routes import RouteTable
from hilum.submissions.receiving import Receiving, ReceivingLimits
from hilum.wire.base_url import BaseUrl
from tests.holding_twin import MemoryHolding
from tests.partition_twin import MemoryPartitions
from tests.submission_twins import MemoryQuarantine, MemorySubmissions
from tests.unit.access.twins import HeldClock, MemoryKeys


@dataclass(frozen=True)
class Door:
    """What is behind the routes, and a client before them."""

    client: httpx.AsyncClient
    submissions: MemorySubmissions
    quarantine: MemoryQuarantine
    holding: MemoryHolding
    streams: StatusStreams
    keys: MemoryKeys
    _spool: Path

    def left_behind(self) -> list[str]:
        """What is held, and what rests in the spool."""
        spooled = [path.name for path in self._spool.rglob("*") if path.name.isdigit()]
        return [*self.holding.since, *spooled]

    async def key(self, *scopes: AccessScope) -> dict[str, str]:
        """Headers with a new API key."""
        made = make_key("test", scopes, now=SystemClock().now())
        await self.keys.add(made.record)
        return {"X-API-Key": made.text}


@asynccontextmanager
async def a_door(
    folder: Path,
    form: FormLimits | None = None,
    receiving: ReceivingLimits | None = None,
    *,
    streams: StatusStreamOptions | None = None,
    authentication: bool = False,
) -> AsyncIterator[Door]:
    submissions, quarantine, keys = MemorySubmissions(), MemoryQuarantine(), MemoryKeys()
    holding = MemoryHolding(folder / "held")
    states = StatusStreams(submissions, submissions.moved, streams)
    table = RouteTable()
    async with DiskSpool(folder / "spool", reserve_bytes=0) as opened:
        received = Receiving(submissions, holding, opened, StorePolicy("standard"), receiving)
        base_url = BaseUrl.of(trusted_proxies=["127.0.0.1"])
        table.include(upload_router(received, form, base_url=base_url), "", AccessScope.WRITE)
        files = SubmissionFiles(submissions, quarantine)
        readers = (AccessScope.READ, AccessScope.WRITE)
        table.include(status_router(submissions, files, states), "", readers)
        commands = status_commands_router(submissions, submissions)
        table.include(commands, "", AccessScope.EVERYTHING)
        table.include(uploads_router(submissions), "/api/v1", AccessScope.READ)
        dispatch = Dispatch(
            FastAPI(openapi_url=None),
            table=table,
            access=Access(required=authentication, keys=ApiKeys(keys, HeldClock())),
            meter=NoHttpMeter(),
            surfaces=(),
            places=Places(Partitions(MemoryPartitions())),
            auditor=Auditor(),
            quiet=frozenset(),
        )
        edge = Edge(dispatch, meter=NoHttpMeter(), options=EdgeOptions(log_requests=False))
        transport = httpx.ASGITransport(edge)
        async with httpx.AsyncClient(transport=transport, base_url="http://hilum") as client:
            yield Door(client, submissions, quarantine, holding, states, keys, folder / "spool")
