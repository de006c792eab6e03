"""Native frames on their own: byte order turned, bits moved to where a frame begins."""

from collections.abc import AsyncIterator

from hilum.dicom.explicit_little import swap_bytes


async def swapped(chunks: AsyncIterator[bytes], unit: int) -> AsyncIterator[bytes]:
    """Reverse the byte order of numbers of `unit` bytes."""
    carried = b""
    async for chunk in chunks:
        whole, carried = swap_bytes(carried + chunk, unit)
        yield whole
    if carried:
        yield carried


async def bits_from(
    chunks: AsyncIterator[bytes], bit_offset: int, bits: int
) -> AsyncIterator[bytes]:
    """Yield `bits` bits from `bit_offset` on, the lowest bit of a byte being its first.

    The bits of the last byte that are not of them are 0.
    """
    skipped, shift = divmod(bit_offset, 8)
    left = -(bits // -8)
    last_mask = (1 << (bits % 8)) - 1 if bits % 8 else 0xFF
    async for piece in _shifted(_without(chunks, skipped), shift):
        taken = piece[:left]
        left -= len(taken)
        if left == 0 and taken:
            taken = taken[:-1] + bytes([taken[-1] & last_mask])
        if taken:
            yield taken


async def cut(chunks: AsyncIterator[bytes], start: int, stop: int) -> AsyncIterator[bytes]:
    """Yield the bytes from `start` to `stop`; nothing behind them is asked for."""
    left = stop - start
    async for piece in _without(chunks, start):
        taken = piece[:left]
        left -= len(taken)
        if taken:
            yield taken
        if left <= 0:
            return


async def _without(chunks: AsyncIterator[bytes], skipped: int) -> AsyncIterator[bytes]:
    async for chunk in chunks:
        if skipped >= len(chunk):
            skipped -= len(chunk)
            continue
        yield chunk[skipped:]
        skipped = 0


async def _shifted(chunks: AsyncIterator[bytes], shift: int) -> AsyncIterator[bytes]:
    if shift == 0:
        async for chunk in chunks:
            yield chunk
        return
    carried = b""
    async for chunk in chunks:
        held = carried + chunk
        moved = int.from_bytes(held, "little") >> shift
        # The last byte still lacks the first bits of the next chunk.
        yield moved.to_bytes(len(held), "little")[:-1]
        carried = held[-1:]
    if carried:
        yield bytes([carried[0] >> shift])
