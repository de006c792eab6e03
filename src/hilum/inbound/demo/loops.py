"""Ultrasound loops: in grey, and with the flow of blood in colour."""

from collections.abc import Iterator

from pydicom.dataset import Dataset
from pydicom.uid import UltrasoundMultiFrameImageStorage

from hilum.inbound.demo.headers import StudyHeader, one, part10, set_colour_pixels, set_pixels
from hilum.inbound.demo.motion import doppler_loop, ultrasound_loop


def grey_loop(header: StudyHeader) -> Iterator[bytes]:
    """Yield one heart beat."""
    frames, rows, columns = 40, 480, 640
    dataset = _loop(header, "Four chambers, one beat", frames, rows, columns)
    set_pixels(dataset, ultrasound_loop(header.number, frames, rows, columns), 8)
    yield part10(dataset)


def colour_loop(header: StudyHeader) -> Iterator[bytes]:
    """Yield one heart beat whose flow towards the probe is red and away from it blue."""
    frames, rows, columns = 24, 360, 480
    dataset = _loop(header, "Four chambers, colour Doppler", frames, rows, columns)
    set_colour_pixels(dataset, doppler_loop(header.number, frames, rows, columns))
    dataset.UltrasoundColorDataPresent = 1
    yield part10(dataset)


def _loop(header: StudyHeader, description: str, frames: int, rows: int, columns: int) -> Dataset:
    dataset = header.dataset(UltrasoundMultiFrameImageStorage, "US", 1, 1)
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "TTE"]
    dataset.SeriesDescription = description
    dataset.BodyPartExamined = "HEART"
    dataset.FrameTime = 1000 // frames
    dataset.RecommendedDisplayFrameRate = frames
    dataset.CineRate = frames
    dataset.HeartRate = 60
    dataset.StartTrim, dataset.StopTrim = 1, frames
    dataset.FrameIncrementPointer = 0x00181063  # Frame Time
    dataset.LossyImageCompression = "00"
    region = Dataset()  # PS3.3 section C.8.5.5: the whole image is one calibrated sector
    region.RegionSpatialFormat, region.RegionDataType, region.RegionFlags = 1, 1, 0
    region.RegionLocationMinX0 = region.RegionLocationMinY0 = 0
    region.RegionLocationMaxX1, region.RegionLocationMaxY1 = columns - 1, rows - 1
    region.PhysicalUnitsXDirection = region.PhysicalUnitsYDirection = 3  # cm
    region.PhysicalDeltaX = region.PhysicalDeltaY = round(0.0335 * 480 / rows, 6)
    dataset.SequenceOfUltrasoundRegions = one(region)
    return dataset
