"""WADO-RS: rendered images (PS3.18 10.4.1.1.3, 8.3.5, 8.7.4).

Rendered resources are optional (table 10.4.4-1); where a server has them, these rules hold.
PS3.18 8.3.5.1 leaves it to the server which rendering parameters it supports, and what table
8.7.4-1 requires beside JPEG table 10.4.4-1 makes optional: of those a server is only warned.
"""

import io
from typing import Final

from PIL import Image, UnidentifiedImageError

from hilum.conformance.checks import Fact, Level, NotOffered, Unmet, check
from hilum.conformance.exchange import Exchange
from hilum.conformance.session import UNKNOWN_UID, Session

_IMAGE = (Fact.IMAGE,)
_JPEG: Final = "image/jpeg"
_ABSENT: Final = frozenset({404, 405, 406, 415, 501})


@check("rendered.jpeg", "An image is rendered as JPEG", Level.SHALL, "8.7.4", needs=_IMAGE)
async def _jpeg(session: Session) -> None:
    answer = await _offered(session)
    answer.expect_type(_JPEG)
    opened(answer, "JPEG")


@check("rendered.default", "The default is JPEG", Level.SHALL, "8.7.4", needs=_IMAGE)
async def _default(session: Session) -> None:
    await _offered(session)
    answer = await session.server.retrieve(f"{session.image.path}/rendered", "*/*")
    answer.expect_status(200)
    answer.expect_type(_JPEG)


@check("rendered.png", "An image is rendered as PNG", Level.SHOULD, "8.7.4", needs=_IMAGE)
async def _png(session: Session) -> None:
    await _offered(session)
    answer = await session.server.retrieve(f"{session.image.path}/rendered", "image/png")
    answer.expect_status(200)
    answer.expect_type("image/png")
    opened(answer, "PNG")


@check(
    "rendered.gif",
    "An image is rendered as GIF",
    Level.SHOULD,
    "8.7.4",
    needs=_IMAGE,
)
async def _gif(session: Session) -> None:
    await _offered(session)
    answer = await session.server.retrieve(f"{session.image.path}/rendered", "image/gif")
    answer.expect_status(200)
    answer.expect_type("image/gif")
    opened(answer, "GIF")


@check(
    "rendered.size",
    "Without a viewport the image has its own size",
    Level.SHOULD,
    "8.3.5.1.3",
    needs=_IMAGE,
)
async def _size(session: Session) -> None:
    answer = await _offered(session)
    wanted = (session.image.columns, session.image.rows)
    found = opened(answer, "JPEG").size
    answer.expect(found == wanted, f"{wanted[0]} x {wanted[1]}", f"{found[0]} x {found[1]}")


@check("rendered.frame", "A frame is rendered", Level.SHALL, "10.4.1.1.3", needs=_IMAGE)
async def _frame(session: Session) -> None:
    await _offered(session)
    answer = await session.server.retrieve(f"{session.image.path}/frames/1/rendered", _JPEG)
    answer.expect_status(200)
    opened(answer, "JPEG")


@check(
    "rendered.viewport",
    "An image fits the viewport that is asked for",
    Level.SHOULD,
    "8.3.5.1.3",
    needs=_IMAGE,
)
async def _viewport(session: Session) -> None:
    await _offered(session)
    path = f"{session.image.path}/rendered"
    answer = await session.server.retrieve(path, _JPEG, viewport="16,16")
    answer.expect_status(200)
    width, height = opened(answer, "JPEG").size
    fits = width <= 16 and height <= 16 and 16 in {width, height}
    answer.expect(fits, "the largest size within 16 x 16", f"{width} x {height}")


@check(
    "rendered.viewport-invalid",
    "A viewport that is none is a bad request",
    Level.SHOULD,
    "8.3.5.1.3",
    needs=_IMAGE,
)
async def _bad_viewport(session: Session) -> None:
    await _refuses(session, viewport="wide")


@check(
    "rendered.window",
    "A window changes what is seen",
    Level.SHOULD,
    "8.3.5.1.4",
    needs=(Fact.IMAGE, Fact.SAMPLES),
)
async def _window(session: Session) -> None:
    await _offered(session)
    path = f"{session.image.path}/rendered"
    brightness = []
    for window in ("-2000,10,linear", "5000,10,linear"):
        answer = await session.server.retrieve(path, _JPEG, window=window)
        answer.expect_status(200)
        pixels = opened(answer, "JPEG").convert("L").tobytes()
        brightness.append(sum(pixels) / len(pixels))
    bright, dark = brightness
    if not (bright > 200 and dark < 55):
        raise Unmet("white for a window below all values, black for one above", "something else")


@check(
    "rendered.window-invalid",
    "A window that is none is a bad request",
    Level.SHOULD,
    "8.3.5.1.4",
    needs=_IMAGE,
)
async def _bad_window(session: Session) -> None:
    await _refuses(session, window="bright")


@check(
    "rendered.quality",
    "A quality from 1 to 100 is taken",
    Level.SHOULD,
    "8.3.5.1.2",
    needs=_IMAGE,
)
async def _quality(session: Session) -> None:
    await _offered(session)
    path = f"{session.image.path}/rendered"
    for quality in (1, 100):
        answer = await session.server.retrieve(path, _JPEG, quality=quality)
        answer.expect_status(200)
        opened(answer, "JPEG")


@check(
    "rendered.quality-invalid",
    "A quality of 101 is a bad request",
    Level.SHOULD,
    "8.3.5.1.2",
    needs=_IMAGE,
)
async def _bad_quality(session: Session) -> None:
    await _refuses(session, quality="101")


@check(
    "rendered.not-acceptable",
    "A rendered media type that is not supported is 406",
    Level.SHALL,
    "8.7.8.1",
    needs=_IMAGE,
)
async def _not_acceptable(session: Session) -> None:
    await _offered(session)
    answer = await session.server.retrieve(f"{session.image.path}/rendered", "image/x-none")
    answer.expect_status(406)


@check(
    "rendered.unknown",
    "An unknown instance is not rendered, but 404",
    Level.SHALL,
    "10.4.3.1",
    needs=_IMAGE,
)
async def _unknown(session: Session) -> None:
    await _offered(session)
    path = f"{session.series_path}/instances/{UNKNOWN_UID}/rendered"
    (await session.server.retrieve(path, _JPEG)).expect_status(404, 410)


def opened(answer: Exchange, form: str) -> Image.Image:
    """The image of an answer; `Unmet` when it is none of that form."""
    try:
        image = Image.open(io.BytesIO(answer.body), formats=[form])
        image.load()
    except (UnidentifiedImageError, OSError, ValueError, Image.DecompressionBombError) as error:
        raise Unmet(f"an image, {form}", "something else", answer) from error
    return image


async def _offered(session: Session) -> Exchange:
    answer = await session.server.retrieve(f"{session.image.path}/rendered", _JPEG)
    if answer.status in _ABSENT:
        raise NotOffered("rendered instances, optional in table 10.4.4-1")
    answer.expect_status(200)
    return answer


async def _refuses(session: Session, **query: str) -> None:
    await _offered(session)
    answer = await session.server.retrieve(f"{session.image.path}/rendered", _JPEG, **query)
    answer.expect_refusal(400)
