"""The table of routes: from a path to the coroutine that answers, without detours.

FastAPI's own way from a request to a handler costs some 200 us with the routes of three
surfaces, which is a good part of what a search may take in all. Our handlers take the request and
path parameters and return a response, so a walk along the segments of the path is all that is
needed. FastAPI still owns the routers: the OpenAPI document is made from them.
"""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from fastapi import APIRouter
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from hilum.access import AccessScope

Endpoint = Callable[..., Awaitable[Response]]
Needed = AccessScope | tuple[AccessScope, ...] | None
"""What the caller must have been granted, of several any; None: nothing."""
_PARAMETER: Final = "{}"
_REST: Final = "{...}"
_VARIABLE: Final = frozenset({_PARAMETER, _REST})
_REST_CONVERTOR: Final = ":path"


@dataclass(frozen=True, slots=True)
class Target:
    """What answers one method on one path."""

    endpoint: Endpoint
    request_name: str | None
    """Name of the endpoint's parameter that takes the request."""
    parameters: tuple[str, ...]
    """Names for the variable segments of the path, in order."""
    scopes: tuple[AccessScope, ...]
    """Any of them must have been granted to the caller; none: nobody is asked."""
    template: str
    """The path with its parameters unfilled, for logs and metrics."""

    async def answer(self, request: Request, segments: tuple[str, ...]) -> Response:
        """Call the endpoint."""
        arguments: dict[str, Any] = dict(zip(self.parameters, segments, strict=True))
        if self.request_name is not None:
            arguments[self.request_name] = request
        return await self.endpoint(**arguments)


@dataclass(slots=True)
class _Node:
    children: dict[str, "_Node"] = field(default_factory=dict)
    targets: dict[str, Target] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Found:
    """What a path leads to."""

    targets: Mapping[str, Target]
    """By method."""
    segments: tuple[str, ...]
    """The values of the variable segments."""


class RouteTable:
    """Routes of several routers; a fixed segment wins over a variable one.

    A last segment `{name:path}` takes all that is left, if no other route does.
    """

    __slots__ = ("_root",)

    def __init__(self) -> None:
        self._root = _Node()

    def include(self, router: APIRouter, prefix: str, scope: Needed) -> None:
        """Add the routes of `router` below `prefix`.

        Raises `TypeError` for a route that needs more of FastAPI than this table offers.
        """
        for route in router.routes:
            if not isinstance(route, APIRoute):
                message = f"{route!r} is not an APIRoute"
                raise TypeError(message)
            self._add(route, prefix, scope)

    def find(self, path: str) -> Found | None:
        """The targets of `path`; None when nothing is there. One trailing slash is forgiven."""
        segments = path.split("/")[1:]
        if len(segments) > 1 and not segments[-1]:
            segments.pop()
        return _descend(self._root, segments, 0, ())

    def _add(self, route: APIRoute, prefix: str, scope: Needed) -> None:
        template = prefix + route.path
        target = _target(route, template, scope)
        node = self._root
        for segment in template.split("/")[1:]:
            node = node.children.setdefault(_key(segment), _Node())
        for method in route.methods or ():
            if method in node.targets:
                message = f"{method} {template} is defined twice"
                raise TypeError(message)
            node.targets[method] = target


def _descend(node: _Node, segments: list[str], depth: int, values: tuple[str, ...]) -> Found | None:
    if depth == len(segments):
        return Found(node.targets, values) if node.targets else None
    segment = segments[depth]
    if segment not in _VARIABLE and (child := node.children.get(segment)) is not None:
        found = _descend(child, segments, depth + 1, values)
        if found is not None:
            return found
    if segment and (child := node.children.get(_PARAMETER)) is not None:
        found = _descend(child, segments, depth + 1, (*values, segment))
        if found is not None:
            return found
    if (child := node.children.get(_REST)) is not None:
        return Found(child.targets, (*values, "/".join(segments[depth:])))
    return None


def _key(segment: str) -> str:
    if not segment.startswith("{"):
        return segment
    return _REST if _is_rest(segment) else _PARAMETER


def _is_rest(segment: str) -> bool:
    return segment.endswith(_REST_CONVERTOR + "}")


def _target(route: APIRoute, template: str, scope: Needed) -> Target:
    dependant = route.dependant
    unsupported = [
        *dependant.query_params,
        *dependant.header_params,
        *dependant.cookie_params,
        *dependant.body_params,
        *dependant.dependencies,
    ]
    if unsupported or dependant.response_param_name or dependant.background_tasks_param_name:
        message = f"{template}: a handler takes the request and path parameters only"
        raise TypeError(message)
    parameters = tuple(_parameters(template))
    if set(parameters) != {each.name for each in dependant.path_params}:
        message = f"{template}: path parameters and arguments differ"
        raise TypeError(message)
    return Target(
        route.endpoint,
        dependant.request_param_name,
        parameters,
        scopes_of(scope),
        route_template(template),
    )


def scopes_of(needed: Needed) -> tuple[AccessScope, ...]:
    """The scopes of which any must have been granted."""
    if needed is None:
        return ()
    return needed if isinstance(needed, tuple) else (needed,)


def _parameters(template: str) -> Iterator[str]:
    segments = template.split("/")
    for position, segment in enumerate(segments):
        if segment.startswith("{"):
            name = segment[1:-1]
            if position == len(segments) - 1 and _is_rest(segment):
                name = name.removesuffix(_REST_CONVERTOR)
            if not segment.endswith("}") or ":" in name:
                message = f"{template}: a parameter is a whole segment, without a convertor"
                raise TypeError(message)
            yield name


def route_template(template: str) -> str:
    """The template as it is told: the root is `/`."""
    return template or "/"
