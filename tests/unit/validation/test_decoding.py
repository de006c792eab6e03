"""Every frame decoded, by a judge whose word is given here."""

import asyncio
from array import array
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from hilum.dicom.frames import FrameTable, WhyUnknown
from hilum.domain.errors import (
    ArchiveUnavailable,
    NotTranscodable,
    PixelEngineBusy,
    PixelLimitExceeded,
    PixelsNotDecodable,
)
from hilum.domain.identifiers import TransferSyntaxUID
from hilum.domain.images import EncodedFrame, ImagePixels
from hilum.validation.decoding import StoredImage, check_frames
from hilum.validation.findings import Finding, Severity

_JPEG = TransferSyntaxUID("1.2.840.10008.1.2.4.50")
_MPEG = TransferSyntaxUID("1.2.840.10008.1.2.4.100")
_PIXELS = ImagePixels(_JPEG, 4, 6, 1, "MONOCHROME2", 8, 8, 7, False)
_FRAME_BYTES = 10


class SayingJudge:
    """Says of each frame what it is told to; knows no MPEG."""

    def __init__(self, say: Callable[[int], ImagePixels] = lambda _: _PIXELS) -> None:
        self.say = say
        self.seen: list[int] = []
        self.at_once = 0
        self.most_at_once = 0

    def can_judge(self, transfer_syntax_uid: TransferSyntaxUID) -> bool:
        return transfer_syntax_uid != _MPEG

    async def judge(self, frame: EncodedFrame) -> ImagePixels:
        self.at_once += 1
        self.most_at_once = max(self.at_once, self.most_at_once)
        await asyncio.sleep(0)
        self.at_once -= 1
        number = int.from_bytes(frame.data, "little")
        self.seen.append(number)
        return self.say(number)


def _table(number: int, *, reason: WhyUnknown | None = None) -> FrameTable:
    lengths = array("I", [_FRAME_BYTES] * number)
    return FrameTable(number, encapsulated=True, reason=reason, lengths=lengths)


async def _found(
    judge: SayingJudge,
    number: int = 5,
    *,
    pixels: ImagePixels = _PIXELS,
    table: FrameTable | None = None,
    most_bytes: int = 100,
) -> Sequence[Finding]:
    async def read(frame: int) -> bytes:
        return frame.to_bytes(_FRAME_BYTES, "little")

    image = StoredImage(table or _table(number), pixels, read, most_bytes)
    return await check_frames(image, judge, at_once=2)


def _failing(*numbers: int, error: Exception) -> SayingJudge:
    def say(frame: int) -> ImagePixels:
        if frame in numbers:
            raise error
        return _PIXELS

    return SayingJudge(say)


async def test_frames_that_decode_as_they_are_described_leave_nothing_to_tell() -> None:
    judge = SayingJudge()

    assert await _found(judge) == ()
    assert sorted(judge.seen) == [0, 1, 2, 3, 4]
    assert judge.most_at_once == 2


async def test_frames_that_cannot_be_decoded_are_told_by_number_with_the_decoders_words() -> None:
    error = PixelsNotDecodable("The stored frame cannot be decoded: it was cut off.")

    (finding,) = await _found(_failing(1, 3, error=error))

    assert (finding.code, finding.severity) == ("frame-undecodable", Severity.ERROR)
    assert finding.found == "frames 2, 4: The stored frame cannot be decoded: it was cut off"


async def test_a_frame_of_another_size_is_told_with_both_sizes() -> None:
    judge = SayingJudge(lambda frame: replace(_PIXELS, rows=8) if frame == 2 else _PIXELS)

    (finding,) = await _found(judge)

    assert finding.code == "frame-size-differs"
    assert finding.expected == "6 x 4 pixels of 1 samples with 8 bits stored"
    assert finding.found == "frame 3: 6 x 8 pixels of 1 samples with 8 bits stored"


async def test_after_many_failures_the_other_frames_are_left_alone() -> None:
    judge = _failing(*range(1000), error=PixelsNotDecodable("It crashed."))

    (finding,) = await _found(judge, 1000)

    assert len(judge.seen) <= 22
    assert "and 1" in finding.found
    assert finding.found.endswith("the frames behind them were not decoded")


async def test_a_frame_that_costs_too_much_ends_the_work_with_a_warning() -> None:
    error = PixelLimitExceeded("pixels.task_seconds", 30, "Work on a frame took too long")
    judge = _failing(0, error=error)

    (finding,) = await _found(judge, 100)

    assert (finding.code, finding.severity) == ("frame-too-costly", Severity.WARNING)
    assert "pixels.task_seconds" in finding.found
    assert len(judge.seen) <= 3


async def test_a_stored_frame_over_the_bound_is_not_even_read() -> None:
    judge = SayingJudge()

    (finding,) = await _found(judge, 3, most_bytes=_FRAME_BYTES - 1)

    assert finding.code == "frame-too-costly"
    assert judge.seen == []


async def test_a_transfer_syntax_without_decoder_is_a_remark() -> None:
    judge = SayingJudge()
    pixels = replace(_PIXELS, transfer_syntax_uid=_MPEG)

    (finding,) = await _found(judge, pixels=pixels)

    assert (finding.code, finding.severity, finding.found) == (
        "frame-not-judged", Severity.INFO, _MPEG,
    )  # fmt: skip
    assert judge.seen == []


async def test_what_a_decoder_does_not_take_is_a_remark_too() -> None:
    (finding,) = await _found(_failing(0, error=NotTranscodable("It is not decoded here.")), 1)

    assert finding.code == "frame-not-judged"


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        (WhyUnknown.NO_DIMENSIONS, "pixel-description"),
        (WhyUnknown.BAD_NUMBER_OF_FRAMES, "frames-number"),
        (WhyUnknown.TOO_SHORT, "pixel-length"),
        (WhyUnknown.NO_OFFSETS, "encapsulation"),
        (WhyUnknown.TOO_FEW_FRAGMENTS, "frames-number"),
    ],
)
async def test_frames_that_cannot_be_told_apart_are_a_finding(
    reason: WhyUnknown, code: str
) -> None:
    judge = SayingJudge()

    (finding,) = await _found(judge, table=_table(2, reason=reason))

    assert (finding.code, judge.seen) == (code, [])


async def test_native_frames_need_no_decoder() -> None:
    judge = SayingJudge()

    assert await _found(judge, table=FrameTable(3, encapsulated=False, frame_bits=192)) == ()
    assert judge.seen == []


async def test_an_outage_of_the_storage_is_no_finding() -> None:
    async def read(_: int) -> bytes:
        raise ArchiveUnavailable("The disk does not answer.")

    image = StoredImage(_table(3), _PIXELS, read, 100)
    with pytest.raises(ArchiveUnavailable):
        await check_frames(image, SayingJudge(), at_once=2)


async def test_a_busy_judge_is_waited_for() -> None:
    refused: list[int] = []

    def say(frame: int) -> ImagePixels:
        if not refused:
            refused.append(frame)
            raise PixelEngineBusy("64 frames wait already.")
        return _PIXELS

    judge = SayingJudge(say)

    assert await _found(judge, 2) == ()
    assert sorted(judge.seen) == sorted([0, 1, *refused])
