"""POST /api/v1/import: everything below a place, in the background."""

from collections.abc import Collection
from typing import Final

import orjson
from fastapi import APIRouter, Request, Response

from hilum.domain.errors import MalformedBody
from hilum.domain.identifiers import DEFAULT_PARTITION_NAME
from hilum.domain.instances import OnConflict
from hilum.domain.partitions import UnknownPartition
from hilum.operations.transfers.asking import Transfers
from hilum.ports.partitions import PartitionList
from hilum.wire.azure_json import Fields, json_body, read_fields
from hilum.wire.base_url import BaseUrl
from hilum.wire.transfer_places import read_place
from hilum.wire.transfer_requests import asker_of

_IMPORT: Final = """
Body: `source`, an object with `type` (`azureblob`, `s3`, `gcs`, `folder`) and `settings` as those
of the destination of an export; `profile`, by which instances are judged (default `standard`);
`onConflict`, what is done when other bytes are held under the same UIDs (`refuse`, the default, or
`new-version`); `partition`, the name of a data partition. Every object below the place goes through
the same pipeline as whatever is stored; what is no DICOM is passed by. Answers 202 with `id` and
`href` of an operation, whose `results` count `stored`, `alreadyHeld`, `failed` and `notDicom`;
`/api/v1/jobs/{id}/errors` names what failed.
"""


def import_router(
    transfers: Transfers,
    partitions: PartitionList,
    profiles: Collection[str],
    *,
    base_url: BaseUrl,
    request_bytes: int,
) -> APIRouter:
    """`/import`, relative to `/api/v1`; `profiles` are those that may be named."""
    router = APIRouter(tags=["Operations"])

    @router.post(
        "/import",
        summary="Import from a bucket, container or folder",
        description=_IMPORT,
        status_code=202,
    )
    async def bulk_import(request: Request) -> Response:
        body = await json_body(request, setting="http.command_bytes", allowed=request_bytes)
        fields = read_fields(body)
        place, secrets = read_place(fields.object("source"), "source")
        name = fields.text("partition") or DEFAULT_PARTITION_NAME
        partition = await partitions.named(name)
        if partition is None:
            raise UnknownPartition(name)
        record = await transfers.ask_import(
            place,
            secrets,
            _one_of(fields, "profile", "standard", profiles),
            OnConflict(_one_of(fields, "onConflict", OnConflict.REFUSE.value, list(OnConflict))),
            partition.key,
            asker_of(request),
        )
        href = f"{base_url(request.scope)}/api/v1/jobs/{record.job_id}"
        told = orjson.dumps({"id": record.job_id, "href": href})
        headers = {"Location": href, "Retry-After": "2"}
        return Response(told, status_code=202, headers=headers, media_type="application/json")

    return router


def _one_of(fields: Fields, name: str, default: str, words: Collection[str]) -> str:
    told = fields.text(name) or default
    if told not in words:
        message = f"{name} should be one of {', '.join(sorted(words))}."
        raise MalformedBody(message)
    return told
