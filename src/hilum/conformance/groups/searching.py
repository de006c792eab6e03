"""QIDO-RS: resources, answers and pages of the Search transaction (PS3.18 10.6, 8.3.4)."""

from collections.abc import Iterable
from urllib.parse import urlsplit

from hilum.conformance.checks import Fact, Level, Unmet, check
from hilum.conformance.exchange import Exchange, Json
from hilum.conformance.json_model import faults
from hilum.conformance.server import JSON, related
from hilum.conformance.session import UNKNOWN_UID, Session, value

_STUDY, _SERIES, _INSTANCE, _URL = "0020000D", "0020000E", "00080018", "00081190"
_STUDY_ATTRIBUTES = (
    "00080020 00080030 00080050 00080061 00080090 00100010 00100020 00100030 00100040 "
    "0020000D 00200010 00201206 00201208"
).split()
"""U and R of table 10.6.3-3."""
_SERIES_ATTRIBUTES = "00080060 0020000E 00200011 00201209".split()
"""U and R of table 10.6.3-4 that every series has."""
_INSTANCE_ATTRIBUTES = "00080016 00080018 00200013".split()
"""U and R of table 10.6.3-5."""
_IMAGE_ATTRIBUTES = "00280010 00280011 00280100".split()


@check("qido.studies", "Studies are searched", Level.SHALL, "10.6.1.1")
async def _studies(session: Session) -> None:
    answer = await session.server.search("/studies", JSON, StudyInstanceUID=session.study)
    _only(answer, _STUDY, [session.study])


@check("qido.study-series", "The series of a study are searched", Level.SHALL, "10.6.1.1")
async def _study_series(session: Session) -> None:
    answer = await session.server.search(f"{session.study_path}/series", JSON)
    _only(answer, _SERIES, {one.series for one in session.held})


@check("qido.study-instances", "The instances of a study are searched", Level.SHALL, "10.6.1.1")
async def _study_instances(session: Session) -> None:
    answer = await session.server.search(
        f"{session.study_path}/instances", JSON, limit=len(session.held) + 1
    )
    _only(answer, _INSTANCE, {one.uid for one in session.held})


@check("qido.series-instances", "The instances of a series are searched", Level.SHALL, "10.6.1.1")
async def _series_instances(session: Session) -> None:
    answer = await session.server.search(
        f"{session.series_path}/instances", JSON, limit=len(session.held) + 1
    )
    _only(answer, _INSTANCE, {one.uid for one in session.series_held})


@check("qido.all-series", "Series of all studies are searched", Level.SHALL, "10.6.1.1")
async def _all_series(session: Session) -> None:
    uid = session.held[0].series
    answer = await session.server.search("/series", JSON, SeriesInstanceUID=uid)
    _only(answer, _SERIES, [uid])


@check("qido.all-instances", "Instances of all studies are searched", Level.SHALL, "10.6.1.1")
async def _all_instances(session: Session) -> None:
    uid = session.held[0].uid
    answer = await session.server.search("/instances", JSON, SOPInstanceUID=uid)
    _only(answer, _INSTANCE, [uid])


@check(
    "qido.study-attributes",
    "A study has every required attribute of table 10.6.3-3",
    Level.SHALL,
    "10.6.3.3.1",
)
async def _study_attributes(session: Session) -> None:
    answer = await session.server.search("/studies", JSON, StudyInstanceUID=session.study)
    _has(answer, _STUDY_ATTRIBUTES)


@check(
    "qido.series-attributes",
    "A series has every required attribute of table 10.6.3-4",
    Level.SHALL,
    "10.6.3.3.2",
)
async def _series_attributes(session: Session) -> None:
    _has(await session.server.search(f"{session.study_path}/series", JSON), _SERIES_ATTRIBUTES)


@check(
    "qido.instance-attributes",
    "An instance has every required attribute of table 10.6.3-5",
    Level.SHALL,
    "10.6.3.3.3",
)
async def _instance_attributes(session: Session) -> None:
    answer = await session.server.search(f"{session.series_path}/instances", JSON)
    _has(answer, _INSTANCE_ATTRIBUTES)


@check(
    "qido.image-attributes",
    "An image has Rows, Columns and Bits Allocated, where the server knows them",
    Level.SHOULD,
    "10.6.3.3.3",
    needs=(Fact.SAMPLES,),
)
async def _image_attributes(session: Session) -> None:
    answer = await session.server.search(f"{session.series_path}/instances", JSON)
    _has(answer, _IMAGE_ATTRIBUTES)


@check(
    "qido.retrieve-url",
    "A study that can be retrieved has its Retrieve URL",
    Level.SHALL,
    "10.6.3.3.1",
)
async def _retrieve_url(session: Session) -> None:
    answer = await session.server.search("/studies", JSON, StudyInstanceUID=session.study)
    url = value(_first(answer), _URL)
    answer.expect(isinstance(url, str) and bool(url), "(0008,1190)", "none")
    path = urlsplit(str(url)).path.rstrip("/")
    answer.expect(path.endswith(session.study_path), "the URL of that study", "another URL")


@check(
    "qido.all-series-with-study",
    "A search for all series returns the attributes of the study, too",
    Level.SHALL,
    "10.6.3.3.2",
)
async def _with_study(session: Session) -> None:
    uid = session.held[0].series
    answer = await session.server.search("/series", JSON, SeriesInstanceUID=uid)
    _has(answer, [tag for tag in _STUDY_ATTRIBUTES if tag != "00080061"])


@check(
    "qido.counts",
    "Numbers of related series and instances are those of the study",
    Level.SHALL,
    "10.6.3.3.1",
    needs=(Fact.SAMPLES,),
)
async def _counts(session: Session) -> None:
    answer = await session.server.search("/studies", JSON, StudyInstanceUID=session.study)
    study = _first(answer)
    found = [str(value(study, "00201206")), str(value(study, "00201208"))]
    series = len({one.series for one in session.held})
    wanted = [str(series), str(len(session.held))]
    answer.expect(found == wanted, " and ".join(wanted), " and ".join(found))


@check("qido.json-model", "Results keep the rules of the JSON model", Level.SHALL, "F.2.2")
async def _json_model(session: Session) -> None:
    for path in ("/series", "/instances"):
        answer = await session.server.search(session.study_path + path, JSON)
        answer.expect_type(JSON)
        broken = [str(fault) for one in answer.data_sets for fault in faults(one)]
        answer.expect(not broken, "none broken", "; ".join(broken[:3]))


@check(
    "qido.nothing", "A search without matches is 204, or an empty list", Level.SHALL, "8.3.4.4.1"
)
async def _nothing(session: Session) -> None:
    _empty(await session.server.search("/studies", JSON, StudyInstanceUID=UNKNOWN_UID))


@check("qido.limit", "No more results are returned than limit says", Level.SHALL, "8.3.4.4")
async def _limit(session: Session) -> None:
    answer = await session.server.search(f"{session.study_path}/instances", JSON, limit=1)
    answer.expect_status(200)
    count = len(answer.data_sets)
    answer.expect(count == 1, "1 result", f"{count}")


@check(
    "qido.large-limit",
    "A limit above what the server gives at once is cut, not refused",
    Level.SHALL,
    "8.3.4.4.1",
)
async def _large_limit(session: Session) -> None:
    answer = await session.server.search(f"{session.study_path}/series", JSON, limit=1_000_000)
    answer.expect_status(200)
    answer.expect(bool(answer.data_sets), "results", "none")


@check("qido.offset", "Pages by offset give every match once", Level.SHALL, "8.3.4.4.1")
async def _offset(session: Session) -> None:
    wanted = {one.uid for one in session.held}
    pages = min(len(wanted), 10)
    seen: list[object] = []
    for offset in range(pages):
        answer = await session.server.search(
            f"{session.study_path}/instances", JSON, limit=1, offset=offset
        )
        seen.extend(value(one, _INSTANCE) for one in answer.data_sets)
    different = len(set(seen) & wanted)
    if different != pages:
        raise Unmet(f"{pages} different instances on {pages} pages", f"{different}")


@check("qido.order", "The same search twice gives the same order", Level.SHALL, "8.3.4.4.1")
async def _order(session: Session) -> None:
    path = f"{session.study_path}/instances"
    first = [value(one, _INSTANCE) for one in (await session.server.search(path)).data_sets]
    answer = await session.server.search(path)
    second = [value(one, _INSTANCE) for one in answer.data_sets]
    answer.expect(first == second, "the same order", "another one")


@check("qido.beyond", "An offset beyond the last match finds nothing", Level.SHALL, "8.3.4.4.1")
async def _beyond(session: Session) -> None:
    path = f"{session.study_path}/instances"
    _empty(await session.server.search(path, JSON, offset=100_000))


@check("qido.bad-limit", "A limit that is no number is a bad request", Level.SHOULD, "10.6.3.1")
async def _bad_limit(session: Session) -> None:
    answer = await session.server.search(f"{session.study_path}/series", JSON, limit="many")
    answer.expect_refusal(400)


@check(
    "qido.bad-attribute",
    "An attribute that does not exist is a bad request, and does not find everything",
    Level.SHOULD,
    "10.6.3.1",
)
async def _bad_attribute(session: Session) -> None:
    answer = await session.server.search(f"{session.study_path}/series", JSON, NoSuchKeyword="x")
    answer.expect_refusal(400)


@check(
    "qido.not-acceptable",
    "An Accept header that no answer fits is 406",
    Level.SHALL,
    "8.7.8.1",
)
async def _not_acceptable(session: Session) -> None:
    answer = await session.server.search(f"{session.study_path}/series", "image/x-none")
    answer.expect_status(406)


@check("qido.xml", "Results are given as XML, too", Level.SHOULD, "10.6.4")
async def _xml(session: Session) -> None:
    answer = await session.server.search(
        f"{session.study_path}/series", related("application/dicom+xml")
    )
    answer.expect_status(200)
    wrong = [part for part in answer.parts if b"NativeDicomModel" not in part.body[:4096]]
    answer.expect(not wrong, "parts of the Native DICOM Model", f"{len(wrong)} other parts")


def _first(answer: Exchange) -> Json:
    answer.expect_status(200)
    found = answer.data_sets
    answer.expect(bool(found), "a match", "none")
    return found[0]


def _has(answer: Exchange, tags: Iterable[str]) -> None:
    answer.expect_status(200)
    answer.expect(bool(answer.data_sets), "matches", "none")
    for one in answer.data_sets:
        missing = [f"({tag[:4]},{tag[4:]})" for tag in tags if tag not in one]
        answer.expect(not missing, "every required attribute", "no " + ", ".join(missing))


def _only(answer: Exchange, tag: str, wanted: Iterable[str]) -> None:
    answer.expect_status(200)
    answer.expect_type(JSON)
    found = [value(one, tag) for one in answer.data_sets]
    right = set(wanted)
    told = f"{len(found)}, of them right {len(right & set(found))}"
    answer.expect(set(found) == right and len(found) == len(right), f"{len(right)} matches", told)


def _empty(answer: Exchange) -> None:
    answer.expect_status(204, 200)
    count = len(answer.data_sets)
    answer.expect(not count, "no result", f"{count}")
