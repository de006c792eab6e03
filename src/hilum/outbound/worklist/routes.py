"""UPS-RS: creating, performing, canceling and finding work items (PS3.18 chapter 11)."""

import asyncio
from dataclasses import dataclass
from typing import Any, Final

import orjson
from fastapi import APIRouter, Request, Response

from hilum.domain.workitems import Workitem
from hilum.outbound.worklist import documented as say
from hilum.wire.base_url import BaseUrl
from hilum.wire.dataset_forms import DataSetForm, negotiate_datasets
from hilum.wire.query_parameters import accept_of
from hilum.wire.request_facts import partition_of, surface_url, warning
from hilum.wire.search_response import capped_warning, search_response
from hilum.wire.surfaces import Surface
from hilum.wire.workitem_answers import answering, read_dataset, uid_in_query
from hilum.wire.workitem_query import read_workitem_search
from hilum.wire.worklist_rules import WorklistRules
from hilum.worklist.states import Verdict
from hilum.worklist.worklist import Worklist

_ALREADY: Final = {
    Verdict.ALREADY_CANCELED: "B304: The work item is already in the state CANCELED.",
    Verdict.ALREADY_COMPLETED: "B306: The work item is already in the state COMPLETED.",
}
_CANCELED: Final = "The workitem instance has been cancelled."
_ASKED: Final = "The request was passed on to who subscribed to the workitem."
_REQUESTER: Final = "UPS-RS"
_TEXT: Final = {"type": "string"}
_NUMBER: Final = {"type": "integer"}
_STEERING: Final = (
    ("includefield", _TEXT, "Attributes to answer with besides the usual ones; `all`"),
    ("fuzzymatching", {"type": "boolean"}, "Of PatientName: by the beginnings of its words"),
    ("limit", _NUMBER, "Results at most; default 100"),
    ("offset", _NUMBER, "Results to pass over"),
)


@dataclass(frozen=True, slots=True)
class WorklistDoor:
    """What all routes of a surface share."""

    worklist: Worklist
    surface: Surface
    rules: WorklistRules
    base_url: BaseUrl
    body_bytes: int

    def base(self, request: Request) -> str:
        """The URL of the surface as the client named it."""
        return surface_url(self.base_url, request.scope, self.surface)

    def form(self, request: Request, *, single: bool) -> DataSetForm:
        """Raises `NotAcceptable`."""
        strict = self.rules.strict
        accept = accept_of(request.scope, request.scope["query_string"], strict=strict)
        offers_xml = self.rules.offers_xml
        return negotiate_datasets(accept, strict=strict, offers_xml=offers_xml, single=single)

    async def body(self, request: Request, *, optional: bool = False) -> object:
        return await read_dataset(request, self.rules, self.body_bytes, optional=optional)

    def headers(self, request: Request, uid: str) -> dict[str, str]:
        """Where the work item is."""
        return {"Content-Location": f"{self.base(request)}/workitems/{uid}"}


def _matched(rules: WorklistRules) -> list[tuple[str, dict[str, Any], str]]:
    """What a search can match on, as parameters; each has the name of its tag, too."""
    attributes = sorted(rules.searchable.values(), key=lambda each: each.name)
    return [(each.name, _TEXT, f"{each.vr}, for matching") for each in attributes]


def worklist_reading_router(door: WorklistDoor) -> APIRouter:
    """Retrieve and search, relative to the surface's prefix."""
    router, rules = APIRouter(tags=[f"{door.surface.prefix} worklist"]), door.rules

    @router.get(
        "/workitems",
        summary="Search for work items",
        response_class=Response,
        responses={
            200: say.datasets("What matched, newest first", rules),
            204: say.told("Nothing matched"),
            **say.refusals(rules, 406),
        },
        openapi_extra=say.query(*_matched(rules), *_STEERING),
    )
    @answering(door.surface, rules, door.base)
    async def search_workitems(request: Request) -> Response:
        form = door.form(request, single=False)
        query_string = request.scope["query_string"]
        wanted = read_workitem_search(query_string, rules, partition_of(request))
        found = await door.worklist.search(wanted.query)
        more = len(found) > wanted.limit
        shown = [_shown(each, wanted.tags) for each in found[: wanted.limit]]
        cut = capped_warning(door.base(request), len(shown)) if more else None
        if form.xml:
            return await asyncio.to_thread(search_response, shown, form, cut=cut)
        return search_response(shown, form, cut=cut)

    @router.get(
        "/workitems/{workitem}",
        summary="Retrieve a work item",
        response_class=Response,
        responses={
            200: say.datasets("Without its Transaction UID", rules, single=True),
            **say.refusals(rules, 404, 406),
        },
    )
    @answering(door.surface, rules, door.base)
    async def retrieve_workitem(request: Request, workitem: str) -> Response:
        form = door.form(request, single=True)
        found = await door.worklist.get(partition_of(request), workitem)
        headers = {**door.headers(request, found.uid), "Cache-Control": "no-cache"}
        if rules.one_is_object and not form.xml:
            body = orjson.dumps(found.dataset)
            return Response(body, headers=headers, media_type=form.media_type)
        response = search_response([dict(found.dataset)], form)
        response.headers.update(headers)
        return response

    for path, endpoint in (
        ("/workitems", search_workitems),
        ("/workitems/{workitem}", retrieve_workitem),
    ):
        router.add_api_route(path, endpoint, methods=["HEAD"], include_in_schema=False)
    return router


def worklist_writing_router(door: WorklistDoor) -> APIRouter:
    """Create, update, change the state, request a cancellation."""
    router = APIRouter(tags=[f"{door.surface.prefix} worklist"])
    _creating(router, door)
    _changing(router, door)
    return router


def _creating(router: APIRouter, door: WorklistDoor) -> None:
    rules = door.rules

    @router.post(
        "/workitems",
        status_code=201,
        summary="Create a work item",
        description="Its UID is the query string itself, as in `?1.2.3`, or in the data set.",
        response_class=Response,
        responses={
            201: say.told("Created; Location says where"),
            **say.refusals(rules, 406, 409, 413, 415),
        },
        openapi_extra=say.body("The work item", rules),
    )
    @answering(door.surface, rules, door.base)
    async def create_workitem(request: Request) -> Response:
        if rules.strict:
            door.form(request, single=True)
        uid = uid_in_query(request.scope["query_string"])
        raw = await door.body(request)
        made = await door.worklist.create(partition_of(request), raw, uid, rules.manners)
        headers = door.headers(request, made)
        return Response(
            status_code=201, headers={**headers, "Location": headers["Content-Location"]}
        )


def _changing(router: APIRouter, door: WorklistDoor) -> None:
    rules, worklist = door.rules, door.worklist
    statuses = (404, 409, 413, 415)

    @router.post(
        "/workitems/{workitem}",
        summary="Update a work item",
        description="The query string is the Transaction UID, as in `?1.2.3`, of one in progress.",
        response_class=Response,
        responses={200: say.told("Updated"), **say.refusals(rules, *statuses)},
        openapi_extra=say.body("Attributes to replace, each as a whole", rules),
    )
    @answering(door.surface, rules, door.base, warns=True)
    async def update_workitem(request: Request, workitem: str) -> Response:
        raw = await door.body(request)
        transaction = uid_in_query(request.scope["query_string"])
        await worklist.update(partition_of(request), workitem, raw, transaction)
        return Response(headers=door.headers(request, workitem.strip()))

    @router.put(
        "/workitems/{workitem}/state",
        summary="Take, complete or cancel a work item",
        response_class=Response,
        responses={
            200: say.told("Changed, or it was so before: then a Warning says it"),
            **say.refusals(rules, *statuses),
        },
        openapi_extra=say.body("TransactionUID and ProcedureStepState", rules),
    )
    @answering(door.surface, rules, door.base, warns=True)
    async def change_workitem_state(request: Request, workitem: str) -> Response:
        raw = await door.body(request)
        verdict = await worklist.change_state(partition_of(request), workitem, raw)
        headers = door.headers(request, workitem.strip())
        if verdict in _ALREADY:
            headers["Warning"] = warning(door.base(request), _ALREADY[verdict])
        return Response(headers=headers)

    @router.post(
        "/workitems/{workitem}/cancelrequest",
        status_code=202,
        summary="Ask for a work item to be canceled",
        response_class=Response,
        responses={
            202: {"description": "Canceled, or passed on", "content": say.TEXT},
            **say.refusals(rules, *statuses),
        },
        openapi_extra=say.body("Reason and contact", rules, required=False),
    )
    @answering(door.surface, rules, door.base, warns=True)
    async def request_cancellation(request: Request, workitem: str) -> Response:
        raw = await door.body(request, optional=True)
        requester = _requester(request)
        verdict = await worklist.request_cancel(partition_of(request), workitem, raw, requester)
        text = _ASKED if verdict is Verdict.ASK else _CANCELED
        return Response(text, 202, media_type="text/plain")


def _requester(request: Request) -> str:
    """An AE title for who asks: over HTTP nobody has one."""
    name = getattr(request.scope.get("state", {}).get("principal"), "name", "")
    plain = "".join(each for each in name if " " <= each <= "~" and each != "\\")
    return plain[:16].strip() or _REQUESTER


def _shown(workitem: Workitem, tags: tuple[str, ...] | None) -> dict[str, Any]:
    if tags is None:
        return dict(workitem.dataset)
    return {tag: workitem.dataset[tag] for tag in tags if tag in workitem.dataset}
