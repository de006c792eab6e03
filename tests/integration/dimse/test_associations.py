"""Who may associate, how many at once, what is negotiated, how associations end."""

import asyncio
import contextlib
import time
from pathlib import Path

import pytest
import structlog

from hilum import __version__
from hilum.domain.implementation import IMPLEMENTATION_CLASS_UID
from tests.peers.dimse_archive import DimseArchive, dimse_archive, until
from tests.peers.scripted_dimse import (
    A_ASSOCIATE_AC,
    A_ASSOCIATE_RJ,
    A_CT_CONTEXT,
    A_RELEASE_RP,
    CT_IMAGE_STORAGE,
    EXPLICIT_LITTLE,
    IMPLICIT_LITTLE,
    LAST_COMMAND,
    VERIFICATION,
    Proposal,
    ScriptedPeer,
    associate_request,
    echo_command,
    p_data,
    pdv,
    release_request,
    scripted_peer,
    status_in,
)

PATIENT_ROOT_FIND = "1.2.840.10008.5.1.4.1.2.1.1"
HANGING_PROTOCOL_STORAGE = "1.2.840.10008.5.1.4.38.1"
PRIVATE_CLASS = "1.2.826.0.1.3680043.2.1.2"
FUTURE_STORAGE_CLASS = "1.2.840.10008.5.1.4.1.1.999.9"


async def request(peer: ScriptedPeer, **names: str) -> tuple[int, tuple[int, int, int]]:
    """Ask for an association; return the kind of answer, and result, source and reason of an RJ."""
    await peer.send(associate_request(**names))
    kind, body = await peer.receive()
    return kind, (body[1], body[2], body[3])


async def results(port: int, proposals: list[Proposal]) -> list[tuple[int, str]]:
    """Result and transfer syntax of each proposed context."""
    async with scripted_peer(port) as peer:
        await peer.send(associate_request(proposals))
        kind, body = await peer.receive()
    assert kind == A_ASSOCIATE_AC
    answers, offset = {}, 68
    while offset < len(body):
        length = int.from_bytes(body[offset + 2 : offset + 4])
        if body[offset] == 0x21:
            syntax = body[offset + 12 : offset + 4 + length].decode()
            answers[body[offset + 4]] = (body[offset + 6], syntax)
        offset += 4 + length
    return [answers[context_id] for context_id in sorted(answers)]


async def test_an_echo_is_answered_and_the_association_released(archive: DimseArchive) -> None:
    async with scripted_peer(archive.port) as peer:
        await peer.associate([(VERIFICATION, (IMPLICIT_LITTLE,))])
        await peer.send(p_data(pdv(LAST_COMMAND, echo_command())))
        _, body = await peer.receive()
        await peer.send(release_request())
        kind, _ = await peer.receive()

        assert status_in(body) == 0x0000
        assert kind == A_RELEASE_RP
        assert await peer.ends()

    await until(lambda: archive.meter.closed == {"released": 1})


async def test_the_acceptance_names_us_and_our_largest_pdu(tmp_path: Path) -> None:
    async with (
        dimse_archive(tmp_path, maximum_pdu_bytes=65_536) as archive,
        scripted_peer(archive.port) as peer,
    ):
        await peer.send(associate_request())
        _, body = await peer.receive()

    assert b"\x51\0\0\4" + (65_536).to_bytes(4) in body
    assert IMPLEMENTATION_CLASS_UID.encode() in body
    assert b"HILUM_" + __version__.replace(".", "_").encode() in body


async def test_contexts_are_answered_one_by_one(archive: DimseArchive) -> None:
    answers = await results(
        archive.port,
        [
            (VERIFICATION, (IMPLICIT_LITTLE,)),
            (CT_IMAGE_STORAGE, (EXPLICIT_LITTLE, IMPLICIT_LITTLE)),
            (CT_IMAGE_STORAGE, (IMPLICIT_LITTLE, EXPLICIT_LITTLE)),
            (CT_IMAGE_STORAGE, ("1.2.3.4", EXPLICIT_LITTLE)),
            (CT_IMAGE_STORAGE, ("1.2.3.4",)),
            (PATIENT_ROOT_FIND, (IMPLICIT_LITTLE,)),
            (HANGING_PROTOCOL_STORAGE, (IMPLICIT_LITTLE,)),
            (PRIVATE_CLASS, (IMPLICIT_LITTLE,)),
            (FUTURE_STORAGE_CLASS, (IMPLICIT_LITTLE,)),
        ],
    )

    assert [result for result, _ in answers] == [0, 0, 0, 0, 4, 3, 3, 0, 0]
    assert [syntax for _, syntax in answers[1:4]] == [
        EXPLICIT_LITTLE,
        IMPLICIT_LITTLE,
        EXPLICIT_LITTLE,
    ]


async def test_unknown_classes_can_be_turned_away(tmp_path: Path) -> None:
    async with dimse_archive(tmp_path, accept_unknown_sop_classes=False) as archive:
        answers = await results(
            archive.port,
            [
                (PRIVATE_CLASS, (IMPLICIT_LITTLE,)),
                (FUTURE_STORAGE_CLASS, (IMPLICIT_LITTLE,)),
                (CT_IMAGE_STORAGE, (IMPLICIT_LITTLE,)),
            ],
        )

    assert [result for result, _ in answers] == [3, 3, 0]


@pytest.mark.parametrize(
    ("options", "names", "reason", "answer"),
    [
        (
            {"allowed_calling_ae_titles": frozenset({"MODALITY"})},
            {"calling": "STRANGER"},
            "calling-ae-title",
            (1, 1, 3),
        ),
        (
            {"require_called_ae_title": True},
            {"called": "SOMEBODY"},
            "called-ae-title",
            (1, 1, 7),
        ),
    ],
)
async def test_a_wrong_ae_title_is_refused(
    tmp_path: Path,
    options: dict[str, object],
    names: dict[str, str],
    reason: str,
    answer: tuple[int, int, int],
) -> None:
    async with dimse_archive(tmp_path, **options) as archive:
        async with scripted_peer(archive.port) as peer:
            assert await request(peer, **names) == (A_ASSOCIATE_RJ, answer)
            assert await peer.ends()
        async with scripted_peer(archive.port) as peer:
            kind, _ = await request(peer, calling="MODALITY", called="HILUM")
            assert kind == A_ASSOCIATE_AC

        assert archive.meter.refused == {reason: 1}


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"associations": 3}, "associations"),
        ({"associations_per_peer": 3}, "associations-per-peer"),
    ],
)
async def test_one_association_too_many_is_refused_until_a_place_is_free(
    tmp_path: Path, options: dict[str, int], reason: str
) -> None:
    async with (
        dimse_archive(tmp_path, **options) as archive,
        contextlib.AsyncExitStack() as stack,
    ):
        peers = [await stack.enter_async_context(scripted_peer(archive.port)) for _ in range(3)]
        for peer in peers:
            await peer.associate()

        async with scripted_peer(archive.port) as peer:
            assert await request(peer) == (A_ASSOCIATE_RJ, (2, 3, 2))
        assert archive.meter.refused == {reason: 1}

        peers[0].reset()
        await until(lambda: archive.meter.closed == {"lost": 1})
        async with scripted_peer(archive.port) as peer:
            await peer.associate()


async def test_connections_far_beyond_the_limit_are_closed_unheard(tmp_path: Path) -> None:
    async with (
        dimse_archive(tmp_path, associations=1) as archive,
        contextlib.AsyncExitStack() as stack,
    ):
        peers = [await stack.enter_async_context(scripted_peer(archive.port)) for _ in range(12)]

        assert await peers[-1].ends()

        await until(lambda: archive.meter.refused["connections"] == 3)


async def test_an_idle_association_is_aborted(tmp_path: Path) -> None:
    with structlog.testing.capture_logs() as events:
        async with (
            dimse_archive(tmp_path, network_seconds=0.3) as archive,
            scripted_peer(archive.port) as peer,
        ):
            await peer.associate()
            kind, _ = await peer.receive()
            await until(lambda: archive.meter.closed == {"aborted": 1})

    assert kind == 7
    (aborted,) = (event for event in events if event["event"] == "association_aborted")
    assert aborted["cause"] == "idle"


async def test_a_silent_connection_is_closed_by_the_artim_timer(tmp_path: Path) -> None:
    async with (
        dimse_archive(tmp_path, artim_seconds=0.3) as archive,
        scripted_peer(archive.port) as peer,
    ):
        assert await peer.ends()


async def test_idle_associations_cost_no_processor_time(archive: DimseArchive) -> None:
    """pynetdicom's reactors poll a thousand times a second; ours wait."""
    loop = asyncio.get_running_loop()
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(8):
            peer = await stack.enter_async_context(scripted_peer(archive.port))
            await peer.associate(A_CT_CONTEXT)
        before, started = time.process_time(), loop.time()
        await asyncio.sleep(1.0)
        busy = (time.process_time() - before) / (loop.time() - started)

    assert busy < 0.1
