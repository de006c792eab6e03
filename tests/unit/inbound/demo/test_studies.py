"""Demo studies: the same every time, believable to a viewer, and of nobody."""

import io
import itertools

import numpy as np
import pydicom
import pytest

from hilum.inbound.demo.headers import PEOPLE
from hilum.inbound.demo.studies import STUDIES, study


@pytest.fixture(scope="module")
def studies() -> list[list[pydicom.Dataset]]:
    return [
        [pydicom.dcmread(io.BytesIO(data)) for data in study(number)] for number in range(STUDIES)
    ]


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
        heights = [float(dataset.ImagePositionPatient[2]) for dataset in datasets]
        steps = np.diff(heights)
        assert np.allclose(steps, float(datasets[0].SliceThickness))
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
        frames = int(dataset.get("NumberOfFrames", 1))
        expected = frames * dataset.Rows * dataset.Columns * dataset.BitsAllocated // 8
        assert len(dataset.PixelData) == expected + expected % 2
        assert dataset.pixel_array.std() > 0


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
