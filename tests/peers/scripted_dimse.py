"""A DICOM peer that says exactly what a test tells it to, right or wrong, byte by byte."""

import asyncio
import struct
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

VERIFICATION = "1.2.840.10008.1.1"
CT_IMAGE_STORAGE = "1.2.840.10008.5.1.4.1.1.2"
IMPLICIT_LITTLE = "1.2.840.10008.1.2"
EXPLICIT_LITTLE = "1.2.840.10008.1.2.1"

A_ASSOCIATE_AC, A_ASSOCIATE_RJ, P_DATA_TF, A_RELEASE_RP, A_ABORT = 2, 3, 4, 6, 7

COMMAND, LAST_COMMAND, DATASET, LAST_DATASET = 1, 3, 0, 2

Proposal = tuple[str, Sequence[str]]


def pdu(kind: int, body: bytes, *, claimed_length: int | None = None) -> bytes:
    """A PDU, truthful about its length unless told otherwise."""
    length = len(body) if claimed_length is None else claimed_length
    return struct.pack(">BxL", kind, length) + body


def associate_request(
    proposals: Sequence[Proposal] = ((CT_IMAGE_STORAGE, (EXPLICIT_LITTLE,)),),
    *,
    calling: str = "SCRIPTED",
    called: str = "HILUM",
    maximum_length: int = 16_384,
) -> bytes:
    """A-ASSOCIATE-RQ (PS3.8 9.3.2) with contexts 1, 3, 5, ..."""
    items = _item(0x10, b"1.2.840.10008.3.1.1.1")
    for index, (abstract_syntax, transfer_syntaxes) in enumerate(proposals):
        syntaxes = _item(0x30, abstract_syntax.encode())
        syntaxes += b"".join(_item(0x40, syntax.encode()) for syntax in transfer_syntaxes)
        items += _item(0x20, bytes((2 * index + 1, 0, 0, 0)) + syntaxes)
    user = _item(0x51, struct.pack(">L", maximum_length)) + _item(0x52, b"1.2.3.4")
    items += _item(0x50, user)
    head = struct.pack(">H2x16s16s32x", 1, called.ljust(16).encode(), calling.ljust(16).encode())
    return pdu(1, head + items)


def release_request() -> bytes:
    return pdu(5, bytes(4))


def abort() -> bytes:
    return pdu(7, bytes(4))


def pdv(control: int, data: bytes, context_id: int = 1) -> bytes:
    return struct.pack(">LBB", len(data) + 2, context_id, control) + data


def p_data(*pdvs: bytes) -> bytes:
    return pdu(P_DATA_TF, b"".join(pdvs))


def command(elements: dict[int, bytes]) -> bytes:
    """Implicit little endian elements of group 0000, in the order given."""
    body = b"".join(
        struct.pack("<HHL", 0, element, len(value)) + value for element, value in elements.items()
    )
    return struct.pack("<HHLL", 0, 0, 4, len(body)) + body


def store_command(
    sop_instance_uid: str, *, sop_class_uid: str = CT_IMAGE_STORAGE, message_id: int = 1
) -> bytes:
    """C-STORE-RQ (PS3.7 9.3.1.1)."""
    return command(
        {
            0x0002: _even(sop_class_uid.encode()),
            0x0100: struct.pack("<H", 1),
            0x0110: struct.pack("<H", message_id),
            0x0700: struct.pack("<H", 0),
            0x0800: struct.pack("<H", 1),
            0x1000: _even(sop_instance_uid.encode()),
        }
    )


def echo_command(message_id: int = 1) -> bytes:
    return command(
        {
            0x0002: _even(VERIFICATION.encode()),
            0x0100: struct.pack("<H", 0x30),
            0x0110: struct.pack("<H", message_id),
            0x0800: struct.pack("<H", 0x101),
        }
    )


def parse_response(body: bytes) -> dict[int, bytes]:
    """The command elements of a P-DATA-TF with one PDV."""
    elements, offset = {}, 6
    while offset < len(body):
        _, element, length = struct.unpack_from("<HHL", body, offset)
        elements[element] = body[offset + 8 : offset + 8 + length]
        offset += 8 + length
    return elements


def status_in(body: bytes) -> int:
    return int.from_bytes(parse_response(body)[0x0900], "little")


A_CT_CONTEXT: Sequence[Proposal] = ((CT_IMAGE_STORAGE, (EXPLICIT_LITTLE,)),)


class ScriptedPeer:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def send(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def send_until_refused(self, chunk: bytes, limit: int) -> int:
        """Send `chunk` over and over until the server cuts the connection; return bytes sent."""
        sent = 0
        try:
            while sent < limit:
                await self.send(chunk)
                sent += len(chunk)
        except ConnectionError:
            pass
        return sent

    async def receive(self) -> tuple[int, bytes]:
        """Kind and body of the next PDU; raises `IncompleteReadError` at the end."""
        kind, length = struct.unpack(">BxL", await self._reader.readexactly(6))
        return kind, await self._reader.readexactly(length)

    async def associate(
        self,
        proposals: Sequence[Proposal] = ((CT_IMAGE_STORAGE, (EXPLICIT_LITTLE,)),),
        **names: str,
    ) -> None:
        await self.send(associate_request(proposals, **names))
        kind, _ = await self.receive()
        assert kind == A_ASSOCIATE_AC

    async def store(
        self, sop_instance_uid: str, data: bytes, *, fragment_bytes: int = 16_000
    ) -> bytes:
        """Send one C-STORE in context 1; return the body of the response PDU."""
        await self.send(p_data(pdv(LAST_COMMAND, store_command(sop_instance_uid))))
        for start in range(0, len(data), fragment_bytes):
            last = start + fragment_bytes >= len(data)
            fragment = data[start : start + fragment_bytes]
            await self.send(p_data(pdv(LAST_DATASET if last else DATASET, fragment)))
        kind, body = await self.receive()
        assert kind == P_DATA_TF
        return body

    async def ends(self) -> bool:
        """Wait for the server to close; True when it said nothing more."""
        try:
            return await self._reader.read() == b""
        except ConnectionError:
            return True

    def reset(self) -> None:
        """Close as a crash does: with a reset."""
        self._writer.transport.abort()

    async def close(self) -> None:
        self._writer.close()
        try:
            await self._writer.wait_closed()
        except ConnectionError:
            return


@asynccontextmanager
async def scripted_peer(port: int) -> AsyncIterator[ScriptedPeer]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    peer = ScriptedPeer(reader, writer)
    try:
        yield peer
    finally:
        await peer.close()


def _item(kind: int, value: bytes) -> bytes:
    return struct.pack(">BxH", kind, len(value)) + value


def _even(value: bytes) -> bytes:
    return value + b"\0" * (len(value) % 2)
