"""Routes that call their endpoint with nothing in between."""

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, cast

from fastapi import Request, Response
from fastapi.routing import APIRoute

_Endpoint = Callable[..., Awaitable[Response]]


class LeanRoute(APIRoute):
    """A route whose endpoint takes the request and its path parameters as text, and renders itself.

    FastAPI documents it from its signature like any other, but does not stand between: that would
    cost more than an indexed search. A route to which somebody adds a dependency, such as a check
    of who is calling, is an ordinary route again: a dependency is never passed over.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        if self.dependencies or self.dependant.dependencies:
            return super().get_route_handler()
        endpoint = cast("_Endpoint", self.endpoint)

        async def handle(request: Request) -> Response:
            return await endpoint(request, **request.path_params)

        return handle
