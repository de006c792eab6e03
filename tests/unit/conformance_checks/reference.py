"""A small DICOMweb server in memory that does everything right, until it is told to do it wrong.

Written from PS3.18 and pydicom alone: it shares nothing with Hilum's own server.
"""

import gzip
import io
import json
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qsl

from PIL import Image
from pydicom import Dataset, dcmread
from pydicom.datadict import tag_for_keyword

from hilum.conformance.multipart import Malformed, MediaType, read_multipart

JSON, DICOM, OCTETS = "application/dicom+json", "application/dicom", "application/octet-stream"
XML = "application/dicom+xml"
ROOT = "http://reference.test/rs"
STUDY_LEVEL = (
    "StudyDate StudyTime AccessionNumber ReferringPhysicianName PatientName PatientID "
    "PatientBirthDate PatientSex StudyInstanceUID StudyID"
).split()


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Answer:
    status: int
    media_type: str = ""
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def document(self) -> Any:
        return json.loads(self.body)

    def saying(self, document: Any) -> "Answer":
        return replace(self, body=json.dumps(document, ensure_ascii=False).encode())


Fault = Callable[[Request, Answer], Answer]


def as_json(document: Any, status: int = 200) -> Answer:
    return Answer(status, JSON).saying(document)


def as_parts(media_type: str, *bodies: bytes, part_type: str = "") -> Answer:
    boundary = "a-boundary-of-the-reference"
    pieces = (
        f"--{boundary}\r\nContent-Type: {part_type or media_type}\r\n\r\n".encode() + body + b"\r\n"
        for body in bodies
    )
    kind = f'multipart/related; type="{media_type}"; boundary={boundary}'
    return Answer(200, kind, b"".join(pieces) + f"--{boundary}--\r\n".encode())


class Reference:
    """One archive; `fault` sees every answer and may spoil it."""

    def __init__(self, fault: Fault = lambda _, answer: answer) -> None:
        self.fault = fault
        self.instances: dict[str, bytes] = {}

    async def __call__(
        self,
        scope: dict[str, Any],
        receive: Callable[[], Awaitable[dict[str, Any]]],
        send: Callable[[dict[str, Any]], Awaitable[None]],
    ) -> None:
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        request = Request(
            scope["method"],
            scope["path"].removeprefix("/rs"),
            dict(parse_qsl(scope["query_string"].decode(), keep_blank_values=True)),
            {name.decode().lower(): value.decode() for name, value in scope["headers"]},
            body,
        )
        answer = self.fault(request, self.answer(request))
        headers = [(name.encode(), value.encode()) for name, value in answer.headers]
        if answer.media_type:
            headers.append((b"content-type", answer.media_type.encode()))
        start = {"type": "http.response.start", "status": answer.status, "headers": headers}
        await send(start)
        await send({"type": "http.response.body", "body": answer.body})

    def answer(self, request: Request) -> Answer:
        if request.method == "OPTIONS":
            wadl = f'<application><resources base="{ROOT}"></resources></application>'
            return Answer(200, "application/vnd.sun.wadl+xml", wadl.encode())
        if request.method == "DELETE":
            return self.delete(request)
        if request.method == "POST":
            return self.store(request)
        answer = self.get(request)
        if "origin" in request.headers:
            answer = replace(
                answer, headers=(*answer.headers, ("access-control-allow-origin", "*"))
            )
        return replace(answer, body=b"") if request.method == "HEAD" else answer

    def delete(self, request: Request) -> Answer:
        study = request.path.rpartition("/")[2]
        gone = [uid for uid, one in self.data_sets().items() if one.StudyInstanceUID == study]
        for uid in gone:
            del self.instances[uid]
        return Answer(204 if gone else 404)

    def data_sets(self) -> dict[str, Dataset]:
        return {uid: dcmread(io.BytesIO(part10)) for uid, part10 in self.instances.items()}

    def store(self, request: Request) -> Answer:
        match = re.fullmatch(r"/studies(?:/([0-9.]+))?", request.path)
        if match is None:
            return Answer(405)
        kind = request.headers.get("content-type", "")
        if MediaType.of(kind).name != "multipart/related":
            return Answer(415)
        if not chosen(request, [JSON]):
            return Answer(406)
        try:
            parts = read_multipart(kind, request.body)
        except Malformed:
            return Answer(400)
        stored, failed = [], []
        for part in parts:
            try:
                one = dcmread(io.BytesIO(part.body))
            except Exception:  # noqa: BLE001
                failed.append({"00081197": {"vr": "US", "Value": [0xC000]}})
                continue
            named = {
                "00081150": {"vr": "UI", "Value": [one.SOPClassUID]},
                "00081155": {"vr": "UI", "Value": [one.SOPInstanceUID]},
            }
            if match[1] and one.StudyInstanceUID != match[1]:
                failed.append({**named, "00081197": {"vr": "US", "Value": [0xA901]}})
                continue
            self.instances[one.SOPInstanceUID] = part.body
            stored.append({**named, "00081190": {"vr": "UR", "Value": [url(one)]}})
        document: dict[str, Any] = {"00081190": {"vr": "UR"}}
        if failed:
            document["00081198"] = {"vr": "SQ", "Value": failed}
        if stored:
            document["00081199"] = {"vr": "SQ", "Value": stored}
        return as_json(document, 409 if not stored else 202 if failed else 200)

    def by_uri(self, request: Request) -> Answer:
        query = request.query
        if "objectUID" not in query:
            return Answer(400)
        one = self.data_sets().get(query["objectUID"])
        if one is None:
            return Answer(404)
        types = query.get("contentType", "image/jpeg").split(",")
        if len(types) > 1 or query.get("frameNumber", "1") != "1":
            return Answer(400)
        if types == [DICOM]:
            return Answer(200, DICOM, self.instances[query["objectUID"]])
        window = f"{query.get('windowCenter', '0')},1,linear"
        viewport = f"{query.get('columns', '1000')},{query.get('rows', '1000')}"
        put = {"accept": types[0], "window": window, "viewport": viewport}
        return self.rendered(replace(request, query=put), one)

    def get(self, request: Request) -> Answer:
        if request.path == "/wado":
            return self.by_uri(request)
        uids = re.fullmatch(
            r"(?:/studies(?:/([0-9.]+))?)?(?:/series(?:/([0-9.]+))?)?"
            r"(?:/instances(?:/([0-9.]+))?)?(/.*)?",
            request.path,
        )
        assert uids is not None
        study, series, instance, rest = uids.groups()
        found = [
            one
            for one in self.data_sets().values()
            if study in {None, one.StudyInstanceUID}
            and series in {None, one.SeriesInstanceUID}
            and instance in {None, one.SOPInstanceUID}
        ]
        last = request.path.removesuffix("/").rpartition("/")[2]
        if last in {"studies", "series", "instances"}:
            return self.search(request, last, found)
        if not found:
            return Answer(404)
        rest = rest or ""
        if rest == "":
            return self.retrieve(request, found, alone=instance is not None)
        if rest == "/metadata":
            return self.metadata(request, found)
        return self.pixels(request, found[0], rest)

    def search(self, request: Request, level: str, found: list[Dataset]) -> Answer:
        offer = chosen(request, [JSON, f"multipart/related;{XML}"])
        if not offer:
            return Answer(406)
        given = dict(request.query)
        limit, offset = given.pop("limit", "1000"), given.pop("offset", "0")
        if not limit.isdigit() or not offset.isdigit():
            return Answer(400)
        fields = given.pop("includefield", "").split(",")
        fuzzy = given.pop("fuzzymatching", "false") == "true"
        for name, wanted in given.items():
            keyed = re.fullmatch(r"[0-9A-F]{8}", name)
            if not keyed and name != "ModalitiesInStudy" and tag_for_keyword(name) is None:
                return Answer(400)
            found = [one for one in found if self.matches(one, name, wanted, fuzzy=fuzzy)]
        key = {
            "studies": "StudyInstanceUID",
            "series": "SeriesInstanceUID",
            "instances": "SOPInstanceUID",
        }[level]
        firsts = {one[key].value: one for one in reversed(found)}
        rows = [self.row(one, level, fields) for _, one in sorted(firsts.items())]
        rows = rows[int(offset) : int(offset) + int(limit)]
        if not rows:
            return Answer(204)
        if offer != JSON:
            return as_parts(XML, *(b"<NativeDicomModel/>" for _ in rows))
        return as_json(rows)

    def matches(self, one: Dataset, name: str, wanted: str, *, fuzzy: bool) -> bool:
        if name == "ModalitiesInStudy":
            return wanted in self.modalities(one)
        value = one.get(int(name, 16)).value if name.isalnum() and name[0] == "0" else one.get(name)
        text = str(value)
        if name.endswith("UID"):
            return text in wanted.split(",")
        if name == "StudyDate" and "-" in wanted:
            first, _, last = wanted.partition("-")
            return (first or "0") <= text <= (last or "9")
        if fuzzy and name == "PatientName":
            return all(word in text.lower() for word in wanted.lower().split())
        if name == "PatientName":
            return wanted in {text, text.partition("=")[0]}
        pattern = re.escape(wanted).replace(r"\*", ".*").replace(r"\?", ".")
        return re.fullmatch(pattern, text) is not None

    def modalities(self, one: Dataset) -> list[str]:
        same = self.data_sets().values()
        return sorted({o.Modality for o in same if o.StudyInstanceUID == one.StudyInstanceUID})

    def row(self, one: Dataset, level: str, fields: list[str]) -> dict[str, Any]:
        whole = described(one)
        names = [*STUDY_LEVEL] if level in {"studies", "series"} else []
        if level == "series":
            names += ["Modality", "SeriesInstanceUID", "SeriesNumber"]
        if level == "instances":
            names += "SOPClassUID SOPInstanceUID InstanceNumber Rows Columns BitsAllocated".split()
        for field in filter(None, fields):
            names.append("StudyDescription" if field == "00081030" else field)
        tags = {f"{tag_for_keyword(name):08X}" for name in names if tag_for_keyword(name)}
        row = {tag: whole[tag] for tag in tags if tag in whole}
        all_of = [
            o for o in self.data_sets().values() if o.StudyInstanceUID == one.StudyInstanceUID
        ]
        series = {o.SeriesInstanceUID for o in all_of}
        if level in {"studies", "series"}:
            row["00080061"] = {"vr": "CS", "Value": self.modalities(one)}
            row["00201206"] = {"vr": "IS", "Value": [len(series)]}
            row["00201208"] = {"vr": "IS", "Value": [len(all_of)]}
        if level == "series":
            mine = [o for o in all_of if o.SeriesInstanceUID == one.SeriesInstanceUID]
            row["00201209"] = {"vr": "IS", "Value": [len(mine)]}
        depth = {"studies": 1, "series": 2, "instances": 3}[level]
        row["00081190"] = {"vr": "UR", "Value": [url(one, depth)]}
        return dict(sorted(row.items()))

    def retrieve(self, request: Request, found: list[Dataset], *, alone: bool) -> Answer:
        offers = [f"multipart/related;{DICOM}", f"multipart/related;{OCTETS}"]
        offer = chosen(request, [*offers, DICOM] if alone else offers)
        if not offer:
            return Answer(406)
        bodies = [self.instances[one.SOPInstanceUID] for one in found]
        if offer == DICOM:
            return Answer(200, DICOM, bodies[0])
        if offer.endswith(OCTETS):
            return as_parts(OCTETS, *(one.PixelData for one in found))
        return as_parts(DICOM, *bodies, part_type=f"{DICOM}; transfer-syntax=1.2.840.10008.1.2.1")

    def metadata(self, request: Request, found: list[Dataset]) -> Answer:
        offer = chosen(request, [JSON, f"multipart/related;{XML}"])
        if not offer:
            return Answer(406)
        if offer != JSON:
            return as_parts(XML, *(b"<NativeDicomModel/>" for _ in found))
        etag = '"1"'
        if request.headers.get("if-none-match") == etag:
            return Answer(304, headers=(("etag", etag),))
        answer = as_json([described(one) for one in found])
        headers = (("etag", etag),)
        if request.headers.get("accept-encoding") == "gzip":
            body = gzip.compress(answer.body)
            return replace(answer, body=body, headers=(*headers, ("content-encoding", "gzip")))
        return replace(answer, headers=headers)

    def pixels(self, request: Request, one: Dataset, rest: str) -> Answer:
        if rest.startswith("/bulkdata"):
            tag = rest.removeprefix("/bulkdata").strip("/") or "7FE00010"
            return as_parts(OCTETS, one[int(tag, 16)].value)
        if rest.endswith(("/rendered", "/thumbnail")):
            return self.rendered(request, one)
        numbers = rest.removeprefix("/frames/")
        if not re.fullmatch(r"[0-9]+(,[0-9]+)*", numbers):
            return Answer(400)
        count = int(one.get("NumberOfFrames", 1))
        wanted = [int(number) for number in numbers.split(",")]
        if not all(1 <= number <= count for number in wanted):
            return Answer(404)
        offer = chosen(request, [f"multipart/related;{OCTETS}", OCTETS])
        if not offer:
            return Answer(406)
        size = len(one.PixelData) // count
        frames = [one.PixelData[(number - 1) * size : number * size] for number in wanted]
        return Answer(200, OCTETS, frames[0]) if offer == OCTETS else as_parts(OCTETS, *frames)

    def rendered(self, request: Request, one: Dataset) -> Answer:
        offer = chosen(request, ["image/jpeg", "image/png", "image/gif"])
        if not offer:
            return Answer(406)
        quality = request.query.get("quality", "90")
        viewport = request.query.get("viewport", "1000,1000").split(",")
        window = request.query.get("window", "0,1,linear").split(",")
        if not quality.isdigit() or not 1 <= int(quality) <= 100:
            return Answer(400)
        if not all(part.isdigit() for part in viewport) or len(window) != 3:
            return Answer(400)
        shade = 255 if float(window[0]) < 0 else 0
        image = Image.new("L", (int(one.Columns), int(one.Rows)), shade)
        image.thumbnail((int(viewport[0]), int(viewport[1])))
        target = io.BytesIO()
        image.save(target, offer.partition("/")[2])
        return Answer(200, offer, target.getvalue())


def url(one: Dataset, depth: int = 3) -> str:
    pairs = (
        ("studies", one.StudyInstanceUID),
        ("series", one.SeriesInstanceUID),
        ("instances", one.SOPInstanceUID),
    )
    return ROOT + "".join(f"/{name}/{uid}" for name, uid in pairs[:depth])


def described(one: Dataset) -> dict[str, Any]:
    """The JSON model, with bulk data by URI: that of pixel data absolute, others relative."""

    def by_uri(element: Any) -> str:
        base = f"{url(one)}/" if element.tag == 0x7FE00010 else ""
        return f"{base}bulkdata/{element.tag:08X}"

    document = one.to_json_dict(bulk_data_threshold=64, bulk_data_element_handler=by_uri)
    return {tag: without_empty(element) for tag, element in document.items()}


def without_empty(element: dict[str, Any]) -> dict[str, Any]:
    return {name: part for name, part in element.items() if not (name == "Value" and not part)}


def chosen(request: Request, offers: list[str]) -> str:
    """The best of `offers` (PS3.18 8.7.8.1), the first being the default; none: empty."""
    for text in (request.query.get("accept", ""), request.headers.get("accept", "")):
        for piece in filter(None, text.split(",")):
            media = MediaType.of(piece)
            kind = media.parameters.get("type", "").lower()
            name = f"{media.name};{kind}" if kind else media.name
            if media.name == "*/*":
                return offers[0]
            if name in offers:
                return name
    return ""
