"""Decoding on arrival with real pixel workers: what is damaged is refused, and nobody dies."""

import io
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.encaps import encapsulate, generate_frames
from pydicom.uid import JPEG2000Lossless, JPEGLSLossless, RLELossless

from hilum.adapters.pixels.pool import PixelPool
from hilum.domain.findings import Severity
from hilum.domain.instances import Disposition, Outcome, Spooled, StorePolicy
from hilum.ingest.judging import Criteria
from tests.instances import a_dataset, part10
from tests.integration.pixels.test_pool import Counted, limits
from tests.unit.ingest.houses import House, a_house, an_arrival

_ROWS, _COLUMNS = 64, 80


@pytest.fixture
async def house() -> AsyncIterator[House]:
    async with (
        PixelPool(limits(workers=2, memory_bytes=1 << 27), Counted()) as pool,
        a_house(criteria=Criteria(frames=pool)) as opened,
    ):
        yield opened


def _image(frames: int = 1, syntax: str = JPEG2000Lossless, **elements: object) -> pydicom.Dataset:
    values = np.arange(frames * _ROWS * _COLUMNS, dtype=np.uint16).reshape(frames, _ROWS, _COLUMNS)
    dataset = a_dataset(
        Rows=_ROWS, Columns=_COLUMNS, BitsAllocated=16, BitsStored=16, HighBit=15,
        PixelRepresentation=0, PhotometricInterpretation="MONOCHROME2",
        NumberOfFrames=None if frames == 1 else frames, **elements,
    )  # fmt: skip
    plain = io.BytesIO(part10(dataset))
    dataset = pydicom.dcmread(plain)
    dataset.PixelData = values.tobytes()
    dataset["PixelData"].VR = "OW"
    dataset.compress(syntax, generate_instance_uid=False)
    return dataset


def _bytes(dataset: pydicom.Dataset) -> bytes:
    file = io.BytesIO()
    dataset.save_as(file)
    return file.getvalue()


def _with_frame(dataset: pydicom.Dataset, number: int, data: bytes) -> bytes:
    count = int(dataset.get("NumberOfFrames", 1))
    frames = list(generate_frames(dataset.PixelData, number_of_frames=count))
    frames[number] = data
    dataset.PixelData = encapsulate(frames)
    return _bytes(dataset)


async def _sent(house: House, data: bytes, **changed: object) -> Outcome:
    arrival = an_arrival(data)
    policy = replace(arrival.policy, decode=True, **changed)  # type: ignore[arg-type]
    return await house.ingest(replace(arrival, policy=policy))


@pytest.mark.parametrize("syntax", [JPEG2000Lossless, JPEGLSLossless, RLELossless])
async def test_an_image_whose_frames_decode_is_kept(house: House, syntax: str) -> None:
    outcome = await _sent(house, _bytes(_image(3, syntax)))

    assert (outcome.disposition, outcome.findings) == (Disposition.CREATED, ())


async def test_a_frame_that_was_cut_is_refused_by_its_number(house: House) -> None:
    dataset = _image(4)
    whole = list(generate_frames(dataset.PixelData, number_of_frames=4))[2]

    outcome = await _sent(house, _with_frame(dataset, 2, whole[: len(whole) // 2 // 2 * 2]))

    assert outcome.disposition is Disposition.REFUSED
    (finding,) = outcome.findings
    assert (finding.code, finding.tag) == ("frame-undecodable", 0x7FE00010)
    assert "frame 3:" in finding.found
    assert house.index.rows == {}


async def test_without_a_wish_to_decode_the_same_is_kept(house: House) -> None:
    dataset = _image(2)

    outcome = await house.ingest(an_arrival(_with_frame(dataset, 1, b"\xff\x4f\xff\x51\0\0")))

    assert outcome.disposition is Disposition.CREATED


async def test_an_image_that_decodes_to_another_size_is_refused_with_both(house: House) -> None:
    dataset = _image()
    dataset.Rows = _ROWS - 1

    outcome = await _sent(house, _bytes(dataset), depth="practice")

    assert outcome.disposition is Disposition.REFUSED
    differing = [each for each in outcome.findings if each.code == "frame-size-differs"]
    assert [each.severity for each in differing] == [Severity.ERROR]
    assert f"{_COLUMNS} x {_ROWS} pixels" in differing[0].found


async def test_an_image_that_no_decoder_takes_is_kept_with_a_remark(house: House) -> None:
    dataset = _image()
    dataset.file_meta.TransferSyntaxUID = pydicom.uid.UID("1.2.840.10008.1.2.4.100")

    outcome = await _sent(house, _bytes(dataset))

    assert outcome.disposition is Disposition.CREATED
    assert [(each.code, each.severity) for each in outcome.findings] == [
        ("frame-not-judged", Severity.INFO)
    ]


async def test_native_pixel_data_that_is_too_short_is_refused(house: House) -> None:
    dataset = a_dataset(Rows=4, Columns=4, PixelData=bytes(14))

    outcome = await _sent(house, part10(dataset))

    assert [each.code for each in outcome.findings] == ["pixel-length"]
    assert outcome.disposition is Disposition.REFUSED


async def test_frames_of_a_spooled_instance_are_read_from_its_file(
    house: House, tmp_path: Path
) -> None:
    dataset = _image(3)
    path = tmp_path / "large.dcm"
    path.write_bytes(_with_frame(dataset, 0, b"\xff\x4f\xff\x51\0\0"))

    examined = await house.ingest.judge(
        Spooled(path, path.stat().st_size), StorePolicy("minimal", decode=True)
    )

    assert [each.code for each in examined.verdict.findings] == ["frame-undecodable"]
    assert examined.description is None


async def test_a_frame_that_kills_its_worker_is_refused_and_the_next_image_is_judged(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[3]))
    deadly = _with_frame(_image(2), 1, b"deadly")
    async with (
        PixelPool(limits(), Counted(), "tests.integration.ingest.dying_worker") as pool,
        a_house(criteria=Criteria(frames=pool)) as house,
    ):
        refused = await _sent(house, deadly)
        kept = await _sent(house, _bytes(_image()))

    (finding,) = refused.findings
    assert finding.code == "frame-undecodable"
    assert "the decoder crashed on it" in finding.found
    assert kept.disposition is Disposition.CREATED
