"""Work item requests and answers: bodies, UIDs of a query string, errors by surface."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from functools import wraps
from typing import Any, Final, ParamSpec
from urllib.parse import unquote_plus

import orjson
from starlette.requests import Request
from starlette.responses import Response

from hilum.domain.errors import (
    HilumError,
    LimitExceeded,
    MalformedBody,
    NotAcceptable,
    UnsupportedMediaType,
)
from hilum.domain.workitems import EventKind, WorkitemEvent
from hilum.wire.dicomweb_errors import error_text
from hilum.wire.faults import Fault, fault_of
from hilum.wire.request_facts import warning
from hilum.wire.surfaces import Surface
from hilum.wire.worklist_rules import WorklistRules

_P = ParamSpec("_P")
Handler = Callable[_P, Awaitable[Response]]
_NAMES: Final = frozenset({"workitem", "transaction", "transactionuid"})

EVENT_SOP_CLASS: Final = "1.2.840.10008.5.1.4.34.6.4"
EVENT_TYPES: Final[Mapping[EventKind, int]] = {
    EventKind.STATE_REPORT: 1,
    EventKind.CANCEL_REQUESTED: 2,
    EventKind.PROGRESS_REPORT: 3,
    EventKind.ASSIGNED: 5,
}
"""Event Type IDs (PS3.4 table CC.2.4-1)."""


def uid_in_query(query_string: bytes) -> str | None:
    """The UID that is the first key itself, as in `?1.2.3`; `?workitem=1.2.3` is taken, too."""
    name, _, value = query_string.decode("latin-1").partition("&")[0].partition("=")
    text = value if name.lower() in _NAMES else name
    return unquote_plus(text).strip() or None


async def read_dataset(
    request: Request, rules: WorklistRules, most_bytes: int, *, optional: bool = False
) -> object:
    """The body: a data set, or a list of which the first counts.

    With `optional` nothing is an empty data set. Raises `UnsupportedMediaType`, `LimitExceeded`,
    `MalformedBody`.
    """
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most_bytes:
            limit = "worklist.body_bytes"
            raise LimitExceeded(limit, most_bytes, "The body is too large")
    if optional and not body:
        return {}
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type not in rules.body_types:
        message = f"The body should be {' or '.join(rules.body_types)}."
        raise UnsupportedMediaType(message)
    try:
        read: Any = orjson.loads(bytes(body))
    except orjson.JSONDecodeError:
        raise MalformedBody("The body should be a data set in DICOM JSON.") from None
    if isinstance(read, list):
        if not read:
            raise MalformedBody("The body is a list without a data set.")
        read = read[0]
    return read


def answering(
    surface: Surface,
    rules: WorklistRules,
    base: Callable[[Request], str],
    *,
    warns: bool = False,
) -> Callable[[Handler[_P]], Handler[_P]]:
    """Render what a handler raises as the surface does; with `warns` in a Warning header, too.

    Only refusals of an Accept header are left to the dispatcher.
    """

    def decorate(handler: Handler[_P]) -> Handler[_P]:
        @wraps(handler)
        async def answer(*args: _P.args, **kwargs: _P.kwargs) -> Response:
            try:
                return await handler(*args, **kwargs)
            except NotAcceptable:
                raise
            except HilumError as error:
                request = _request(args, kwargs)
                return _refusal(request, surface, rules, error, base(request) if warns else None)

        return answer

    return decorate


def _request(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Request:
    return next(each for each in (*args, *kwargs.values()) if isinstance(each, Request))


def _refusal(
    request: Request,
    surface: Surface,
    rules: WorklistRules,
    error: HilumError,
    base: str | None,
) -> Response:
    fault = _fault(error, rules)
    correlation_id = request.scope.get("state", {}).get("correlation_id", "")
    text = error_text(fault, correlation_id=correlation_id, surface=surface)
    headers = dict(fault.headers)
    if base is not None:
        headers["Warning"] = warning(base, _in_header(text))
    if rules.error_is_json:
        return Response(orjson.dumps(text), fault.status, headers, "application/json")
    return Response(text, fault.status, headers, "text/plain")


def _fault(error: HilumError, rules: WorklistRules) -> Fault:
    fault = fault_of(error, dicomweb=True)
    for kind in type(error).__mro__:
        if kind in rules.statuses:
            return replace(fault, status=rules.statuses[kind])
    return fault


def _in_header(text: str) -> str:
    """What can stand between the quotation marks of a header field."""
    plain = text.encode("ascii", "replace").decode("ascii").replace('"', "'")
    return "".join(each if each.isprintable() else " " for each in plain)


def event_message(event: WorkitemEvent, message_id: int) -> str:
    """An event report as it goes over a WebSocket (PS3.18 section 11.13)."""
    report = {
        "00000002": {"vr": "UI", "Value": [EVENT_SOP_CLASS]},
        "00000100": {"vr": "US", "Value": [0x0100]},
        "00000110": {"vr": "US", "Value": [message_id & 0xFFFF]},
        "00000800": {"vr": "US", "Value": [1]},
        "00001000": {"vr": "UI", "Value": [event.uid]},
        "00001002": {"vr": "US", "Value": [EVENT_TYPES[event.report.kind]]},
        **event.report.facts,
    }
    return orjson.dumps(report).decode()
