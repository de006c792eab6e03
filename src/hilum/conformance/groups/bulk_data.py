"""WADO-RS: bulk data (PS3.18 10.4.1.1.5, F.2.6)."""

from collections.abc import Iterator
from typing import Any, Final

from hilum.conformance.checks import Fact, Level, NotOffered, check
from hilum.conformance.exchange import Exchange
from hilum.conformance.server import OCTETS, related
from hilum.conformance.session import Held, Session, value

_SECTION: Final = "10.4.1.1.5"
_MULTIPART: Final = related(OCTETS)
_PIXELS: Final = "7FE00010"


@check("bulkdata.uri", "A BulkDataURI of metadata can be retrieved", Level.SHALL, _SECTION)
async def _uri(session: Session) -> None:
    _, _, answer = await _followed(session, _MULTIPART)
    answer.expect_status(200)


@check(
    "bulkdata.octets",
    "Bulk data is given as multipart application/octet-stream",
    Level.SHALL,
    "10.4.4",
)
async def _octets(session: Session) -> None:
    _, _, answer = await _followed(session, _MULTIPART)
    answer.expect_status(200)
    answer.expect(len(answer.parts) == 1, "one part", f"{len(answer.parts)}")
    kind = answer.parts[0].media_type.name
    answer.expect(kind == OCTETS, OCTETS, kind or "no Content-Type")


@check(
    "bulkdata.same",
    "Bulk data has the bytes that were stored",
    Level.SHALL,
    _SECTION,
    needs=(Fact.SAMPLES,),
)
async def _same(session: Session) -> None:
    held, tag, answer = await _followed(session, _MULTIPART)
    answer.expect_status(200)
    sample = session.sample_of(held)
    if sample is None or int(tag, 16) not in sample.dataset:
        raise NotOffered("BulkDataURI for an attribute of ours outside sequences")
    stored = sample.dataset[int(tag, 16)].value
    got = b"".join(part.body for part in answer.parts)
    if isinstance(stored, bytes):
        answer.expect(got == stored, f"{len(stored):,} bytes", f"{len(got):,} other bytes")


@check(
    "bulkdata.pixels",
    "Metadata of an image has a BulkDataURI for its pixel data",
    Level.MAY,
    "10.4.1.1.2",
    needs=(Fact.IMAGE,),
)
async def _pixels(session: Session) -> None:
    for one in await session.metadata():
        if value(one, "00080018") == session.image.uid:
            if "BulkDataURI" in one.get(_PIXELS, {}):
                return
            raise NotOffered("BulkDataURI for (7FE0,0010); frames give the pixels")


@check(
    "bulkdata.instance",
    "The bulk data of an instance is a resource of its own",
    Level.MAY,
    _SECTION,
    needs=(Fact.IMAGE,),
)
async def _resource(session: Session) -> None:
    answer = await session.server.retrieve(f"{session.image.path}/bulkdata", _MULTIPART)
    if answer.status in {400, 404, 405, 406, 501}:
        raise NotOffered("/bulkdata of an instance")
    answer.expect_status(200)
    answer.expect(bool(answer.parts), "parts", "none")


async def _followed(session: Session, accept: str) -> tuple[Held, str, Exchange]:
    """Follow the first BulkDataURI there is; with its instance and tag."""
    for one in await session.metadata():
        for tag, uri in _uris(one):
            held = next(h for h in session.held if h.uid == value(one, "00080018"))
            base = f"{session.server.wado}{held.path}/metadata"
            url = session.server.same_origin(uri, base)
            if url is None:
                raise NotOffered("BulkDataURI at the server that was asked; it is not followed")
            return held, tag, await session.server.ask("GET", url, accept=accept)
    raise NotOffered("BulkDataURI in metadata")


def _uris(data_set: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield tags of the data set itself with their BulkDataURI, then those in sequences."""
    for tag, element in data_set.items():
        uri = element.get("BulkDataURI") if isinstance(element, dict) else None
        if isinstance(uri, str):
            yield tag, uri
    for element in data_set.values():
        for item in element.get("Value", []) if element.get("vr") == "SQ" else []:
            yield from _uris(item)
