"""Leaving the server: what has begun is finished, the rest is told."""

import asyncio
import threading
from pathlib import Path

import pytest
import structlog

from tests.peers.dimse_archive import dimse_archive, until
from tests.peers.instances import a_ct_instance, dataset_bytes
from tests.peers.scripted_dimse import (
    A_ABORT,
    DATASET,
    LAST_COMMAND,
    p_data,
    pdv,
    scripted_peer,
    status_in,
    store_command,
)


async def test_a_store_that_has_begun_is_finished_and_answered(tmp_path: Path) -> None:
    gate = asyncio.Event()
    instance = a_ct_instance()
    async with dimse_archive(tmp_path) as archive, scripted_peer(archive.port) as peer:
        await peer.associate()
        archive.objects.before_put = gate.wait  # type: ignore[assignment]
        storing = asyncio.create_task(peer.store(instance.SOPInstanceUID, dataset_bytes(instance)))
        await until(lambda: archive.ingest.in_flight == 1)
        stopping = asyncio.create_task(archive.server.__aexit__(None, None, None))
        await until(lambda: not archive.server.listening)
        assert not stopping.done()

        gate.set()
        response = await storing
        await stopping

        assert status_in(response) == 0x0000
        assert (await peer.receive())[0] == A_ABORT


async def test_a_store_that_begins_too_late_hears_of_it(tmp_path: Path) -> None:
    gate = asyncio.Event()
    first, second = a_ct_instance(), a_ct_instance()
    async with (
        dimse_archive(tmp_path) as archive,
        scripted_peer(archive.port) as early,
        scripted_peer(archive.port) as late,
    ):
        await early.associate()
        await late.associate()
        archive.objects.before_put = gate.wait  # type: ignore[assignment]
        storing = asyncio.create_task(early.store(first.SOPInstanceUID, dataset_bytes(first)))
        await until(lambda: archive.ingest.in_flight == 1)
        stopping = asyncio.create_task(archive.server.__aexit__(None, None, None))
        await until(lambda: not archive.server.listening)

        refused = await late.store(second.SOPInstanceUID, dataset_bytes(second))
        gate.set()
        kept = await storing
        await stopping

        assert status_in(refused) == 0xA700
        assert status_in(kept) == 0x0000
        assert len(archive.objects.held) == 1


async def test_a_store_that_takes_too_long_is_not_waited_for(tmp_path: Path) -> None:
    gate = asyncio.Event()
    instance = a_ct_instance()
    with structlog.testing.capture_logs() as events:
        async with (
            dimse_archive(tmp_path, shutdown_seconds=0.2, store_seconds=3.0) as archive,
            scripted_peer(archive.port) as peer,
        ):
            await peer.associate()
            archive.objects.before_put = gate.wait  # type: ignore[assignment]
            storing = asyncio.create_task(
                peer.store(instance.SOPInstanceUID, dataset_bytes(instance))
            )
            await until(lambda: archive.ingest.in_flight == 1)
            await archive.server.__aexit__(None, None, None)
            gate.set()
            with pytest.raises((AssertionError, asyncio.IncompleteReadError, ConnectionError)):
                await storing

    (stopped, *_) = (event for event in events if event["event"] == "dimse_stopped")
    assert stopped["unfinished"] == 1


async def test_idle_and_half_sent_associations_are_aborted_and_no_thread_stays(
    tmp_path: Path,
) -> None:
    async with dimse_archive(tmp_path) as archive:
        async with (
            scripted_peer(archive.port) as idle,
            scripted_peer(archive.port) as half,
            scripted_peer(archive.port) as unheard,
        ):
            await idle.associate()
            await half.associate()
            await half.send(p_data(pdv(LAST_COMMAND, store_command("1.2"))))
            await half.send(p_data(pdv(DATASET, bytes(1000)))[:500])

            await archive.server.__aexit__(None, None, None)

            assert (await idle.receive())[0] == A_ABORT
            await half.ends()
            assert await unheard.ends()
        assert archive.server.associations == 0
        names = {thread.name for thread in threading.enumerate()}
        assert not names & {"dimse-association", "dimse-upper-layer"}
