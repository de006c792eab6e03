"""WADO-RS as the Azure DICOM service does it: section 3 of its description."""

import gzip
import io
from collections.abc import Iterator

import httpx
import numpy as np
import pydicom
import pytest
from pydicom.uid import (
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLSLossless,
)

from hilum.domain.identifiers import Scope, StudyInstanceUID
from hilum.settings import Settings
from tests.conformance.multipart import parts
from tests.instances import a_dataset, an_instance, part10
from tests.served_dicomweb import ServedDicomWeb

VERSIONS = ("/v1", "/v2")
ROOT = "1.2.826.0.1.3680043.10.2"
MULTIPART = 'multipart/related; type="application/dicom"'
EXPLICIT = f"application/dicom; transfer-syntax={ExplicitVRLittleEndian}"
ORIGINAL = f"{MULTIPART}; transfer-syntax=*"
# Encapsulated bytes that nobody decodes here: one item that is no image.
ENCAPSULATED = (
    b"\xfe\xff\x00\xe0\x00\x00\x00\x00\xfe\xff\x00\xe0\x04\x00\x00\x00abcd\xfe\xff\xdd\xe0"
    + bytes(4)
)


def uids(number: int, series: int = 1) -> dict[str, str]:
    study = f"{ROOT}.{number}"
    return {"StudyInstanceUID": study, "SeriesInstanceUID": f"{study}.{series}"}


def encapsulated(syntax: str, number: int) -> bytes:
    dataset = a_dataset(**uids(number), Rows=1, Columns=1, PixelData=ENCAPSULATED)
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = True
    return part10(dataset, syntax)


def big_endian(number: int) -> bytes:
    words = np.arange(12, dtype=">u2").tobytes()
    dataset = a_dataset(
        **uids(number),
        Rows=3,
        Columns=4,
        BitsAllocated=16,
        BitsStored=16,
        HighBit=15,
        PixelRepresentation=0,
        PhotometricInterpretation="MONOCHROME2",
        PixelData=words,
    )
    dataset["PixelData"].VR = "OW"
    return part10(dataset, ExplicitVRBigEndian)


THREE = [
    an_instance(300, **uids(1, series=1), SOPInstanceUID=f"{ROOT}.1.1.1"),
    an_instance(2_000, **uids(1, series=1), SOPInstanceUID=f"{ROOT}.1.1.2"),
    an_instance(100_000, **uids(1, series=2), SOPInstanceUID=f"{ROOT}.1.2.1"),
]
IMPLICIT = part10(a_dataset(**uids(2), PixelData=b"\x01\x02"), ImplicitVRLittleEndian)
JPEG_2000 = encapsulated(JPEG2000Lossless, 3)
JPEG = encapsulated(JPEGBaseline8Bit, 4)
BIG_ENDIAN = big_endian(5)
JPEG_LS = encapsulated(JPEGLSLossless, 6)
STUDY = f"/studies/{ROOT}.1"
SERIES = f"{STUDY}/series/{ROOT}.1.1"
INSTANCE = f"{SERIES}/instances/{ROOT}.1.1.1"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedDicomWeb]:
    # Small pages, so that some answers take several.
    retrieve = {"page_metadata": 20, "azure_conversion_bytes": 1_000_000}
    with ServedDicomWeb(tmp_path_factory.mktemp("wado"), retrieve=retrieve) as server:
        server.keep(*THREE, IMPLICIT, JPEG_2000, JPEG, BIG_ENDIAN, JPEG_LS)
        yield server


@pytest.fixture
def client(server: ServedDicomWeb) -> Iterator[httpx.Client]:
    with server.client() as client:
        yield client


def get(client: httpx.Client, path: str, accept: str | None, **headers: str) -> httpx.Response:
    request = client.build_request("GET", path, headers=headers)
    del request.headers["accept"]
    if accept is not None:
        request.headers["accept"] = accept
    return client.send(request)


def path_of(instance: bytes) -> str:
    dataset = pydicom.dcmread(io.BytesIO(instance), stop_before_pixels=True)
    return (
        f"/studies/{dataset.StudyInstanceUID}/series/{dataset.SeriesInstanceUID}"
        f"/instances/{dataset.SOPInstanceUID}"
    )


@pytest.mark.azure(
    "3.1-study-series-multipart",
    "3.1-study-series-any",
    "3.1-instance-multipart",
    "3.1-instance-any",
    "3.1-type-quoted",
    "3.1-multipart-headers",
)
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("path", "expected"), [(STUDY, THREE), (SERIES, THREE[:2]), (INSTANCE, THREE[:1])]
)
@pytest.mark.parametrize(
    "accept", [ORIGINAL, "*/*", ORIGINAL.replace('"', ""), "text/x, */*;q=0.1"]
)
def test_3_1_stored_bytes_come_as_parts(
    client: httpx.Client, version: str, path: str, expected: list[bytes], accept: str
) -> None:
    response = get(client, version + path, accept)

    assert response.status_code == 200
    assert response.headers["content-type"].startswith("multipart/related; ")
    assert int(response.headers["content-length"]) == len(response.content)
    found = parts(response)
    assert [body for _, body in found] == expected
    for head, body in found:
        assert (
            head["Content-Type"] == f"application/dicom; transfer-syntax={ExplicitVRLittleEndian}"
        )
        assert int(head["Content-Length"]) == len(body)


@pytest.mark.azure("3.1-instance-single", "3.1-single-headers")
@pytest.mark.parametrize("version", VERSIONS)
def test_3_1_an_instance_comes_as_a_single_part(client: httpx.Client, version: str) -> None:
    response = get(client, version + INSTANCE, "application/dicom; transfer-syntax=*")

    assert response.status_code == 200
    assert response.headers["content-type"] == (
        f"application/dicom; transfer-syntax={ExplicitVRLittleEndian}"
    )
    assert response.content == THREE[0]


@pytest.mark.azure("3.1-missing")
@pytest.mark.parametrize("accept", [None, "image/png", "application/dicom+json", ""])
@pytest.mark.parametrize("path", [STUDY, SERIES, INSTANCE])
def test_3_1_a_missing_or_unmatched_accept_is_406(
    client: httpx.Client, path: str, accept: str | None
) -> None:
    assert get(client, f"/v2{path}", accept).status_code == 406


@pytest.mark.azure("3.1-study-series-single")
@pytest.mark.parametrize("path", [STUDY, SERIES])
def test_3_1_a_study_or_series_is_no_single_part(client: httpx.Client, path: str) -> None:
    assert get(client, f"/v2{path}", "application/dicom; transfer-syntax=*").status_code == 406


@pytest.mark.azure("3.1-unknown-syntax")
def test_3_1_an_unknown_transfer_syntax_is_406(client: httpx.Client) -> None:
    for syntax in (JPEGLSLossless, "1.2.3", "nonsense"):
        accept = f"application/dicom; transfer-syntax={syntax}"
        assert get(client, f"/v2{path_of(JPEG_LS)}", accept).status_code == 406


@pytest.mark.azure("3.1-quality")
def test_3_1_quality_ranks_and_ties_prefer_the_stored_syntax(client: httpx.Client) -> None:
    explicit = f"application/dicom; transfer-syntax={ExplicitVRLittleEndian}"
    stored = "application/dicom; transfer-syntax=*"
    path = f"/v2{path_of(IMPLICIT)}"

    tie = get(client, path, f"{explicit}, {stored}")
    ranked = get(client, path, f"{explicit}, {stored};q=0.5")

    assert tie.headers["content-type"].endswith(f"={ImplicitVRLittleEndian}")
    assert ranked.headers["content-type"].endswith(f"={ExplicitVRLittleEndian}")


@pytest.mark.azure("3.1-default-syntax", "3.2-targets")
@pytest.mark.parametrize(
    "accept", ["application/dicom", "application/dicom; transfer-syntax=1.2.840.10008.1.2.1"]
)
@pytest.mark.parametrize("stored", [IMPLICIT, BIG_ENDIAN])
def test_3_2_uncompressed_instances_come_in_explicit_little_endian(
    client: httpx.Client, stored: bytes, accept: str
) -> None:
    response = get(client, f"/v2{path_of(stored)}", accept)

    assert response.status_code == 200
    assert response.headers["content-type"].endswith(f"={ExplicitVRLittleEndian}")
    assert int(response.headers["content-length"]) == len(response.content)
    converted = pydicom.dcmread(io.BytesIO(response.content))
    original = pydicom.dcmread(io.BytesIO(stored))
    assert converted.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
    assert np.frombuffer(converted.PixelData, "<u1").size == len(original.PixelData)
    if stored is BIG_ENDIAN:
        assert np.array_equal(converted.pixel_array, original.pixel_array)


@pytest.mark.azure("3.2-star")
@pytest.mark.parametrize("stored", [JPEG_2000, JPEG, JPEG_LS])
def test_3_2_a_star_gives_the_stored_bytes_whatever_the_syntax(
    client: httpx.Client, stored: bytes
) -> None:
    response = get(client, f"/v2{path_of(stored)}", "application/dicom; transfer-syntax=*")

    assert response.content == stored


@pytest.mark.azure("3.2-same")
def test_3_2_the_stored_syntax_may_be_named(client: httpx.Client) -> None:
    accept = f"application/dicom; transfer-syntax={JPEG2000Lossless}"

    assert get(client, f"/v2{path_of(JPEG_2000)}", accept).content == JPEG_2000


@pytest.mark.azure("3.2-many")
@pytest.mark.parametrize(
    "accept", [MULTIPART, f"{MULTIPART}; transfer-syntax={ExplicitVRLittleEndian}"]
)
@pytest.mark.parametrize("path", [STUDY, SERIES])
def test_3_2_more_than_one_instance_is_given_as_stored_only(
    client: httpx.Client, path: str, accept: str
) -> None:
    # Refused by the count alone, although every one of them is stored in that syntax.
    assert get(client, f"/v2{path}", accept).status_code == 406


def test_3_2_a_study_of_one_instance_may_be_converted(client: httpx.Client) -> None:
    response = get(client, f"/v2/studies/{ROOT}.2", MULTIPART)

    ((head, body),) = parts(response)
    assert head["Content-Type"].endswith(f"={ExplicitVRLittleEndian}")
    assert pydicom.dcmread(io.BytesIO(body)).PixelData == b"\x01\x02"


@pytest.mark.azure("3.2-failure")
@pytest.mark.parametrize("stored", [JPEG, JPEG_LS])
def test_3_2_what_cannot_be_converted_is_406(client: httpx.Client, stored: bytes) -> None:
    assert get(client, f"/v2{path_of(stored)}", "application/dicom").status_code == 406


@pytest.mark.azure("3.2-large")
def test_3_2_a_file_above_100_mb_or_what_the_setting_allows_is_not_converted(
    server: ServedDicomWeb,
) -> None:
    large = part10(a_dataset(**uids(7), PixelData=bytes(2_000_000)), ImplicitVRLittleEndian)
    server.keep(large)
    path = path_of(large)
    assert Settings().retrieve.azure_conversion_bytes == 100 * 1024 * 1024

    with server.client() as client:
        assert get(client, f"/v2{path}", "application/dicom").status_code == 406
        assert get(client, f"/v2{path}", "application/dicom; transfer-syntax=*").content == large
        assert get(client, f"/dicom-web{path}", "application/dicom").status_code == 200


@pytest.mark.azure("3.4-no-bulk")
@pytest.mark.parametrize("version", VERSIONS)
def test_3_4_metadata_is_the_data_set_without_bulk_data(client: httpx.Client, version: str) -> None:
    (dataset,) = client.get(f"{version}{path_of(BIG_ENDIAN)}/metadata").json()

    assert "7FE00010" not in dataset
    assert dataset["00280010"] == {"vr": "US", "Value": [3]}
    assert dataset["00100010"] == {"vr": "PN", "Value": [{"Alphabetic": "Phantom^Test"}]}
    assert not any(key.startswith("0002") for key in dataset)


@pytest.mark.azure("3.1-metadata", "3.4-etag-instance", "3.4-etag-many")
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("path", "count", "tag"), [(STUDY, 3, "3-3"), (SERIES, 2, "2-2"), (INSTANCE, 1, "1")]
)
def test_3_4_metadata_of_every_level_carries_its_etag(
    client: httpx.Client, version: str, path: str, count: int, tag: str
) -> None:
    response = client.get(f"{version}{path}/metadata")

    assert response.headers["content-type"] == "application/dicom+json"
    assert response.headers["etag"] == tag
    assert len(response.json()) == count


@pytest.mark.azure("3.4-not-modified")
@pytest.mark.parametrize("if_none_match", ["3-3", '"3-3"', 'W/"3-3"', '"x", 3-3', "*"])
def test_3_4_a_known_etag_is_answered_304_without_body_and_etag(
    client: httpx.Client, if_none_match: str
) -> None:
    response = client.get(f"/v2{STUDY}/metadata", headers={"If-None-Match": if_none_match})

    assert response.status_code == 304
    assert response.content == b""
    assert "etag" not in response.headers


@pytest.mark.azure("3.4-etag-changes")
def test_3_4_the_etag_changes_with_every_store_and_delete(server: ServedDicomWeb) -> None:
    study = f"{ROOT}.8"
    first, second = an_instance(**uids(8)), an_instance(**uids(8))
    with server.client() as client:
        tags = []
        for change in (first, second):
            server.keep(change)
            tags.append(client.get(f"/v2/studies/{study}/metadata").headers["etag"])
        client.delete(f"/v2{path_of(second)}")
        tags.append(client.get(f"/v2/studies/{study}/metadata").headers["etag"])
        replaced = pydicom.dcmread(io.BytesIO(first))
        replaced.PatientID = "P-2"
        server.keep(part10(replaced), new_versions=True)
        tags.append(client.get(f"/v2/studies/{study}/metadata").headers["etag"])

        assert len(set(tags)) == len(tags)
        assert client.get(f"/v2/studies/{study}/metadata").json()[0]["00100020"]["Value"] == ["P-2"]


def test_3_4_metadata_goes_out_compressed_to_who_takes_it_and_plain_to_others(
    client: httpx.Client,
) -> None:
    path = f"/v2{STUDY}/metadata"

    compressed = client.get(path, headers={"Accept-Encoding": "gzip"})
    plain = client.get(path, headers={"Accept-Encoding": "identity"})

    assert compressed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert compressed.json() == plain.json()
    assert "Accept-Encoding" in compressed.headers["vary"]


@pytest.mark.azure("3.4-invalid-absent", "2.3-v2-left-out")
def test_3_4_invalid_attributes_are_absent_on_azure_and_present_on_the_standard_surface(
    server: ServedDicomWeb,
) -> None:
    dataset = a_dataset(**uids(9))
    dataset.add_new(0x00080020, "DA", "20240229")
    damaged = part10(dataset).replace(b"20240229", b"2024XX29")
    server.keep(damaged, profile="azure-v2")
    path = f"{path_of(damaged)}/metadata"

    with server.client() as client:
        for encoding in ("gzip", "identity"):
            headers = {"Accept-Encoding": encoding}
            azure = client.get(f"/v2{path}", headers=headers).json()
            standard = client.get(f"/dicom-web{path}", headers=headers).json()
            assert "00080020" not in azure[0]
            assert standard[0]["00080020"]["Value"] == ["2024XX29"]


@pytest.mark.parametrize(
    "accept", [None, "application/json", "text/html", "application/dicom+json, nonsense"]
)
def test_3_4_metadata_needs_an_accept_that_covers_dicom_json(
    client: httpx.Client, accept: str | None
) -> None:
    response = get(client, f"/v2{STUDY}/metadata", accept)

    assert response.status_code == 406
    assert response.content == b""


def test_3_4_accept_is_looked_at_before_the_uids(client: httpx.Client) -> None:
    assert get(client, "/v2/studies/not-a-uid/metadata", "text/html").status_code == 406
    assert get(client, "/v2/studies/not-a-uid/metadata", "*/*").status_code == 400


@pytest.mark.azure("3.7-accept-parameter", "3.7-range")
def test_3_7_there_is_no_accept_parameter_and_no_range(client: httpx.Client) -> None:
    path = f"/v2{INSTANCE}"

    assert get(client, f"{path}?accept=image/png", ORIGINAL).status_code == 200
    ranged = get(client, path, "application/dicom; transfer-syntax=*", Range="bytes=0-9")
    assert (ranged.status_code, ranged.content) == (200, THREE[0])


@pytest.mark.azure("3.8-404")
@pytest.mark.parametrize(
    "path",
    [
        "/studies/1.2.3",
        f"{STUDY}/series/1.2.3",
        f"{SERIES}/instances/1.2.3",
        f"/studies/1.2.3/series/{ROOT}.1.1/instances/{ROOT}.1.1.1",
    ],
)
@pytest.mark.parametrize("suffix", ["", "/metadata"])
def test_3_8_what_is_not_held_is_404(client: httpx.Client, path: str, suffix: str) -> None:
    assert get(client, f"/v2{path}{suffix}", "*/*").status_code == 404


@pytest.mark.azure("3.8-400")
@pytest.mark.parametrize(
    "path",
    [
        "/studies/1.2.a",
        "/studies/1.2.",
        f"/studies/{'1' * 65}",
        f"{STUDY}/series/..%2e",
        f"{SERIES}/instances/1.2;3",
    ],
)
@pytest.mark.parametrize("suffix", ["", "/metadata"])
def test_3_8_a_bad_uid_is_400(client: httpx.Client, path: str, suffix: str) -> None:
    response = get(client, f"/v2{path}{suffix}", "*/*")

    assert response.status_code == 400
    assert "UID" in response.text


@pytest.mark.azure("3.8-404")
def test_3_8_deleted_instances_are_404(server: ServedDicomWeb) -> None:
    gone = an_instance(**uids(10))
    server.keep(gone)
    server.delete(Scope(StudyInstanceUID(f"{ROOT}.10")))

    with server.client() as client:
        assert get(client, f"/v2{path_of(gone)}", "*/*").status_code == 404


def test_the_metadata_of_many_pages_is_one_gzip_member(server: ServedDicomWeb) -> None:
    count = 50
    server.keep_at_once(
        *[an_instance(**uids(11), InstanceNumber=number) for number in range(count)]
    )

    with server.client() as client:
        raw = b""
        request = {"Accept-Encoding": "gzip"}
        with client.stream("GET", f"/v2/studies/{ROOT}.11/metadata", headers=request) as response:
            raw = b"".join(response.iter_raw())
        text = gzip.decompress(raw)
        plain = client.get(
            f"/v2/studies/{ROOT}.11/metadata", headers={"Accept-Encoding": "identity"}
        )

    assert plain.content == text
    numbers = sorted(each["00200013"]["Value"][0] for each in plain.json())
    assert numbers == list(range(count))
