#!/usr/bin/env python3
"""Does the server at URL do what clients of the Azure DICOM service need of it?

    python smoke_test.py http://localhost:8080
    python smoke_test.py http://localhost:8080 --surface v1 --token "$TOKEN"

Needs Python 3.11 and nothing else. Makes a small study of its own and removes it again. Every
section is told by a line; the exit code is 0 when all passed, 1 when one did not.
"""

import argparse
import json
import struct
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

JSON = "application/dicom+json"
EXPLICIT_LITTLE = "1.2.840.10008.1.2.1"
MULTIFRAME_GREYSCALE = "1.2.840.10008.5.1.4.1.1.7.2"
PRIVATE_CREATOR, PRIVATE_TAG, PRIVATE_VALUE = "HILUM SMOKE TEST", "00991001", "PROBE 7"
SIDE = 16
LONG = {"OB", "SQ"}


class Failed(Exception):
    """What was expected, and what came."""


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body) if self.body else None

    def header(self, name: str) -> str:
        return self.headers.get(name.lower(), "")


@dataclass
class Server:
    """The server under test; remembers how many checks it passed."""

    url: str
    surface: str
    token: str
    seconds: float
    partition: str = ""
    checks: int = 0

    @property
    def within(self) -> str:
        """What the path of an instance has after the surface."""
        return f"partitions/{self.partition}/" if self.partition else ""

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        *,
        accept: str = JSON,
        content_type: str = "",
    ) -> Answer:
        """`path` begins with `/` for the whole server; otherwise it lies on the surface."""
        if path.startswith("http"):
            url = path
        elif path.startswith("/"):
            url = self.url + path
        else:
            partitioned = path.startswith(("studies", "series", "instances", "workitems"))
            url = f"{self.url}/{self.surface}/{self.within if partitioned else ''}{path}"
        headers = {"Accept": accept}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        if content_type:
            headers["Content-Type"] = content_type
        request = urllib.request.Request(url, body, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=self.seconds) as answer:
                return Answer(answer.status, _lower(answer.headers), answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, _lower(error.headers), error.read())

    def expect(self, answer: Answer, *statuses: int, of: str) -> Answer:
        self.check(
            answer.status in statuses,
            f"{of}: status {answer.status}, not {' or '.join(map(str, statuses))}"
            f": {answer.body[:300].decode('utf-8', 'replace')}",
        )
        return answer

    def check(self, holds: bool, otherwise: str) -> None:
        if not holds:
            raise Failed(otherwise)
        self.checks += 1


def _lower(headers: Any) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


# --- an instance ---------------------------------------------------------------------------------


def new_uid() -> str:
    """A UID made of a UUID (PS3.5 annex B.2)."""
    return f"2.25.{uuid.uuid4().int}"


@dataclass
class Study:
    """What is sent: one study with one instance of two frames."""

    patient: str = field(default_factory=lambda: f"SMOKE-{uuid.uuid4().hex[:12]}")
    study: str = field(default_factory=new_uid)
    series: str = field(default_factory=new_uid)
    instance: str = field(default_factory=new_uid)
    begun: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def path(self) -> str:
        return f"studies/{self.study}/series/{self.series}/instances/{self.instance}"

    @property
    def frames(self) -> list[bytes]:
        shades = bytes((row * SIDE + column) % 256 for row in range(SIDE) for column in range(SIDE))
        return [shades, shades[::-1]]

    def file(self) -> bytes:
        """A DICOM file (PS3.10), Explicit VR Little Endian."""
        elements = [
            (0x00080005, "CS", "ISO_IR 192"),
            (0x00080016, "UI", MULTIFRAME_GREYSCALE),
            (0x00080018, "UI", self.instance),
            (0x00080020, "DA", "20260102"),
            (0x00080030, "TM", "030405"),
            (0x00080050, "SH", "SMOKE1"),
            (0x00080060, "CS", "OT"),
            (0x00080064, "CS", "SYN"),
            (0x00080090, "PN", ""),
            (0x00081030, "LO", "Smoke test"),
            (0x00100010, "PN", "Smoke^Test"),
            (0x00100020, "LO", self.patient),
            (0x00100030, "DA", ""),
            (0x00100040, "CS", "O"),
            (0x0020000D, "UI", self.study),
            (0x0020000E, "UI", self.series),
            (0x00200010, "SH", "1"),
            (0x00200011, "IS", "1"),
            (0x00200013, "IS", "1"),
            (0x00280002, "US", 1),
            (0x00280004, "CS", "MONOCHROME2"),
            (0x00280008, "IS", "2"),
            (0x00280010, "US", SIDE),
            (0x00280011, "US", SIDE),
            (0x00280100, "US", 8),
            (0x00280101, "US", 8),
            (0x00280102, "US", 7),
            (0x00280103, "US", 0),
            (0x00990010, "LO", PRIVATE_CREATOR),
            (int(PRIVATE_TAG, 16), "LO", PRIVATE_VALUE),
            (0x7FE00010, "OB", b"".join(self.frames)),
        ]
        meta = b"".join(
            (
                element(0x00020001, "OB", b"\0\1"),
                element(0x00020002, "UI", MULTIFRAME_GREYSCALE),
                element(0x00020003, "UI", self.instance),
                element(0x00020010, "UI", EXPLICIT_LITTLE),
                element(0x00020012, "UI", "2.25.329800735698586629295641978511506172918"),
            )
        )
        group = element(0x00020000, "UL", struct.pack("<I", len(meta)))
        return bytes(128) + b"DICM" + group + meta + b"".join(element(*each) for each in elements)


def element(tag: int, vr: str, value: str | int | bytes) -> bytes:
    """One data element (PS3.5 section 7.1.2)."""
    if isinstance(value, int):
        value = struct.pack("<H", value)
    if isinstance(value, str):
        value = value.encode()
    if len(value) % 2:
        value += b"\0" if vr in {"UI", "OB"} else b" "
    head = struct.pack("<HH", tag >> 16, tag & 0xFFFF) + vr.encode()
    if vr in LONG:
        return head + struct.pack("<HI", 0, len(value)) + value
    return head + struct.pack("<H", len(value)) + value


def multipart(part: bytes) -> tuple[bytes, str]:
    """A body of one DICOM file, and its Content-Type."""
    boundary = uuid.uuid4().hex
    head = f"--{boundary}\r\nContent-Type: application/dicom\r\n\r\n".encode()
    body = head + part + f"\r\n--{boundary}--\r\n".encode()
    return body, f'multipart/related; type="application/dicom"; boundary={boundary}'


def parts_of(answer: Answer) -> list[bytes]:
    """The bodies of a multipart answer."""
    for parameter in answer.header("content-type").split(";")[1:]:
        name, _, value = parameter.strip().partition("=")
        if name.lower() == "boundary":
            mark = b"--" + value.strip('"').encode()
            pieces = answer.body.split(mark)[1:-1]
            return [piece.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n") for piece in pieces]
    raise Failed(f"no boundary in Content-Type {answer.header('content-type')!r}")


# --- the sections --------------------------------------------------------------------------------


def health(server: Server, sent: Study) -> None:
    server.expect(server.ask("GET", "/health", accept="*/*"), 200, of="GET /health")
    checked = server.ask("GET", "/health/check", accept="*/*")
    document = server.expect(checked, 200, of="GET /health/check").json()
    server.check(document.get("overallStatus") == "Healthy", f"overallStatus: {document}")
    ready = server.ask("GET", "/ready", accept="*/*")
    server.expect(ready, 200, of="GET /ready")


def make(server: Server, sent: Study) -> None:
    data = sent.file()
    server.check(data[128:132] == b"DICM", "the file made here is no DICOM file")
    server.check(data.endswith(sent.frames[1]), "the pixel data is not at the end")


def store(server: Server, sent: Study) -> None:
    body, content_type = multipart(sent.file())
    answer = server.ask("POST", "studies", body, content_type=content_type)
    stored = server.expect(answer, 200, of="POST studies").json()
    item = stored["00081199"]["Value"][0]
    server.check(item["00081155"]["Value"] == [sent.instance], f"ReferencedSOPSequence: {stored}")
    again = server.ask("POST", f"studies/{sent.study}", body, content_type=content_type)
    reasons = server.expect(again, 409, of="the same once more").json()["00081198"]["Value"]
    server.check(reasons[0]["00081197"]["Value"] == [45070], f"FailureReason: {reasons}")


def search(server: Server, sent: Study) -> None:
    everything = server.expect(server.ask("GET", "studies"), 200, of="all studies").json()
    server.check(bool(everything), "no study is found")
    server.check(found(server, f"studies?PatientID={sent.patient}") == [sent.study], "by PatientID")
    name = "studies?fuzzymatching=true&PatientName=smo"
    server.check(sent.study in found(server, f"{name}&PatientID={sent.patient}"), "by fuzzy name")
    wild = urllib.parse.quote(f"{sent.patient[:-2]}*")
    # The Azure service knows no wildcards and takes an asterisk for one; PS3.18 knows them.
    server.check(found(server, f"studies?PatientID={wild}") == [], "an asterisk is a character")
    standard = f"/dicom-web/{server.within}studies?PatientID={wild}"
    server.check(found(server, standard) == [sent.study], "by wildcard on /dicom-web")
    below = found(server, f"studies/{sent.study}/series", "0020000E")
    server.check(below == [sent.series], "series of the study")
    below = found(
        server, f"{sent.path.rpartition('/')[0]}?SOPInstanceUID={sent.instance}", "00080018"
    )
    server.check(below == [sent.instance], "instances of the series")
    server.expect(server.ask("GET", "studies?limit=0"), 400, of="limit=0")


def found(server: Server, path: str, key: str = "0020000D") -> list[str]:
    answer = server.expect(server.ask("GET", path), 200, 204, of=path)
    return [each[key]["Value"][0] for each in answer.json() or []]


def retrieve(server: Server, sent: Study) -> None:
    whole = 'multipart/related; type="application/dicom"; transfer-syntax=*'
    for path in (f"studies/{sent.study}", sent.path.rpartition("/instances")[0], sent.path):
        answer = server.expect(server.ask("GET", path, accept=whole), 200, of=path)
        server.check(parts_of(answer) == [sent.file()], f"{path}: not what was stored")
    single = "application/dicom; transfer-syntax=*"
    answer = server.expect(server.ask("GET", sent.path, accept=single), 200, of="a single part")
    server.check(answer.body == sent.file(), "a single part: not what was stored")
    metadata = server.ask("GET", f"{sent.path}/metadata")
    (document,) = server.expect(metadata, 200, of="metadata").json()
    server.check(document["00100020"]["Value"] == [sent.patient], "metadata: another patient")
    server.check("7FE00010" not in document, "metadata holds pixel data")
    tag = metadata.header("etag")
    server.check(bool(tag), "metadata has no ETag")
    unknown = server.ask("GET", f"studies/{new_uid()}/metadata")
    server.expect(unknown, 404, of="metadata of an unknown study")


def frames(server: Server, sent: Study) -> None:
    multi = 'multipart/related; type="application/octet-stream"; transfer-syntax=*'
    both = server.ask("GET", f"{sent.path}/frames/2,1", accept=multi)
    server.expect(both, 200, of="frames 2,1")
    server.check(parts_of(both) == sent.frames[::-1], "frames 2,1: other bytes")
    one = server.ask("GET", f"{sent.path}/frames/1", accept="application/octet-stream")
    server.check(
        server.expect(one, 200, of="frame 1").body == sent.frames[0], "frame 1: other bytes"
    )
    server.expect(server.ask("GET", f"{sent.path}/frames/3", accept=multi), 404, of="frame 3")
    server.expect(server.ask("GET", f"{sent.path}/frames/0", accept=multi), 400, of="frame 0")


def rendered(server: Server, sent: Study) -> None:
    beginnings = {"image/jpeg": b"\xff\xd8\xff", "image/png": b"\x89PNG\r\n\x1a\n"}
    for media_type, beginning in beginnings.items():
        for path in (f"{sent.path}/rendered", f"{sent.path}/frames/2/rendered"):
            answer = server.expect(server.ask("GET", path, accept=media_type), 200, of=path)
            server.check(answer.body.startswith(beginning), f"{path} is no {media_type}")


def change_feed(server: Server, sent: Study) -> None:
    entries = entries_of(server, sent)
    server.check(list(entries) == ["create"], f"entries of the instance: {list(entries)}")
    entry = entries["create"]
    server.check(str(entry["state"]).lower() == "current", f"state: {entry['state']}")
    server.check(entry["metadata"]["00100020"]["Value"] == [sent.patient], "its metadata")
    latest = server.ask("GET", "changefeed/latest?includeMetadata=false", accept="application/json")
    newest = server.expect(latest, 200, of="changefeed/latest").json()
    server.check(newest["sequence"] >= entry["sequence"], "latest is older than our entry")


def entries_of(server: Server, sent: Study) -> dict[str, Any]:
    """The entries of our instance by what happened, found as the service's clients find them."""
    pages = windows if server.surface == "v2" else sequences
    return {
        str(entry["action"]).lower(): entry
        for page in pages(server, sent)
        for entry in page
        if entry["sopInstanceUid"] == sent.instance
    }


def windows(server: Server, sent: Study) -> Iterator[list[Any]]:
    begun = urllib.parse.quote(sent.begun.replace(microsecond=0).isoformat())
    offset, limit = 0, 200
    while True:
        path = f"changefeed?startTime={begun}&offset={offset}&limit={limit}"
        page = server.ask("GET", path, accept="application/json")
        entries = server.expect(page, 200, of=path).json()
        yield entries
        if len(entries) < limit:
            return
        offset += limit


def sequences(server: Server, sent: Study) -> Iterator[list[Any]]:
    latest = server.ask("GET", "changefeed/latest?includeMetadata=false", accept="application/json")
    newest = server.expect(latest, 200, of="changefeed/latest").json()["sequence"]
    limit = 100
    for offset in range(max(0, newest - 500), newest, limit):
        path = f"changefeed?offset={offset}&limit={limit}"
        page = server.ask("GET", path, accept="application/json")
        yield server.expect(page, 200, of=path).json()


def extended_query_tags(server: Server, sent: Study) -> None:
    server.ask("DELETE", f"extendedquerytags/{PRIVATE_TAG}")  # of a run that broke off
    wanted = {
        "path": PRIVATE_TAG,
        "vr": "LO",
        "privateCreator": PRIVATE_CREATOR,
        "level": "Instance",
    }
    started = _post(server, "extendedquerytags", [wanted])
    operation = server.expect(started, 202, of="POST extendedquerytags").json()
    server.check(bool(started.header("location")), "no Location of the operation")
    ended = wait_for(server, operation["href"])
    server.check(ended["type"].lower() == "reindex", f"its type: {ended}")
    one = server.ask("GET", f"extendedquerytags/{PRIVATE_TAG}", accept="application/json")
    tag = server.expect(one, 200, of="the tag").json()
    server.check(tag["status"].lower() == "ready", f"the tag after its operation: {tag}")
    listed = server.ask("GET", "extendedquerytags?limit=200", accept="application/json")
    paths = [each["path"] for each in server.expect(listed, 200, of="the list").json()]
    server.check(PRIVATE_TAG in paths, f"the list: {paths}")
    value = urllib.parse.quote(PRIVATE_VALUE)
    path = f"studies/{sent.study}/instances?{PRIVATE_TAG}={value}"
    server.check(found(server, path, "00080018") == [sent.instance], "a search by the tag")
    server.expect(_post(server, "extendedquerytags", [wanted]), 409, of="the tag once more")
    errors = server.ask("GET", f"extendedquerytags/{PRIVATE_TAG}/errors", accept="application/json")
    server.check(server.expect(errors, 200, of="its errors").json() == [], "the tag has errors")
    body = json.dumps({"queryStatus": "Disabled"}).encode()
    patched = server.ask(
        "PATCH",
        f"extendedquerytags/{PRIVATE_TAG}",
        body,
        accept="application/json",
        content_type="application/json",
    )
    status = server.expect(patched, 200, of="PATCH").json()["queryStatus"]
    server.check(status.lower() == "disabled", f"queryStatus: {status}")
    server.expect(server.ask("GET", path), 400, of="a search by the disabled tag")
    server.expect(server.ask("DELETE", f"extendedquerytags/{PRIVATE_TAG}"), 204, of="DELETE")


def operations(server: Server, sent: Study) -> None:
    unknown = server.ask("GET", f"operations/{uuid.uuid4().hex}", accept="application/json")
    server.expect(unknown, 404, of="an unknown operation")
    bad = server.ask("GET", "operations/nonsense", accept="application/json")
    server.expect(bad, 400, of="an operation that is no identifier")
    if server.surface != "v2":
        return  # bulk update is of v2
    changes = {"00081030": {"vr": "LO", "Value": ["Smoke test, updated"]}}
    asked = {"studyInstanceUids": [sent.study], "changeDataset": changes}
    started = _post(server, "studies/$bulkUpdate", asked)
    operation = server.expect(started, 202, of="POST studies/$bulkUpdate").json()
    ended = wait_for(server, operation["href"])
    server.check(ended["results"]["instanceUpdated"] == 1, f"its results: {ended}")
    (document,) = server.ask("GET", f"{sent.path}/metadata").json()
    told = document["00081030"]["Value"]
    server.check(told == ["Smoke test, updated"], f"StudyDescription after the update: {told}")
    server.check("update" in entries_of(server, sent), "no Update in the change feed")


def wait_for(server: Server, href: str) -> Any:
    """Follow an operation to its end."""
    until = time.monotonic() + server.seconds
    while True:
        answer = server.ask("GET", href, accept="application/json")
        document = server.expect(answer, 200, 202, of=f"GET {href}").json()
        if answer.status == 200:
            break
        if time.monotonic() > until:
            raise Failed(f"{href} did not end within {server.seconds:g} s: {document}")
        time.sleep(0.1)
    ended = "completed" if server.surface == "v1" else "succeeded"
    server.check(document["status"].lower() == ended, f"the operation ended as {document}")
    return document


def workitems(server: Server, sent: Study) -> None:
    workitem = new_uid()
    created = _post(server, f"workitems?{workitem}", [WORKITEM], content_type=JSON)
    server.expect(created, 201, of="POST workitems")
    server.check(workitem in created.header("location"), "Location of the work item")
    got = server.ask("GET", f"workitems/{workitem}")
    state = as_one(server.expect(got, 200, of="GET the work item").json())["00741000"]["Value"]
    server.check(state == ["SCHEDULED"], f"its state: {state}")
    listed = server.ask("GET", "workitems?00741000=SCHEDULED&limit=200")
    uids = [each["00080018"]["Value"][0] for each in server.expect(listed, 200, of="search").json()]
    server.check(workitem in uids, "the search does not find it")
    transaction = new_uid()
    claim = {
        "00081195": {"vr": "UI", "Value": [transaction]},
        "00741000": {"vr": "CS", "Value": ["IN PROGRESS"]},
    }
    body = json.dumps([claim]).encode()
    path = f"workitems/{workitem}/state"
    server.expect(server.ask("PUT", path, body, content_type=JSON), 200, of="PUT IN PROGRESS")
    got = server.ask("GET", f"workitems/{workitem}")
    document = as_one(server.expect(got, 200, of="GET in progress").json())
    server.check(document["00741000"]["Value"] == ["IN PROGRESS"], "its state after that")
    server.check("00081195" not in document, "the transaction UID is told to others")


def as_one(document: Any) -> Any:
    """A data set, or the only one of a list."""
    return document[0] if isinstance(document, list) else document


def delete(server: Server, sent: Study) -> None:
    study = f"studies/{sent.study}"
    server.expect(server.ask("DELETE", study, accept="*/*"), 204, of="DELETE the study")
    server.expect(server.ask("GET", f"{study}/metadata"), 404, of="its metadata after that")
    server.check(found(server, f"studies?PatientID={sent.patient}") == [], "it is still found")
    server.expect(server.ask("DELETE", study, accept="*/*"), 404, of="DELETE once more")
    entries = entries_of(server, sent)
    server.check("delete" in entries, f"the change feed says {list(entries)}")
    states = {str(entry["state"]).lower() for entry in entries.values()}
    server.check(states == {"deleted"}, f"states in the change feed: {states}")
    server.check(all("metadata" not in each for each in entries.values()), "metadata is told")


def _post(
    server: Server, path: str, content: object, *, content_type: str = "application/json"
) -> Answer:
    accept = JSON if content_type == JSON else "application/json"
    body = json.dumps(content).encode()
    return server.ask("POST", path, body, accept=accept, content_type=content_type)


def _code(value: str, meaning: str) -> dict[str, Any]:
    return {
        "00080100": {"vr": "SH", "Value": [value]},
        "00080102": {"vr": "SH", "Value": ["99SMOKE"]},
        "00080104": {"vr": "LO", "Value": [meaning]},
    }


def _empty(*elements: str) -> dict[str, Any]:
    """`GGGGEEEE VR` each: present, without a value."""
    return {each[:8]: {"vr": each[9:]} for each in elements}


WORKITEM = {
    **_empty(
        "00081195 UI", "00741210 SQ", "00404026 SQ", "00404027 SQ", "00404025 SQ", "00400400 LT",
        "00404021 SQ", "00100010 PN", "00100030 DA", "00100040 CS", "00380010 LO", "00380014 SQ",
        "00081080 LO", "00081084 SQ", "00101002 SQ", "00100021 LO", "00100024 SQ", "0040A370 SQ",
        "00741002 SQ", "00741216 SQ",
    ),
    "00741200": {"vr": "CS", "Value": ["MEDIUM"]},
    "00741202": {"vr": "LO", "Value": ["worklist"]},
    "00741204": {"vr": "LO", "Value": ["Smoke test"]},
    "00404005": {"vr": "DT", "Value": ["20260102030405"]},
    "00404018": {"vr": "SQ", "Value": [_code("SMOKE", "Smoke test")]},
    "00404041": {"vr": "CS", "Value": ["READY"]},
}  # fmt: skip

Section = Callable[[Server, Study], None]
SECTIONS: dict[str, Section] = {
    "health": health,
    "make an instance": make,
    "store (STOW-RS)": store,
    "search (QIDO-RS)": search,
    "retrieve (WADO-RS)": retrieve,
    "frames": frames,
    "rendered": rendered,
    "change feed": change_feed,
    "extended query tags": extended_query_tags,
    "operations, bulk update": operations,
    "work items (UPS-RS)": workitems,
    "delete, and the feed's word of it": delete,
}


@contextmanager
def told(name: str, number: int, server: Server, failures: list[str]) -> Iterator[None]:
    """Write the line of a section, whatever comes of it."""
    before, began = server.checks, time.perf_counter()
    text = ""
    try:
        yield
    except Failed as failed:
        text = str(failed)
    except (OSError, ValueError, KeyError, IndexError, TypeError) as error:
        text = f"{type(error).__name__}: {error}"
    milliseconds = (time.perf_counter() - began) * 1000
    word = "FAILED" if text else "ok"
    passed = f"{server.checks - before} checks, {milliseconds:.0f} ms"
    print(f"{number:2}. {name:<36} {word:<6} {passed}", flush=True)
    if text:
        print(f"    {text}", flush=True)
        failures.append(name)


def main(arguments: list[str] | None = None) -> int:
    """Run every section; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("url", help="such as http://localhost:8080")
    parser.add_argument("--surface", choices=("v1", "v2"), default="v2")
    parser.add_argument("--token", default="", help="bearer token or API key")
    parser.add_argument("--partition", default="", help="where there are data partitions: which")
    parser.add_argument("--seconds", type=float, default=30, help="longest wait for an answer")
    given = parser.parse_args(arguments)
    if not given.url.startswith(("http://", "https://")):
        parser.error("URL should begin with http:// or https://")
    server = Server(
        given.url.rstrip("/"), given.surface, given.token, given.seconds, given.partition
    )
    sent, failures = Study(), list[str]()
    print(f"{server.url}/{server.surface}")
    for number, (name, section) in enumerate(SECTIONS.items(), 1):
        with told(name, number, server, failures):
            section(server, sent)
    if failures:
        print(f"FAILED: {', '.join(failures)}")
        return 1
    print(f"ALL PASSED: {len(SECTIONS)} sections, {server.checks} checks")
    return 0


if __name__ == "__main__":
    sys.exit(main())
