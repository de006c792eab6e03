"""What OHIF, cornerstone3D and dicom-microscopy-viewer ask of frames, and how they read them.

Numbers are those of the notes of the project on viewers (O9 a frame, O24 a range of it, ...).
"""

import re
from collections.abc import Iterator

import httpx
import numpy as np
import pytest
from pydicom.encaps import encapsulate
from pydicom.uid import (
    JPEG2000,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    HTJ2KLosslessRPCL,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)

from tests.instances import a_dataset, part10
from tests.served_dicomweb import ServedDicomWeb

ROOT = "1.2.826.0.1.3680043.10.11"
OCTETS = "application/octet-stream"
WORDS = np.arange(1000, 1000 + 2 * 64, dtype="<u2").reshape(2, 8, 8)
CODESTREAMS = [bytes(range(256)) * 400, b"\r\n--not the boundary--\r\n" * 11]
NATIVE = [
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
]
ENCAPSULATED = {
    JPEGBaseline8Bit: "image/jpeg",
    JPEGExtended12Bit: "image/dicom+jpeg",
    RLELossless: "image/dicom-rle",
    JPEGLSLossless: "image/jls",
    JPEGLSNearLossless: "image/jls",
    JPEG2000Lossless: "image/jp2",
    JPEG2000: "image/jp2",
    HTJ2KLosslessRPCL: "application/octet-stream",
}
"""Syntax to the media type that OHIF asks for it with."""
SYNTAXES = [*NATIVE, *ENCAPSULATED]
ORIGIN = "https://viewer.example"


def an_image(number: int, syntax: str) -> bytes:
    dataset = a_dataset(
        StudyInstanceUID=f"{ROOT}.{number}", SeriesInstanceUID=f"{ROOT}.{number}.1",
        SOPInstanceUID=f"{ROOT}.{number}.1.1", Rows=8, Columns=8, NumberOfFrames=2,
        BitsAllocated=16, BitsStored=16, HighBit=15, PixelRepresentation=0,
        PhotometricInterpretation="MONOCHROME2",
        PixelData=encapsulate(CODESTREAMS) if syntax in ENCAPSULATED else WORDS.tobytes(),
    )  # fmt: skip
    if syntax == ExplicitVRBigEndian:
        dataset.PixelData = WORDS.astype(">u2").tobytes()
    dataset["PixelData"].VR = "OB" if syntax in ENCAPSULATED else "OW"
    dataset["PixelData"].is_undefined_length = syntax in ENCAPSULATED
    return part10(dataset, syntax)


def path(syntax: str, frame: str = "1") -> str:
    uid = f"{ROOT}.{SYNTAXES.index(syntax)}"
    return f"/studies/{uid}/series/{uid}.1/instances/{uid}.1.1/frames/{frame}"


def stored(syntax: str, frame: int = 0) -> bytes:
    if syntax in ENCAPSULATED:
        return CODESTREAMS[frame] + bytes(len(CODESTREAMS[frame]) % 2)
    return WORDS[frame].tobytes()


def labelled(syntax: str) -> str:
    """What decodes the frame: uncompressed frames are told to be explicit little endian."""
    return syntax if syntax in ENCAPSULATED else ExplicitVRLittleEndian


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    cors = {"allowed_origins": [ORIGIN]}
    with ServedDicomWeb(tmp_path_factory.mktemp("viewer-frames"), cors=cors) as server:
        server.keep(*(an_image(number, syntax) for number, syntax in enumerate(SYNTAXES)))
        with httpx.Client(base_url=f"{server.url}/dicom-web", headers={"Origin": ORIGIN}) as client:
            yield client


def as_cornerstone_reads(response: httpx.Response) -> tuple[str, bytes]:
    """The transfer syntax and the pixels, found as `extractMultipart.ts` finds them."""
    assert response.status_code in {200, 206}, response.text
    assert "multipart" in response.headers["content-type"]
    body = response.content
    header_end = body.index(b"\r\n\r\n")
    assert header_end < 1000
    lines = body[:header_end].split(b"\r\n")
    boundary = lines[0]
    assert boundary.startswith(b"--")
    (content_type,) = [line for line in lines if line.startswith(b"Content-Type:")]
    syntax = re.search(rb"transfer-syntax=([0-9.]+)", content_type)
    assert syntax is not None
    start = header_end + 4
    end = body.index(boundary, start) - 2
    return syntax[1].decode(), body[start:end]


@pytest.mark.parametrize("syntax", SYNTAXES)
@pytest.mark.parametrize(
    "accept",
    [
        f"multipart/related; type={OCTETS}; transfer-syntax=*",
        f'multipart/related; type="{OCTETS}"; transfer-syntax="*"',
        f"multipart/related; type={OCTETS}; transfer-syntax=*, */*",
    ],
)
def test_o9_o10_o12_o16_a_frame_as_it_is_stored(
    client: httpx.Client, syntax: str, accept: str
) -> None:
    for frame in (0, 1):
        response = client.get(path(syntax, str(frame + 1)), headers={"Accept": accept})

        assert as_cornerstone_reads(response) == (labelled(syntax), stored(syntax, frame))
        assert response.headers["access-control-allow-origin"] == ORIGIN
        assert response.headers["cross-origin-resource-policy"] == "cross-origin"


@pytest.mark.parametrize("syntax", ENCAPSULATED)
def test_o11_two_transfer_syntax_parameters(client: httpx.Client, syntax: str) -> None:
    media_type = ENCAPSULATED[syntax]
    accept = f"multipart/related; type={media_type}; transfer-syntax={syntax}; transfer-syntax=*"

    response = client.get(path(syntax), headers={"Accept": accept})

    assert as_cornerstone_reads(response) == (syntax, stored(syntax))
    assert f"Content-Type: {media_type}; transfer-syntax={syntax}".encode() in response.content


def test_o23_several_frames_for_a_microscope(client: httpx.Client) -> None:
    accept = (
        'multipart/related; type="image/jls", multipart/related; type="image/jp2", '
        'multipart/related; type="image/jpeg", multipart/related; type="application/octet-stream"'
    )
    for syntax in (JPEGBaseline8Bit, JPEGLSLossless, JPEG2000Lossless, ExplicitVRLittleEndian):
        for header in (accept, "*/*"):
            response = client.get(path(syntax, "2,1"), headers={"Accept": header})
            bodies = response.content.split(b"\r\n\r\n", 1)

            assert response.status_code == 200
            assert bodies[1].startswith(stored(syntax, 1))
            assert as_cornerstone_reads(response)[0] == labelled(syntax)


@pytest.mark.parametrize("syntax", [HTJ2KLosslessRPCL, ExplicitVRLittleEndian])
def test_o24_a_frame_in_ranges_of_the_whole_body(client: httpx.Client, syntax: str) -> None:
    accept = f"multipart/related; type={OCTETS}; transfer-syntax=*"
    first_bytes = 65_536 if syntax == HTJ2KLosslessRPCL else 100

    first = client.get(
        path(syntax), headers={"Accept": accept, "Range": f"bytes=0-{first_bytes - 1}"}
    )
    rest = client.get(path(syntax), headers={"Accept": accept, "Range": f"bytes={first_bytes}-"})

    total = len(first.content) + len(rest.content)
    assert (first.status_code, rest.status_code) == (206, 206)
    assert first.headers["content-range"] == f"bytes 0-{first_bytes - 1}/{total}"
    assert rest.headers["content-range"] == f"bytes {first_bytes}-{total - 1}/{total}"
    assert "Content-Range" in first.headers["access-control-expose-headers"]
    joined = httpx.Response(200, headers=first.headers, content=first.content + rest.content)
    assert as_cornerstone_reads(joined) == (labelled(syntax), stored(syntax))


def test_o25_a_stream_says_how_long_it_is(client: httpx.Client) -> None:
    accept = f"multipart/related; type={OCTETS}; transfer-syntax=*"
    with client.stream("GET", path(HTJ2KLosslessRPCL), headers={"Accept": accept}) as response:
        read = sum(len(chunk) for chunk in response.iter_raw(1000))

    assert int(response.headers["content-length"]) == read
    assert "content-encoding" not in response.headers


@pytest.mark.parametrize("query", ["accept=image/jhc", "accept=image/jhc&token=x", "v=2&lossy"])
def test_o26_arguments_that_viewers_append_do_no_harm(client: httpx.Client, query: str) -> None:
    accept = f"multipart/related; type={OCTETS}; transfer-syntax=*"

    response = client.get(f"{path(JPEGLSLossless)}?{query}", headers={"Accept": accept})

    assert as_cornerstone_reads(response) == (JPEGLSLossless, stored(JPEGLSLossless))


def test_errors_can_be_read_across_origins(client: httpx.Client) -> None:
    response = client.get(path(JPEGLSLossless, "9"))

    assert response.status_code == 404
    assert response.headers["access-control-allow-origin"] == ORIGIN
