import importlib
import json
import pkgutil
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

import hilum
from hilum.domain import errors
from hilum.wire.http_status import HTTP_STATUS, http_status
from hilum.wire.problems import error_response
from hilum.wire.surfaces import AZURE_V2, STANDARD


def all_error_classes() -> Iterator[type[errors.HilumError]]:
    for module in pkgutil.walk_packages(hilum.__path__, "hilum."):
        if module.name != "hilum.__main__" and ".migrations" not in module.name:
            importlib.import_module(module.name)
    found = [errors.HilumError]
    while found:
        error = found.pop()
        yield error
        found.extend(error.__subclasses__())


def made(kind: type[errors.HilumError]) -> errors.HilumError:
    error = kind.__new__(kind)
    Exception.__init__(error, "what happened")
    return error


def test_every_error_has_a_status_of_its_own_or_of_a_near_ancestor() -> None:
    for kind in all_error_classes():
        named = [ancestor for ancestor in kind.__mro__ if ancestor in HTTP_STATUS]
        assert named, kind
        if kind is not errors.HilumError:
            assert named[0] is not errors.HilumError, f"{kind.__name__} would be a bare 500"


def test_codes_are_distinct_and_fit_an_address() -> None:
    classes = set(all_error_classes())
    codes = [kind.code for kind in classes if "code" in vars(kind)]

    assert len(codes) == len(set(codes))
    assert all(code.replace("-", "").isalnum() and code == code.lower() for code in codes)


@pytest.mark.parametrize(
    ("kind", "own", "dicomweb"),
    [
        (errors.InvalidUID, 400, 400),
        (errors.MalformedBody, 400, 400),
        (errors.NotAuthenticated, 401, 401),
        (errors.NotAllowed, 403, 403),
        (errors.StudyNotFound, 404, 404),
        (errors.NotAcceptable, 406, 406),
        (errors.LimitExceeded, 413, 413),
        (errors.UnsupportedMediaType, 415, 415),
        (errors.UnreadableInstance, 422, 422),
        (errors.ArchiveUnavailable, 503, 503),
        (errors.QueryTooCostly, 503, 503),
        (errors.ShuttingDown, 503, 503),
        (errors.ArchiveFull, 507, 503),
        (errors.ObjectMissing, 500, 500),
    ],
)
def test_statuses(kind: type[errors.HilumError], own: int, dicomweb: int) -> None:
    assert http_status(made(kind), dicomweb=False) == own
    assert http_status(made(kind), dicomweb=True) == dicomweb


def test_a_problem_has_the_members_of_rfc_9457_and_ours() -> None:
    response = error_response(
        errors.StudyNotFound("No instance of it is held."), dicomweb=False, correlation_id="c-1"
    )

    problem = json.loads(response.body)
    assert response.status_code == 404
    assert response.headers["content-type"] == "application/problem+json"
    assert problem.pop("timestamp").endswith("+00:00")
    assert problem == {
        "type": "/problems/study-not-found",
        "title": "No such study here",
        "status": 404,
        "detail": "No instance of it is held.",
        "instance": "c-1",
        "correlation_id": "c-1",
    }


def test_dicomweb_errors_are_plain_text() -> None:
    error = errors.MalformedBody("The body is empty.")

    response = error_response(error, dicomweb=True, correlation_id="c-1", surface=AZURE_V2)

    assert (response.status_code, response.body) == (400, b"The body is empty.")
    assert response.headers["content-type"] == "text/plain; charset=utf-8"


def test_a_refused_accept_header_is_answered_without_a_body_on_the_strict_surfaces() -> None:
    error = errors.NotAcceptable("Only application/dicom+json is offered here.")

    strict = error_response(error, dicomweb=True, correlation_id="c", surface=AZURE_V2)
    unknown = error_response(error, dicomweb=True, correlation_id="c")
    standard = error_response(error, dicomweb=True, correlation_id="c", surface=STANDARD)

    assert (strict.status_code, strict.body, unknown.body) == (406, b"", b"")
    assert "content-type" not in strict.headers
    assert standard.body == b"Only application/dicom+json is offered here."


@pytest.mark.parametrize("dicomweb", [True, False])
def test_an_unexpected_exception_tells_nothing_of_the_inside(dicomweb: bool) -> None:
    error = RuntimeError("/secret/path Doe^Jane")

    response = error_response(error, dicomweb=dicomweb, correlation_id="c-1")

    assert response.status_code == 500
    body = bytes(response.body).decode()
    assert "secret" not in body
    assert "Doe" not in body
    assert "c-1" in body


def test_a_fault_that_passes_says_when_to_come_back() -> None:
    full = error_response(errors.ArchiveFull("full"), dicomweb=True, correlation_id="c")
    broken = error_response(errors.ObjectMissing("gone"), dicomweb=True, correlation_id="c")

    assert full.headers["retry-after"] == "60"
    assert "retry-after" not in broken.headers


def test_only_an_announced_body_over_the_limit_closes_the_connection() -> None:
    announced = errors.BodyTooLarge("stow.request_bytes", 10, "Too large")
    grown = errors.LimitExceeded("stow.parts", 10, "Too many")

    closing, keeping = (
        error_response(error, dicomweb=True, correlation_id="c") for error in (announced, grown)
    )

    assert closing.headers["connection"] == "close"
    assert "connection" not in keeping.headers
    assert closing.status_code == keeping.status_code == 413


def test_missing_credentials_are_asked_for() -> None:
    response = error_response(errors.NotAuthenticated("none"), dicomweb=True, correlation_id="c")

    assert response.headers["www-authenticate"].startswith("Bearer")


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI()

    @app.get("/v2/studies")
    async def studies(limit: int) -> Response:
        return Response(str(limit))

    async def render(request: Request, error: Exception) -> Response:
        dicomweb = request.url.path.startswith("/v2")
        return error_response(error, dicomweb=dicomweb, correlation_id="c-1")

    app.add_api_route("/api/v1/status", studies)
    for kind in (HTTPException, RequestValidationError):
        app.add_exception_handler(kind, render)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


async def test_a_wrong_parameter_is_named_and_its_value_is_not(client: httpx.AsyncClient) -> None:
    text = await client.get("/v2/studies?limit=Doe")
    problem = await client.get("/api/v1/status?limit=Doe")

    assert text.status_code == 400
    assert "query.limit is invalid" in text.text
    assert problem.status_code == 422
    assert [entry["where"] for entry in problem.json()["errors"]] == ["query.limit"]
    assert "Doe" not in text.text + problem.text


async def test_an_unknown_address_and_a_wrong_method_are_told_apart(
    client: httpx.AsyncClient,
) -> None:
    unknown = await client.get("/v2/nothing")
    wrong = await client.delete("/v2/studies")
    problem = await client.get("/api/v1/nothing")

    assert (unknown.status_code, wrong.status_code) == (404, 405)
    assert "no resource at this address" in unknown.text
    assert "It takes GET." in wrong.text
    assert wrong.headers["allow"] == "GET"
    assert problem.json()["type"] == "/problems/unknown-address"


def test_a_status_the_framework_invents_is_described_by_its_class() -> None:
    teapot = error_response(HTTPException(418), dicomweb=False, correlation_id="c")
    gateway = error_response(HTTPException(502), dicomweb=False, correlation_id="c")

    assert json.loads(teapot.body)["type"] == "/problems/invalid-request"
    assert teapot.status_code == 418
    assert json.loads(gateway.body)["type"] == "/problems/internal-error"
