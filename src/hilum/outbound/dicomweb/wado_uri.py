"""WADO-URI: one instance, as it is or rendered, for older clients (PS3.18 chapter 9)."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response

from hilum.catalogue.pictures import Pictures
from hilum.catalogue.retrieve import Retrieve
from hilum.dicom.frames import NoSuchFrame
from hilum.domain.errors import InvalidQuery, NoPixelData, NotAcceptable
from hilum.domain.levels import Level
from hilum.outbound.dicomweb.documented import URI_EXTRA, documented, uri_answers
from hilum.outbound.dicomweb.instances import InstanceSender
from hilum.outbound.dicomweb.picture_answers import PictureAnswers
from hilum.outbound.dicomweb.picture_sender import PictureSender
from hilum.outbound.dicomweb.rendered import PictureServices
from hilum.wire.base_url import BaseUrl
from hilum.wire.query_parameters import accept_of
from hilum.wire.request_facts import partition_of
from hilum.wire.surfaces import Surface
from hilum.wire.wado_uri import Kind, UriRequest, read_uri_request


def wado_uri_router(
    retrieve: Retrieve,
    services: PictureServices,
    surface: Surface,
    *,
    base_url: BaseUrl | None = None,
    cache_seconds: float = 0.0,
) -> APIRouter:
    """Return the route of the URI service, relative to the prefix of `surface`.

    `cache_seconds`: how long a browser may use an answer without asking again.
    """
    router = APIRouter(tags=[f"{surface.prefix} retrieve"])
    base = base_url or BaseUrl()
    send = UriSender(
        InstanceSender(retrieve, surface, base, cache_seconds),
        PictureSender(
            services.pictures, PictureAnswers(surface, base, cache_seconds), services.documents
        ),
        services.pictures,
    )

    told = uri_answers(surface.rendered)

    @documented(router, "/wado", "Retrieve an instance by URI", told, URI_EXTRA)
    async def retrieve_by_uri(request: Request) -> Response:
        return await send(request)

    return router


@dataclass(frozen=True, slots=True)
class UriSender:
    """Answers the URI service by what answers the resources of WADO-RS.

    Each request is put into the words of that service, so that both have the same defaults, limits
    and validators.
    """

    instances: InstanceSender
    rendered: PictureSender
    pictures: Pictures

    async def __call__(self, request: Request) -> Response:
        header = accept_of(request.scope, b"", strict=False)
        asked = read_uri_request(request.scope["query_string"], header, partition_of(request))
        if asked.kind is Kind.DICOM:
            return await self._instance(request, asked)
        try:
            return await self._rendered(request, asked)
        except (NoPixelData, NotAcceptable) as error:
            if asked.frame is not None and isinstance(error, NoPixelData):
                raise InvalidQuery("frameNumber", "the instance has no frames") from error
            if asked.kind is Kind.EITHER:
                return await self._instance(request, asked)
            if isinstance(error, NotAcceptable):
                raise
            message = "The instance has no pixel data, and no rendered form that is acceptable."
            raise NotAcceptable(message) from error

    async def _instance(self, request: Request, asked: UriRequest) -> Response:
        put = _put(request, asked.accept_dicom, {})
        return await self.instances(put, asked.scope, Level.INSTANCE)

    async def _rendered(self, request: Request, asked: UriRequest) -> Response:
        rows = columns = 0
        if asked.region is not None:
            rows, columns = await self.pictures.size(await self.pictures.find(asked.scope))
        viewport = asked.viewport(rows, columns)
        parameters = dict(asked.rendering)
        if viewport is not None:
            parameters["viewport"] = viewport
        put = _put(request, asked.accept, parameters)
        if asked.frame is None:
            return await self.rendered.instance(put, asked.scope)
        try:
            return await self.rendered.frames(put, asked.scope, asked.frame)
        except NoSuchFrame as error:  # PS3.18 9.5.2: a bad request, not a missing resource
            raise InvalidQuery("frameNumber", "the instance has no such frame") from error


def _put(request: Request, accept: str, parameters: Mapping[str, str]) -> Request:
    """The same request with another Accept and other parameters."""
    headers = [(name, value) for name, value in request.scope["headers"] if name != b"accept"]
    headers.append((b"accept", accept.encode("latin-1")))
    query_string = urlencode(parameters).encode()
    return Request({**request.scope, "headers": headers, "query_string": query_string})
