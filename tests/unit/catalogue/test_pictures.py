"""Pictures: what is read for them, what is drawn once, what is kept, what happens meanwhile."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from pydicom.uid import (
    MPEG4HP41,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
)

from hilum.catalogue.frames import Frames
from hilum.catalogue.pictures import PictureBounds, Pictures
from hilum.catalogue.shown_images import ShownImages
from hilum.dicom.limits import HeaderLimits
from hilum.domain.errors import (
    LimitExceeded,
    NotTranscodable,
    ObjectMissing,
    PixelEngineBusy,
    PixelLimitExceeded,
    UnreadableInstance,
)
from hilum.domain.identifiers import Version
from hilum.domain.images import EncodedFrame
from hilum.domain.instances import InMemory
from hilum.domain.presentation import Display, PictureType, Rendering, Viewport
from tests.instances import part10
from tests.unit.catalogue.test_frames import (
    FRAME_BYTES,
    KEY,
    SAMPLES,
    WatchedObjects,
    described,
    encoded,
    native,
)
from tests.unit.imaging.shown import an_image

PNG = Rendering(PictureType.PNG)
GIF = Rendering(PictureType.GIF)


class Engine:
    """Notes what it is to draw; waits while it is told to."""

    def __init__(self) -> None:
        self.asked: list[tuple[EncodedFrame, Display, Rendering]] = []
        self.moved: list[int] = []
        self.go = asyncio.Event()
        self.go.set()
        self.begun = asyncio.Event()
        self.fault: Exception | None = None

    async def draw(self, frame: EncodedFrame, display: Display, rendering: Rendering) -> bytes:
        self.asked.append((frame, display, rendering))
        self.begun.set()
        await self.go.wait()
        if self.fault is not None:
            raise self.fault
        return b"picture %d" % len(self.asked)

    async def draw_moving(
        self, frames: Sequence[tuple[EncodedFrame, Display]], rendering: Rendering
    ) -> bytes:
        assert rendering.picture is PictureType.GIF
        self.moved.append(len(frames))
        return b"".join(frame.data[:2] for frame, _ in frames)


class Kept:
    """A cache in memory."""

    def __init__(self) -> None:
        self.held: dict[tuple[Version, str], bytes] = {}

    async def get(self, version: Version, recipe: str) -> bytes | None:
        return self.held.get((version, recipe))

    async def put(self, version: Version, recipe: str, data: bytes) -> None:
        self.held[version, recipe] = data


class Drawn:
    """One instance, and the use case over it."""

    def __init__(
        self, data: bytes, bounds: PictureBounds | None = None, derived: Kept | None = None
    ) -> None:
        self.scope, self.index = described(InMemory(data))
        self.objects = WatchedObjects()
        self.objects.held[KEY] = data
        self.engine = Engine()
        self.shown = ShownImages(
            self.index,
            self.objects,
            header_limits=HeaderLimits(),
            header_bytes=1 << 20,
            memory_bytes=1 << 20,
        )
        frames = Frames(self.index, self.objects)
        self.pictures = Pictures(frames, self.shown, self.engine, bounds, derived)

    async def frame(self, frame: int = 0, rendering: Rendering = PNG) -> bytes:
        found = await self.pictures.find(self.scope, (frame,))
        return await self.pictures.frame(found, frame, rendering)


@pytest.mark.parametrize(
    "syntax", [ExplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian]
)
async def test_an_engine_gets_the_frame_in_little_endian_order(syntax: str) -> None:
    drawn = Drawn(native(syntax))

    await drawn.frame(3)

    ((frame, _, _),) = drawn.engine.asked
    assert frame.data == SAMPLES[3].tobytes()
    assert frame.pixels.transfer_syntax_uid == ExplicitVRLittleEndian


async def test_a_plain_image_costs_its_frame_and_its_metadata_once() -> None:
    drawn = Drawn(native())

    for number in (3, 4, 5):
        await drawn.frame(number)

    assert [length for _, length in drawn.objects.reads] == [FRAME_BYTES] * 3
    assert drawn.index.looks == 1


async def test_overlays_are_read_from_before_the_pixels_once() -> None:
    dataset = an_image(np.zeros((8, 8), np.uint8))
    for tag, vr, value in ((0x10, "US", 8), (0x11, "US", 8), (0x3000, "OW", bytes(range(8)))):
        dataset.add_new(0x60000000 | tag, vr, value)
    dataset.add_new(0x60000050, "SS", [1, 1])
    drawn = Drawn(part10(dataset))

    for _ in range(2):
        await drawn.frame()

    ((_, display, _), (_, again, _)) = drawn.engine.asked
    assert [overlay.data for overlay in display.overlays] == [bytes(range(8))]
    assert again == display
    assert sorted(start for start, _ in drawn.objects.reads)[:2] == [
        0,
        len(drawn.objects.held[KEY]) - 64,
    ]


async def test_who_asks_at_the_same_time_shares_a_picture() -> None:
    drawn = Drawn(native())
    drawn.engine.go.clear()
    askers = [asyncio.create_task(drawn.frame()) for _ in range(5)]
    await drawn.engine.begun.wait()

    drawn.engine.go.set()

    assert set(await asyncio.gather(*askers)) == {b"picture 1"}
    assert len(drawn.engine.asked) == 1


async def test_a_picture_is_drawn_once_and_kept_by_all_that_it_depends_on() -> None:
    kept = Kept()
    drawn = Drawn(native(), derived=kept)

    first, again = await drawn.frame(), await drawn.frame()
    others = [
        await drawn.frame(1),
        await drawn.frame(0, replace(PNG, viewport=Viewport(5, 5))),
        await drawn.frame(0, Rendering(quality=80)),
        await drawn.frame(0, Rendering(quality=81)),
    ]

    assert first == again
    assert len({first, *others}) == 5
    digest = drawn.index.held.dataset_sha256.hex() if drawn.index.held else ""
    assert all(recipe.startswith(digest) for _, recipe in kept.held)
    # Quality says nothing about PNG.
    assert await drawn.frame(0, replace(PNG, quality=3)) == first


async def test_what_fails_is_not_kept() -> None:
    kept = Kept()
    drawn = Drawn(native(), derived=kept)
    drawn.engine.fault = PixelEngineBusy("busy")

    with pytest.raises(PixelEngineBusy):
        await drawn.frame()

    assert not kept.held


async def test_a_version_that_was_replaced_meanwhile_is_an_error() -> None:
    drawn = Drawn(native())
    found = await drawn.pictures.find(drawn.scope, (0,))
    told = drawn.index.described_as
    assert told is not None
    drawn.index.described_as = replace(told, version=Version(2))

    with pytest.raises(ObjectMissing, match="replaced"):
        await drawn.pictures.frame(found, 0, PNG)


async def test_video_is_not_drawn_and_nothing_is_read_of_it() -> None:
    drawn = Drawn(encoded([b"moving pictures "], MPEG4HP41))

    with pytest.raises(NotTranscodable, match="cannot be drawn"):
        await drawn.frame()

    assert not drawn.pictures.can_draw(MPEG4HP41)
    assert drawn.pictures.can_draw(ExplicitVRLittleEndian)
    assert not drawn.objects.reads


async def test_all_frames_move_and_are_read_together() -> None:
    drawn = Drawn(native())

    picture = await drawn.pictures.moving(await drawn.pictures.find(drawn.scope), GIF)

    assert drawn.engine.moved == [10]
    assert picture == b"".join(frame.tobytes()[:2] for frame in SAMPLES)
    assert len(drawn.objects.reads) == 1


@pytest.mark.parametrize(
    ("bounds", "setting"),
    [
        (PictureBounds(moving_frames=9), r"retrieve\.moving_frames"),
        (PictureBounds(decoded_frame_bytes=10 * FRAME_BYTES - 1), r"decoded_frame_bytes"),
    ],
)
async def test_a_moving_picture_has_limits(bounds: PictureBounds, setting: str) -> None:
    drawn = Drawn(native(), bounds)
    found = await drawn.pictures.find(drawn.scope)

    with pytest.raises(LimitExceeded, match=setting):
        await drawn.pictures.moving(found, GIF)

    assert not drawn.objects.reads


async def test_a_picture_that_would_be_too_large_is_refused_before_pixels_are_read() -> None:
    drawn = Drawn(native(), PictureBounds(maximum_picture_pixels=100))

    with pytest.raises(PixelLimitExceeded, match=r"pixels\.maximum_picture_pixels"):
        await drawn.frame()

    assert not drawn.objects.reads


async def test_frames_wait_for_memory_and_give_it_back() -> None:
    drawn = Drawn(native(), PictureBounds(drawing_memory_bytes=1))
    drawn.engine.go.clear()
    askers = [asyncio.create_task(drawn.frame(number)) for number in range(3)]
    await drawn.engine.begun.wait()
    for _ in range(50):  # the others have every chance to begin
        await asyncio.sleep(0)
    under_way = len(drawn.engine.asked)

    drawn.engine.go.set()
    await asyncio.gather(*askers)

    assert under_way == 1
    assert len(drawn.engine.asked) == 3


@pytest.mark.parametrize(("named", "seen"), [(None, 4), (3, 2), (99, 4), (0, 4)])
async def test_the_representative_frame_is_the_one_that_is_named(
    named: int | None, seen: int
) -> None:
    values = np.stack([np.full((4, 4), level, np.uint8) for level in range(8)])
    dataset = an_image(values[0], NumberOfFrames=8, RepresentativeFrameNumber=named)
    dataset.PixelData = values.tobytes()
    dataset["PixelData"].VR = "OB"
    drawn = Drawn(part10(dataset))

    await drawn.pictures.representative(await drawn.pictures.find(drawn.scope), PNG, otherwise=4)

    ((frame, _, _),) = drawn.engine.asked
    assert frame.data[0] == seen


async def test_a_file_that_is_not_as_it_was_when_it_came_is_an_error() -> None:
    colours = an_image(np.zeros((4, 4, 3), np.uint8))
    drawn = Drawn(part10(colours))
    data = drawn.objects.held[KEY]
    drawn.objects.held[KEY] = data[:-60] + bytes(60)  # the head of the pixel data is gone

    with pytest.raises(UnreadableInstance):
        await drawn.frame()
