import pytest
from fastapi import APIRouter, Depends, Query
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.responses import Response

from hilum.access import AccessScope
from hilum.servers.http_routes import Found, RouteTable


def _table() -> RouteTable:
    router = APIRouter()

    @router.get("/studies")
    async def search() -> Response:
        return Response("search")

    @router.post("/studies")
    async def store(request: Request) -> Response:
        return Response(request.method)

    @router.get("/studies/{study}/series/{series}")
    async def retrieve(series: str, study: str, request: Request) -> Response:
        return Response(f"{study} {series} {request.method}")

    @router.get("/studies/newest")
    async def newest() -> Response:
        return Response("newest")

    @router.get("/studies/newest/metadata")
    async def newest_metadata() -> Response:
        return Response("newest metadata")

    @router.get("/studies/{study}/metadata")
    async def metadata(study: str) -> Response:
        return Response(f"metadata of {study}")

    @router.get("/studies/{study}/rendered")
    async def rendered(study: str) -> Response:
        return Response(f"rendered {study}")

    table = RouteTable()
    table.include(router, "/v2", AccessScope.READ)
    return table


def _get(path: str) -> Request:
    return Request({"type": "http", "method": "GET", "path": path, "headers": []})


async def _body(path: str) -> str:
    found = _table().find(path)
    assert found is not None
    answer = await found.targets["GET"].answer(_get(path), found.segments)
    return bytes(answer.body).decode()


async def test_parameters_are_given_by_name_whatever_their_order() -> None:
    assert await _body("/v2/studies/1.2/series/3.4") == "1.2 3.4 GET"


async def test_a_fixed_segment_wins_over_a_variable_one() -> None:
    assert await _body("/v2/studies/newest/metadata") == "newest metadata"
    assert await _body("/v2/studies/1.2/metadata") == "metadata of 1.2"


async def test_a_fixed_segment_that_leads_nowhere_is_taken_as_a_value() -> None:
    assert await _body("/v2/studies/newest/rendered") == "rendered newest"


async def test_one_trailing_slash_is_forgiven() -> None:
    assert await _body("/v2/studies/") == "search"
    assert _table().find("/v2/studies//") is None


@pytest.mark.parametrize(
    "path", ["/", "", "/v2", "/studies", "/v2/studies/1", "/v2//series/1", "/v2/{}", "v2/studies"]
)
def test_what_leads_nowhere_is_not_found(path: str) -> None:
    assert _table().find(path) is None


def test_a_target_knows_its_scope_and_its_template() -> None:
    found = _table().find("/v2/studies/1.2/metadata")

    assert found is not None
    target = found.targets["GET"]
    assert (target.scopes, target.template) == ((AccessScope.READ,), "/v2/studies/{study}/metadata")
    assert set(found.targets) == {"GET"}


def test_methods_of_several_routers_on_one_path_come_together() -> None:
    table, more = _table(), APIRouter()

    @more.delete("/studies")
    async def clear() -> Response:
        return Response()

    table.include(more, "/v2", AccessScope.DELETE)

    found = table.find("/v2/studies")
    assert found is not None
    assert set(found.targets) == {"GET", "POST", "DELETE"}
    assert found.targets["DELETE"].scopes == (AccessScope.DELETE,)


def test_any_of_several_scopes_may_do() -> None:
    table, more = _table(), APIRouter()

    @more.get("/status")
    async def status() -> Response:
        return Response()

    table.include(more, "/v2", (AccessScope.READ, AccessScope.WRITE))

    found = table.find("/v2/status")
    assert found is not None
    assert found.targets["GET"].scopes == (AccessScope.READ, AccessScope.WRITE)


def test_a_route_defined_twice_is_a_mistake() -> None:
    router = APIRouter()

    @router.get("/studies")
    async def again() -> Response:
        return Response()

    with pytest.raises(TypeError, match="twice"):
        _table().include(router, "/v2", None)


def _value() -> str:
    return ""


def _needing(kind: str) -> APIRouter:
    router = APIRouter()
    if kind == "query":

        @router.get("/x")
        async def by_query(limit: int = Query(1)) -> Response:
            return Response(str(limit))
    elif kind == "dependency":

        @router.get("/x")
        async def by_dependency(value: str = Depends(_value)) -> Response:
            return Response(value)
    elif kind == "body":

        @router.post("/x")
        async def by_body(value: dict[str, str]) -> Response:
            return Response(str(value))
    else:

        @router.get("/x/{number:int}")
        async def by_convertor(number: int) -> Response:
            return Response(str(number))

    return router


def test_only_a_last_segment_takes_all_that_is_left() -> None:
    router = APIRouter()

    @router.get("/x/{rest:path}/y")
    async def in_between(rest: str) -> Response:
        return Response(rest)

    with pytest.raises(TypeError, match="/x"):
        RouteTable().include(router, "", None)


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("/v2/files/a", "rest a"),
        ("/v2/files/a/b.js", "rest a/b.js"),
        ("/v2/files/a//b/", "rest a//b"),
        ("/v2/files/../{}/{...}", "rest ../{}/{...}"),
        ("/v2/files/newest", "newest"),
        ("/v2/files/newest/more", "rest newest/more"),
        ("/v2/files/7/size", "size of 7"),
        ("/v2/files/7/sizes", "rest 7/sizes"),
    ],
)
async def test_a_last_segment_takes_what_no_other_route_does(path: str, answer: str) -> None:
    router = APIRouter()

    @router.get("/files/{path:path}")
    async def rest(path: str) -> Response:
        return Response(f"rest {path}")

    @router.get("/files/newest")
    async def newest() -> Response:
        return Response("newest")

    @router.get("/files/{file}/size")
    async def size(file: str) -> Response:
        return Response(f"size of {file}")

    table = RouteTable()
    table.include(router, "/v2", None)

    found = table.find(path)
    assert found is not None
    told = await found.targets["GET"].answer(_get(path), found.segments)
    assert bytes(told.body).decode() == answer


@pytest.mark.parametrize("kind", ["query", "dependency", "body", "convertor"])
def test_a_handler_that_needs_more_of_the_framework_is_refused_at_start(kind: str) -> None:
    with pytest.raises(TypeError, match="/x"):
        RouteTable().include(_needing(kind), "", None)


@given(st.text(alphabet="/{}v2studies.019é%\x00 ", max_size=60))
def test_any_path_is_found_or_not_and_its_values_are_never_empty(path: str) -> None:
    found = _table().find(path)

    assert found is None or isinstance(found, Found)
    assert found is None or all(found.segments)
