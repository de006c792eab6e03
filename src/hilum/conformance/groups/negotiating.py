"""WADO-RS: content negotiation (PS3.18 8.3.3, 8.7.5 to 8.7.8)."""

from typing import Final

from hilum.conformance.checks import Level, NotOffered, check
from hilum.conformance.server import DICOM, JSON, related
from hilum.conformance.session import Session

_MULTIPART: Final = related(DICOM)


@check("accept.wildcard", "*/* is answered with the default media type", Level.SHALL, "8.7.8.1")
async def _wildcard(session: Session) -> None:
    answer = await session.server.retrieve(session.held[0].path, "*/*")
    answer.expect_status(200)
    answer.expect_type("multipart/related")
    kind = answer.media_type.parameters.get("type", "").lower()
    answer.expect(kind == DICOM, f"type={DICOM}", f"type={kind}")


@check("accept.none-fits", "An Accept header that no answer fits is 406", Level.SHALL, "8.7.8.1")
async def _none_fits(session: Session) -> None:
    answer = await session.server.retrieve(session.held[0].path, "image/x-none")
    answer.expect_status(406)


@check(
    "accept.passed-over",
    "A media range that is not supported is passed over for one that is",
    Level.SHALL,
    "8.7.8.1",
)
async def _passed_over(session: Session) -> None:
    accept = f"application/x-none, {_MULTIPART}; q=0.5"
    answer = await session.server.retrieve(session.held[0].path, accept)
    answer.expect_status(200)
    answer.expect_type("multipart/related")


@check("accept.unquoted", "The type parameter may be unquoted", Level.SHALL, "8.7")
async def _unquoted(session: Session) -> None:
    accept = "multipart/related; type=application/dicom"
    answer = await session.server.retrieve(session.held[0].path, accept)
    answer.expect_status(200)
    answer.expect_type("multipart/related")


@check(
    "accept.case",
    "Media types are compared without case",
    Level.SHALL,
    "8.7",
)
async def _case(session: Session) -> None:
    accept = 'Multipart/Related; Type="application/dicom"'
    answer = await session.server.retrieve(session.held[0].path, accept)
    answer.expect_status(200)
    answer.expect_type("multipart/related")


@check(
    "accept.parameter",
    "The accept query parameter counts before the header",
    Level.SHALL,
    "8.7.8.1",
)
async def _parameter(session: Session) -> None:
    answer = await session.server.retrieve(session.held[0].path, "image/x-none", accept=_MULTIPART)
    answer.expect_status(200)
    answer.expect_type("multipart/related")


@check(
    "accept.single-part",
    "One instance is given as application/dicom alone",
    Level.MAY,
    "10.4.4",
)
async def _single_part(session: Session) -> None:
    answer = await session.server.retrieve(session.held[0].path, f"{DICOM}; transfer-syntax=*")
    if answer.status in {400, 406}:
        raise NotOffered("single part application/dicom, optional in table 10.4.4-1")
    answer.expect_status(200)
    answer.expect_type(DICOM)
    there = answer.body[128:132] == b"DICM"
    answer.expect(there, "an instance of PS3.10", "something else")


@check(
    "accept.single-part-study",
    "Several instances are not given as application/dicom alone, but 406",
    Level.SHOULD,
    "10.4.4",
)
async def _single_study(session: Session) -> None:
    if len(session.held) < 2:
        raise NotOffered("the study has one instance only")
    answer = await session.server.retrieve(session.study_path, DICOM)
    answer.expect_status(406)


@check(
    "accept.metadata-not-acceptable",
    "Metadata in a media type that is not supported is 406",
    Level.SHALL,
    "8.7.8.1",
)
async def _metadata(session: Session) -> None:
    answer = await session.server.retrieve(f"{session.held[0].path}/metadata", "image/x-none")
    answer.expect_status(406)


@check(
    "accept.metadata-wildcard",
    "Metadata for */* is application/dicom+json",
    Level.SHALL,
    "10.4.4",
)
async def _metadata_default(session: Session) -> None:
    answer = await session.server.retrieve(f"{session.held[0].path}/metadata", "*/*")
    answer.expect_status(200)
    answer.expect_type(JSON)
