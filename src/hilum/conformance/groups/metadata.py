"""WADO-RS: metadata (PS3.18 10.4.1.1.2) and the JSON model (Annex F)."""

from collections.abc import Iterator
from typing import Any, Final

from pydicom.dataset import Dataset

from hilum.conformance.checks import Fact, Level, NotOffered, Unmet, check
from hilum.conformance.exchange import Exchange, Json
from hilum.conformance.json_model import Rule, faults
from hilum.conformance.samples import PATIENT_NAME
from hilum.conformance.server import JSON, related
from hilum.conformance.session import UNKNOWN_UID, Session, value

_BULK: Final = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "UN"})
_SAMPLES = (Fact.SAMPLES,)


@check("metadata.study", "The metadata of a study has every instance", Level.SHALL, "10.4.1.1.2")
async def _study(session: Session) -> None:
    answer = await session.server.retrieve(f"{session.study_path}/metadata", JSON)
    _describes(answer, {one.uid for one in session.held})


@check("metadata.series", "The metadata of a series has its instances", Level.SHALL, "10.4.1.1.2")
async def _series(session: Session) -> None:
    answer = await session.server.retrieve(f"{session.series_path}/metadata", JSON)
    _describes(answer, {one.uid for one in session.series_held})


@check("metadata.instance", "The metadata of an instance is a list of one", Level.SHALL, "F.2.1")
async def _instance(session: Session) -> None:
    answer = await session.server.retrieve(f"{session.held[0].path}/metadata", JSON)
    _describes(answer, {session.held[0].uid})


@check("metadata.structure", "Attributes have tag, vr and one content", Level.SHALL, "F.2.2")
async def _structure(session: Session) -> None:
    await _keeps(session, Rule.STRUCTURE)


@check("metadata.order", "Attributes are in ascending order", Level.SHALL, "F.2.2")
async def _order(session: Session) -> None:
    await _keeps(session, Rule.ORDER)


@check("metadata.names", "Person names are objects of component groups", Level.SHALL, "F.2.2")
async def _names(session: Session) -> None:
    await _keeps(session, Rule.NAMES)


@check("metadata.numbers", "Numbers are JSON numbers, by table F.2.3-1", Level.SHALL, "F.2.3")
async def _numbers(session: Session) -> None:
    await _keeps(session, Rule.NUMBERS)


@check("metadata.empty", "An attribute without value has no Value", Level.SHALL, "F.2.5")
async def _empty(session: Session) -> None:
    await _keeps(session, Rule.EMPTY)


@check("metadata.binary", "Bytes are InlineBinary in base64", Level.SHALL, "F.2.7")
async def _binary(session: Session) -> None:
    await _keeps(session, Rule.BINARY)


@check(
    "metadata.no-pixels",
    "Metadata has no pixel data in it, at most a BulkDataURI",
    Level.SHALL,
    "10.4.1.1.2",
    needs=(Fact.IMAGE,),
)
async def _no_pixels(session: Session) -> None:
    for one in await session.metadata():
        element = one.get("7FE00010", {})
        inside = {"InlineBinary", "Value"} & set(element)
        if inside:
            raise Unmet("no pixel data, or a BulkDataURI", f"{', '.join(inside)} in (7FE0,0010)")


@check(
    "metadata.no-file-meta",
    "Metadata has no File Meta Information",
    Level.SHALL,
    "10.4.1.1.2",
)
async def _no_file_meta(session: Session) -> None:
    found = [tag for one in await session.metadata() for tag in one if tag.startswith("0002")]
    if found:
        raise Unmet("no attribute of group 0002", f"{len(found)} of them")


@check(
    "metadata.complete",
    "Metadata has every attribute that was stored, nested and private ones, too",
    Level.SHALL,
    "10.4.1.1.2",
    needs=_SAMPLES,
)
async def _complete(session: Session) -> None:
    for sample, found in await _ours(session):
        missing = list(_missing(sample, found))
        if missing:
            raise Unmet("every attribute", "no " + ", ".join(missing[:5]))


@check(
    "metadata.values",
    "Texts, numbers and names come back as they were stored",
    Level.SHALL,
    "F.2.4",
    needs=_SAMPLES,
)
async def _values(session: Session) -> None:
    for sample, found in await _ours(session):
        pairs = (
            ("0020000D", str(sample.StudyInstanceUID)),
            ("00081030", str(sample.StudyDescription)),
            ("00100020", str(sample.PatientID)),
            ("00280010", int(sample.Rows)),
        )
        wrong = [tag for tag, wanted in pairs if value(found, tag) != wanted]
        if wrong:
            raise Unmet("the values that were stored", "others in " + ", ".join(wrong))


@check(
    "metadata.name-groups",
    "A name keeps its alphabetic, ideographic and phonetic groups, in UTF-8",
    Level.SHALL,
    "F.2.2",
    needs=_SAMPLES,
)
async def _name_groups(session: Session) -> None:
    groups = dict(
        zip(("Alphabetic", "Ideographic", "Phonetic"), PATIENT_NAME.split("="), strict=True)
    )
    for _, found in await _ours(session):
        name = value(found, "00100010")
        if name != groups:
            kept = [key for key in groups if isinstance(name, dict) and name.get(key)]
            raise Unmet("the three groups as stored", "other text, groups " + ", ".join(kept))


@check(
    "metadata.nothing-present",
    "An attribute that was stored empty is there, without Value",
    Level.SHALL,
    "F.2.5",
    needs=_SAMPLES,
)
async def _nothing_present(session: Session) -> None:
    for _, found in await _ours(session):
        for tag in ("00100030", "00081110"):
            if tag not in found:
                raise Unmet(f"({tag[:4]},{tag[4:]}) with its vr", "none")
            if "Value" in found[tag]:
                raise Unmet(f"({tag[:4]},{tag[4:]}) without Value", "one")


@check("metadata.unknown", "The metadata of an unknown study is 404", Level.SHALL, "10.4.3.1")
async def _unknown(session: Session) -> None:
    answer = await session.server.retrieve(f"/studies/{UNKNOWN_UID}/metadata", JSON)
    answer.expect_status(404, 410)


@check("metadata.xml", "Metadata is given as XML, too", Level.SHALL, "10.4.4")
async def _xml(session: Session) -> None:
    path = f"{session.held[0].path}/metadata"
    answer = await session.server.retrieve(path, related("application/dicom+xml"))
    answer.expect_status(200)
    for part in answer.parts:
        kind = part.media_type.name
        answer.expect(kind == "application/dicom+xml", "application/dicom+xml", kind)
        model = b"NativeDicomModel" in part.body[:4096]
        answer.expect(model, "the Native DICOM Model of PS3.19", "another document")


@check("metadata.gzip", "Metadata is compressed for who accepts it", Level.MAY, "8.4")
async def _gzip(session: Session) -> None:
    answer = await session.server.ask(
        "GET",
        f"{session.server.wado}{session.study_path}/metadata",
        accept=JSON,
        headers={"Accept-Encoding": "gzip"},
    )
    answer.expect_status(200)
    if answer.headers.get("content-encoding") != "gzip":
        raise NotOffered("content coding gzip")
    answer.expect(bool(answer.data_sets), "the metadata", "none")


async def _ours(session: Session) -> list[tuple[Dataset, Json]]:
    """Each sample with what the metadata says of it."""
    found = {value(one, "00080018"): one for one in await session.metadata()}
    pairs: list[tuple[Dataset, Json]] = []
    for held in session.held:
        sample = session.sample_of(held)
        if sample is None or held.uid not in found:
            raise Unmet("every instance in the metadata", "one is missing")
        pairs.append((sample.dataset, found[held.uid]))
    return pairs


async def _keeps(session: Session, rule: Rule) -> None:
    broken = [
        str(fault)
        for one in await session.metadata()
        for fault in faults(one)
        if fault.rule is rule
    ]
    if broken:
        raise Unmet("no breach", "; ".join(broken[:3]))


def _describes(answer: Exchange, wanted: set[str]) -> None:
    answer.expect_status(200)
    answer.expect_type(JSON)
    found = [value(one, "00080018") for one in answer.data_sets]
    told = f"{len(found)}, of them right {len(wanted & set(found))}"
    right = set(found) == wanted and len(found) == len(wanted)
    answer.expect(right, f"{len(wanted)} instances", told)


def _missing(sample: Dataset, found: dict[str, Any], place: str = "") -> Iterator[str]:
    for element in sample:
        tag = f"{element.tag:08X}"
        if element.VR in _BULK:
            continue  # may be left out as bulk data
        if tag not in found:
            yield f"{place}({tag[:4]},{tag[4:]})"
        elif element.VR == "SQ":
            items = found[tag].get("Value", [])
            if len(items) != len(element.value):
                yield f"{place}items of ({tag[:4]},{tag[4:]})"
            for item, got in zip(element.value, items, strict=False):
                yield from _missing(item, got, f"{place}({tag[:4]},{tag[4:]}) > ")
        elif element.value not in (None, "", []) and not _has_content(found[tag]):
            yield f"{place}value of ({tag[:4]},{tag[4:]})"


def _has_content(element: Json) -> bool:
    return bool({"Value", "BulkDataURI", "InlineBinary"} & set(element))
