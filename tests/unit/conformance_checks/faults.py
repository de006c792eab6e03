"""For each check a server that is wrong in one way, and that the check must find.

A fault changes answers of the reference server; `on` says which.
"""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from tests.unit.conformance_checks.reference import Answer, Fault, Request, as_json

_UIDS = r"/studies/[0-9.]+"
_INSTANCE = _UIDS + r"/series/[0-9.]+/instances/[0-9.]+"
Spoil = Callable[[Answer], Answer]


def on(path: str, spoil: Spoil, *, method: str = "GET", where: str = "") -> Fault:
    """Spoil answers to requests of a path (a whole pattern), with `where` in query or headers."""

    def fault(request: Request, answer: Answer) -> Answer:
        text = f"{dict(request.query)} {dict(request.headers)}"
        right = request.method == method and re.fullmatch(path, request.path)
        return spoil(answer) if right and where in text else answer

    return fault


def status(code: int) -> Spoil:
    return lambda answer: replace(answer, status=code)


def answered(code: int, media_type: str = "", body: bytes = b"") -> Spoil:
    return lambda _: Answer(code, media_type, body)


def typed(media_type: str) -> Spoil:
    return lambda answer: replace(answer, media_type=media_type)


def replaced(old: bytes, new: bytes) -> Spoil:
    return lambda answer: replace(answer, body=answer.body.replace(old, new))


def edited(change: Callable[[Any], None]) -> Spoil:
    """Change the JSON document of an answer in place, where it has one."""

    def spoil(answer: Answer) -> Answer:
        if not answer.body.startswith((b"{", b"[")):
            return answer
        document = answer.document
        change(document)
        return answer.saying(document)

    return spoil


def without(*tags: str) -> Spoil:
    def change(document: Any) -> None:
        for one in document if isinstance(document, list) else [document]:
            for tag in tags:
                one.pop(tag, None)

    return edited(change)


def having(tag: str, element: Any) -> Spoil:
    def change(document: Any) -> None:
        for one in document if isinstance(document, list) else [document]:
            one[tag] = element

    return edited(change)


def cut(document: Any) -> None:
    del document[1:]


def doubled(document: Any) -> None:
    document.append(document[0])


def turned(answer: Answer) -> Answer:
    """Parts in the opposite order."""
    boundary = b"--a-boundary-of-the-reference"
    pieces = answer.body.split(boundary)
    return replace(answer, body=boundary.join([b"", *reversed(pieces[1:-1]), pieces[-1]]))


def without_part(answer: Answer) -> Answer:
    boundary = b"--a-boundary-of-the-reference"
    pieces = answer.body.split(boundary)
    return replace(answer, body=boundary.join([*pieces[:2], pieces[-1]]))


def unheaded(*names: str) -> Spoil:
    def spoil(answer: Answer) -> Answer:
        kept = tuple(pair for pair in answer.headers if pair[0] not in names)
        return replace(answer, headers=kept)

    return spoil


class Shuffled:
    """Another order at every second search."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, request: Request, answer: Answer) -> Answer:
        if not request.path.endswith("/instances") or not answer.body or request.query:
            return answer
        self.count += 1
        return edited(list.reverse)(answer) if self.count % 2 else answer


def every(answer: Answer) -> Answer:
    """An answer of a search that found something it should not have."""
    return replace(answer, status=200, media_type="application/dicom+json", body=b"[{}]")


_SEARCH = r"/studies"
_META = _INSTANCE + "/metadata"
_STUDY_META = _UIDS + "/metadata"
_FRAMES = _INSTANCE + "/frames/"
_RENDERED = _INSTANCE + "/rendered"
_NONE = answered(404)
_OK_DICOM = answered(200, "application/dicom", b"x")


def stored(spoil: Spoil, path: str = _SEARCH) -> Fault:
    return on(path, spoil, method="POST")


def misses(where: str) -> Fault:
    return on(_SEARCH, answered(204), where=where)


def finds_all(key: str) -> Fault:
    """Passes over a key: a search with it finds the study that was stored, whatever its value."""
    studies: list[str] = []

    def fault(request: Request, answer: Answer) -> Answer:
        if request.method == "POST" and request.path != _SEARCH:
            studies.append(request.path.rpartition("/")[2])
        if request.method == "GET" and request.path == _SEARCH and key in request.query:
            return as_json([{"0020000D": {"vr": "UI", "Value": [studies[0]]}}])
        return answer

    return fault


def after(count: int, spoil: Spoil) -> Fault:
    """Spoil stores after so many."""
    seen: list[str] = []

    def fault(request: Request, answer: Answer) -> Answer:
        if request.method != "POST":
            return answer
        seen.append(request.path)
        return spoil(answer) if len(seen) > count else answer

    return fault


FAULTS: dict[str, Fault] = {
    "stow.status": stored(status(500)),
    "stow.study-resource": stored(status(404), _UIDS),
    "stow.media-type": stored(typed("text/plain")),
    "stow.referenced": stored(edited(lambda d: d.get("00081199", {"Value": [0]})["Value"].pop())),
    "stow.retrieve-url": stored(without("00081190")),
    "stow.retrieve-url-works": on(_INSTANCE, _NONE),
    "stow.no-failures": stored(having("00081198", {"vr": "SQ", "Value": [{}]})),
    "stow.same-again": after(2, status(500)),
    "stow.study-mismatch": stored(status(500), _UIDS),
    "stow.failure-reason": stored(replaced(b"00081197", b"00081196"), _UIDS),
    "stow.partly": stored(lambda a: replace(a, status=200) if a.status == 202 else a, _UIDS),
    "stow.unsupported-type": stored(lambda a: replace(a, status=200) if a.status == 415 else a),
    "stow.malformed": stored(lambda a: replace(a, status=500) if a.status == 400 else a),
    "stow.not-dicom": stored(lambda a: replace(a, status=200) if a.status == 409 else a),
    "stow.not-acceptable": stored(lambda a: replace(a, status=200) if a.status == 406 else a),
    "qido.studies": on(_SEARCH, edited(doubled)),
    "qido.study-series": on(_UIDS + "/series", edited(cut)),
    "qido.study-instances": on(_UIDS + "/instances", edited(cut)),
    "qido.series-instances": on(_UIDS + "/series/[0-9.]+/instances", edited(cut)),
    "qido.all-series": on("/series", _NONE),
    "qido.all-instances": on("/instances", _NONE),
    "qido.study-attributes": on(_SEARCH, without("00100030")),
    "qido.series-attributes": on(_UIDS + "/series", without("00201209")),
    "qido.instance-attributes": on(_UIDS + "/series/[0-9.]+/instances", without("00080016")),
    "qido.image-attributes": on(_UIDS + "/series/[0-9.]+/instances", without("00280010")),
    "qido.retrieve-url": on(_SEARCH, without("00081190")),
    "qido.all-series-with-study": on("/series", without("00100020")),
    "qido.counts": on(_SEARCH, having("00201208", {"vr": "IS", "Value": [99]})),
    "qido.json-model": on(_UIDS + "/series", having("0020000d", {"vr": "UI"})),
    "qido.nothing": on(_SEARCH, every),
    "qido.limit": on(_UIDS + "/instances", edited(doubled), where="limit"),
    "qido.large-limit": on(_UIDS + "/series", answered(400), where="1000000"),
    "qido.offset": on(_UIDS + "/instances", having("00080018", {"vr": "UI", "Value": ["1"]})),
    "qido.order": Shuffled(),
    "qido.beyond": on(_UIDS + "/instances", every, where="100000"),
    "qido.bad-limit": on(_UIDS + "/series", every, where="many"),
    "qido.bad-attribute": on(_UIDS + "/series", every, where="NoSuchKeyword"),
    "qido.not-acceptable": on(_UIDS + "/series", every, where="x-none"),
    "qido.xml": on(_UIDS + "/series", answered(406), where="dicom+xml"),
    "match.value": misses("'PatientID'"),
    "match.other": finds_all("PatientID"),
    "match.tag": misses("00100020"),
    "match.several": misses("StudyDate"),
    "match.asterisk": misses("*'"),
    "match.question-mark": misses("?'"),
    "match.date-range": misses("20240101-"),
    "match.open-range": misses("20240229-"),
    "match.uid-list": misses(",2.25."),
    "match.modalities": finds_all("ModalitiesInStudy"),
    "match.accession": misses("AccessionNumber"),
    "match.modality-of-series": on(_UIDS + "/series", edited(doubled), where="Modality"),
    "match.name": misses("PatientName"),
    "match.name-returned": on(_SEARCH, without("00100010")),
    "match.includefield": on(_SEARCH, without("00081030")),
    "match.includefield-all": on(_SEARCH, answered(400), where="'all'"),
    "match.fuzzy": misses("fuzzymatching"),
    "wado.study": on(_UIDS, without_part),
    "wado.series": on(_UIDS + "/series/[0-9.]+", without_part),
    "wado.instance": on(_INSTANCE, _NONE),
    "wado.multipart": on(_INSTANCE, typed("multipart/related; boundary=a")),
    "wado.part-type": on(_INSTANCE, replaced(b"10008.1.2.1\r", b"10008.1.2.2\r")),
    "wado.default-syntax": on(_INSTANCE, replaced(b".10008.1.2.1\0", b".10008.1.2.4\0")),
    "wado.named-syntax": on(_INSTANCE, answered(406), where="transfer-syntax=1.2"),
    "wado.any-syntax": on(_INSTANCE, answered(406), where="transfer-syntax=*"),
    "wado.same-data": on(_INSTANCE, replaced(b"private text", b"PRIVATE TEXT")),
    "wado.same-bytes": on(_INSTANCE, replaced(b"private text", b"PRIVATE TEXT")),
    "wado.octets": on(_INSTANCE, answered(406), where="octet-stream"),
    "wado.unknown-study": on(_UIDS, lambda a: replace(a, status=200)),
    "wado.unknown-series": on(_UIDS + "/series/[0-9.]+", status(200)),
    "wado.unknown-instance": on(_INSTANCE, status(200)),
    "wado.wrong-parent": on(_INSTANCE, status(200)),
    "accept.wildcard": on(_INSTANCE, _OK_DICOM),
    "accept.none-fits": on(_INSTANCE, status(200)),
    "accept.passed-over": on(_INSTANCE, answered(400), where="application/x-none"),
    "accept.unquoted": on(_INSTANCE, answered(406), where="type=application/dicom"),
    "accept.case": on(_INSTANCE, answered(406), where="Multipart/Related"),
    "accept.parameter": on(_INSTANCE, answered(406), where="image/x-none"),
    "accept.single-part": on(_INSTANCE, answered(406)),
    "accept.single-part-study": on(_UIDS, _OK_DICOM),
    "accept.metadata-not-acceptable": on(_META, status(200)),
    "accept.metadata-wildcard": on(_META, typed("text/plain")),
    "metadata.study": on(_STUDY_META, edited(cut)),
    "metadata.series": on(_UIDS + "/series/[0-9.]+/metadata", edited(cut)),
    "metadata.instance": on(_META, lambda a: replace(a, body=a.body[1:-1])),
    "metadata.structure": on(_STUDY_META, having("FFFEE000", {"Value": ["x"]})),
    "metadata.order": on(_STUDY_META, having("00080001", {"vr": "SH"})),
    "metadata.names": on(_STUDY_META, having("FFFF0010", {"vr": "PN", "Value": ["A^B"]})),
    "metadata.numbers": on(_STUDY_META, having("FFFF0010", {"vr": "US", "Value": ["1"]})),
    "metadata.empty": on(_STUDY_META, having("FFFF0010", {"vr": "LO", "Value": []})),
    "metadata.binary": on(_STUDY_META, having("FFFF0010", {"vr": "OB", "InlineBinary": "?"})),
    "metadata.no-pixels": on(_STUDY_META, having("7FE00010", {"vr": "OW", "InlineBinary": "AAAA"})),
    "metadata.no-file-meta": on(_STUDY_META, having("00020010", {"vr": "UI"})),
    "metadata.complete": on(_STUDY_META, without("00091001")),
    "metadata.values": on(_STUDY_META, replaced(b"Conformance check", b"Something else")),
    "metadata.name-groups": on(_STUDY_META, replaced(b"Ideographic", b"Phonetic")),
    "metadata.nothing-present": on(_STUDY_META, without("00081110")),
    "metadata.unknown": on(_STUDY_META, status(200)),
    "metadata.xml": on(_META, answered(406), where="dicom+xml"),
    "metadata.gzip": on(
        _STUDY_META, lambda a: replace(a, body=b"[]", headers=()), where="'accept-encoding': 'gzip'"
    ),
    "frames.one": on(_FRAMES + "1", replaced(b"\x04", b"\x05")),
    "frames.list": on(_FRAMES + "1,2", without_part),
    "frames.order": on(_FRAMES + "3,1", turned),
    "frames.part-type": on(_FRAMES + "1", replaced(b"Content-Type: app", b"Content-Type: x")),
    "frames.beyond": on(_FRAMES + "2", status(200)),
    "frames.zero": on(_FRAMES + "0", status(500)),
    "frames.malformed": on(_FRAMES + "one", status(200)),
    "frames.not-acceptable": on(_FRAMES + "1", status(200)),
    "frames.single-part": on(_FRAMES + "1", answered(406)),
    "bulkdata.uri": on(_INSTANCE + "/bulkdata.*", _NONE),
    "bulkdata.octets": on(_INSTANCE + "/bulkdata.*", replaced(b"\r\nContent-Type", b"\r\nX-Type")),
    "bulkdata.same": on(_INSTANCE + "/bulkdata.*", replaced(b"\r\n\r\n", b"\r\n\r\nmore")),
    "bulkdata.pixels": on(_STUDY_META, without("7FE00010")),
    "bulkdata.instance": on(_INSTANCE + "/bulkdata", _NONE),
    "rendered.jpeg": on(_RENDERED, replaced(b"\xff\xd8", b"\0\0")),
    "rendered.default": on(_RENDERED, typed("image/png"), where="'accept': '*/*'"),
    "rendered.png": on(_RENDERED, answered(406), where="image/png"),
    "rendered.gif": on(_RENDERED, answered(406), where="image/gif"),
    "rendered.size": on(_RENDERED, replaced(b"\x00\x18\x00\x20", b"\x00\x10\x00\x10")),
    "rendered.frame": on(_FRAMES + "1/rendered", _NONE),
    "rendered.viewport": on(_RENDERED, replaced(b"\x00\x0c\x00\x10", b"\x00\x18\x00\x20")),
    "rendered.viewport-invalid": on(_RENDERED, status(200), where="wide"),
    "rendered.window": on(_RENDERED, answered(400), where="linear"),
    "rendered.window-invalid": on(_RENDERED, status(200), where="bright"),
    "rendered.quality": on(_RENDERED, answered(400), where="'quality': '1'"),
    "rendered.quality-invalid": on(_RENDERED, status(200), where="101"),
    "rendered.not-acceptable": on(_RENDERED, status(200), where="x-none"),
    "rendered.unknown": on(_RENDERED, status(200)),
    "thumbnail.study": on(_UIDS + "/thumbnail", _NONE),
    "thumbnail.series": on(_UIDS + "/series/[0-9.]+/thumbnail", _NONE),
    "thumbnail.instance": on(_INSTANCE + "/thumbnail", typed("image/png")),
    "thumbnail.frame": on(_FRAMES + "1/thumbnail", _NONE),
    "thumbnail.default": on(_INSTANCE + "/thumbnail", typed("image/gif"), where="'accept': '*/*'"),
    "thumbnail.unknown": on(_UIDS + "/thumbnail", status(200)),
    "uri.rendered": on("/wado", replaced(b"\xff\xd8", b"\0\0"), where="image/jpeg"),
    "uri.default": on("/wado", typed("image/png")),
    "uri.instance": on("/wado", replaced(b"DICM", b"RIFF")),
    "uri.mixed": on("/wado", status(200), where="application/dicom,image/jpeg"),
    "uri.unknown": on("/wado", status(200)),
    "uri.missing": on("/wado", status(200)),
    "uri.frame-beyond": on("/wado", status(404), where="frameNumber"),
    "uri.size": on("/wado", replaced(b"\x00\x0c\x00\x10", b"\x00\x18\x00\x20"), where="rows"),
    "uri.window": on("/wado", answered(400), where="windowCenter"),
    "service.capabilities": on("/", answered(200), method="OPTIONS"),
    "service.capabilities-base": on("/", replaced(b"base=", b"href="), method="OPTIONS"),
    "service.etag": on(_META, answered(200, "application/dicom+json", b"[]"), where='"1"'),
    "service.etag-other": on(_META, answered(304), where="no-such-etag"),
    "service.head": on(_INSTANCE, answered(405), method="HEAD"),
    "service.content-type": on(_STUDY_META, typed("")),
    "service.method": on(_META, status(200), method="POST"),
    "service.cors": on(_META, unheaded("access-control-allow-origin")),
}
