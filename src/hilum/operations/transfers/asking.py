"""Asking for an export or an import: what is wrong with the request shows before it is a job."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from hilum.domain.errors import LimitExceeded, MalformedBody
from hilum.domain.identifiers import (
    PartitionKey,
    Scope,
    SeriesInstanceUID,
    SOPInstanceUID,
    StudyInstanceUID,
    parse_uid,
)
from hilum.domain.instances import OnConflict
from hilum.domain.jobs import JobKind, JobRecord, NewJob, new_job_id
from hilum.domain.transfers import TransferPlace
from hilum.operations.transfers.allowed import Allowed
from hilum.ports.jobs import Jobs

_DEEPEST: Final = 3


@dataclass(frozen=True, slots=True)
class Asker:
    """Who wants it, under which correlation id."""

    principal: str
    correlation_id: str


@dataclass(frozen=True, slots=True)
class Transfers:
    """The use cases behind POST /export and POST /api/v1/import, and their commands."""

    jobs: Jobs
    allowed: Allowed
    most_identifiers: int = 10_000

    async def ask_export(
        self,
        identifiers: Sequence[str],
        destination: TransferPlace,
        secrets: Mapping[str, str],
        partition: PartitionKey,
        asker: Asker,
    ) -> JobRecord:
        """Begin an export. Raises `PlaceNotAllowed`, `InvalidUID`, `LimitExceeded`."""
        if not identifiers:
            message = "Name at least one study, series or instance in source.settings.values."
            raise MalformedBody(message)
        if len(identifiers) > self.most_identifiers:
            what = "Too many identifiers"
            raise LimitExceeded("export.identifiers", self.most_identifiers, what)
        for identifier in identifiers:
            scope_of_identifier(identifier, partition)
        await asyncio.to_thread(self.allowed.demand, destination)
        request = {"identifiers": list(identifiers), "destination": destination.document()}
        return await self._add(JobKind.EXPORT, request, secrets, partition, asker)

    async def ask_import(
        self,
        source: TransferPlace,
        secrets: Mapping[str, str],
        profile: str,
        on_conflict: OnConflict,
        partition: PartitionKey,
        asker: Asker,
    ) -> JobRecord:
        """Begin an import. Raises `PlaceNotAllowed`."""
        await asyncio.to_thread(self.allowed.demand, source)
        request = {
            "source": source.document(),
            "profile": profile,
            "on_conflict": on_conflict.value,
        }
        return await self._add(JobKind.IMPORT, request, secrets, partition, asker)

    async def _add(
        self,
        kind: JobKind,
        request: Mapping[str, object],
        secrets: Mapping[str, str],
        partition: PartitionKey,
        asker: Asker,
    ) -> JobRecord:
        return await self.jobs.add(
            NewJob(
                new_job_id(),
                kind,
                request,
                partition,
                principal=asker.principal,
                correlation_id=asker.correlation_id,
                secrets=secrets,
            )
        )


def scope_of_identifier(identifier: str, partition: PartitionKey) -> Scope:
    """`study`, `study/series` or `study/series/instance`. Raises `InvalidUID`, `MalformedBody`."""
    parts = identifier.strip("/").split("/")
    if len(parts) > _DEEPEST:
        message = "An identifier is study, study/series or study/series/instance, of UIDs."
        raise MalformedBody(message)
    names = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")
    uids = [parse_uid(part, name) for part, name in zip(parts, names, strict=False)]
    return Scope(
        StudyInstanceUID(uids[0]),
        SeriesInstanceUID(uids[1]) if len(uids) > 1 else None,
        SOPInstanceUID(uids[2]) if len(uids) > 2 else None,
        partition,
    )
