"""CT of the numerical chest: in thick cuts, and in thin ones with what was found in them."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import CTImageStorage

from hilum.inbound.demo.chest import ct_slices
from hilum.inbound.demo.findings import nodule_segmentation, printed_report, written_report
from hilum.inbound.demo.headers import StudyHeader, part10, set_pixels, square

SIDE_MM, PIXELS = 360.0, 512
_LOWEST_MM = -860.0


@dataclass(frozen=True, slots=True)
class _Scan:
    count: int
    spacing_mm: float
    description: str
    kernel: str


def chest_ct(header: StudyHeader) -> Iterator[bytes]:
    """Yield one series, as it is read on a workstation."""
    yield from map(part10, _cuts(header, _Scan(60, 4.0, "Chest, soft tissue, 4 mm", "PHANTOM40")))


def thin_chest_ct(header: StudyHeader) -> Iterator[bytes]:
    """Yield 300 cuts, a segmentation of the nodule in them, a report, and the report on paper."""
    headers = []
    for dataset in _cuts(header, _Scan(300, 0.8, "Chest, lung, 0.8 mm", "PHANTOM60")):
        yield part10(dataset)
        del dataset.PixelData
        headers.append(dataset)
    yield part10(nodule_segmentation(header, headers))
    yield part10(written_report(header))
    yield part10(printed_report(header))


def _cuts(header: StudyHeader, scan: _Scan) -> Iterator[Dataset]:
    images = ct_slices(header.number, scan.count, scan.spacing_mm, PIXELS)
    for index, image in enumerate(images):
        dataset = header.dataset(CTImageStorage, "CT", 1, index + 1)
        dataset.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
        dataset.SeriesDescription = scan.description
        dataset.BodyPartExamined = "CHEST"
        dataset.ProtocolName = "Chest routine"
        dataset.KVP = 120
        dataset.XRayTubeCurrent = 140 + index
        dataset.ExposureTime = 500
        dataset.ConvolutionKernel = scan.kernel
        dataset.SliceThickness = scan.spacing_mm
        dataset.SpacingBetweenSlices = scan.spacing_mm
        square(dataset, header, SIDE_MM, PIXELS, _LOWEST_MM + index * scan.spacing_mm, index)
        dataset.RescaleIntercept, dataset.RescaleSlope, dataset.RescaleType = -1024, 1, "HU"
        dataset.WindowCenter, dataset.WindowWidth = [40, -600], [400, 1500]
        dataset.WindowCenterWidthExplanation = ["SOFT TISSUE", "LUNG"]
        set_pixels(dataset, np.clip(np.rint(image) + 1024, 0, 4095).astype(np.uint16), 12)
        yield dataset
