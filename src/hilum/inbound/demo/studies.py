"""The demo studies: which there are, and how their instances are made, one at a time."""

from collections.abc import Callable, Iterator
from typing import Final

import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import (
    DigitalXRayImageStorageForPresentation,
    MRImageStorage,
    PositronEmissionTomographyImageStorage,
)

from hilum.inbound.demo.chest import projections
from hilum.inbound.demo.chest_ct import chest_ct, thin_chest_ct
from hilum.inbound.demo.head import SEQUENCES, mr_slices
from hilum.inbound.demo.headers import StudyHeader, part10, set_pixels, square
from hilum.inbound.demo.loops import colour_loop, grey_loop
from hilum.inbound.demo.motion import tracer_slices
from hilum.inbound.demo.multiframe_mr import enhanced_mr
from hilum.inbound.demo.shapes import Image


def study(number: int) -> Iterator[bytes]:
    """Yield the Part 10 files of the demo study with this number (from 0)."""
    kind, description, instances = _KINDS[number % len(_KINDS)]
    return instances(StudyHeader(number, kind, description))


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
            square(dataset, header, 230.0, pixels, -42.0 + index * spacing, index)
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
        square(dataset, header, 520.0, pixels, -1400.0 + index * spacing, index)
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


_KINDS: Final[tuple[tuple[str, str, Callable[[StudyHeader], Iterator[bytes]]], ...]] = (
    ("ct", "CT chest", chest_ct),
    ("mr", "MR head", _mr),
    ("dx", "Chest X-ray, two views", _dx),
    ("us", "Echocardiography", grey_loop),
    ("pt", "PET whole body", _pt),
    ("ct-thin", "CT chest, thin cuts, with a report", thin_chest_ct),
    ("mr-multi", "MR head, multi-frame", enhanced_mr),
    ("us-colour", "Echocardiography, colour Doppler", colour_loop),
)

STUDIES: Final = len(_KINDS)
"""How many different studies there are; larger numbers make variants of them."""
