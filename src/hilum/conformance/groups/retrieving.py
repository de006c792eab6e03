"""WADO-RS: retrieving instances (PS3.18 10.4.1.1.1)."""

from collections.abc import Iterator
from typing import Final

from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError

from hilum.conformance.checks import Fact, Level, NotOffered, Unmet, check
from hilum.conformance.exchange import Exchange
from hilum.conformance.samples import parsed
from hilum.conformance.server import DICOM, OCTETS, related
from hilum.conformance.session import UNKNOWN_UID, Session

_MULTIPART: Final = related(DICOM)
_ANY: Final = related(DICOM, transfer_syntax="*")
_EXPLICIT: Final = "1.2.840.10008.1.2.1"
_ORIGINAL_ATTRIBUTES: Final = "OriginalAttributesSequence"


@check("wado.study", "All instances of a study are retrieved", Level.SHALL, "10.4.1.1.1")
async def _study(session: Session) -> None:
    answer = await session.server.retrieve(session.study_path, _ANY)
    _holds(answer, {one.uid for one in session.held})


@check("wado.series", "All instances of a series are retrieved", Level.SHALL, "10.4.1.1.1")
async def _series(session: Session) -> None:
    answer = await session.server.retrieve(session.series_path, _ANY)
    _holds(answer, {one.uid for one in session.series_held})


@check("wado.instance", "An instance is retrieved", Level.SHALL, "10.4.1.1.1")
async def _instance(session: Session) -> None:
    answer = await session.server.retrieve(session.held[0].path, _MULTIPART)
    _holds(answer, {session.held[0].uid})


@check(
    "wado.multipart",
    "The answer is multipart/related with type and boundary, and well-formed",
    Level.SHALL,
    "8.7.3.5.1",
)
async def _multipart(session: Session) -> None:
    answer = await session.server.retrieve(session.held[0].path, _MULTIPART)
    answer.expect_status(200)
    answer.expect(len(answer.parts) == 1, "one part", f"{len(answer.parts)}")
    kind = answer.media_type.parameters["type"].lower()
    answer.expect(kind == DICOM, f"type={DICOM}", f"type={kind}")


@check(
    "wado.part-type",
    "Each part has the Content-Type application/dicom, and names no syntax but its own",
    Level.SHALL,
    "8.7.9",
)
async def _part_type(session: Session) -> None:
    answer = await session.server.retrieve(session.held[0].path, _ANY)
    answer.expect_status(200)
    for part in answer.parts:
        media = part.media_type
        answer.expect(media.name == DICOM, DICOM, media.name or "no Content-Type")
        own = str(_parsed(answer, part.body).file_meta.TransferSyntaxUID)
        named = media.parameters.get("transfer-syntax")
        answer.expect(named in {None, own}, f"transfer-syntax={own}", f"{named}")
        answer.prefer(named is not None, f"transfer-syntax={own}", "no transfer-syntax")


@check(
    "wado.default-syntax",
    "Without a transfer syntax parameter, native images come in Explicit VR Little Endian",
    Level.SHALL,
    "8.7.3",
    needs=(Fact.SAMPLES,),
)
async def _default_syntax(session: Session) -> None:
    answer = await session.server.retrieve(session.held[0].path, _MULTIPART)
    _in_explicit(answer)


@check(
    "wado.named-syntax",
    "Explicit VR Little Endian is given when it is named",
    Level.SHALL,
    "8.7.3.5.2",
    needs=(Fact.SAMPLES,),
)
async def _named_syntax(session: Session) -> None:
    accept = related(DICOM, transfer_syntax=_EXPLICIT)
    _in_explicit(await session.server.retrieve(session.held[0].path, accept))


@check(
    "wado.any-syntax",
    "transfer-syntax=* is understood",
    Level.SHALL,
    "8.7.3.5.2",
)
async def _any_syntax(session: Session) -> None:
    answer = await session.server.retrieve(session.held[0].path, _ANY)
    _holds(answer, {session.held[0].uid})


@check(
    "wado.same-data",
    "Every attribute of an instance comes back as it was stored",
    Level.SHALL,
    "10.4.3.3",
    needs=(Fact.SAMPLES,),
)
async def _same_data(session: Session) -> None:
    for held in session.held:
        sample = session.sample_of(held)
        answer = await session.server.retrieve(held.path, _ANY)
        answer.expect_status(200)
        answer.expect(len(answer.parts) == 1, "one part", f"{len(answer.parts)}")
        got = _parsed(answer, answer.parts[0].body)
        assert sample is not None  # noqa: S101 - Fact.SAMPLES
        changed = ", ".join(_differences(sample.dataset, got))
        if changed and _ORIGINAL_ATTRIBUTES in got:
            answer.prefer(False, "the data set as stored", f"coerced (10.5.2): {changed}")
        answer.expect(not changed, "the data set as stored", f"others: {changed}")


@check(
    "wado.same-bytes",
    "An instance comes back byte for byte as it was stored",
    Level.MAY,
    "10.4.3.3",
    needs=(Fact.SAMPLES,),
)
async def _same_bytes(session: Session) -> None:
    held = session.held[0]
    sample = session.sample_of(held)
    answer = await session.server.retrieve(held.path, _ANY)
    answer.expect_status(200)
    if sample is None or answer.parts[0].body != sample.part10:
        raise NotOffered("the data set is encoded anew")


@check(
    "wado.octets",
    "Bulk data of an instance are given as multipart application/octet-stream",
    Level.SHALL,
    "10.4.4",
    needs=(Fact.IMAGE,),
)
async def _octets(session: Session) -> None:
    answer = await session.server.retrieve(session.image.path, related(OCTETS))
    answer.expect_status(200)
    sample = session.sample_of(session.image)
    if sample is not None:
        pixels = bytes(sample.dataset.PixelData)
        there = any(part.body == pixels for part in answer.parts)
        answer.expect(there, "the pixel data as a part", f"{len(answer.parts)} other parts")


@check("wado.unknown-study", "An unknown study is 404", Level.SHALL, "10.4.3.1")
async def _unknown_study(session: Session) -> None:
    answer = await session.server.retrieve(f"/studies/{UNKNOWN_UID}", _MULTIPART)
    answer.expect_status(404, 410)


@check("wado.unknown-series", "An unknown series of a study is 404", Level.SHALL, "10.4.3.1")
async def _unknown_series(session: Session) -> None:
    path = f"{session.study_path}/series/{UNKNOWN_UID}"
    (await session.server.retrieve(path, _MULTIPART)).expect_status(404, 410)


@check("wado.unknown-instance", "An unknown instance is 404", Level.SHALL, "10.4.3.1")
async def _unknown_instance(session: Session) -> None:
    path = f"{session.series_path}/instances/{UNKNOWN_UID}"
    (await session.server.retrieve(path, _MULTIPART)).expect_status(404, 410)


@check(
    "wado.wrong-parent",
    "An instance is not found under a study that it does not belong to",
    Level.SHALL,
    "10.4.1.1.1",
)
async def _wrong_parent(session: Session) -> None:
    held = session.held[0]
    path = f"/studies/{UNKNOWN_UID}/series/{held.series}/instances/{held.uid}"
    (await session.server.retrieve(path, _MULTIPART)).expect_status(404, 410)


def _in_explicit(answer: Exchange) -> None:
    answer.expect_status(200)
    for part in answer.parts:
        own = str(_parsed(answer, part.body).file_meta.TransferSyntaxUID)
        answer.expect(own == _EXPLICIT, _EXPLICIT, own)


def _holds(answer: Exchange, wanted: set[str]) -> None:
    answer.expect_status(200)
    found = [str(_parsed(answer, part.body).get("SOPInstanceUID", "")) for part in answer.parts]
    told = f"{len(found)}, of them right {len(wanted & set(found))}"
    right = set(found) == wanted and len(found) == len(wanted)
    answer.expect(right, f"{len(wanted)} instances", told)


def _parsed(answer: Exchange, part10: bytes) -> Dataset:
    try:
        return parsed(part10)
    except (InvalidDicomError, EOFError, ValueError, KeyError, TypeError) as error:
        what = "something that pydicom does not read"
        raise Unmet("an instance of PS3.10", what, answer) from error


def _differences(sent: Dataset, got: Dataset) -> Iterator[str]:
    """Yield the first tags that differ; file meta information is the server's own."""
    tags = sorted(set(sent.keys()) | set(got.keys()))
    different = [tag for tag in tags if tag not in sent or tag not in got or _other(sent, got, tag)]
    for tag in different[:5]:
        yield f"({tag >> 16:04X},{tag & 0xFFFF:04X})"


def _other(sent: Dataset, got: Dataset, tag: int) -> bool:
    ours, theirs = sent[tag], got[tag]
    if ours.VR == "SQ" and theirs.VR == "SQ":
        pairs = zip(ours.value, theirs.value, strict=False)
        return len(ours.value) != len(theirs.value) or any(
            [*_differences(one, other)] for one, other in pairs
        )
    return _plain(ours) != _plain(theirs)


def _plain(element: DataElement) -> tuple[str, object]:
    value = element.value
    return element.VR, value if isinstance(value, bytes) else str(value if value != "" else None)
