"""The numerical head as one multi-frame instance with functional groups (PS3.3 A.36)."""

from collections.abc import Iterator
from typing import Final

import numpy as np
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items
from pydicom.uid import EnhancedMRImageStorage

from hilum.inbound.demo.head import mr_slices
from hilum.inbound.demo.headers import StudyHeader, one, part10, set_pixels, square_corner, uid

_COUNT: Final = 24
_PIXELS: Final = 256
_SIDE_MM: Final = 230.0
_SPACING_MM: Final = 5.5
_LOWEST_MM: Final = -42.0
_FRAME_TYPE: Final = ("ORIGINAL", "PRIMARY", "M", "NONE")


def enhanced_mr(header: StudyHeader) -> Iterator[bytes]:
    """Yield one instance that holds all cuts."""
    dataset = header.dataset(EnhancedMRImageStorage, "MR", 1, 1)
    dataset.ImageType = list(_FRAME_TYPE)
    dataset.SeriesDescription = "Head, axial FLAIR, multi-frame"
    dataset.BodyPartExamined = "BRAIN"
    dataset.DeviceSerialNumber, dataset.SoftwareVersions = "1", "1"
    dataset.FrameOfReferenceUID = uid(header.number, header.kind, "frame of reference")
    dataset.PositionReferenceIndicator = ""
    dataset.MagneticFieldStrength = 3
    dataset.ResonantNucleus = "1H"
    dataset.PixelPresentation, dataset.VolumetricProperties = "MONOCHROME", "VOLUME"
    dataset.VolumeBasedCalculationTechnique = "NONE"
    dataset.ComplexImageComponent, dataset.AcquisitionContrast = "MAGNITUDE", "FLUID_ATTENUATED"
    dataset.ContentQualification = "RESEARCH"
    dataset.BurnedInAnnotation, dataset.LossyImageCompression = "NO", "00"
    dataset.PresentationLUTShape = "IDENTITY"
    dataset.AcquisitionDateTime = header.date + header.time
    dataset.AcquisitionDuration = 240
    dataset.AcquisitionContextSequence = Items()
    _add_dimensions(dataset, header)
    dataset.SharedFunctionalGroupsSequence = one(_shared())
    dataset.PerFrameFunctionalGroupsSequence = Items([_of_frame(index) for index in range(_COUNT)])
    images = mr_slices(header.number, "FLAIR", _COUNT, _SPACING_MM, _PIXELS)
    pixels = np.stack([np.clip(np.rint(image), 0, 4095).astype(np.uint16) for image in images])
    set_pixels(dataset, pixels, 12)
    yield part10(dataset)


def _add_dimensions(dataset: Dataset, header: StudyHeader) -> None:
    organization, index = Dataset(), Dataset()
    organization.DimensionOrganizationUID = uid(header.number, header.kind, "dimensions")
    index.DimensionOrganizationUID = organization.DimensionOrganizationUID
    index.DimensionIndexPointer = 0x00209057  # In-Stack Position Number
    index.FunctionalGroupPointer = 0x00209111  # Frame Content Sequence
    dataset.DimensionOrganizationSequence = one(organization)
    dataset.DimensionIndexSequence = one(index)


def _shared() -> Dataset:
    measures, orientation, window, values, kind, shared = (Dataset() for _ in range(6))
    spacing = round(_SIDE_MM / _PIXELS, 6)
    measures.PixelSpacing, measures.SliceThickness = [spacing, spacing], 5
    measures.SpacingBetweenSlices = _SPACING_MM
    orientation.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    window.WindowCenter, window.WindowWidth = 450, 900
    values.RescaleIntercept, values.RescaleSlope, values.RescaleType = 0, 1, "US"
    kind.FrameType = list(_FRAME_TYPE)
    kind.PixelPresentation, kind.VolumetricProperties = "MONOCHROME", "VOLUME"
    kind.VolumeBasedCalculationTechnique = "NONE"
    kind.ComplexImageComponent, kind.AcquisitionContrast = "MAGNITUDE", "FLUID_ATTENUATED"
    shared.PixelMeasuresSequence = one(measures)
    shared.PlaneOrientationSequence = one(orientation)
    shared.FrameVOILUTSequence = one(window)
    shared.PixelValueTransformationSequence = one(values)
    shared.MRImageFrameTypeSequence = one(kind)
    return shared


def _of_frame(index: int) -> Dataset:
    content, position, frame = Dataset(), Dataset(), Dataset()
    content.StackID, content.InStackPositionNumber = "1", index + 1
    content.DimensionIndexValues = [index + 1]
    corner = square_corner(_SIDE_MM, _PIXELS)
    place = (*corner, _LOWEST_MM + index * _SPACING_MM)
    position.ImagePositionPatient = [round(value, 3) for value in place]
    frame.FrameContentSequence = one(content)
    frame.PlanePositionSequence = one(position)
    return frame
