"""`POST /ingestion/studies`: an Orthanc, or anybody else, says that a study is there to fetch."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Final

import orjson
import structlog
from fastapi import APIRouter
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field, StringConstraints, ValidationError
from starlette.requests import Request
from starlette.responses import Response

from hilum.domain.arrivals import Seen, Told
from hilum.domain.errors import LimitExceeded, NotHeld
from hilum.foundation.ids import accepted_correlation_id
from hilum.inbound.orthanc.answers import SOURCE_ID
from hilum.ports.arrivals import ArrivalNotes

_log = structlog.get_logger(__name__)


class NoOrthancConfigured(NotHeld):
    """Nobody was told where an Orthanc is, so nothing can be fetched from one."""

    code: ClassVar[str] = "no-orthanc-configured"
    title: ClassVar[str] = "No Orthanc is configured"


class Call(BaseModel):
    """The body; what else it holds is not looked at."""

    ID: Annotated[str, StringConstraints(pattern=f"^{SOURCE_ID.pattern}$")] = Field(
        description="Orthanc's identifier of the study.",
        examples=["b9c08539-26f93bde-c81ab0d7-bffaf2cb-a4d0bdd0"],
    )
    Path: Annotated[str, StringConstraints(max_length=256)] | None = Field(
        None, description="As Orthanc sends it; not used."
    )
    Source: Annotated[str, StringConstraints(max_length=64)] | None = Field(
        None, description="Name of the Orthanc in the settings; the first of them by default."
    )


@dataclass(frozen=True, slots=True)
class Calls:
    """What the webhook needs."""

    notes: ArrivalNotes
    sources: Sequence[str]
    """Names of those configured, at least one; a call that names none means the first."""
    on_noted: Callable[[], None]
    body_bytes: int = 65_536


def webhook_router(calls: Calls) -> APIRouter:
    """The route below `/api/v1`."""
    router = APIRouter(tags=["Ingestion"])

    @router.post(
        "/ingestion/studies",
        summary="Fetch a study from Orthanc",
        description=(
            "Answered when the wish is safe, before the study is fetched; sending it again does "
            "no harm. `correlation_id` is that of the visit: the one sent in `X-Correlation-ID`, a "
            "new one, or that of an earlier call that still waits."
        ),
        status_code=202,
        response_class=Response,
        responses=_RESPONSES,
        openapi_extra=_REQUEST,
    )
    async def ingest_study(request: Request) -> Response:
        call = _read(await _body(request, calls.body_bytes))
        source = _source(call, calls.sources)
        correlation_id = request.scope.get("state", {}).get("correlation_id")
        seen = Seen(source, call.ID, accepted_correlation_id(correlation_id), Told.WEBHOOK)
        (noted,) = await calls.notes.note([seen])
        calls.on_noted()
        _log.info("orthanc_study_called", source=source, source_id=call.ID)
        answer: dict[str, object] = {"status": "accepted", "correlation_id": seen.correlation_id}
        if noted is not None:
            answer |= {
                "correlation_id": noted.correlation_id,
                "arrival": f"/api/v1/ingestion/arrivals/{noted.key}",
                "state": noted.state.value,
            }
        return Response(orjson.dumps(answer), 202, media_type="application/json")

    return router


async def _body(request: Request, allowed: int) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > allowed:
            raise LimitExceeded("orthanc.webhook_bytes", allowed, "The body is too large")
    return bytes(body)


def _read(body: bytes) -> Call:
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise _wrong("body", "It is not JSON") from None
    if not isinstance(document, dict):
        raise _wrong("body", 'It should be a JSON object such as {"ID": "..."}')
    try:
        return Call.model_validate(document)
    except ValidationError as error:
        errors = [
            {"loc": ("body", *each["loc"]), "msg": each["msg"], "type": each["type"]}
            for each in error.errors(include_input=False, include_url=False)
        ]
        raise RequestValidationError(errors) from None


def no_orthanc_router() -> APIRouter:
    """The route where no Orthanc is configured: it says so."""
    router = APIRouter(tags=["Ingestion"])

    @router.post(
        "/ingestion/studies",
        summary="Fetch a study from Orthanc",
        description="No Orthanc is configured here (`orthanc.sources`), so it answers 404.",
        status_code=404,
        response_class=Response,
    )
    async def ingest_study() -> Response:
        raise NoOrthancConfigured(
            "No Orthanc is configured here: set orthanc.sources (docs/operations/orthanc.md)."
        )

    return router


def _source(call: Call, sources: Sequence[str]) -> str:
    if call.Source is None:
        return sources[0]
    if call.Source not in sources:
        raise _wrong("body.Source", f"There is no such source; there are {', '.join(sources)}")
    return call.Source


def _wrong(where: str, reason: str) -> RequestValidationError:
    return RequestValidationError([{"loc": tuple(where.split(".")), "msg": reason, "type": "body"}])


_REQUEST: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": Call.model_json_schema()}},
    }
}
_RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    202: {
        "description": "Noted durably; it is fetched as soon as possible.",
        "content": {
            "application/json": {
                "example": {
                    "status": "accepted",
                    "correlation_id": "f2f1edc4-41a0-41bb-9700-29cdac83c595",
                    "arrival": "/api/v1/ingestion/arrivals/1",
                    "state": "waiting",
                }
            }
        },
    },
    413: {"description": "The body is too large."},
    422: {"description": "The body is not what is asked for; `errors` says where."},
    503: {"description": "It cannot be noted now; Retry-After says when to come back."},
}
