"""`GET /events` below `/api/v1`."""

import re
from typing import Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from hilum.delivery.rendering import FEED_TYPES
from hilum.domain.delivery import EventFilter
from hilum.domain.errors import InvalidQuery
from hilum.domain.identifiers import parse_uid
from hilum.outbound.events.streams import EventStreams
from hilum.outbound.events.writing import Wish

_PARAMETERS: Final = frozenset({"types", "study", "after"})
_POSITION: Final = re.compile(r"(?P<feed>[A-Za-z0-9._-]{1,64}):(?P<sequence>[0-9]{1,18})")
_TYPE: Final = re.compile(r"[a-z0-9.*-]{1,64}")
_MOST: Final = 32
_DESCRIPTION: Final = """
Server-sent events: what happens from now on, in order, as it is committed. `event` is the type,
`data` the body of the event, `id` the position behind it. A client that reconnects sends it as
`Last-Event-ID` (browsers do so by themselves) and misses nothing; events may be repeated, under
the same `event_id`. The stream ends from time to time, so that credentials are looked at again.

- `types`: types of events, with commas; `*` is any run of characters (`hilum.instance.*`).
- `study`: a Study Instance UID; may be repeated.
- `after`: begin behind this sequence of the feed instead of now; 0 tells everything. A number
  behind the end of the feed is refused.

See `docs/events.md` for the events.
"""


def events_router(streams: EventStreams) -> APIRouter:
    """The route."""
    router = APIRouter(tags=["Events"])

    @router.get(
        "/events",
        summary="Listen to what happens",
        description=_DESCRIPTION,
        response_class=Response,
        responses={200: {"content": {"text/event-stream": {}}, "description": "Events."}},
    )
    async def listen(request: Request) -> Response:
        return await streams.answer(wish_of(request))

    return router


def wish_of(request: Request) -> Wish:
    """What the request asks for. Raises `InvalidQuery`, `InvalidUID`."""
    query = request.query_params
    for name in query:
        if name not in _PARAMETERS:
            raise InvalidQuery(name, f"known are {', '.join(sorted(_PARAMETERS))}")
    types = [each for text in query.getlist("types") for each in text.split(",") if each]
    studies = query.getlist("study")
    for name, values in (("types", types), ("study", studies)):
        if len(values) > _MOST:
            raise InvalidQuery(name, f"give at most {_MOST}")
    if wrong := next((each for each in types if not _is_type(each)), None):
        known = ", ".join(FEED_TYPES)
        raise InvalidQuery("types", f"{wrong[:64]!r} is no type of event; there are {known}")
    feed_id, after = _position(request)
    return Wish(
        EventFilter(types=tuple(types)),
        frozenset(parse_uid(each, "study") for each in studies),
        feed_id,
        after,
    )


def _is_type(text: str) -> bool:
    """Whether a type of event is called so, or matched by it."""
    if _TYPE.fullmatch(text) is None:
        return False
    wanted = EventFilter(types=(text,))
    return any(wanted.wants_type(each) for each in FEED_TYPES)


def _position(request: Request) -> tuple[str | None, int | None]:
    """`Last-Event-ID` wins: it is what a reconnecting client adds to the address it was given."""
    given = request.headers.get("last-event-id", "").strip()
    if given:
        match = _POSITION.fullmatch(given)
        if match is None:
            raise InvalidQuery("Last-Event-ID", "send back an `id` of this stream")
        return match["feed"], int(match["sequence"])
    text = request.query_params.get("after")
    if text is None:
        return None, None
    if not re.fullmatch("[0-9]{1,18}", text):
        raise InvalidQuery("after", "give a whole number, 0 or more")
    return None, int(text)
