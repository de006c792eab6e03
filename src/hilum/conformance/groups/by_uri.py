"""WADO-URI at `wado` below the base URL (PS3.18 chapter 9), where a server has it there.

Table 9.5.1-1 leaves it to the server which parameters of rendering it supports: of those a server
is only warned, as of rules that older editions do not have.
"""

from typing import Final

from hilum.conformance.checks import Fact, Level, NotOffered, check
from hilum.conformance.exchange import Exchange
from hilum.conformance.groups.rendering import opened
from hilum.conformance.session import UNKNOWN_UID, Session

_IMAGE = (Fact.IMAGE,)
_ANY: Final = "*/*"
_DICOM: Final = "application/dicom"
_JPEG: Final = "image/jpeg"
_ABSENT: Final = frozenset({403, 404, 405, 406, 501})


@check("uri.rendered", "An image is rendered as JPEG", Level.SHALL, "9.5", needs=_IMAGE)
async def _rendered(session: Session) -> None:
    answer = await _offered(session)
    answer.expect_type(_JPEG)
    opened(answer, "JPEG")


@check("uri.default", "The default is JPEG", Level.SHALL, "9.3", needs=_IMAGE)
async def _default(session: Session) -> None:
    await _offered(session)
    answer = await _ask(session)
    answer.expect_status(200)
    answer.expect_type(_JPEG)


@check("uri.instance", "The instance is given as application/dicom", Level.SHALL, "9.4")
async def _instance(session: Session) -> None:
    answer = await _ask(session, contentType=_DICOM)
    if answer.status in _ABSENT:
        raise NotOffered("WADO-URI")
    answer.expect_status(200)
    answer.expect_type(_DICOM)
    answer.expect(answer.body[128:132] == b"DICM", "a Part 10 file", "none")
    uid = session.held[0].uid.encode()
    answer.expect(uid in answer.body, "the instance that was asked for", "another")


@check(
    "uri.mixed",
    "DICOM and rendered media types exclude each other in contentType",
    Level.SHOULD,
    "8.3.3.1",
    needs=_IMAGE,
)
async def _mixed(session: Session) -> None:
    await _offered(session)
    (await _ask(session, contentType=f"{_DICOM},{_JPEG}")).expect_refusal(400)


@check("uri.unknown", "An unknown instance is 404", Level.SHOULD, "8.5", needs=_IMAGE)
async def _unknown(session: Session) -> None:
    await _offered(session)
    (await _ask(session, contentType=_JPEG, objectUID=UNKNOWN_UID)).expect_status(404, 410)


@check(
    "uri.missing",
    "A request without an instance is a bad request",
    Level.SHOULD,
    "9.1.2",
    needs=_IMAGE,
)
async def _missing(session: Session) -> None:
    await _offered(session)
    (await _ask(session, contentType=_JPEG, objectUID="")).expect_refusal(400)


@check(
    "uri.frame-beyond",
    "A frame that is not there is a bad request",
    Level.SHOULD,
    "9.5.2",
    needs=_IMAGE,
)
async def _beyond(session: Session) -> None:
    await _offered(session)
    beyond = str(session.image.frames + 1)
    (await _ask(session, contentType=_JPEG, frameNumber=beyond)).expect_refusal(400)


@check(
    "uri.size",
    "Rows and columns are maxima that keep the shape",
    Level.SHOULD,
    "9.5.1.2.4",
    needs=_IMAGE,
)
async def _size(session: Session) -> None:
    await _offered(session)
    answer = await _ask(session, contentType=_JPEG, rows="16", columns="16")
    answer.expect_status(200)
    width, height = opened(answer, "JPEG").size
    fits = width <= 16 and height <= 16 and 16 in {width, height}
    answer.expect(fits, "the largest size within 16 x 16", f"{width} x {height}")


@check(
    "uri.window",
    "A window changes what is seen",
    Level.SHOULD,
    "9.5.1.2.6",
    needs=(Fact.IMAGE, Fact.SAMPLES),
)
async def _window(session: Session) -> None:
    answer = await _offered(session)
    brightness = []
    for center in ("-2000", "5000"):
        answer = await _ask(session, contentType=_JPEG, windowCenter=center, windowWidth="10")
        answer.expect_status(200)
        pixels = opened(answer, "JPEG").convert("L").tobytes()
        brightness.append(sum(pixels) / len(pixels))
    bright, dark = brightness
    seen = bright > 200 and dark < 55
    answer.expect(seen, "white for a window below all values, black above", "something else")


async def _ask(session: Session, **parameters: str) -> Exchange:
    """A request for the image where there is one."""
    one = session.image if Fact.IMAGE in session.facts else session.held[0]
    if parameters.get("contentType") == _DICOM:
        one = session.held[0]
    named = {
        "requestType": "WADO",
        "studyUID": one.study,
        "seriesUID": one.series,
        "objectUID": one.uid,
    } | parameters
    given = {name: value for name, value in named.items() if value}
    return await session.server.retrieve("/wado", _ANY, **given)


async def _offered(session: Session) -> Exchange:
    answer = await _ask(session, contentType=_JPEG)
    if answer.status in _ABSENT:
        raise NotOffered("WADO-URI at wado below the base URL")
    answer.expect_status(200)
    return answer
