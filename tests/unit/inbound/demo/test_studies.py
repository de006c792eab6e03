"""Demo studies: the same every time, believable to a viewer, and of nobody."""

import io
import itertools

import numpy as np
import pydicom
import pytest

from hilum.inbound.demo.headers import PEOPLE
from hilum.inbound.demo.studies import STUDIES, study

THIN_CUTS, MULTI_FRAME, IN_COLOUR = 5, 6, 7


@pytest.fixture(scope="module")
def studies() -> list[list[pydicom.Dataset]]:
    """All but that of the thin cuts, in whose place is the first of them."""
    return [
        [
            pydicom.dcmread(io.BytesIO(data))
            for data in itertools.islice(study(number), 1 if number == THIN_CUTS else None)
        ]
        for number in range(STUDIES)
    ]


@pytest.fixture(scope="module")
def thin() -> list[pydicom.Dataset]:
    """300 thin cuts, of which every tenth keeps its pixels, and what was found in them."""
    return [
        _read(data, pixels=not position % 10 or position >= 300)
        for position, data in enumerate(study(THIN_CUTS))
    ]


def _read(data: bytes, *, pixels: bool) -> pydicom.Dataset:
    return pydicom.dcmread(io.BytesIO(data), stop_before_pixels=not pixels)


def test_a_study_is_the_same_every_time() -> None:
    for number in range(STUDIES):
        first = list(itertools.islice(study(number), 3))
        assert first == list(itertools.islice(study(number), 3))


def test_uids_are_unique_valid_and_agree_with_the_file_meta(
    studies: list[list[pydicom.Dataset]],
) -> None:
    instances = [dataset for datasets in studies for dataset in datasets]
    uids = [dataset.SOPInstanceUID for dataset in instances]

    assert len(set(uids)) == len(uids)
    assert len({dataset.StudyInstanceUID for dataset in instances}) == STUDIES
    for dataset in instances:
        assert dataset.SOPInstanceUID.is_valid
        assert dataset.file_meta.MediaStorageSOPInstanceUID == dataset.SOPInstanceUID
        assert dataset.file_meta.MediaStorageSOPClassUID == dataset.SOPClassUID


def test_cuts_lie_one_above_the_other_at_the_spacing_they_claim(
    studies: list[list[pydicom.Dataset]],
) -> None:
    for datasets in (studies[0], studies[4]):
        _assert_stacked(datasets)


@pytest.mark.slow
@pytest.mark.xdist_group("thin-cuts")
def test_thin_cuts_are_stacked_too_and_their_uids_are_unique(thin: list[pydicom.Dataset]) -> None:
    _assert_stacked(thin[:300])
    assert len({dataset.SOPInstanceUID for dataset in thin}) == 303
    assert len({dataset.StudyInstanceUID for dataset in thin}) == 1
    assert [dataset.Modality for dataset in thin[300:]] == ["SEG", "SR", "DOC"]


def _assert_stacked(datasets: list[pydicom.Dataset]) -> None:
    heights = [float(dataset.ImagePositionPatient[2]) for dataset in datasets]
    assert np.allclose(np.diff(heights), float(datasets[0].SliceThickness))
    assert len({dataset.FrameOfReferenceUID for dataset in datasets}) == 1


def test_a_chest_has_air_lung_soft_tissue_and_bone(
    studies: list[list[pydicom.Dataset]],
) -> None:
    middle = studies[0][30]
    hounsfield = middle.pixel_array * float(middle.RescaleSlope) + float(middle.RescaleIntercept)

    shares = [
        np.mean((hounsfield > low) & (hounsfield < high))
        for low, high in ((-1024, -950), (-900, -800), (-20, 100), (300, 1500))
    ]

    assert all(share > 0.01 for share in shares)


def test_pixels_are_as_long_as_the_header_says(studies: list[list[pydicom.Dataset]]) -> None:
    for dataset in (datasets[0] for datasets in studies):
        frames = int(dataset.get("NumberOfFrames", 1)) * dataset.SamplesPerPixel
        expected = frames * dataset.Rows * dataset.Columns * dataset.BitsAllocated // 8
        assert len(dataset.PixelData) == expected + expected % 2
        assert dataset.pixel_array.std() > 0


@pytest.mark.slow
@pytest.mark.xdist_group("thin-cuts")
def test_the_segmentation_lies_on_the_nodule(thin: list[pydicom.Dataset]) -> None:
    cuts, segmentation = thin[:300], thin[300]
    by_uid = {cut.SOPInstanceUID: cut for cut in cuts}
    masks = segmentation.pixel_array
    inside = []
    for mask, frame in zip(masks, segmentation.PerFrameFunctionalGroupsSequence, strict=True):
        source = frame.DerivationImageSequence[0].SourceImageSequence[0]
        cut = by_uid[source.ReferencedSOPInstanceUID]
        place = frame.PlanePositionSequence[0].ImagePositionPatient
        assert place == cut.ImagePositionPatient
        if "PixelData" in cut:
            inside.append(float((cut.pixel_array[mask == 1].astype(float) - 1024).mean()))

    assert masks.shape == (segmentation.NumberOfFrames, 512, 512)
    assert 10 < len(masks) < 20
    assert inside
    assert all(-150 < hounsfield < 100 for hounsfield in inside), "tissue within the lung"


@pytest.mark.slow
@pytest.mark.xdist_group("thin-cuts")
def test_a_report_says_what_its_paper_says(thin: list[pydicom.Dataset]) -> None:
    report, paper = thin[301:303]
    texts = [item.TextValue for part in report.ContentSequence for item in part.ContentSequence]

    assert (report.Modality, paper.Modality) == ("SR", "DOC")
    document = paper.EncapsulatedDocument[: paper.EncapsulatedDocumentLength]
    assert document.startswith(b"%PDF-1.4")
    for text in texts:
        assert f"({text}) Tj".encode() in document
    table = int(document.rsplit(b"startxref\n", 1)[1].split()[0])
    assert document[table:].startswith(b"xref")
    for number, line in enumerate(document[table:].splitlines()[3:8], start=1):
        assert document[int(line.split()[0]) :].startswith(b"%d 0 obj" % number)


def test_a_multi_frame_instance_places_every_frame(studies: list[list[pydicom.Dataset]]) -> None:
    (dataset,) = studies[MULTI_FRAME]
    frames = dataset.PerFrameFunctionalGroupsSequence
    heights = [frame.PlanePositionSequence[0].ImagePositionPatient[2] for frame in frames]
    (measures,) = dataset.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence

    assert len(frames) == dataset.NumberOfFrames == len(dataset.pixel_array)
    assert np.allclose(np.diff(heights), float(measures.SpacingBetweenSlices))


def test_flow_is_red_one_way_and_blue_the_other(studies: list[list[pydicom.Dataset]]) -> None:
    frames = studies[IN_COLOUR][0].pixel_array.astype(int)
    excess = frames[..., 0] - frames[..., 2]

    assert frames.shape == (24, 360, 480, 3)
    assert excess[6].max() > 150
    assert excess[18].min() < -150


def test_names_survive_their_character_sets(studies: list[list[pydicom.Dataset]]) -> None:
    names = [str(datasets[0].PatientName) for datasets in studies]

    assert names == [person.name for person in PEOPLE[:STUDIES]]
    assert studies[1][0].PatientName.ideographic == "出茂^花子"


def test_variants_are_other_patients_at_other_times() -> None:
    first = pydicom.dcmread(io.BytesIO(next(study(3))))
    other = pydicom.dcmread(io.BytesIO(next(study(3 + len(PEOPLE) * STUDIES))))

    assert first.Modality == other.Modality
    assert first.StudyInstanceUID != other.StudyInstanceUID
    assert first.PatientID != other.PatientID
