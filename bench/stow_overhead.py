"""What HTTP and multipart cost per part, beyond a server that only receives the bytes.

    python -m bench.stow_overhead

Both servers run in this process on uvicorn; the archive behind the store route answers at once.
Figures are processor time of the server's thread, in microseconds per part.
"""

import multiprocessing
import os
import socket
import tempfile
import threading
import time
from pathlib import Path

import uvicorn
from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from hilum.adapters.storage.spool import DiskSpool
from hilum.domain.instances import Arrival, Disposition, Outcome
from hilum.inbound.dicomweb.stow import stow_router
from hilum.wire.multipart_writer import MultipartWriter
from hilum.wire.surfaces import STANDARD

REQUESTS = 40
WORKLOADS = ((20, 33_000), (15, 525_000))


async def receive_only(_: Scope, receive: Receive, send: Send) -> None:
    """The bare server: reads the body and says that it did."""
    while (await receive()).get("more_body"):
        pass
    headers = [(b"content-length", b"2")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"ok"})


async def answer_at_once(_: Arrival) -> Outcome:
    return Outcome(Disposition.CREATED)


def store(folder: Path) -> ASGIApp:
    app = FastAPI()
    spool = DiskSpool(folder, reserve_bytes=0)
    app.include_router(stow_router(answer_at_once, spool, STANDARD), prefix=STANDARD.prefix)
    return app


def a_request(parts: int, size: int) -> bytes:
    writer = MultipartWriter()
    body = b"".join(writer.part_head("application/dicom") + os.urandom(size) for _ in range(parts))
    body += writer.end()
    head = (
        f"POST /dicom-web/studies HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n"
        f"Content-Type: {writer.content_type('application/dicom')}\r\n\r\n"
    )
    return head.encode() + body


def send(address: tuple[str, int], request: bytes) -> None:
    with socket.create_connection(address) as client:
        for _ in range(REQUESTS):
            client.sendall(request)
            answer = b""
            while b"\r\n\r\n" not in answer:
                answer += client.recv(65_536)
            head, _, body = answer.partition(b"\r\n\r\n")
            assert b" 200 OK" in head, head
            length = int(head.lower().partition(b"content-length: ")[2].split()[0])
            while len(body) < length:
                body += client.recv(65_536)


def microseconds_per_part(app: ASGIApp, parts: int, size: int) -> float:
    """Serve `app` in a thread, send it requests from another process, return what it cost."""
    marks: list[float] = []

    async def timed(scope: Scope, receive: Receive, send: Send) -> None:
        marks.append(time.thread_time())
        await app(scope, receive, send)
        marks.append(time.thread_time())

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        server = uvicorn.Server(
            uvicorn.Config(
                timed, http="httptools", loop="uvloop", log_level="error", lifespan="off"
            )
        )
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        request = (listener.getsockname(), a_request(parts, size))
        client = multiprocessing.get_context("spawn").Process(target=send, args=request)
        client.start()
        client.join()
        assert client.exitcode == 0
        server.should_exit = True
        thread.join()
    warm = marks[len(marks) // 4 :]
    return (warm[-1] - warm[0]) / (len(warm) / 2) / parts * 1e6


def main() -> None:
    print(f"{'parts':>14} {'bare':>8} {'store':>8} {'beyond':>8}   us of CPU per part")
    with tempfile.TemporaryDirectory() as folder:
        for parts, size in WORKLOADS:
            pairs = [
                (
                    microseconds_per_part(receive_only, parts, size),
                    microseconds_per_part(store(Path(folder)), parts, size),
                )
                for _ in range(3)
            ]
            bare, full = (sorted(each)[1] for each in zip(*pairs, strict=True))
            label = f"{parts} x {size // 1000} KB"
            print(f"{label:>14} {bare:8.0f} {full:8.0f} {full - bare:8.0f}")


if __name__ == "__main__":
    main()
