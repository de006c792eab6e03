"""Operations over HTTP, for operators: a list, one with all that is known, and its end."""

from enum import StrEnum
from typing import Final, TypeVar

import orjson
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from hilum.desk.job_documents import error_document, job_document, whole_job_document
from hilum.desk.parameters import whole_number
from hilum.domain.errors import InvalidQuery
from hilum.domain.jobs import JobKind, JobState, parse_job_id
from hilum.operations.looking import Operations
from hilum.ports.jobs import JobQuery

_DEFAULT_LIMIT: Final = 100
_MAXIMUM_LIMIT: Final = 1000
_LARGEST: Final = 2**63 - 1
_LIST: Final = f"""
Newest first, those with a `key` below `before`, at most `limit` (default {_DEFAULT_LIMIT}, at most
{_MAXIMUM_LIMIT}). `kind` ({", ".join(JobKind)}) and `state` ({", ".join(JobState)}) narrow it.
"""
_Word = TypeVar("_Word", bound=StrEnum)


def jobs_router(operations: Operations) -> APIRouter:
    """What may be read: below `/api/v1`."""
    router = APIRouter(tags=["Operations"])

    @router.get("/jobs", summary="Operations", description=_LIST)
    async def list_jobs(request: Request) -> Response:
        before = whole_number(request, "before", None, 1, _LARGEST)
        limit = whole_number(request, "limit", _DEFAULT_LIMIT, 1, _MAXIMUM_LIMIT)
        query = JobQuery(_word(request, "kind", JobKind), _word(request, "state", JobState))
        found = await operations.page(query, before, limit)
        return _answer([job_document(each) for each in found])

    @router.get("/jobs/{job}", summary="One operation, with its request and results")
    async def show(job: str) -> Response:
        return _answer(whole_job_document(await operations.show(parse_job_id(job))))

    @router.get(
        "/jobs/{job}/errors",
        summary="What of an operation was not done",
        description=f"In the order of `number`, those above `after`, at most `limit` (default"
        f" {_DEFAULT_LIMIT}, at most {_MAXIMUM_LIMIT}): files, instances, identifiers, and why."
        " Empty for kinds of operations that tell of their errors elsewhere.",
    )
    async def errors(request: Request, job: str) -> Response:
        after = whole_number(request, "after", 0, 0, _LARGEST)
        limit = whole_number(request, "limit", _DEFAULT_LIMIT, 1, _MAXIMUM_LIMIT)
        found = await operations.errors(parse_job_id(job), after, limit)
        return _answer([error_document(*each) for each in enumerate(found, after + 1)])

    return router


def jobs_cancel_router(operations: Operations) -> APIRouter:
    """What ends them: below `/api/v1`."""
    router = APIRouter(tags=["Operations"])

    @router.post(
        "/jobs/{job}/cancel",
        summary="Cancel an operation",
        description="It ends as soon as its work notices; what was done by then stays done. One"
        " that has ended stays as it is. Answers with the operation.",
    )
    async def cancel(job: str) -> Response:
        return _answer(whole_job_document(await operations.cancel(parse_job_id(job))))

    return router


def _word(request: Request, name: str, kind: type[_Word]) -> _Word | None:
    told = request.query_params.get(name)
    if not told:
        return None
    if told not in set(kind):
        raise InvalidQuery(name, f"give one of {', '.join(kind)}")
    return kind(told)


def _answer(body: object) -> Response:
    return Response(orjson.dumps(body), media_type="application/json")
