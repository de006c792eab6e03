"""What sources offered and what became of it, for operators; without patient data."""

from collections.abc import Mapping
from typing import Final

import orjson
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from hilum.desk.parameters import whole_number
from hilum.domain.arrivals import ArrivalRecord, ArrivalState
from hilum.domain.errors import InvalidQuery, NotHeld
from hilum.ports.arrivals import ArrivalList

_DEFAULT_LIMIT: Final = 100
_MAXIMUM_LIMIT: Final = 1000
_LARGEST: Final = 2**63 - 1


class ArrivalNotFound(NotHeld):
    """No arrival has this number."""

    code = "arrival-not-found"
    title = "No such arrival"


def arrivals_router(arrivals: ArrivalList) -> APIRouter:
    """`/ingestion/arrivals` below `/api/v1`."""
    router = APIRouter(tags=["Ingestion"])

    @router.get(
        "/ingestion/arrivals",
        summary="What sources offered, newest first",
        description=(
            "At most `limit` arrivals (default 100, at most 1000); `before` goes on below the last "
            "`key` of a page. `state` (waiting, fetching, kept, partial, unknown, failed), `source`"
            " and `source_id` narrow it."
        ),
    )
    async def list_arrivals(request: Request) -> Response:
        found = await arrivals.arrivals(
            state=_state(request.query_params.get("state")),
            source=request.query_params.get("source"),
            source_id=request.query_params.get("source_id"),
            before=whole_number(request, "before", None, 1, _LARGEST),
            limit=whole_number(request, "limit", _DEFAULT_LIMIT, 1, _MAXIMUM_LIMIT),
        )
        counts = await arrivals.arrival_counts()
        body = {
            "arrivals": [arrival_fields(each) for each in found],
            "counts": {
                source: {state.value: number for state, number in states.items()}
                for source, states in counts.items()
            },
        }
        return Response(orjson.dumps(body), media_type="application/json")

    @router.get("/ingestion/arrivals/{key}", summary="One arrival, with its history")
    async def show_arrival(key: str) -> Response:
        number = int(key) if key.isascii() and key.isdigit() and len(key) < 19 else 0
        found = await arrivals.arrival(number)
        if found is None:
            raise ArrivalNotFound("There is no arrival with this number.")
        return Response(orjson.dumps(arrival_fields(found)), media_type="application/json")

    return router


def arrival_fields(arrival: ArrivalRecord) -> Mapping[str, object]:
    """An arrival as JSON shows it."""
    fields: dict[str, object] = {
        "key": arrival.key,
        "source": arrival.source,
        "source_id": arrival.source_id,
        "state": arrival.state.value,
        "correlation_id": arrival.correlation_id,
        "study_instance_uid": arrival.study,
        "instances": arrival.instances,
        "kept": arrival.kept,
        "failed": arrival.failed,
        "attempts": arrival.attempts,
        "created": arrival.created.isoformat(timespec="milliseconds"),
        "changed": arrival.changed.isoformat(timespec="milliseconds"),
        "due": None if arrival.due is None else arrival.due.isoformat(timespec="milliseconds"),
        "error": arrival.error or None,
    }
    if arrival.history:
        fields["history"] = [
            {
                "time": step.time.isoformat(timespec="milliseconds"),
                "state": step.state.value,
                "text": step.text or None,
            }
            for step in arrival.history
        ]
    return fields


def _state(text: str | None) -> ArrivalState | None:
    if text is None:
        return None
    try:
        return ArrivalState(text)
    except ValueError:
        raise InvalidQuery("state", f"give one of {', '.join(ArrivalState)}") from None
