"""Orthanc's REST API over a real socket: good answers, bad answers, none."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from hilum.inbound.orthanc.client import OrthancClient
from hilum.inbound.orthanc.errors import (
    SourceFailed,
    SourceRefused,
    SourceUnavailable,
    UnknownAtSource,
)
from hilum.inbound.orthanc.options import OrthancSource
from tests.peers.scripted_orthanc import (
    ScriptedOrthanc,
    credentials,
    http,
    orthanc_id,
    scripted_orthanc,
)
from tests.ports import free_port

STUDY = orthanc_id(1)


@asynccontextmanager
async def a_client(**more: Any) -> AsyncIterator[tuple[OrthancClient, ScriptedOrthanc]]:
    async with scripted_orthanc() as peer:
        source = OrthancSource("main", peer.url, read_seconds=1, **more)
        async with OrthancClient(source) as client:
            yield client, peer


async def fetch(client: OrthancClient, number: int) -> None:
    async with client.instance(orthanc_id(number)) as chunks:
        async for _ in chunks:
            pass


async def test_a_study_is_read_without_its_patient() -> None:
    async with a_client() as (client, peer):
        study = peer.add_study(1, "1.2.3", b"one", b"two")

        facts = await client.study(study)
        series = await client.series(facts.series[0])

        assert (facts.study_instance_uid, facts.stable) == ("1.2.3", True)
        assert len(series.instances) == 2
        assert series.digest == (await client.series(facts.series[0])).digest


async def test_credentials_are_sent_and_compression_is_not_asked_for() -> None:
    async with a_client(username="hilum", password="päss:word") as (client, peer):
        peer.add_study(1, "1.2.3")

        await client.study(STUDY)

        assert credentials(peer.headers[0]) == "hilum:päss:word"
        assert peer.headers[0]["accept-encoding"] == "identity"


async def test_a_connection_that_the_other_side_closed_is_no_outage() -> None:
    async with a_client() as (client, peer):
        peer.add_study(1, "1.2.3")
        first = True

        def close_once(_path: str) -> bytes | None:
            nonlocal first
            first, was_first = False, first
            return b"" if was_first else None

        peer.script = close_once

        assert (await client.study(STUDY)).study_instance_uid == "1.2.3"
        assert peer.connections == 2


async def test_one_that_always_closes_is_an_outage() -> None:
    async with a_client() as (client, peer):
        peer.script = lambda _path: b""

        with pytest.raises(SourceUnavailable, match="closes connections"):
            await client.study(STUDY)


async def test_nobody_there_is_an_outage() -> None:
    source = OrthancSource("main", f"http://127.0.0.1:{free_port()}")
    async with OrthancClient(source) as client:
        with pytest.raises(SourceUnavailable, match="main cannot be reached"):
            await client.study(STUDY)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (404, UnknownAtSource),
        (401, SourceRefused),
        (403, SourceRefused),
        (429, SourceUnavailable),
        (503, SourceUnavailable),
        (500, SourceFailed),
        (302, SourceFailed),
        (204, SourceFailed),
    ],
)
async def test_each_status_says_what_it_means(status: int, error: type[Exception]) -> None:
    async with a_client() as (client, peer):
        peer.script = lambda _path: http(status, b"", more="Location: http://127.0.0.1:1/\r\n")

        with pytest.raises(error) as caught:
            await client.study(STUDY)

        assert type(caught.value) is error
        assert len(peer.requests) == 1


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no JSON",
        b"[]",
        b"{}",
        b'{"ID": 5, "Series": []}',
        b'{"ID": "../../x", "Series": [], "MainDicomTags": {}}',
        b'{"ID": "%s", "Series": ["/etc/passwd"], "MainDicomTags": {}}' % STUDY.encode(),
        b'{"ID": "%s", "Series": "all", "MainDicomTags": {}}' % STUDY.encode(),
        b'{"ID": "%s", "Series": [], "MainDicomTags": null}' % STUDY.encode(),
    ],
)
async def test_an_answer_of_another_form_is_refused(body: bytes) -> None:
    async with a_client() as (client, peer):
        peer.script = lambda _path: http(200, body)

        with pytest.raises(SourceFailed, match="does not document"):
            await client.study(STUDY)


@pytest.mark.parametrize(
    "body",
    [
        b'{"Changes": [{"Seq": "1"}], "Last": 1, "Done": true}',
        b'{"Changes": [], "Last": null, "Done": true}',
        b'{"Changes": [{"Seq": true, "ChangeType": "", "ID": "", "Date": ""}], "Last": 1}',
    ],
)
async def test_changes_of_another_form_are_refused(body: bytes) -> None:
    async with a_client() as (client, peer):
        peer.script = lambda _path: http(200, body)

        with pytest.raises(SourceFailed, match="does not document"):
            await client.changes(0, 10)


async def test_an_answer_that_never_ends_is_bounded() -> None:
    async with a_client(answer_bytes=1000) as (client, peer):
        peer.script = lambda _path: http(200, b"[" * 2000)

        with pytest.raises(SourceFailed, match="1,000 bytes"):
            await client.study(STUDY)


async def test_an_answer_that_stalls_is_given_up() -> None:
    async with a_client() as (client, peer):

        async def stall(_path: str) -> bytes:
            await asyncio.sleep(3)
            return b""

        peer.script = stall

        with pytest.raises(SourceFailed, match="within 1 s"):
            await client.study(STUDY)


async def test_an_instance_that_breaks_off_is_no_instance() -> None:
    async with a_client() as (client, peer):
        peer.script = lambda _path: http(200, b"half", announced=8, more="broken: yes\r\n")

        with pytest.raises(SourceFailed, match="broke off"):
            await fetch(client, 2)


async def test_no_more_instances_are_fetched_at_once_than_allowed() -> None:
    async with a_client(parallel_fetches=3) as (client, peer):

        async def slowly(_path: str) -> bytes:
            await asyncio.sleep(0.02)
            return http(200, b"data")

        peer.script = slowly

        await asyncio.gather(*(fetch(client, number) for number in range(20)))

        assert peer.busiest == 3
        assert peer.connections <= 4


def test_a_password_does_not_show() -> None:
    source = OrthancSource("main", "http://orthanc", "hilum", "secret-word")

    assert "secret-word" not in repr(source)
