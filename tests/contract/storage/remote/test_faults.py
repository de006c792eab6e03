"""What becomes of the errors of a store: typed, clear, and without names, keys or secrets."""

import threading
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import structlog

from hilum.adapters.storage.remote.objects import RemoteObjects
from hilum.adapters.storage.remote.options import Location, RemoteLimits, S3Access
from hilum.domain.errors import (
    ArchiveFault,
    ArchiveFull,
    ArchiveUnavailable,
    ObjectExists,
    ObjectMissing,
)
from hilum.domain.instances import InMemory
from tests.contract.storage.keys import a_key
from tests.contract.storage.remote.moody_s3 import MoodyS3, _Request
from tests.ports import free_port

SECRET = "a-secret-that-nobody-may-see"
_LIMITS = RemoteLimits(
    request_seconds=2,
    retries=2,
    retry_seconds=5,
    first_backoff_seconds=0.01,
    largest_backoff_seconds=0.02,
    operation_seconds=3,
    chunk_bytes=4096,
)


@pytest.fixture
def s3() -> Iterator[MoodyS3]:
    with MoodyS3().serving() as server:
        yield server


@pytest.fixture
async def objects(s3: MoodyS3, tmp_path: Path) -> AsyncIterator[RemoteObjects]:
    async with _store(s3.url, tmp_path) as store:
        yield store


def _store(url: str, folder: Path, limits: RemoteLimits = _LIMITS) -> RemoteObjects:
    secret = folder / "secret"
    secret.write_text(SECRET)
    access = S3Access(
        endpoint=url, region="us-east-1", access_key_id="AKIA", secret_access_key_file=secret
    )
    return RemoteObjects(Location("s3", "archive", "here"), access, limits, environment={})


@pytest.mark.parametrize(
    ("status", "code", "fault", "words"),
    [
        (403, "SignatureDoesNotMatch", ArchiveUnavailable, "refused the credentials"),
        (401, "", ArchiveUnavailable, "refused the credentials"),
        (403, "QuotaExceeded", ArchiveFull, "no space"),
        (507, "InsufficientStorage", ArchiveFull, "no space"),
        (500, "InternalError", ArchiveUnavailable, "500 InternalError"),
        (400, "InvalidRequest", ArchiveUnavailable, "400 InvalidRequest"),
        (404, "NoSuchBucket", ArchiveUnavailable, "no bucket"),
    ],
)
async def test_an_error_of_the_store_is_told_by_its_kind(
    s3: MoodyS3,
    objects: RemoteObjects,
    status: int,
    code: str,
    fault: type[ArchiveFault],
    words: str,
) -> None:
    s3.conditional = True
    await objects.put_once(a_key(1), InMemory(b"the trial of the server has passed"))
    s3.mood = lambda request: request.fail(status, code, f"the secret is {SECRET}")

    with pytest.raises(fault, match=words) as put:
        await objects.put_once(a_key(2), InMemory(b"x"))
    with pytest.raises(fault) as read:
        await objects.read(a_key(1), 0, 10)
    with pytest.raises(fault) as deleted:
        await objects.delete(a_key(1))
    with pytest.raises(ArchiveFault) as listed:
        _ = [stored async for stored in objects.list()]

    for error in (put, read, deleted, listed):
        text = str(error.getrepr(style="short")) + str(error.value)
        assert SECRET not in text
        assert "1.2.1.1" not in str(error.value), "a UID is told"
        assert "s3://archive/here" in str(error.value)


async def test_a_missing_bucket_is_no_missing_object(s3: MoodyS3, objects: RemoteObjects) -> None:
    s3.mood = lambda request: request.fail(404, "NoSuchBucket")

    with pytest.raises(ArchiveUnavailable, match="no bucket"):
        await objects.size(a_key())
    with pytest.raises(ArchiveUnavailable, match="no bucket"):
        await objects.delete(a_key())
    with pytest.raises(ArchiveUnavailable, match="no bucket"):
        await anext(aiter(objects.stream(a_key())))


async def test_an_error_that_passes_is_not_told(s3: MoodyS3, objects: RemoteObjects) -> None:
    left = [2]

    def busy(request: _Request) -> bool:
        left[0] -= 1
        return left[0] >= 0 and request.fail(503, "SlowDown")

    s3.mood = busy

    await objects.put_once(a_key(), InMemory(b"x"))

    assert await objects.read(a_key(), 0, 10) == b"x"


async def test_a_put_whose_answer_was_lost_is_a_put(s3: MoodyS3, objects: RemoteObjects) -> None:
    await objects.put_once(a_key(1), InMemory(b"the trial has passed"))
    lost = []

    def lose_one(request: _Request) -> bool:
        if request.command == "PUT" and not lost:
            lost.append(request.name)
            request.s3.held[request.name] = request.body
            return request.hang_up()
        return False

    s3.mood = lose_one

    await objects.put_once(a_key(2), InMemory(b"kept"))

    assert lost
    assert await objects.read(a_key(2), 0, 10) == b"kept"


@pytest.mark.slow
async def test_a_store_that_does_not_answer_is_given_up_in_time(
    s3: MoodyS3, objects: RemoteObjects
) -> None:
    await objects.put_once(a_key(1), InMemory(b"the trial has passed"))
    over = threading.Event()
    s3.mood = lambda request: over.wait(20) and request.hang_up()
    began = time.monotonic()

    try:
        with pytest.raises(ArchiveUnavailable, match=r"within 3 s|in time"):
            await objects.read(a_key(1), 0, 10)
    finally:
        over.set()

    assert time.monotonic() - began < 10


async def test_a_store_that_is_not_there_stops_the_start_with_one_line(tmp_path: Path) -> None:
    with pytest.raises(ArchiveUnavailable, match="cannot be reached") as error:
        async with _store(f"http://127.0.0.1:{free_port()}", tmp_path):
            pass

    assert "\n" not in str(error.value)


async def test_a_store_that_comes_back_is_used_again(tmp_path: Path) -> None:
    s3 = MoodyS3()
    with s3.serving():
        async with _store(s3.url, tmp_path) as objects:
            await objects.put_once(a_key(1), InMemory(b"before"))
    with pytest.raises(ArchiveUnavailable):
        await objects.put_once(a_key(2), InMemory(b"x"))
    with pytest.raises(ArchiveUnavailable):
        await objects.ping()

    with s3.serving():
        await objects.ping()
        await objects.put_once(a_key(2), InMemory(b"after"))

        assert await objects.read(a_key(1), 0, 10) == b"before"


@pytest.mark.parametrize("refuses", [True, False])
async def test_a_server_without_conditional_puts_is_found_out(
    s3: MoodyS3, objects: RemoteObjects, *, refuses: bool
) -> None:
    s3.conditional = False
    if refuses:
        s3.mood = lambda request: bool(
            request.headers.get("if-none-match") and request.fail(501, "NotImplemented")
        )

    with structlog.testing.capture_logs() as logs:
        await objects.put_once(a_key(), InMemory(b"first"))
        await objects.put_once(a_key(), InMemory(b"first"))
        with pytest.raises(ObjectExists):
            await objects.put_once(a_key(), InMemory(b"other"))

    assert await objects.read(a_key(), 0, 10) == b"first"
    assert [log["event"] for log in logs] == ["object_store_without_conditional_puts"]


async def test_a_name_that_is_taken_by_nothing_is_given_up_for_another(
    s3: MoodyS3, objects: RemoteObjects
) -> None:
    await objects.put_once(a_key(1), InMemory(b"the trial has passed"))
    s3.mood = lambda request: request.command == "PUT" and request.fail(412, "PreconditionFailed")

    with pytest.raises(ObjectExists, match="nothing lies there"):
        await objects.put_once(a_key(2), InMemory(b"x"))


async def test_a_confirmed_object_that_reads_back_otherwise_goes_again(
    s3: MoodyS3, tmp_path: Path
) -> None:
    def damage(request: _Request) -> bool:
        if request.command == "PUT" and "/objects/" in request.name:
            request.body = b"y" * len(request.body)
        return False

    s3.mood = damage
    async with _store(s3.url, tmp_path, replace(_LIMITS, verify="bytes")) as objects:
        with pytest.raises(ArchiveUnavailable, match="other bytes"):
            await objects.put_once(a_key(), InMemory(b"x"))

        assert await objects.size(a_key()) is None


async def test_a_stream_that_loses_its_object_ends_with_an_error(
    s3: MoodyS3, objects: RemoteObjects
) -> None:
    await objects.put_once(a_key(), InMemory(b"x" * 20_000))
    stream = objects.stream(a_key())
    await anext(aiter(stream))
    s3.held.clear()

    with pytest.raises(ObjectMissing):
        _ = [chunk async for chunk in stream]


async def test_a_reader_that_goes_away_leaves_no_request_behind(
    s3: MoodyS3, objects: RemoteObjects
) -> None:
    await objects.put_once(a_key(), InMemory(b"x" * 1_000_000))
    before = len(s3.requests)

    stream = objects.stream(a_key())
    await anext(aiter(stream))
    await stream.aclose()  # type: ignore[attr-defined]

    assert len(s3.requests) - before <= 3, "more than one range was read ahead"
