"""WADO-RS: thumbnails (PS3.18 10.4.1.1.4); where a server has them, these rules hold."""

from typing import Final

from hilum.conformance.checks import Fact, Level, NotOffered, check
from hilum.conformance.groups.rendering import opened
from hilum.conformance.session import UNKNOWN_UID, Session

_IMAGE = (Fact.IMAGE,)
_SECTION: Final = "10.4.1.1.4"
_ABSENT: Final = frozenset({404, 405, 406, 501})


@check("thumbnail.study", "A study has a thumbnail", Level.SHALL, _SECTION, needs=_IMAGE)
async def _study(session: Session) -> None:
    await _thumbnail(session, session.study_path)


@check("thumbnail.series", "A series has a thumbnail", Level.SHALL, _SECTION, needs=_IMAGE)
async def _series(session: Session) -> None:
    await _thumbnail(session, session.series_path)


@check("thumbnail.instance", "An instance has a thumbnail", Level.SHALL, _SECTION, needs=_IMAGE)
async def _instance(session: Session) -> None:
    await _thumbnail(session, session.image.path)


@check("thumbnail.frame", "A frame has a thumbnail", Level.SHALL, _SECTION, needs=_IMAGE)
async def _frame(session: Session) -> None:
    await _thumbnail(session, f"{session.image.path}/frames/1")


@check("thumbnail.default", "Thumbnails are JPEG by default", Level.SHALL, "10.4.4", needs=_IMAGE)
async def _default(session: Session) -> None:
    await _offered(session)
    answer = await session.server.retrieve(f"{session.image.path}/thumbnail", "*/*")
    answer.expect_status(200)
    answer.expect_type("image/jpeg")


@check("thumbnail.unknown", "An unknown study has none: 404", Level.SHALL, "10.4.3.1", needs=_IMAGE)
async def _unknown(session: Session) -> None:
    await _offered(session)
    answer = await session.server.retrieve(f"/studies/{UNKNOWN_UID}/thumbnail", "image/jpeg")
    answer.expect_status(404, 410)


async def _thumbnail(session: Session, path: str) -> None:
    await _offered(session)
    answer = await session.server.retrieve(f"{path}/thumbnail", "image/jpeg")
    answer.expect_status(200)
    answer.expect_type("image/jpeg")
    opened(answer, "JPEG")


async def _offered(session: Session) -> None:
    """Thumbnails of some level are a sign that the server has the resource."""
    for path in (session.image.path, session.series_path, session.study_path):
        answer = await session.server.retrieve(f"{path}/thumbnail", "image/jpeg")
        if answer.status not in _ABSENT:
            return
    raise NotOffered("thumbnails")
