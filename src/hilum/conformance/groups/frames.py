"""WADO-RS: frames (PS3.18 10.4.1.1.6)."""

from typing import Final

from hilum.conformance.checks import Fact, Level, NotOffered, check
from hilum.conformance.server import OCTETS, related
from hilum.conformance.session import Session

_MULTIPART: Final = related(OCTETS)
_SECTION: Final = "10.4.1.1.6"
_IMAGE = (Fact.IMAGE,)


@check(
    "frames.one", "A frame is given as its uncompressed bytes", Level.SHALL, _SECTION, needs=_IMAGE
)
async def _one(session: Session) -> None:
    answer = await session.server.retrieve(f"{session.image.path}/frames/1", _MULTIPART)
    answer.expect_status(200)
    answer.expect(len(answer.parts) == 1, "one part", f"{len(answer.parts)}")
    sample = session.sample_of(session.image)
    if sample is not None:
        body = answer.parts[0].body
        wanted = sample.frame(1)
        told = f"{len(body):,} other bytes"
        answer.expect(body == wanted, f"the {len(wanted):,} bytes of the frame", told)


@check(
    "frames.list",
    "A list of frames gives a part for each",
    Level.SHALL,
    _SECTION,
    needs=(Fact.FRAMES,),
)
async def _list(session: Session) -> None:
    held = session.loop
    answer = await session.server.retrieve(f"{held.path}/frames/1,2", _MULTIPART)
    answer.expect_status(200)
    answer.expect(len(answer.parts) == 2, "2 parts", f"{len(answer.parts)}")
    sample = session.sample_of(held)
    if sample is not None:
        right = [part.body for part in answer.parts] == [sample.frame(1), sample.frame(2)]
        answer.expect(right, "frames 1 and 2", "other bytes")


@check(
    "frames.order",
    "Frames come in the order in which they were asked for",
    Level.SHOULD,
    _SECTION,
    needs=(Fact.FRAMES, Fact.SAMPLES),
)
async def _order(session: Session) -> None:
    held = session.loop
    answer = await session.server.retrieve(f"{held.path}/frames/3,1", _MULTIPART)
    answer.expect_status(200)
    sample = session.sample_of(held)
    if sample is not None:
        right = [part.body for part in answer.parts] == [sample.frame(3), sample.frame(1)]
        answer.expect(right, "frames 3 and 1, in this order", "other bytes")


@check(
    "frames.part-type",
    "Each part of frames says that it is application/octet-stream",
    Level.SHALL,
    "8.7.9",
    needs=_IMAGE,
)
async def _part_type(session: Session) -> None:
    answer = await session.server.retrieve(f"{session.image.path}/frames/1", _MULTIPART)
    answer.expect_status(200)
    for part in answer.parts:
        kind = part.media_type.name
        answer.expect(kind == OCTETS, OCTETS, kind or "no Content-Type")


@check(
    "frames.beyond",
    "A frame that the instance does not have is refused",
    Level.SHALL,
    "10.4.3.1",
    needs=_IMAGE,
)
async def _beyond(session: Session) -> None:
    number = session.image.frames + 1
    answer = await session.server.retrieve(f"{session.image.path}/frames/{number}", _MULTIPART)
    answer.expect_refusal(404, 400)


@check(
    "frames.zero",
    "Frames are counted from 1: frame 0 is refused",
    Level.SHALL,
    "10.4.3.1",
    needs=_IMAGE,
)
async def _zero(session: Session) -> None:
    answer = await session.server.retrieve(f"{session.image.path}/frames/0", _MULTIPART)
    answer.expect_refusal(400, 404)


@check(
    "frames.malformed",
    "A list of frames that is none is refused",
    Level.SHALL,
    "10.4.3.1",
    needs=_IMAGE,
)
async def _malformed(session: Session) -> None:
    answer = await session.server.retrieve(f"{session.image.path}/frames/one", _MULTIPART)
    answer.expect_refusal(400, 404)


@check(
    "frames.not-acceptable",
    "Frames in a media type that is not supported are 406",
    Level.SHALL,
    "8.7.8.1",
    needs=_IMAGE,
)
async def _not_acceptable(session: Session) -> None:
    answer = await session.server.retrieve(f"{session.image.path}/frames/1", "image/x-none")
    answer.expect_status(406)


@check(
    "frames.single-part",
    "One frame is given as application/octet-stream alone",
    Level.MAY,
    "10.4.4",
    needs=_IMAGE,
)
async def _single_part(session: Session) -> None:
    answer = await session.server.retrieve(f"{session.image.path}/frames/1", OCTETS)
    if answer.status in {400, 406}:
        raise NotOffered("single part application/octet-stream, optional in table 10.4.4-1")
    answer.expect_status(200)
    answer.expect_type(OCTETS)
