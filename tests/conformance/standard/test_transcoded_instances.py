"""Instances, series and studies in other transfer syntaxes, judged by other programs."""

import io
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import httpx
import imagecodecs
import numpy as np
import pydicom
import pytest
from dicomweb_client.api import DICOMwebClient
from pydicom.data import get_testdata_file
from pydicom.encaps import encapsulate
from pydicom.uid import (
    JPEG2000,
    MPEG4HP41,
    ExplicitVRLittleEndian,
    HTJ2KLossless,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from tests.conformance.multipart import parts
from tests.instances import a_dataset, part10
from tests.served_dicomweb import ServedDicomWeb

ROOT = "1.2.826.0.1.3680043.10.14"
MULTIPART = 'multipart/related; type="application/dicom"'
SINGLE = "application/dicom"
FILES = (
    "MR_small_RLE.dcm",
    "MR_small_bigendian.dcm",
    "emri_small_jpeg_2k_lossless.dcm",
    "emri_small_jpeg_ls_lossless.dcm",
    "J2K_pixelrep_mismatch.dcm",
)
MIXED, BROKEN = f"{ROOT}.2", f"{ROOT}.3"
TARGETS = (RLELossless, JPEGLosslessSV1, JPEGLSLossless, JPEG2000Lossless, HTJ2KLossless)


@cache
def read(name: str) -> pydicom.FileDataset:
    """A file of pydicom's, all of them in one study: the first three are a series."""
    dataset = pydicom.dcmread(str(get_testdata_file(name)))
    number = FILES.index(name)
    dataset.StudyInstanceUID = f"{ROOT}.1"
    dataset.SeriesInstanceUID = f"{ROOT}.1.{1 if number < 3 else 2}"
    dataset.SOPInstanceUID = f"{dataset.SeriesInstanceUID}.{number}"
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    return dataset


def as_file(dataset: pydicom.FileDataset) -> bytes:
    file = io.BytesIO()
    dataset.save_as(file)
    return file.getvalue()


def path(name: str, surface: str = "/dicom-web") -> str:
    dataset = read(name)
    series = f"{surface}/studies/{dataset.StudyInstanceUID}/series/{dataset.SeriesInstanceUID}"
    return f"{series}/instances/{dataset.SOPInstanceUID}"


def uids(study: str, number: int) -> dict[str, str]:
    series = f"{study}.1"
    return {
        "StudyInstanceUID": study,
        "SeriesInstanceUID": series,
        "SOPInstanceUID": f"{series}.{number}",
    }


def an_image(study: str, number: int) -> bytes:
    return part10(
        a_dataset(
            **uids(study, number), Rows=2, Columns=2, BitsStored=8, HighBit=7,
            PixelRepresentation=0, PhotometricInterpretation="MONOCHROME2",
            PixelData=b"\1\2\3\4",
        )
    )  # fmt: skip


def compressed(study: str, number: int, syntax: str) -> bytes:
    """An image whose codestream is none."""
    dataset = a_dataset(
        **uids(study, number), Rows=2, Columns=2, BitsStored=8, HighBit=7, PixelRepresentation=0,
        PhotometricInterpretation="MONOCHROME2", PixelData=encapsulate([b"no codestream"]),
    )  # fmt: skip
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = True
    return part10(dataset, syntax)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedDicomWeb]:
    folder: Path = tmp_path_factory.mktemp("transcoded")
    held = {"held_frames_bytes": 20_000, "page_instances": 2}
    with ServedDicomWeb(folder, retrieve=held) as server:
        server.keep(*(as_file(read(name)) for name in FILES))
        server.keep(
            an_image(MIXED, 1),
            compressed(MIXED, 2, MPEG4HP41),
            part10(a_dataset(**uids(MIXED, 3), Modality="SR", Rows=None, Columns=None)),
            an_image(MIXED, 4),
        )
        server.keep(an_image(BROKEN, 1), compressed(BROKEN, 2, JPEGLSLossless))
        yield server


@pytest.fixture
def client(server: ServedDicomWeb) -> Iterator[httpx.Client]:
    with server.client(accept="*/*") as client:
        yield client


def get(client: httpx.Client, url: str, *accepts: str) -> httpx.Response:
    return client.get(url, headers={"Accept": ", ".join(accepts)})


def opened(data: bytes) -> pydicom.FileDataset:
    return pydicom.dcmread(io.BytesIO(data))


def demand_same_image(result: pydicom.FileDataset, name: str, syntax: str) -> None:
    assert result.file_meta.TransferSyntaxUID == syntax
    assert np.array_equal(result.pixel_array, read(name).pixel_array)


@pytest.mark.parametrize("syntax", TARGETS)
def test_an_instance_comes_in_the_syntax_that_is_named(client: httpx.Client, syntax: str) -> None:
    name = "MR_small_bigendian.dcm"

    response = get(client, path(name), f"{SINGLE}; transfer-syntax={syntax}")

    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == f"{SINGLE}; transfer-syntax={syntax}"
    assert int(response.headers["content-length"]) == len(response.content)
    demand_same_image(opened(response.content), name, syntax)


@pytest.mark.parametrize("name", FILES)
def test_an_instance_is_decoded_when_no_syntax_is_named(client: httpx.Client, name: str) -> None:
    response = get(client, path(name), SINGLE)

    assert int(response.headers["content-length"]) == len(response.content)
    demand_same_image(opened(response.content), name, ExplicitVRLittleEndian)


def test_frames_that_are_made_while_they_are_sent_leave_the_length_open(
    client: httpx.Client,
) -> None:
    name = "emri_small_jpeg_2k_lossless.dcm"

    response = get(client, path(name), f"{SINGLE}; transfer-syntax={RLELossless}")

    assert "content-length" not in response.headers
    demand_same_image(opened(response.content), name, RLELossless)


def test_a_series_and_a_study_come_whole(client: httpx.Client) -> None:
    accept = f"{MULTIPART}; transfer-syntax={JPEGLSLossless}"
    series, _, _ = path(FILES[0]).partition("/instances")
    study, _, _ = series.partition("/series")

    for url, names in ((series, FILES[:3]), (study, FILES)):
        response = get(client, url, accept)

        assert response.status_code == 200
        found = parts(response)
        for (head, body), name in zip(found, names, strict=True):
            assert head["Content-Type"] == f"{SINGLE}; transfer-syntax={JPEGLSLossless}"
            demand_same_image(opened(body), name, JPEGLSLossless)


def test_qualities_rank_and_the_stored_syntax_comes_first_among_equals(
    client: httpx.Client,
) -> None:
    rle = f"{SINGLE}; transfer-syntax={RLELossless}"
    jls, stored = f"{SINGLE}; transfer-syntax={JPEGLSLossless}", f"{SINGLE}; transfer-syntax=*"
    name = "MR_small_bigendian.dcm"

    def given(*accepts: str) -> str:
        return get(client, path(name), *accepts).headers["content-type"].rpartition("=")[2]

    assert given(f"{rle}; q=0.3", f"{jls}; q=0.7") == JPEGLSLossless
    assert given(f"{rle}; q=0.3", f"{stored}; q=0.3") == read(name).file_meta.TransferSyntaxUID
    assert given(f"{SINGLE}; transfer-syntax={MPEG4HP41}", f"{rle}; q=0.1") == RLELossless
    assert given(f"{SINGLE}; transfer-syntax={JPEG2000}; transfer-syntax={RLELossless}") == (
        RLELossless
    )


def test_what_cannot_be_put_into_the_syntax_is_left_out_and_counted(client: httpx.Client) -> None:
    for syntax, numbers in ((RLELossless, [1, 4]), (ExplicitVRLittleEndian, [1, 3, 4])):
        response = get(
            client, f"/dicom-web/studies/{MIXED}", f"{MULTIPART}; transfer-syntax={syntax}"
        )

        assert response.status_code == 206
        assert f"{4 - len(numbers)} instances" in response.headers["warning"]
        uids_given = [str(opened(body).SOPInstanceUID) for _, body in parts(response)]
        assert uids_given == [f"{MIXED}.1.{number}" for number in numbers]


def test_an_image_that_is_damaged_is_told_of(client: httpx.Client) -> None:
    url = f"/dicom-web/studies/{BROKEN}"
    rle = f"transfer-syntax={RLELossless}"

    alone = get(client, f"{url}/series/{BROKEN}.1/instances/{BROKEN}.1.2", f"{SINGLE}; {rle}")
    insisted = f"{MULTIPART}; {rle}"

    assert alone.status_code == 406
    assert "cannot be decoded" in alone.text
    with pytest.raises(httpx.RemoteProtocolError):  # too late for a status: the body ends early
        get(client, url, insisted)
    either = parts(get(client, url, insisted, f"{MULTIPART}; transfer-syntax=*; q=0.1"))
    assert [head["Content-Type"].rpartition("=")[2] for head, _ in either] == [
        RLELossless,
        JPEGLSLossless,
    ]


def test_a_bomb_is_refused_by_its_description_and_by_its_codestream(
    server: ServedDicomWeb, client: httpx.Client
) -> None:
    bomb, liar = f"{ROOT}.4", f"{ROOT}.5"
    huge = opened(compressed(bomb, 1, JPEG2000Lossless))
    huge.Rows = huge.Columns = 60_000
    small = opened(compressed(liar, 1, JPEG2000Lossless))
    codestream = bytearray(imagecodecs.jpeg2k_encode(np.zeros((2, 2), "u1"), codecformat="j2k"))
    for at in (8, 12, 24, 28):  # size of image and tile in SIZ (ISO/IEC 15444-1 A.5.1)
        codestream[at : at + 4] = (60_000).to_bytes(4, "big")
    small.PixelData = encapsulate([bytes(codestream)])
    small["PixelData"].is_undefined_length = True
    server.keep(as_file(huge), as_file(small))

    for study, why in ((bomb, "pixels.maximum_frame_bytes"), (liar, "60000 x 60000")):
        url = f"/dicom-web/studies/{study}/series/{study}.1/instances/{study}.1.1"
        response = get(client, url, f"{SINGLE}; transfer-syntax={ExplicitVRLittleEndian}")

        assert response.status_code == 406
        assert why in response.text


def test_a_refusal_names_the_transfer_syntaxes_that_can_be_had(client: httpx.Client) -> None:
    url = path("MR_small_RLE.dcm")

    response = get(client, url, f"{SINGLE}; transfer-syntax={ImplicitVRLittleEndian}")

    assert response.status_code == 406
    refused, _, offered = response.text.partition(". It is held in ")
    assert ImplicitVRLittleEndian in refused
    held, _, others = offered.partition(" (transfer-syntax=*); it can also be had in ")
    assert held == RLELossless
    for syntax in others.partition(". ")[0].rstrip(".\n").split(", "):
        assert get(client, url, f"{SINGLE}; transfer-syntax={syntax}").status_code == 200, syntax
    assert JPEG2000Lossless in others


def test_head_answers_without_making_anything(client: httpx.Client) -> None:
    accept = {"Accept": f"{SINGLE}; transfer-syntax={RLELossless}"}

    response = client.head(path("MR_small_bigendian.dcm"), headers=accept)

    assert (response.status_code, response.content) == (200, b"")
    assert response.headers["content-type"].startswith(SINGLE)


@pytest.mark.parametrize("surface", ["/v1", "/v2"])
@pytest.mark.parametrize("name", ["MR_small_RLE.dcm", "MR_small_bigendian.dcm"])
def test_azure_gives_little_endian_and_jpeg_2000(
    client: httpx.Client, surface: str, name: str
) -> None:
    url = path(name, surface)

    for accept, syntax in (
        (SINGLE, ExplicitVRLittleEndian),
        (f"{SINGLE}; transfer-syntax={JPEG2000Lossless}", JPEG2000Lossless),
    ):
        response = get(client, url, accept)

        assert response.status_code == 200
        demand_same_image(opened(response.content), name, syntax)
    assert get(client, url, f"{SINGLE}; transfer-syntax={RLELossless}").status_code == 406


def test_azure_decodes_what_its_description_lists(client: httpx.Client) -> None:
    jls = path("emri_small_jpeg_ls_lossless.dcm", "/v2")

    assert get(client, jls, SINGLE).status_code == 406
    assert get(client, jls, f"{SINGLE}; transfer-syntax=*").status_code == 200
    assert get(client, path("J2K_pixelrep_mismatch.dcm", "/v2"), SINGLE).status_code == 200
    sr = f"/v2/studies/{MIXED}/series/{MIXED}.1/instances/{MIXED}.1.3"
    assert get(client, sr, f"{SINGLE}; transfer-syntax={JPEG2000Lossless}").status_code == 406


@pytest.mark.parametrize("syntax", [RLELossless, JPEGLSLossless, JPEG2000Lossless])
def test_dicomweb_client_gets_the_syntax_it_asks_for(server: ServedDicomWeb, syntax: str) -> None:
    client = DICOMwebClient(f"{server.url}/dicom-web")
    first = read(FILES[0])
    wanted = ((SINGLE, syntax),)

    instance = client.retrieve_instance(
        first.StudyInstanceUID, first.SeriesInstanceUID, first.SOPInstanceUID, media_types=wanted
    )
    series = client.retrieve_series(
        first.StudyInstanceUID, first.SeriesInstanceUID, media_types=wanted
    )

    assert instance.file_meta.TransferSyntaxUID == syntax
    assert np.array_equal(instance.pixel_array, first.pixel_array)
    assert [each.file_meta.TransferSyntaxUID for each in series] == [syntax] * 3
