"""A page for every error code, made from the errors themselves (RFC 9457 section 3.1.1)."""

import inspect
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from hilum.desk.pages import page, table, text
from hilum.domain.errors import HilumError
from hilum.wire.faults import PROTOCOL_FAULTS
from hilum.wire.http_status import HTTP_STATUS, http_status


@dataclass(frozen=True, slots=True)
class Problem:
    """One kind of error as it is explained to people."""

    code: str
    title: str
    status: int
    dicomweb_status: int
    explanation: str


def problems_router() -> APIRouter:
    """`/problems` and `/problems/{code}`."""
    router = APIRouter(tags=["Desk"], include_in_schema=False)

    @router.get("/problems", summary="Every error code")
    async def problems(request: Request) -> Response:
        rows = [
            (
                f'<a href="/problems/{text(each.code)}">{text(each.code)}</a>',
                text(each.title),
                text(_statuses(each)),
            )
            for each in all_problems().values()
        ]
        body = f"<h1>Problems</h1>{table(('Code', 'Meaning', 'Status'), rows)}"
        return page(request, "Problems", body)

    @router.get("/problems/{code}", summary="One error code")
    async def problem(request: Request, code: str) -> Response:
        known = all_problems().get(code)
        if known is None:
            raise HTTPException(404)
        paragraphs = "".join(f"<p>{text(each)}</p>" for each in known.explanation.split("\n\n"))
        body = (
            f"<h1>{text(known.title)}</h1><p><code>{text(known.code)}</code>, status"
            f" {text(_statuses(known))}</p>{paragraphs}"
        )
        return page(request, known.title, body)

    return router


@cache
def all_problems() -> Mapping[str, Problem]:
    """Every problem by code, in alphabetical order."""
    problems = {
        code: Problem(code, title, status, status, detail)
        for status, (code, title, detail) in PROTOCOL_FAULTS.items()
    }
    for kind in _kinds(HilumError):
        problems.setdefault(kind.code, _problem(kind))
    return dict(sorted(problems.items()))


def _kinds(kind: type[HilumError]) -> Iterator[type[HilumError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from _kinds(child)


def _problem(kind: type[HilumError]) -> Problem:
    status = next((HTTP_STATUS[each] for each in kind.__mro__ if each in HTTP_STATUS), 500)
    # The status follows from the class alone, so an object made without its arguments will do.
    sample = kind.__new__(kind)
    documented = next(each for each in kind.__mro__ if each.__doc__)
    return Problem(
        kind.code,
        kind.title,
        status,
        http_status(sample, dicomweb=True),
        inspect.getdoc(documented) or kind.title,
    )


def _statuses(problem: Problem) -> str:
    if problem.status == problem.dicomweb_status:
        return str(problem.status)
    return f"{problem.status} ({problem.dicomweb_status} on the DICOMweb surfaces)"
