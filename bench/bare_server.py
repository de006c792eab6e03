"""The yardstick: an ASGI server that receives STOW bodies, splits the parts, writes and syncs them.

It parses no DICOM, keeps no index and answers nothing useful: what remains is what the interpreter,
the HTTP server and the disk cost. Run: python -m bench.bare_server PORT FOLDER
"""

import asyncio
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import uvicorn
from starlette.types import Receive, Scope, Send

_WRITERS = ThreadPoolExecutor(4)


def _write(path: Path, part: memoryview) -> None:
    descriptor = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_EXCL)
    try:
        os.write(descriptor, part)
        os.fdatasync(descriptor)
    finally:
        os.close(descriptor)


class BareServer:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._count = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        body = bytearray()
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        headers = dict(scope["headers"])
        boundary = b"--" + headers[b"content-type"].split(b"boundary=")[1].strip(b'"')
        loop = asyncio.get_running_loop()
        writes = []
        view = memoryview(bytes(body))
        start = body.find(boundary)
        while (end := body.find(boundary, start + 1)) > 0:
            head = body.find(b"\r\n\r\n", start) + 4
            self._count += 1
            path = self._folder / f"{self._count}.dcm"
            writes.append(loop.run_in_executor(_WRITERS, _write, path, view[head : end - 2]))
            start = end
        await asyncio.gather(*writes)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"{}"})


if __name__ == "__main__":
    uvicorn.run(
        BareServer(Path(sys.argv[2])), port=int(sys.argv[1]), log_level="warning", lifespan="off"
    )
