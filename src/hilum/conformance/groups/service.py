"""What all services share: capabilities (PS3.18 8.9, Annex H), caching, methods, CORS."""

from hilum.conformance.checks import Level, NotOffered, check
from hilum.conformance.server import DICOM, JSON, related
from hilum.conformance.session import Session

_WADL = "application/vnd.sun.wadl+xml"


@check(
    "service.capabilities",
    "OPTIONS of the base URL describes the service as WADL",
    Level.SHALL,
    "8.9",
    needs=(),
)
async def _capabilities(session: Session) -> None:
    answer = await session.server.ask("OPTIONS", session.server.base + "/", accept=_WADL)
    answer.expect_status(200)
    head = answer.body[:65536]
    answer.expect(b"application" in head and b"resources" in head, "a WADL document", "none")


@check(
    "service.capabilities-base",
    "The WADL document has one resources element with the base URL",
    Level.SHALL,
    "H",
    needs=(),
)
async def _base(session: Session) -> None:
    answer = await session.server.ask("OPTIONS", session.server.base + "/", accept=_WADL)
    if answer.status != 200 or b"resources" not in answer.body:
        raise NotOffered("capabilities")
    count = answer.body.count(b"<resources") + answer.body.count(b":resources base")
    answer.expect(count == 1, "one resources element", f"{count}")
    answer.expect(b"base=" in answer.body, "its attribute base", "none")


@check("service.etag", "An ETag that is offered is honoured with 304", Level.SHALL, "8.4")
async def _etag(session: Session) -> None:
    url = f"{session.server.wado}{session.held[0].path}/metadata"
    answer = await session.server.ask("GET", url, accept=JSON)
    answer.expect_status(200)
    etag = answer.headers.get("etag")
    if etag is None:
        raise NotOffered("ETag of metadata")
    again = await session.server.ask("GET", url, accept=JSON, headers={"If-None-Match": etag})
    again.expect_status(304)
    again.expect(not again.body, "no payload", f"{len(again.body):,} bytes")


@check("service.etag-other", "Another ETag is answered with the whole", Level.SHALL, "8.4")
async def _etag_other(session: Session) -> None:
    url = f"{session.server.wado}{session.held[0].path}/metadata"
    headers = {"If-None-Match": '"hilum-check-no-such-etag"'}
    answer = await session.server.ask("GET", url, accept=JSON, headers=headers)
    answer.expect_status(200)


@check("service.head", "HEAD answers with the status of GET", Level.MAY, "8.1.1.1")
async def _head(session: Session) -> None:
    answer = await session.server.retrieve(session.held[0].path, related(DICOM), method="HEAD")
    if answer.status in {404, 405, 501}:
        raise NotOffered("HEAD")
    answer.expect_status(200)


@check("service.content-type", "An answer with a payload says what it is", Level.SHALL, "8.7.9")
async def _content_type(session: Session) -> None:
    for path, accept in (
        (f"{session.study_path}/metadata", JSON),
        (session.held[0].path, related(DICOM)),
    ):
        answer = await session.server.retrieve(path, accept)
        answer.expect(bool(answer.media_type.name), "a Content-Type", "none")


@check("service.method", "A method that a resource does not have is 405", Level.SHOULD, "8.5")
async def _method(session: Session) -> None:
    url = f"{session.server.wado}{session.held[0].path}/metadata"
    answer = await session.server.ask("POST", url, accept=JSON, body=b"")
    answer.expect_refusal(405)


@check("service.cors", "Pages of other origins may read", Level.MAY, "8.4")
async def _cors(session: Session) -> None:
    answer = await session.server.ask(
        "GET",
        f"{session.server.wado}{session.held[0].path}/metadata",
        accept=JSON,
        headers={"Origin": "https://viewer.example"},
    )
    if "access-control-allow-origin" not in answer.headers:
        raise NotOffered("CORS (Fetch standard) for any origin")
