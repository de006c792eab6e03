"""Peers that break the rules of the upper layer: bounded harm, a clear abort, others unharmed."""

import asyncio
import contextlib
import random
import resource
import struct
from pathlib import Path

import pytest

from tests.peers.dimse_archive import DimseArchive, dimse_archive, until
from tests.peers.instances import a_ct_instance, dataset_bytes
from tests.peers.scripted_dimse import (
    A_ABORT,
    A_ASSOCIATE_AC,
    COMMAND,
    DATASET,
    LAST_COMMAND,
    LAST_DATASET,
    ScriptedPeer,
    abort,
    associate_request,
    command,
    p_data,
    pdu,
    pdv,
    release_request,
    scripted_peer,
    status_in,
    store_command,
)


async def still_serves(archive: DimseArchive) -> bool:
    instance = a_ct_instance()
    async with scripted_peer(archive.port) as peer:
        await peer.associate()
        response = await peer.store(instance.SOPInstanceUID, dataset_bytes(instance))
    return status_in(response) == 0x0000


def resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


async def aborted(peer: ScriptedPeer) -> bool:
    """True when the next thing the server says is an A-ABORT, and then nothing."""
    kind, _ = await peer.receive()
    return kind == A_ABORT and await peer.ends()


@pytest.mark.parametrize(
    ("first", "reason"),
    [
        (pdu(1, b"", claimed_length=0xFFFFFFFF), "pdu-too-long"),
        (pdu(1, b"", claimed_length=(1 << 20) + 1), "pdu-too-long"),
        (pdu(4, b"", claimed_length=0xFFFFFFFF), "unexpected-pdu"),
        (pdu(7, b"", claimed_length=0xFFFFFFFF), "pdu-length"),
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "unknown-pdu"),
        (bytes(64), "unknown-pdu"),
        (pdu(1, bytes(67)), "undecodable-pdu"),
        (pdu(1, b"\xff" * 500), "undecodable-pdu"),
        (associate_request().replace(b"\1\0\0\0\x30", b"\2\0\0\0\x30"), "undecodable-pdu"),
    ],
    ids=[
        "4 GiB",
        "1 MiB + 1",
        "data first",
        "long abort",
        "http",
        "zeros",
        "short",
        "garbage",
        "even context id",
    ],
)
async def test_what_is_no_association_request_is_aborted(
    archive: DimseArchive, first: bytes, reason: str
) -> None:
    async with scripted_peer(archive.port) as peer:
        await peer.send(first)

        assert await aborted(peer)

    await until(lambda: archive.meter.violations == {reason: 1})
    assert await still_serves(archive)


async def test_a_claim_of_4_gib_takes_no_memory_and_no_more_bytes(archive: DimseArchive) -> None:
    before = resident_bytes()
    async with scripted_peer(archive.port) as peer:
        await peer.send(pdu(1, b"", claimed_length=0xFFFFFFFF))

        sent = await peer.send_until_refused(bytes(1 << 20), limit=256 << 20)

    assert sent < 64 << 20
    assert resident_bytes() - before < 32 << 20


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (pdu(4, b"", claimed_length=131_073), "pdu-too-long"),
        (pdu(4, b"", claimed_length=0xFFFFFFFF), "pdu-too-long"),
        (pdu(4, b""), "empty-pdu"),
        (pdu(4, b"\0\0\0"), "pdv-length"),
        (pdu(4, struct.pack(">LBB", 1, 1, 3)), "pdv-length"),
        (pdu(4, struct.pack(">LBB", 0xFFFFFFFF, 1, 3) + bytes(100)), "pdv-length"),
        (p_data(pdv(DATASET, b"data first")), "fragment-order"),
        (p_data(pdv(COMMAND, b"")), "command-length"),
        (p_data(pdv(LAST_COMMAND, b"garbage!!")), "malformed-command"),
        (p_data(pdv(LAST_COMMAND, store_command("1.2"), context_id=99)), "unknown-context"),
        (
            p_data(pdv(COMMAND, b"\0\0"), pdv(LAST_COMMAND, b"\0\0", context_id=3)),
            "fragment-order",
        ),
        (
            p_data(pdv(LAST_COMMAND, store_command("1.2")), pdv(COMMAND, b"\0\0")),
            "fragment-order",
        ),
        (
            p_data(
                pdv(LAST_COMMAND, store_command("1.2")),
                pdv(LAST_DATASET, b"\0\0"),
                pdv(LAST_COMMAND, store_command("1.2")),
            ),
            "unexpected-message",
        ),
        (pdu(9, b""), "unknown-pdu"),
        (associate_request(), "unexpected-pdu"),
        (pdu(2, bytes(70)), "unexpected-pdu"),
        (pdu(5, bytes(5)), "pdu-length"),
    ],
)
async def test_a_broken_rule_after_association_aborts_it(
    archive: DimseArchive, data: bytes, reason: str
) -> None:
    async with scripted_peer(archive.port) as peer:
        await peer.associate()
        await peer.send(data)

        assert await aborted(peer)

    await until(lambda: archive.meter.violations == {reason: 1})
    await until(lambda: archive.meter.closed == {"aborted": 1})
    assert await still_serves(archive)


async def test_data_before_the_answer_is_aborted(archive: DimseArchive) -> None:
    async with scripted_peer(archive.port) as peer:
        await peer.send(associate_request() + p_data(pdv(LAST_COMMAND, store_command("1.2"))) * 9)
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while (await peer.receive())[0] != A_ABORT:
                pass

    await until(lambda: archive.meter.violations.total() == 1)
    assert await still_serves(archive)


async def test_an_endless_command_set_is_cut(archive: DimseArchive) -> None:
    async with scripted_peer(archive.port) as peer:
        await peer.associate()

        sent = await peer.send_until_refused(p_data(pdv(COMMAND, bytes(60_000))), limit=64 << 20)

    assert sent < 16 << 20
    await until(lambda: archive.meter.violations == {"command-length": 1})


async def test_an_endless_query_is_cut(archive: DimseArchive) -> None:
    find = command({0x0100: b"\x20\0", 0x0110: b"\1\0", 0x0800: b"\1\0"})
    async with scripted_peer(archive.port) as peer:
        await peer.associate()
        await peer.send(p_data(pdv(LAST_COMMAND, find)))

        await peer.send_until_refused(p_data(pdv(DATASET, bytes(60_000))), limit=64 << 20)

    await until(lambda: archive.meter.violations == {"identifier-length": 1})


async def test_endless_empty_fragments_are_cut(tmp_path: Path) -> None:
    async with dimse_archive(tmp_path, dataset_fragments=1000) as archive:
        async with scripted_peer(archive.port) as peer:
            await peer.associate()
            await peer.send(p_data(pdv(LAST_COMMAND, store_command("1.2"))))

            await peer.send_until_refused(p_data(pdv(DATASET, b"")), limit=16 << 20)

        await until(lambda: archive.meter.violations == {"dataset-fragments": 1})


async def test_half_a_pdu_and_then_silence_is_aborted(tmp_path: Path) -> None:
    async with (
        dimse_archive(tmp_path, network_seconds=0.3) as archive,
        scripted_peer(archive.port) as peer,
    ):
        await peer.associate()
        await peer.send(p_data(pdv(LAST_COMMAND, store_command("1.2")))[:20])

        assert await aborted(peer)
        await until(lambda: archive.meter.violations == {"stalled-pdu": 1})


async def test_a_pdu_that_drips_is_aborted(tmp_path: Path) -> None:
    """Each byte comes in time, the whole does not."""
    async with (
        dimse_archive(tmp_path, network_seconds=0.5) as archive,
        scripted_peer(archive.port) as peer,
    ):
        await peer.associate()
        sent = await drip(peer, pdu(4, bytes(1000)), seconds=0.05)

        assert sent < 100
        await until(lambda: archive.meter.violations == {"stalled-pdu": 1})


async def drip(peer: ScriptedPeer, data: bytes, *, seconds: float) -> int:
    sent = 0
    with contextlib.suppress(ConnectionError):
        for start in range(len(data)):
            await peer.send(data[start : start + 1])
            await asyncio.sleep(seconds)
            sent += 1
            if sent >= 100:
                break
    return sent


async def test_a_request_that_drips_is_closed_when_artim_expires(tmp_path: Path) -> None:
    async with (
        dimse_archive(tmp_path, artim_seconds=0.5) as archive,
        scripted_peer(archive.port) as peer,
    ):
        assert await drip(peer, associate_request(), seconds=0.05) < 100
        await until(lambda: archive.server.listening)


@pytest.mark.parametrize("how", ["abort", "reset", "close"])
async def test_a_peer_that_goes_in_the_middle_of_a_data_set_leaves_nothing(
    tmp_path: Path, how: str
) -> None:
    instance = a_ct_instance(rows=60_000)
    async with dimse_archive(tmp_path, memory_dataset_bytes=10_000) as archive:
        async with scripted_peer(archive.port) as peer:
            await peer.associate()
            await peer.send(p_data(pdv(LAST_COMMAND, store_command(instance.SOPInstanceUID))))
            for _ in range(100):
                await peer.send(p_data(pdv(DATASET, bytes(16_000))))
            await until(lambda: bool(archive.spooled_files))
            if how == "abort":
                await peer.send(abort())
                assert await peer.ends()
            elif how == "reset":
                peer.reset()

        await until(lambda: archive.meter.closed.total() == 1)
        assert archive.spooled_files == []
        assert archive.objects.held == {}
        assert await still_serves(archive)


async def test_a_peer_that_does_not_wait_for_answers_fills_no_memory(archive: DimseArchive) -> None:
    """Requests sent ahead stay in the network until the one before is answered."""
    gate = asyncio.Event()
    archive.objects.before_put = gate.wait  # type: ignore[assignment]
    instance = a_ct_instance(rows=50_000)
    request = p_data(pdv(LAST_COMMAND, store_command(instance.SOPInstanceUID)))
    data = dataset_bytes(instance)
    for start in range(0, len(data), 100_000):
        last = start + 100_000 >= len(data)
        fragment = data[start : start + 100_000]
        request += p_data(pdv(LAST_DATASET if last else DATASET, fragment))
    async with scripted_peer(archive.port) as peer:
        await peer.associate()
        before = resident_bytes()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1.0):
                for _ in range(200):
                    await peer.send(request)
        grown = resident_bytes() - before
        gate.set()

        assert grown < 64 << 20
        for _ in range(5):
            _, body = await peer.receive()
            assert status_in(body) == 0x0000


@pytest.mark.parametrize("seed", range(60))
async def test_random_damage_never_stops_the_server(archive: DimseArchive, seed: int) -> None:
    chance = random.Random(seed)
    instance = a_ct_instance()
    request = bytearray(associate_request())
    messages = bytearray(
        p_data(pdv(LAST_COMMAND, store_command(instance.SOPInstanceUID)))
        + p_data(pdv(LAST_DATASET, dataset_bytes(instance)))
        + release_request()
    )
    damaged = request if seed % 4 == 0 else messages
    for _ in range(chance.randint(1, 6)):
        damaged[chance.randrange(min(len(damaged), 260))] = chance.randrange(256)
    async with scripted_peer(archive.port) as peer:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await peer.send(bytes(request))
            kind, _ = await peer.receive()
            if kind == A_ASSOCIATE_AC:
                await peer.send(bytes(messages[: chance.randint(1, len(messages))]))

    await until(lambda: archive.server.associations == 0)
    assert await still_serves(archive)
