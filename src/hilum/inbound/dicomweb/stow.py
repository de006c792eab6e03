"""The routes of STOW-RS, for any surface (PS3.18 section 10.5; Azure DICOM service, section 2)."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final

from fastapi import APIRouter
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response

from hilum.domain.errors import BodyTooLarge, InvalidRequest, UnsupportedMediaType
from hilum.domain.external_metadata import ExternalAttribute
from hilum.domain.identifiers import StudyInstanceUID, parse_uid
from hilum.domain.instances import OnConflict, StorePolicy
from hilum.domain.origins import Door
from hilum.foundation.clock import Clock, SystemClock
from hilum.foundation.memory import MemoryBudget
from hilum.inbound.dicomweb.intake import DICOM, MULTIPART, Ingest, Intake, StowLimits
from hilum.ports.external_metadata import ReadsExternalMetadata
from hilum.ports.objects import Spool
from hilum.wire.base_url import BaseUrl
from hilum.wire.dataset_forms import DICOM_XML, negotiate_datasets
from hilum.wire.expiry import LEVEL_HEADER, OPTION_HEADER, TIME_HEADER, expiry_of
from hilum.wire.external_headers import PREFIX, demand_known, external_of
from hilum.wire.media_types import DICOM_JSON, JSON
from hilum.wire.multipart_related import ContentType, boundary_of, parse_content_type
from hilum.wire.request_facts import origin_of, partition_of, surface_url
from hilum.wire.store_response import StoreRequest, store_answer
from hilum.wire.surfaces import Surface


def stow_router(
    ingest: Ingest,
    spool: Spool,
    surface: Surface,
    limits: StowLimits | None = None,
    *,
    base_url: BaseUrl | None = None,
    budget: MemoryBudget | None = None,
    clock: Clock | None = None,
    external: ReadsExternalMetadata | None = None,
) -> APIRouter:
    """Return the routes `/studies` and `/studies/{study}`, to be included below the prefix.

    `external` tells the VRs of tags that header fields used before; without, each may be new.

    Surfaces of one server share a `budget` of `limits.memory_bytes`.

    Handlers raise `HilumError`; the application renders it with `hilum.wire.problems`.
    """
    limits = limits or StowLimits()
    budget = budget or MemoryBudget(limits.memory_bytes)
    store = _Store(
        ingest,
        spool,
        surface,
        limits,
        base_url or BaseUrl(),
        budget,
        clock or SystemClock(),
        external,
    )
    router = APIRouter(tags=[f"{surface.prefix} store"])

    async def store_instances(request: Request) -> Response:
        """Store instances of any studies (STOW-RS, PS3.18 section 10.5)."""
        return await store(request, None, OnConflict.REFUSE)

    async def store_instances_of_study(request: Request, study: str) -> Response:
        """Store instances, all of which must belong to the study in the URL."""
        return await store(request, study, OnConflict.REFUSE)

    async def upsert_instances(request: Request) -> Response:
        """Store instances of any studies; those that are held are replaced by a new version."""
        return await store(request, None, OnConflict.NEW_VERSION)

    async def upsert_instances_of_study(request: Request, study: str) -> Response:
        """Store instances of one study; those that are held are replaced by a new version."""
        return await store(request, study, OnConflict.NEW_VERSION)

    routes: list[tuple[str, str, Callable[..., Any]]] = [
        ("POST", "/studies", store_instances),
        ("POST", "/studies/{study}", store_instances_of_study),
    ]
    if surface.store.upsert_by_put:
        routes += [
            ("PUT", "/studies", upsert_instances),
            ("PUT", "/studies/{study}", upsert_instances_of_study),
        ]
    for method, path, endpoint in routes:
        router.add_api_route(
            path,
            endpoint,
            methods=[method],
            response_class=Response,
            responses=store_responses(surface),
            openapi_extra=store_request(surface),
            name=f"{surface.name}-{endpoint.__name__}",
        )
    return router


class _Store:
    """What one surface does with a store request."""

    def __init__(
        self,
        ingest: Ingest,
        spool: Spool,
        surface: Surface,
        limits: StowLimits,
        base_url: BaseUrl,
        budget: MemoryBudget,
        clock: Clock,
        external: ReadsExternalMetadata | None,
    ) -> None:
        self._ingest = ingest
        self._spool = spool
        self._surface = surface
        self._limits = limits
        self._base_url = base_url
        self._budget = budget
        self._clock = clock
        self._external = external

    async def __call__(
        self, request: Request, study: str | None, on_conflict: OnConflict
    ) -> Response:
        headers = request.headers
        accept = ", ".join(headers.getlist("accept")) if "accept" in headers else None
        surface = self._surface
        form = negotiate_datasets(
            accept, strict=surface.strict_accept, offers_xml=surface.offers_xml, single=True
        )
        uid = StudyInstanceUID(parse_uid(study, "StudyInstanceUID")) if study is not None else None
        content_type = self._accepted(headers)
        policy = StorePolicy(
            surface.validation_profile,
            on_conflict,
            partition_of(request),
            study=uid,
            expires=self._expires(headers),
            external=await self._said(request),
        )
        origin = origin_of(request, Door.STOW)
        async with Intake(
            self._ingest, self._spool, self._limits, origin, policy, self._budget
        ) as intake:
            if content_type.media_type == MULTIPART:
                await intake.read_parts(request.stream(), content_type)
            else:
                await intake.read_single(request.stream())
            outcomes = await intake.outcomes()
        about = StoreRequest(surface_url(self._base_url, request.scope, surface), uid, on_conflict)
        answer = store_answer(outcomes, about, surface, form)
        return Response(answer.body, answer.status, dict(answer.headers), answer.media_type)

    def _expires(self, headers: Headers) -> datetime | None:
        if not self._surface.store.reads_expiry:
            return None
        return expiry_of(headers, self._clock.now(), strict=self._limits.strict_expiry)

    async def _said(self, request: Request) -> Sequence[ExternalAttribute]:
        """What header fields say of the studies beside their instances."""
        if not self._surface.external_metadata:
            return ()
        limits = self._limits.external
        said = external_of(request.headers.raw, limits)
        if said and self._external is not None:
            demand_known(said, await self._external.vrs(partition_of(request)), limits)
        return said

    def _accepted(self, headers: Headers) -> ContentType:
        """Return the Content-Type. Raises what there is to say before the body is read."""
        if headers.get("content-encoding", "identity").lower() != "identity":
            raise UnsupportedMediaType("A body with a Content-Encoding is not taken here.")
        content_type = parse_content_type(headers.get("content-type", ""))
        bare = self._surface.store.bare_content_type
        limit, allowed = "stow.request_bytes", self._limits.multipart.request_bytes
        if content_type.media_type == DICOM:
            limit, allowed = "stow.part_bytes", self._limits.multipart.part_bytes
            if bare and content_type.parameters:
                raise UnsupportedMediaType(f"{DICOM} must come without parameters here.")
        elif content_type.media_type == MULTIPART:
            boundary_of(content_type)
            if bare and "start" in content_type.parameters:
                raise InvalidRequest("The start parameter of multipart/related is not supported.")
        else:
            raise UnsupportedMediaType(f"Store instances as {DICOM} or as {MULTIPART} of it.")
        announced = headers.get("content-length", "")
        if announced.isdecimal() and int(announced) > allowed:
            raise BodyTooLarge(limit, allowed, "The request body is too large")
        return content_type


_INSTANCES: Final = {"type": "string", "format": "binary"}
STORE_REQUEST: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {
            DICOM: {"schema": _INSTANCES},
            f'{MULTIPART}; type="{DICOM}"': {"schema": _INSTANCES},
        },
    }
}
_EXPIRY: Final[dict[str, dict[str, Any]]] = {
    TIME_HEADER: {
        "schema": {"type": "integer", "minimum": 1},
        "description": "The studies of the request are deleted after so many milliseconds; "
        "without, they stay for good.",
    },
    OPTION_HEADER: {
        "schema": {"type": "string", "enum": ["RelativeToNow"]},
        "description": "From when that time counts.",
    },
    LEVEL_HEADER: {
        "schema": {"type": "string", "enum": ["Study"]},
        "description": "What is deleted.",
    },
}
_EXTERNAL: Final[dict[str, dict[str, Any]]] = {
    f"{PREFIX}LO-00111001": {
        "schema": {"type": "string", "minLength": 1, "maxLength": 64},
        "description": "Gives the studies of the request a private attribute, of this VR and tag; "
        "likewise of any private tag, and any VR of extended query tags.",
    }
}


def store_request(surface: Surface) -> dict[str, Any]:
    """What a store request to a surface consists of, in the words of OpenAPI."""
    told = (_EXPIRY if surface.store.reads_expiry else {}) | (
        _EXTERNAL if surface.external_metadata else {}
    )
    if not told:
        return STORE_REQUEST
    fields = [{"name": name, "in": "header", **field} for name, field in told.items()]
    return {**STORE_REQUEST, "parameters": fields}


_JSON_DATASET: Final = {"schema": {"type": "object", "additionalProperties": True}}
_XML_DATASET: Final = {
    "schema": {"type": "string", "description": "Native DICOM Model (PS3.19 A.1)"}
}
_WITH_DATASET: Final = {
    200: "Every instance was stored.",
    202: "Some were stored and some not, or all were stored with warnings.",
    409: "None was stored; the answer says why.",
}
_STORE_RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    204: {"description": "The body held no instance."},
    400: {"description": "A malformed body or a study that is no UID."},
    406: {"description": "No form in which data sets are offered here is acceptable."},
    413: {"description": "The body, a part or the number of parts is over its limit."},
    415: {"description": "A body, or a part of it, that is no application/dicom."},
    503: {"description": "The archive can store nothing now; Retry-After says when to come back."},
}


def store_responses(surface: Surface) -> dict[int | str, dict[str, Any]]:
    """What a surface answers to a store request."""
    names = [DICOM_JSON] if surface.strict_accept else [DICOM_JSON, JSON]
    content: dict[str, Any] = dict.fromkeys(names, _JSON_DATASET)
    if surface.offers_xml:
        content[DICOM_XML] = _XML_DATASET
    told: dict[int | str, dict[str, Any]] = {
        status: {"description": text, "content": content} for status, text in _WITH_DATASET.items()
    }
    return {**told, **_STORE_RESPONSES}
