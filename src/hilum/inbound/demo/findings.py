"""What was found in the thin cuts of the chest: a segmentation, a report, the report on paper."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items
from pydicom.uid import BasicTextSRStorage, EncapsulatedPDFStorage, SegmentationStorage

from hilum.inbound.demo.chest import LOWEST_CUT_MM, NODULE_CENTRE_MM, nodule_radius
from hilum.inbound.demo.headers import StudyHeader, code, one, uid
from hilum.inbound.demo.pdf import one_page
from hilum.inbound.demo.shapes import Grid

_TITLE: Final = "Report of a phantom"
_FINDINGS: Final = (
    "There is a round nodule of 13 mm in the right lung.",
    "The rest of this chest is computed from ellipses and noise.",
)
_CONCLUSION: Final = "A phantom. No such patient."


def nodule_segmentation(header: StudyHeader, cuts: Sequence[Dataset]) -> Dataset:
    """The nodule in all cuts that meet it, one bit per pixel (PS3.3 A.51)."""
    first = cuts[0]
    spacing_mm = float(first.SpacingBetweenSlices)
    side_mm = float(first.PixelSpacing[0]) * int(first.Columns)
    grid = Grid.centred(first.Rows, first.Columns, side_mm / first.Columns)
    masks, met = [], []
    for index, cut in enumerate(cuts):
        radius = nodule_radius(header.number, LOWEST_CUT_MM + index * spacing_mm)
        if radius > 0:
            masks.append(grid.distance(NODULE_CENTRE_MM, (radius, radius)) <= 1)
            met.append(cut)
    dataset = header.dataset(SegmentationStorage, "SEG", 2, 1)
    dataset.ImageType = ["DERIVED", "PRIMARY"]
    dataset.SeriesDescription = "Nodule"
    dataset.ContentLabel, dataset.ContentDescription = "NODULE", "A nodule of the right lung"
    dataset.ContentCreatorName = "Demo^Reader"
    dataset.DeviceSerialNumber, dataset.SoftwareVersions = "1", "1"
    dataset.FrameOfReferenceUID = first.FrameOfReferenceUID
    dataset.PositionReferenceIndicator = ""
    dataset.LossyImageCompression = "00"
    dataset.SegmentationType = "BINARY"
    dataset.SegmentSequence = one(_segment())
    dataset.ReferencedSeriesSequence = one(_referenced(cuts))
    _add_dimensions(dataset, header)
    dataset.SharedFunctionalGroupsSequence = one(_shared(first))
    dataset.PerFrameFunctionalGroupsSequence = Items(
        [_of_frame(number, cut) for number, cut in enumerate(met, start=1)]
    )
    _set_bits(dataset, np.stack(masks))
    return dataset


def _segment() -> Dataset:
    segment = Dataset()
    segment.SegmentNumber = 1
    segment.SegmentLabel = "Nodule"
    segment.SegmentAlgorithmType = "MANUAL"
    segment.SegmentedPropertyCategoryCodeSequence = one(
        code("49755003", "SCT", "Morphologically Abnormal Structure")
    )
    segment.SegmentedPropertyTypeCodeSequence = one(code("27925004", "SCT", "Nodule"))
    segment.RecommendedDisplayCIELabValue = [39000, 50000, 45000]
    return segment


def _referenced(cuts: Sequence[Dataset]) -> Dataset:
    series = Dataset()
    series.SeriesInstanceUID = cuts[0].SeriesInstanceUID
    series.ReferencedInstanceSequence = Items([_reference(cut) for cut in cuts])
    return series


def _reference(cut: Dataset) -> Dataset:
    reference = Dataset()
    reference.ReferencedSOPClassUID = cut.SOPClassUID
    reference.ReferencedSOPInstanceUID = cut.SOPInstanceUID
    return reference


def _add_dimensions(dataset: Dataset, header: StudyHeader) -> None:
    organization = Dataset()
    organization.DimensionOrganizationUID = uid(header.number, header.kind, "dimensions")
    dataset.DimensionOrganizationSequence = one(organization)
    items = []
    for pointer, group in ((0x0062000B, 0x0062000A), (0x00200032, 0x00209113)):
        index = Dataset()  # segment number, then position of the plane
        index.DimensionOrganizationUID = organization.DimensionOrganizationUID
        index.DimensionIndexPointer = pointer
        index.FunctionalGroupPointer = group
        items.append(index)
    dataset.DimensionIndexSequence = Items(items)


def _shared(first: Dataset) -> Dataset:
    measures, orientation, segment, shared = Dataset(), Dataset(), Dataset(), Dataset()
    measures.PixelSpacing = first.PixelSpacing
    measures.SliceThickness = first.SliceThickness
    measures.SpacingBetweenSlices = first.SpacingBetweenSlices
    orientation.ImageOrientationPatient = first.ImageOrientationPatient
    segment.ReferencedSegmentNumber = 1
    shared.PixelMeasuresSequence = one(measures)
    shared.PlaneOrientationSequence = one(orientation)
    shared.SegmentIdentificationSequence = one(segment)
    return shared


def _of_frame(number: int, cut: Dataset) -> Dataset:
    content, position, derivation, frame = Dataset(), Dataset(), Dataset(), Dataset()
    content.DimensionIndexValues = [1, number]
    position.ImagePositionPatient = cut.ImagePositionPatient
    source = _reference(cut)
    source.PurposeOfReferenceCodeSequence = one(
        code("121322", "DCM", "Source image for image processing operation")
    )
    derivation.SourceImageSequence = one(source)
    derivation.DerivationCodeSequence = one(code("113076", "DCM", "Segmentation"))
    frame.FrameContentSequence = one(content)
    frame.PlanePositionSequence = one(position)
    frame.DerivationImageSequence = one(derivation)
    return frame


def _set_bits(dataset: Dataset, masks: "np.ndarray[tuple[int, ...], np.dtype[np.bool_]]") -> None:
    dataset.NumberOfFrames, dataset.Rows, dataset.Columns = masks.shape
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.BitsAllocated = dataset.BitsStored = 1
    dataset.HighBit = dataset.PixelRepresentation = 0
    data = np.packbits(masks.reshape(-1), bitorder="little").tobytes()
    dataset.PixelData = data + b"\0" * (len(data) % 2)
    dataset["PixelData"].VR = "OB"


def written_report(header: StudyHeader) -> Dataset:
    """A text report as a tree of content items (PS3.3 A.35.1)."""
    dataset = header.dataset(BasicTextSRStorage, "SR", 3, 1)
    dataset.SeriesDescription = _TITLE
    dataset.ReferencedPerformedProcedureStepSequence = Items()
    dataset.PerformedProcedureCodeSequence = Items()
    dataset.CompletionFlag, dataset.VerificationFlag = "COMPLETE", "UNVERIFIED"
    dataset.ValueType, dataset.ContinuityOfContent = "CONTAINER", "SEPARATE"
    dataset.ConceptNameCodeSequence = one(code("18748-4", "LN", "Diagnostic imaging report"))
    findings = _container(code("121070", "DCM", "Findings"))
    findings.ContentSequence = Items(
        [_text(code("121071", "DCM", "Finding"), finding) for finding in _FINDINGS]
    )
    conclusions = _container(code("121076", "DCM", "Conclusions"))
    conclusions.ContentSequence = one(_text(code("121077", "DCM", "Conclusion"), _CONCLUSION))
    dataset.ContentSequence = Items([findings, conclusions])
    return dataset


def _container(concept: Dataset) -> Dataset:
    item = Dataset()
    item.RelationshipType, item.ValueType, item.ContinuityOfContent = (
        "CONTAINS",
        "CONTAINER",
        "SEPARATE",
    )
    item.ConceptNameCodeSequence = one(concept)
    return item


def _text(concept: Dataset, value: str) -> Dataset:
    item = Dataset()
    item.RelationshipType, item.ValueType, item.TextValue = "CONTAINS", "TEXT", value
    item.ConceptNameCodeSequence = one(concept)
    return item


def printed_report(header: StudyHeader) -> Dataset:
    """The same report as a PDF document (PS3.3 A.45.1)."""
    dataset = header.dataset(EncapsulatedPDFStorage, "DOC", 4, 1)
    dataset.SeriesDescription = dataset.DocumentTitle = _TITLE
    dataset.ConversionType = "WSD"
    dataset.BurnedInAnnotation = "YES"
    dataset.ConceptNameCodeSequence = one(code("18748-4", "LN", "Diagnostic imaging report"))
    dataset.MIMETypeOfEncapsulatedDocument = "application/pdf"
    document = one_page((_TITLE, "", *_FINDINGS, "", _CONCLUSION))
    dataset.EncapsulatedDocumentLength = len(document)
    dataset.EncapsulatedDocument = document + b"\0" * (len(document) % 2)
    return dataset
