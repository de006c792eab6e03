"""The demo studies: which there are, and how their instances are made, one at a time."""

from collections.abc import Callable, Iterator
from typing import Final

import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import (
    CTImageStorage,
    DigitalXRayImageStorageForPresentation,
    MRImageStorage,
    PositronEmissionTomographyImageStorage,
    UltrasoundMultiFrameImageStorage,
)

from hilum.inbound.demo.chest import ct_slices, projections
from hilum.inbound.demo.head import SEQUENCES, mr_slices
from hilum.inbound.demo.headers import StudyHeader, part10, place, set_pixels, uid
from hilum.inbound.demo.motion import tracer_slices, ultrasound_loop
from hilum.inbound.demo.shapes import Image


def study(number: int) -> Iterator[bytes]:
    """Yield the Part 10 files of the demo study with this number (from 0)."""
    kind, description, instances = _KINDS[number % len(_KINDS)]
    return instances(StudyHeader(number, kind, description))


def _ct(header: StudyHeader) -> Iterator[bytes]:
    count, pixels, spacing = 60, 512, 4.0
    for index, image in enumerate(ct_slices(header.number, count, spacing, pixels)):
        dataset = header.dataset(CTImageStorage, "CT", 1, index + 1)
        dataset.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
        dataset.SeriesDescription = "Chest, soft tissue, 4 mm"
        dataset.BodyPartExamined = "CHEST"
        dataset.ProtocolName = "Chest routine"
        dataset.KVP = 120
        dataset.XRayTubeCurrent = 140 + index
        dataset.ExposureTime = 500
        dataset.ConvolutionKernel = "PHANTOM40"
        dataset.SliceThickness = spacing
        dataset.SpacingBetweenSlices = spacing
        _square(dataset, header, 360.0, pixels, -860.0 + index * spacing, index)
        dataset.RescaleIntercept, dataset.RescaleSlope, dataset.RescaleType = -1024, 1, "HU"
        dataset.WindowCenter, dataset.WindowWidth = [40, -600], [400, 1500]
        dataset.WindowCenterWidthExplanation = ["SOFT TISSUE", "LUNG"]
        set_pixels(dataset, np.clip(np.rint(image) + 1024, 0, 4095).astype(np.uint16), 12)
        yield part10(dataset)


def _mr(header: StudyHeader) -> Iterator[bytes]:
    count, pixels, spacing = 24, 256, 5.5
    timing = {"T1": (500, 10, 0), "T2": (4200, 98, 0), "FLAIR": (9000, 110, 2500)}
    for series, name in enumerate(SEQUENCES, start=1):
        repetition, echo, inversion = timing[name]
        for index, image in enumerate(mr_slices(header.number, name, count, spacing, pixels)):
            dataset = header.dataset(MRImageStorage, "MR", series, index + 1)
            dataset.ImageType = ["ORIGINAL", "PRIMARY", "M", "NORM"]
            dataset.SeriesDescription = f"Head, axial {name}"
            dataset.BodyPartExamined = "BRAIN"
            dataset.ProtocolName = f"ax_{name.lower()}"
            dataset.ScanningSequence = "IR" if inversion else "SE"
            dataset.SequenceVariant = "SK"
            dataset.ScanOptions = ""
            dataset.MRAcquisitionType = "2D"
            dataset.MagneticFieldStrength = 3
            dataset.RepetitionTime, dataset.EchoTime = repetition, echo
            if inversion:
                dataset.InversionTime = inversion
            dataset.EchoTrainLength = 1
            dataset.SliceThickness, dataset.SpacingBetweenSlices = 5, spacing
            _square(dataset, header, 230.0, pixels, -42.0 + index * spacing, index)
            dataset.WindowCenter, dataset.WindowWidth = 450, 900
            set_pixels(dataset, np.clip(np.rint(image), 0, 4095).astype(np.uint16), 12)
            yield part10(dataset)


def _dx(header: StudyHeader) -> Iterator[bytes]:
    views = (("PA", "Chest PA"), ("LL", "Chest lateral"))
    images = projections(header.number, 1400, 1200)
    for instance, ((view, description), image) in enumerate(
        zip(views, images, strict=True), start=1
    ):
        dataset = header.dataset(DigitalXRayImageStorageForPresentation, "DX", instance, 1)
        dataset.ImageType = ["ORIGINAL", "PRIMARY", ""]
        dataset.SeriesDescription = description
        dataset.BodyPartExamined = "CHEST"
        dataset.ViewPosition = view
        dataset.PatientOrientation = ["L", "F"] if view == "PA" else ["P", "F"]
        dataset.ImageLaterality = "U"
        dataset.PresentationIntentType = "FOR PRESENTATION"
        dataset.KVP = 125
        dataset.DetectorType = "DIRECT"
        dataset.ImagerPixelSpacing = [0.25, 0.25]
        dataset.PixelSpacing = [0.25, 0.25]
        dataset.PixelIntensityRelationship = "LOG"
        dataset.PixelIntensityRelationshipSign = 1
        dataset.RescaleIntercept, dataset.RescaleSlope, dataset.RescaleType = 0, 1, "US"
        dataset.PresentationLUTShape = "IDENTITY"
        dataset.LossyImageCompression = "00"
        dataset.WindowCenter, dataset.WindowWidth = 2048, 4096
        noise = np.random.default_rng([header.number, instance])
        grain = noise.standard_normal(image.shape, dtype=np.float32) * 18
        pixels = np.clip(np.rint(image * 3900 + 90 + grain), 0, 4095)
        set_pixels(dataset, pixels.astype(np.uint16), 12)
        yield part10(dataset)


def _us(header: StudyHeader) -> Iterator[bytes]:
    frames, rows, columns = 40, 480, 640
    dataset = header.dataset(UltrasoundMultiFrameImageStorage, "US", 1, 1)
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "TTE"]
    dataset.SeriesDescription = "Four chambers, one beat"
    dataset.BodyPartExamined = "HEART"
    dataset.FrameTime = 25
    dataset.RecommendedDisplayFrameRate = 40
    dataset.CineRate = 40
    dataset.HeartRate = 60
    dataset.StartTrim, dataset.StopTrim = 1, frames
    dataset.FrameIncrementPointer = 0x00181063  # Frame Time
    dataset.LossyImageCompression = "00"
    region = Dataset()  # PS3.3 section C.8.5.5: the whole image is one calibrated sector
    region.RegionSpatialFormat, region.RegionDataType, region.RegionFlags = 1, 1, 0
    region.RegionLocationMinX0 = region.RegionLocationMinY0 = 0
    region.RegionLocationMaxX1, region.RegionLocationMaxY1 = columns - 1, rows - 1
    region.PhysicalUnitsXDirection = region.PhysicalUnitsYDirection = 3  # cm
    region.PhysicalDeltaX = region.PhysicalDeltaY = 0.0335
    dataset.SequenceOfUltrasoundRegions = [region]
    set_pixels(dataset, ultrasound_loop(header.number, frames, rows, columns), 8)
    yield part10(dataset)


def _pt(header: StudyHeader) -> Iterator[bytes]:
    count, pixels, spacing = 100, 128, 8.0
    for index, image in enumerate(tracer_slices(header.number, count, spacing, pixels)):
        dataset = header.dataset(PositronEmissionTomographyImageStorage, "PT", 1, index + 1)
        dataset.ImageType = ["ORIGINAL", "PRIMARY"]
        dataset.SeriesDescription = "Whole body FDG, attenuation corrected"
        dataset.BodyPartExamined = "WHOLEBODY"
        dataset.SeriesType = ["WHOLE BODY", "IMAGE"]
        dataset.Units, dataset.CountsSource, dataset.DecayCorrection = "BQML", "EMISSION", "START"
        dataset.CorrectedImage = ["DECY", "ATTN", "SCAT", "DTIM", "RANSNG", "NORM"]
        dataset.PatientWeight = 71
        dataset.PatientSize = 1.74
        dataset.NumberOfSlices = count
        dataset.ImageIndex = index + 1
        dataset.ActualFrameDuration = 120_000
        dataset.FrameReferenceTime = 0
        dataset.CollimatorType = "NONE"
        dataset.SliceThickness = spacing
        dataset.RadiopharmaceuticalInformationSequence = [_tracer(header)]
        _square(dataset, header, 520.0, pixels, -1400.0 + index * spacing, index)
        _scaled(dataset, image)
        yield part10(dataset)


def _tracer(header: StudyHeader) -> Dataset:
    tracer = Dataset()
    tracer.Radiopharmaceutical = "FDG"
    tracer.RadiopharmaceuticalStartTime = f"{int(header.time[:2]) - 1:02d}{header.time[2:]}"
    tracer.RadionuclideTotalDose = 250_000_000
    tracer.RadionuclideHalfLife = 6586.2
    tracer.RadionuclidePositronFraction = 0.967
    return tracer


def _scaled(dataset: Dataset, image: Image) -> None:
    """Every cut has a rescale slope of its own, as scanners write them."""
    slope = round(max(float(image.max()), 1.0) / 32_767, 6)
    dataset.RescaleIntercept, dataset.RescaleSlope = 0, slope
    dataset.WindowCenter, dataset.WindowWidth = 10_000, 20_000
    set_pixels(dataset, np.clip(np.rint(image / slope), 0, 32_767).astype(np.int16), 16)


def _square(
    dataset: Dataset, header: StudyHeader, side_mm: float, pixels: int, z_mm: float, index: int
) -> None:
    """An axial cut of a square field of view, centred on the table."""
    spacing = side_mm / pixels
    dataset.PixelSpacing = [round(spacing, 6), round(spacing, 6)]
    corner = -(side_mm - spacing) / 2
    frame_of_reference = uid(header.number, header.kind, "frame of reference")
    place(dataset, frame_of_reference, (corner, corner, z_mm), index + 1)


_KINDS: Final[tuple[tuple[str, str, Callable[[StudyHeader], Iterator[bytes]]], ...]] = (
    ("ct", "CT chest", _ct),
    ("mr", "MR head", _mr),
    ("dx", "Chest X-ray, two views", _dx),
    ("us", "Echocardiography", _us),
    ("pt", "PET whole body", _pt),
)

STUDIES: Final = len(_KINDS)
"""How many different studies there are; larger numbers make variants of them."""
