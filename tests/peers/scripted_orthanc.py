"""An HTTP server on a real socket that answers as Orthanc's REST API, or as a test tells it to."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

Answer = tuple[int, bytes]
Script = Callable[[str], Awaitable[bytes | None] | bytes | None]


def orthanc_id(number: int) -> str:
    """A name as Orthanc makes them."""
    text = f"{number:040x}"
    return "-".join(text[start : start + 8] for start in range(0, 40, 8))


@dataclass
class ScriptedStudy:
    uid: str
    series: dict[str, dict[str, bytes]]
    """Instances by series, bytes by instance."""
    updated: str = "20260101T000000"
    stable: bool = True


@dataclass
class ScriptedOrthanc:
    """Its content is what a test puts here; `script` may answer anything itself.

    `script(path)` returns the bytes to send as they are (they need not be HTTP), or None to have
    the request answered as usual.
    """

    port: int = 0
    studies: dict[str, ScriptedStudy] = field(default_factory=dict)
    changes: list[dict[str, object]] = field(default_factory=list)
    script: Script = lambda _path: None
    requests: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    connections: int = 0
    busy: int = 0
    busiest: int = 0
    _server: asyncio.Server | None = None
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def add_study(self, number: int, uid: str, *instances: bytes, stable: bool = True) -> str:
        """A study with one series, and the change that says so; its id."""
        study, series = orthanc_id(number), orthanc_id(number + 1000)
        files = {orthanc_id(number * 10_000 + 5000 + at): data for at, data in enumerate(instances)}
        self.studies[study] = ScriptedStudy(uid, {series: files}, stable=stable)
        self.change("NewStudy", study)
        if stable:
            self.change("StableStudy", study)
        return study

    def change(self, kind: str, source_id: str) -> None:
        sequence = len(self.changes) + 1
        self.changes.append(
            {"Seq": sequence, "ChangeType": kind, "ID": source_id, "Date": f"D{sequence}"}
        )

    def asked(self, part: str) -> int:
        """How many requests had `part` in their path."""
        return sum(part in path for path in self.requests)

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        for writer in list(self._writers):
            writer.close()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.add(writer)
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                if not await self._respond(head.decode(), writer):
                    return
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _respond(self, head: str, writer: asyncio.StreamWriter) -> bool:
        lines = head.split("\r\n")
        path = lines[0].split(" ")[1]
        self.requests.append(path)
        fields = dict(line.split(": ", 1) for line in lines[1:] if line)
        self.headers.append({name.lower(): value for name, value in fields.items()})
        self.busy += 1
        self.busiest = max(self.busiest, self.busy)
        try:
            answer = self.script(path)
            if asyncio.iscoroutine(answer):
                answer = await answer
            await asyncio.sleep(0)
            raw = answer if isinstance(answer, bytes) else http(*self._usual(path))
            writer.write(raw)
            await writer.drain()
            # What is no complete answer ends with the connection.
            return raw.startswith(b"HTTP/1.1") and b"\r\nbroken: " not in raw and raw != b""
        finally:
            self.busy -= 1

    def _usual(self, path: str) -> Answer:
        path, _, query = path.partition("?")
        options = dict(each.partition("=")[::2] for each in query.split("&") if each)
        _, kind, *rest = path.split("/")
        if kind == "changes":
            return 200, _json(self._changes(options))
        if kind == "studies" and not rest:
            since, limit = int(options["since"]), int(options["limit"])
            listed = list(self.studies)[since : since + limit]
            return 200, _json([self._study(each) for each in listed])
        if kind == "studies" and rest[0] in self.studies:
            return 200, _json(self._study(rest[0]))
        for study in self.studies.values():
            if kind == "series" and rest[0] in study.series:
                files = list(study.series[rest[0]])
                series = {"ID": rest[0], "LastUpdate": study.updated, "Instances": files}
                return 200, _json(series)
            for instances in study.series.values():
                if kind == "instances" and rest[0] in instances:
                    return 200, instances[rest[0]]
        return 404, b""

    def _changes(self, options: dict[str, str]) -> dict[str, object]:
        if "last" in options:
            return {"Changes": self.changes[-1:], "Done": True, "Last": len(self.changes)}
        since, limit = int(options["since"]), int(options["limit"])
        page = self.changes[since : since + limit]
        last = page[-1]["Seq"] if page else len(self.changes)
        return {"Changes": page, "Done": since + limit >= len(self.changes), "Last": last}

    def _study(self, study: str) -> dict[str, object]:
        facts = self.studies[study]
        return {
            "ID": study,
            "IsStable": facts.stable,
            "LastUpdate": facts.updated,
            "MainDicomTags": {"StudyInstanceUID": facts.uid},
            "Series": list(facts.series),
        }


def http(status: int, body: bytes, *, announced: int | None = None, more: str = "") -> bytes:
    """An answer; `announced` is a Content-Length that need not be true."""
    length = len(body) if announced is None else announced
    return f"HTTP/1.1 {status} X\r\nContent-Length: {length}\r\n{more}\r\n".encode() + body


def credentials(headers: dict[str, str]) -> str:
    """User and password of HTTP basic authentication."""
    return base64.b64decode(headers["authorization"].removeprefix("Basic ")).decode()


def _json(value: object) -> bytes:
    return json.dumps(value).encode()


@asynccontextmanager
async def scripted_orthanc() -> AsyncIterator[ScriptedOrthanc]:
    peer = ScriptedOrthanc()
    await peer.start()
    try:
        yield peer
    finally:
        await peer.stop()
