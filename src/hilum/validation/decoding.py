"""Every compressed frame decoded, by whoever can: which ones cannot be, or are another image."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Final, Protocol

from hilum.dicom.elements import ElementPath
from hilum.dicom.frame_places import FramePlaces
from hilum.dicom.frames import FramesUnknown, FrameTable, WhyUnknown
from hilum.dicom.vr import PIXEL_DATA
from hilum.domain.errors import (
    NotTranscodable,
    PixelEngineBusy,
    PixelLimitExceeded,
    PixelsNotDecodable,
)
from hilum.domain.identifiers import TransferSyntaxUID
from hilum.domain.images import EncodedFrame, ImagePixels
from hilum.validation.findings import Finding, Findings

_PATH: Final = ElementPath((), PIXEL_DATA)
_SECTION: Final = "PS3.5 8.2"
_MOST_FAILED: Final = 20
"""Frames that fail before the others of the instance are left alone: each may cost a process."""
_MOST_NAMED: Final = 10
_PATIENCE_SECONDS: Final = 120.0
_PAUSE_SECONDS: Final = 0.25
_CODE_OF_REASON: Final = {
    WhyUnknown.NO_DIMENSIONS: "pixel-description",
    WhyUnknown.BAD_NUMBER_OF_FRAMES: "frames-number",
    WhyUnknown.TOO_SHORT: "pixel-length",
    WhyUnknown.NO_OFFSETS: "encapsulation",
    WhyUnknown.TOO_FEW_FRAGMENTS: "frames-number",
}


class FrameJudge(Protocol):
    """Decodes frames to see what comes of it, within limits of memory and time."""

    def can_judge(self, transfer_syntax_uid: TransferSyntaxUID) -> bool:
        """Whether there is a decoder."""
        ...

    async def judge(self, frame: EncodedFrame) -> ImagePixels:
        """Decode a frame and say which image it is; the pixels stay where they are.

        Raises `PixelsNotDecodable`, `PixelLimitExceeded`, `NotTranscodable` (there is no decoder)
        and `PixelEngineBusy`.
        """
        ...


@dataclass(frozen=True, slots=True)
class StoredImage:
    """The frames of one instance as they are stored."""

    table: FrameTable
    pixels: ImagePixels
    read: Callable[[int], Awaitable[bytes]]
    """Returns a frame, which counts from 0, as `EncodedFrame.data` wants it; raises what its
    storage does."""
    most_bytes: int
    """Of a frame as stored; a larger one is not read."""


async def check_frames(image: StoredImage, judge: FrameJudge, at_once: int) -> tuple[Finding, ...]:
    """Decode every frame, `at_once` at a time; memory holds so many frames.

    Native pixel data needs no decoder: only whether all frames are there is told. Raises what
    `image.read` does, and `PixelEngineBusy` when others keep the judge busy for minutes.
    """
    findings = Findings()
    syntax = image.pixels.transfer_syntax_uid
    if image.table.encapsulated and not judge.can_judge(syntax):
        findings.add(
            "frame-not-judged", _PATH, expected="a transfer syntax that is decoded here",
            found=syntax, section=_SECTION,
        )  # fmt: skip
        return tuple(findings.rows)
    places = FramePlaces(image.table)
    try:
        places.check(0)
    except FramesUnknown as error:
        reason = image.table.reason or WhyUnknown.NO_OFFSETS
        findings.add(
            _CODE_OF_REASON[reason], _PATH, expected="frames that can be told apart",
            found=str(error), section=_SECTION,
        )  # fmt: skip
        return tuple(findings.rows)
    if not image.table.encapsulated:
        return ()
    work = _Work(image, judge, places, iter(range(image.table.number_of_frames)))
    await asyncio.gather(*(work.run() for _ in range(at_once)))
    if work.error is not None:
        raise work.error
    work.tell(findings)
    return tuple(findings.rows)


@dataclass(slots=True)
class _Work:
    """What those who work on one instance share."""

    image: StoredImage
    judge: FrameJudge
    places: FramePlaces
    rest: Iterator[int]
    failures: dict[str, list[tuple[int, str, str]]] = field(default_factory=dict)
    """By code: number of the frame, what was expected, what was found."""
    failed: int = 0
    error: Exception | None = None

    async def run(self) -> None:
        for frame in self.rest:
            if self.error is not None or self.failed >= _MOST_FAILED:
                return
            try:
                await self._look_at(frame)
            except Exception as error:  # noqa: BLE001 - raised when the others have ended
                self.error = error

    async def _look_at(self, frame: int) -> None:
        size = self.places.size_bytes(frame)
        if size > self.image.most_bytes:
            limit = f"at most {self.image.most_bytes} bytes"
            self._fail("frame-too-costly", frame, limit, f"{size} bytes as stored")
            return
        data = await self.image.read(frame)
        try:
            found = await self._judged(EncodedFrame(self.image.pixels, data))
        except PixelsNotDecodable as error:
            self._fail("frame-undecodable", frame, "a frame that can be decoded", str(error))
        except PixelLimitExceeded as error:
            self._fail("frame-too-costly", frame, "a frame within the limits", str(error))
            self.failed = _MOST_FAILED
        except NotTranscodable as error:
            self._fail("frame-not-judged", frame, "a frame that is decoded here", str(error))
        else:
            told, seen = _size(self.image.pixels), _size(found)
            if told != seen:
                self._fail("frame-size-differs", frame, _words(told), _words(seen))

    async def _judged(self, frame: EncodedFrame) -> ImagePixels:
        loop = asyncio.get_running_loop()
        end = loop.time() + _PATIENCE_SECONDS
        judge = partial(self.judge.judge, frame)
        while True:
            try:
                return await judge()
            except PixelEngineBusy:
                if loop.time() >= end:
                    raise
                await asyncio.sleep(_PAUSE_SECONDS)

    def _fail(self, code: str, frame: int, expected: str, found: str) -> None:
        self.failures.setdefault(code, []).append((frame, expected, found))
        self.failed += 1

    def tell(self, findings: Findings) -> None:
        """One finding for each code, with the numbers of the first frames, which count from 1."""
        gave_up = self.failed >= _MOST_FAILED and next(self.rest, None) is not None
        rest = "; the frames behind them were not decoded" if gave_up else ""
        for code, failures in self.failures.items():
            failures.sort()
            _, expected, found = failures[0]
            numbers = ", ".join(str(frame + 1) for frame, _, _ in failures[:_MOST_NAMED])
            more = len(failures) - _MOST_NAMED
            others = f" and {more} more" if more > 0 else ""
            word = "frames" if len(failures) > 1 else "frame"
            findings.add(
                code, _PATH, expected=expected, section=_SECTION,
                found=f"{word} {numbers}{others}: {found.rstrip('.')}{rest}",
            )  # fmt: skip


def _size(pixels: ImagePixels) -> tuple[int, int, int, int]:
    return pixels.columns, pixels.rows, pixels.samples_per_pixel, pixels.bits_stored


def _words(size: tuple[int, int, int, int]) -> str:
    columns, rows, samples, bits = size
    return f"{columns} x {rows} pixels of {samples} samples with {bits} bits stored"
