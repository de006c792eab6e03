"""Subscribing to work items over HTTP (PS3.18 sections 11.10 to 11.12)."""

from collections.abc import Sequence
from typing import Final
from urllib.parse import quote

from fastapi import APIRouter, Request, Response

from hilum.domain.errors import InvalidQuery
from hilum.domain.workitems import (
    FILTERED_SUBSCRIPTION,
    GLOBAL_SUBSCRIPTION,
    Subscriber,
    WorkitemKey,
)
from hilum.outbound.worklist import documented as say
from hilum.outbound.worklist.routes import WorklistDoor
from hilum.wire.request_facts import partition_of
from hilum.wire.workitem_answers import answering
from hilum.wire.workitem_query import read_keys, read_pairs
from hilum.wire.worklist_rules import WorklistRules
from hilum.worklist.subscribing import Subscribing, subscriber

SOCKETS: Final = "/ws/subscribers"
"""Below the surface's prefix: where a subscriber is told (PS3.18 section 8.10.4)."""
_PATH: Final = "/workitems/{workitem}/subscribers/{ae_title}"
_LOCK: Final = say.query(
    ("deletionlock", {"type": "boolean"}, "Keep what ended until it is unsubscribed from"),
    ("filter", {"type": "string"}, "Of a filtered subscription: as `PatientID=123`"),
)
_WHICH: Final = (
    f"`{GLOBAL_SUBSCRIPTION}` means all work items there are and will be, "
    f"`{FILTERED_SUBSCRIPTION}` those that match the query string. Content-Location is the URL of "
    "the WebSocket over which the AE title is told."
)


def subscription_router(door: WorklistDoor, subscribing: Subscribing) -> APIRouter:
    """Relative to the surface's prefix."""
    router, rules = APIRouter(tags=[f"{door.surface.prefix} worklist"]), door.rules

    @router.post(
        _PATH,
        status_code=201,
        summary="Subscribe to a work item",
        description=_WHICH,
        response_class=Response,
        responses={
            201: say.told("Subscribed; Content-Location says where the events are told"),
            **say.refusals(rules, 404, 413),
        },
        openapi_extra=_LOCK,
    )
    @answering(door.surface, rules, door.base, warns=True)
    async def subscribe(request: Request, workitem: str, ae_title: str) -> Response:
        who = subscriber(partition_of(request), ae_title)
        lock, keys = _wish(request.scope["query_string"], workitem, rules)
        await subscribing.subscribe(who, workitem, keys, lock=lock)
        return Response(status_code=201, headers={"Content-Location": _socket(door, request, who)})

    @router.delete(
        _PATH,
        summary="Unsubscribe from a work item",
        response_class=Response,
        responses={200: say.told("Not subscribed any more"), **say.refusals(rules, 404)},
    )
    @answering(door.surface, rules, door.base, warns=True)
    async def unsubscribe(request: Request, workitem: str, ae_title: str) -> Response:
        await subscribing.unsubscribe(subscriber(partition_of(request), ae_title), workitem)
        return Response()

    @router.post(
        f"{_PATH}/suspend",
        summary="Subscribe to no new work items",
        response_class=Response,
        responses={200: say.told("What was subscribed to stays"), **say.refusals(rules, 409)},
    )
    @answering(door.surface, rules, door.base, warns=True)
    async def suspend(request: Request, workitem: str, ae_title: str) -> Response:
        await subscribing.suspend(subscriber(partition_of(request), ae_title), workitem)
        return Response()

    return router


def _wish(
    query_string: bytes, uid: str, rules: WorklistRules
) -> tuple[bool, Sequence[WorkitemKey]]:
    """Whether with a deletion lock, and what must match. Raises `InvalidQuery`."""
    lock, attributes = False, []
    for name, value in read_pairs(query_string):
        if name.lower() == "deletionlock":
            if value.lower() not in {"true", "false"}:
                raise InvalidQuery("deletionlock", "it is either true or false")
            lock = value.lower() == "true"
        elif name.lower() == "filter":
            attributes += read_pairs(value.encode())
        else:
            attributes.append((name, value))
    if uid.strip() != FILTERED_SUBSCRIPTION:
        return lock, ()
    keys = read_keys(attributes, rules)
    if not keys:
        raise InvalidQuery("", "a filtered subscription names what must match")
    return lock, keys


def _socket(door: WorklistDoor, request: Request, who: Subscriber) -> str:
    scheme, _, rest = door.base(request).partition("://")
    secure = "wss" if scheme == "https" else "ws"
    return f"{secure}://{rest}{SOCKETS}/{quote(who.ae_title, safe='')}"
