"""Forms as browsers, tools and attackers send them."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import httpx

from tests.instances import STUDY, a_dataset, part10

BOUNDARY = "boundary-of-a-test"
MULTIPART = f"multipart/form-data; boundary={BOUNDARY}"


class Client(Protocol):
    """Whoever talks to a server."""

    @property
    def client(self) -> httpx.AsyncClient: ...


def a_file(number: int = 1, **elements: object) -> bytes:
    """A small instance that every profile takes."""
    return part10(a_dataset(SOPInstanceUID=f"{STUDY}.9.{number}", **elements))


def part(content: bytes, disposition: str, *more: str) -> bytes:
    lines = [f"Content-Disposition: {disposition}", *more]
    return "\r\n".join([f"--{BOUNDARY}", *lines, "", ""]).encode() + content + b"\r\n"


def file_part(content: bytes, name: str = "image.dcm") -> bytes:
    return part(content, f'form-data; name="file"; filename="{name}"')


def form(*parts: bytes) -> bytes:
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


async def post(to: Client, body: Any, **headers: str) -> httpx.Response:
    return await to.client.post(
        "/upload", content=body, headers={"Content-Type": MULTIPART, **headers}
    )


async def settled(gateway: Client, study_id: str, **headers: str) -> dict[str, Any]:
    """The status once nothing happens any more."""
    async with asyncio.timeout(60):
        async with gateway.client.stream(
            "GET", f"/status/{study_id}/events", headers=headers
        ) as stream:
            async for _ in stream.aiter_bytes():
                pass
        answer = await gateway.client.get(f"/status/{study_id}", headers=headers)
    document: dict[str, Any] = answer.json()
    return document


async def names(gateway: Client, study_id: str) -> Sequence[str]:
    answer = await gateway.client.get(f"/status/{study_id}/files?limit=1000")
    return [each["name"] for each in answer.json()["files"]]


def problem_of(answer: httpx.Response) -> Mapping[str, Any]:
    assert answer.headers["content-type"] == "application/problem+json"
    told: Mapping[str, Any] = answer.json()
    return told
