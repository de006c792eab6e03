"""STOW-RS: the Store transaction (PS3.18 10.5) and its answer (Annex I)."""

from typing import Any

from hilum.conformance.checks import Fact, Level, NotOffered, Unmet, check
from hilum.conformance.exchange import Exchange, Json
from hilum.conformance.server import JSON
from hilum.conformance.session import Session, held_of, value

_REFERENCED, _FAILED, _URL = "00081199", "00081198", "00081190"
_STORE = (Fact.STORE,)
_SAMPLES = (Fact.SAMPLES,)
_ANSWERED = 'an answer as PS3.18 Annex I says, "one data set"'


@check("stow.status", "Storing new instances succeeds", Level.SHALL, "10.5.3.1", needs=_STORE)
async def _status(session: Session) -> None:
    answer = _stored(session)
    answer.expect_status(200, 202)
    answer.prefer(answer.status == 200, "status 200, nothing being amiss", "status 202")


@check(
    "stow.study-resource",
    "Instances are stored into the study that the URL names",
    Level.SHALL,
    "10.5.1.1.1",
    needs=_SAMPLES,
)
async def _into_study(session: Session) -> None:
    answer = session.stored_late
    assert answer is not None  # noqa: S101 - known with Fact.SAMPLES
    session.server.last = answer
    answer.expect_status(200, 202)
    got = await session.server.retrieve(f"{session.study_path}/metadata", JSON)
    uids = {value(one, "00080018") for one in got.data_sets} if got.status == 200 else set()
    got.expect(session.ours.late.uid in uids, "the instance in the study", "it is not there")


@check(
    "stow.media-type",
    "The answer has the media type that was accepted",
    Level.SHALL,
    "8.7.8.1",
    needs=_SAMPLES,
)
async def _media_type(session: Session) -> None:
    _stored(session).expect_type(JSON)


@check(
    "stow.referenced",
    "Each stored instance is an item of Referenced SOP Sequence, with its class",
    Level.SHALL,
    "I.1",
    needs=_SAMPLES,
)
async def _referenced(session: Session) -> None:
    answer = _stored(session)
    items = _items(answer, _REFERENCED)
    found = {(value(item, "00081150"), value(item, "00081155")) for item in items}
    sent = {(str(one.dataset.SOPClassUID), one.uid) for one in session.ours.first}
    told = f"{len(found & sent)} of them among {len(items)} items"
    answer.expect(found == sent and len(items) == len(sent), f"{len(sent)} instances", told)


@check(
    "stow.retrieve-url",
    "The answer and each of its items have a Retrieve URL (type 2)",
    Level.SHALL,
    "I.1",
    needs=_SAMPLES,
)
async def _retrieve_url(session: Session) -> None:
    answer = _stored(session)
    whole = _data_set(answer)
    answer.expect(_URL in whole, "(0008,1190) in the data set", "none")
    without = [item for item in _items(answer, _REFERENCED) if _URL not in item]
    answer.expect(not without, "(0008,1190) in each item", f"{len(without)} items without it")


@check(
    "stow.retrieve-url-works",
    "The Retrieve URL of a stored instance gives that instance",
    Level.SHALL,
    "I.1",
    needs=_SAMPLES,
)
async def _url_works(session: Session) -> None:
    answer = _stored(session)
    urls = [value(item, _URL) for item in _items(answer, _REFERENCED)]
    named = next((url for url in urls if isinstance(url, str) and url), None)
    if named is None:
        raise NotOffered("Retrieve URLs are empty, which type 2 allows")
    url = session.server.same_origin(named, session.server.stow + "/")
    if url is None:
        raise Unmet("a URL at the server that was asked", "one elsewhere", level=Level.SHOULD)
    got = await session.server.ask("GET", url, accept='multipart/related; type="application/dicom"')
    got.expect_status(200)
    got.expect(len(got.parts) == 1, "one instance", f"{len(got.parts)}")


@check(
    "stow.no-failures",
    "There is no Failed SOP Sequence when every instance was stored (type 1C)",
    Level.SHALL,
    "I.1",
    needs=_SAMPLES,
)
async def _no_failures(session: Session) -> None:
    answer = _stored(session)
    items = _items(answer, _FAILED)
    answer.expect(not items, "no failures", f"{len(items)} items")
    answer.prefer(_FAILED not in _data_set(answer), "no (0008,1198)", "an empty one")


@check(
    "stow.same-again",
    "Storing the same bytes again is answered with a status of table 10.5.3-1",
    Level.SHALL,
    "10.5.3.1",
    needs=_SAMPLES,
)
async def _same_again(session: Session) -> None:
    answer = await session.server.store("/studies", [session.ours.slices[0].part10])
    answer.expect_status(200, 202, 409)


@check(
    "stow.study-mismatch",
    "An instance of another study than the URL names is not stored, 409 says so",
    Level.SHALL,
    "10.5.1.1.1",
    needs=_SAMPLES,
)
async def _mismatch(session: Session) -> None:
    session.strayed = True
    stray = session.ours.stray
    answer = await session.server.store(session.study_path, [stray.part10])
    items = _items(answer, _REFERENCED) if answer.status in {200, 202} else []
    answer.expect(not items, "a refusal", f"status {answer.status}, and the instance as stored")
    answer.expect(answer.status != 200, "status 409", "status 200")
    answer.expect(answer.status < 500, "status 409", f"status {answer.status}")
    answer.prefer(answer.status == 409, "status 409", f"status {answer.status}")


@check(
    "stow.failure-reason",
    "What was not stored is an item of Failed SOP Sequence with a Failure Reason",
    Level.SHALL,
    "I.1",
    needs=_SAMPLES,
)
async def _failure_reason(session: Session) -> None:
    session.strayed = True
    both = [session.ours.slices[0].part10, session.ours.stray.part10]
    answer = await session.server.store(session.study_path, both)
    answer.expect_status(200, 202, 409)
    items = _items(answer, _FAILED)
    named = [item for item in items if value(item, "00081155") == session.ours.stray.uid]
    answer.expect(len(named) == 1, "the instance of another study as failed", f"{len(named)} items")
    reason = value(named[0], "00081197")
    answer.expect(isinstance(reason, int), "(0008,1197) with a number", "none")


@check(
    "stow.partly",
    "When some instances are stored and others not, the status is 202",
    Level.SHALL,
    "10.5.3.1",
    needs=_SAMPLES,
)
async def _partly(session: Session) -> None:
    session.strayed = True
    both = [session.ours.spare.part10, session.ours.stray.part10]
    answer = await session.server.store(session.study_path, both)
    answer.expect_status(200, 202, 409)
    stored = {value(item, "00081155") for item in _items(answer, _REFERENCED)}
    if session.ours.spare.uid in stored:
        session.know([*session.held, held_of(session.ours.spare)])
    elif answer.status == 409:
        raise NotOffered("a request is stored as a whole or not at all")
    answer.expect_status(202)


@check(
    "stow.unsupported-type",
    "A payload of a media type that is not supported is 415",
    Level.SHALL,
    "10.5.3.1",
    needs=_STORE,
)
async def _unsupported(session: Session) -> None:
    answer = await session.server.ask(
        "POST",
        session.server.stow + "/studies",
        accept=JSON,
        headers={"Content-Type": "text/csv"},
        body=b"no,image\r\n",
    )
    answer.expect_refusal(415)


@check(
    "stow.malformed",
    "A multipart payload without its boundary is refused as bad syntax",
    Level.SHALL,
    "10.5.3.1",
    needs=_STORE,
)
async def _malformed(session: Session) -> None:
    kind = 'multipart/related; type="application/dicom"; boundary=never'
    answer = await session.server.ask(
        "POST",
        session.server.stow + "/studies",
        accept=JSON,
        headers={"Content-Type": kind},
        body=b"there is no boundary in here",
    )
    answer.expect_refusal(400)


@check(
    "stow.not-dicom",
    "A part that is no DICOM instance is not reported as stored",
    Level.SHALL,
    "10.5.3.1",
    needs=_STORE,
)
async def _not_dicom(session: Session) -> None:
    answer = await session.server.store("/studies", [b"\x00" * 300])
    answer.expect_refusal(400, 409, 415)


@check(
    "stow.not-acceptable",
    "An Accept header that no answer fits is 406",
    Level.SHALL,
    "8.7.8.1",
    needs=_SAMPLES,
)
async def _not_acceptable(session: Session) -> None:
    again = [session.ours.slices[0].part10]
    answer = await session.server.store("/studies", again, accept="image/x-none")
    answer.expect_status(406)


def _stored(session: Session) -> Exchange:
    answer = session.stored
    assert answer is not None  # noqa: S101 - Fact.STORE was asked for
    session.server.last = answer
    return answer


def _data_set(answer: Exchange) -> Json:
    """The response module; some servers wrap the one data set in an array, as F.2.1 has it."""
    document = answer.json
    if isinstance(document, list) and len(document) == 1:
        document = document[0]
    if not isinstance(document, dict):
        raise Unmet(_ANSWERED, "another JSON document", answer)
    return document


def _items(answer: Exchange, tag: str) -> list[dict[str, Any]]:
    element = _data_set(answer).get(tag)
    items = element.get("Value") if isinstance(element, dict) else None
    return [item for item in items or [] if isinstance(item, dict)]
