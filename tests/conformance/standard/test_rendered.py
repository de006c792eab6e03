"""Rendered instances and frames (PS3.18 8.3.5, 8.7.4 and 10.4), over the whole server."""

import io
from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
import pytest
from dicomweb_client.api import DICOMwebClient
from PIL import Image
from pydicom.dataset import Dataset

from tests.conformance.multipart import parts
from tests.instances import part10
from tests.served_dicomweb import ServedDicomWeb
from tests.unit.imaging.shown import an_image

ROOT = "1.2.826.0.1.3680043.10.31"
GREY, COLOUR, MOVING, BARE, UNKNOWN, FLOAT, PALETTE = range(1, 8)
_RAMP = np.arange(40 * 30, dtype=np.uint16).reshape(40, 30)
BROWSER = "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8"


def uids(number: int) -> dict[str, str]:
    study = f"{ROOT}.{number}"
    return {
        "StudyInstanceUID": study,
        "SeriesInstanceUID": f"{study}.1",
        "SOPInstanceUID": f"{study}.1.1",
    }


def path(number: int, resource: str = "rendered", surface: str = "/dicom-web") -> str:
    study = f"{ROOT}.{number}"
    return f"{surface}/studies/{study}/series/{study}.1/instances/{study}.1.1/{resource}"


def moving(frames: int = 3, **elements: Any) -> Dataset:
    values = np.stack([np.full((8, 6), 50 * at, np.uint8) for at in range(frames)])
    dataset = an_image(values[0], **uids(MOVING), **elements)
    dataset.NumberOfFrames = frames
    dataset.PixelData = values.tobytes()
    dataset["PixelData"].VR = "OB"
    return dataset


def floating() -> Dataset:
    dataset = an_image(np.zeros((4, 4), np.uint8), **uids(FLOAT))
    del dataset.PixelData, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation
    dataset.BitsAllocated = 32
    dataset.FloatPixelData = np.linspace(0, 1, 16, dtype="<f4").tobytes()
    return dataset


def palette() -> Dataset:
    dataset = an_image(
        np.arange(4, dtype=np.uint8).reshape(2, 2),
        **uids(PALETTE),
        PhotometricInterpretation="PALETTE COLOR",
    )
    for number, values in enumerate(([255, 0, 0, 9], [0, 255, 0, 9], [0, 0, 255, 9]), 1):
        dataset.add_new(0x00281100 + number, "US", [4, 0, 8])
        dataset.add_new(0x00281200 + number, "OW", bytes(values))
    return dataset


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedDicomWeb]:
    colours = np.random.default_rng(1).integers(0, 256, (10, 12, 3), np.uint8)
    bare = an_image(np.zeros((2, 2), np.uint8), **uids(BARE))
    del bare.PixelData
    with ServedDicomWeb(tmp_path_factory.mktemp("rendered")) as server:
        server.keep(
            part10(an_image(_RAMP, **uids(GREY), WindowCenter=600, WindowWidth=1200)),
            part10(an_image(colours, **uids(COLOUR))),
            part10(moving()),
            part10(bare),
            part10(floating()),
            part10(palette()),
        )
        yield server


@pytest.fixture(scope="module")
def client(server: ServedDicomWeb) -> Iterator[httpx.Client]:
    with server.client(accept="*/*") as client:
        yield client


def opened(data: bytes) -> "Image.Image":
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def drawn(response: httpx.Response) -> "Image.Image":
    assert response.status_code == 200, response.text
    return opened(response.content)


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        ("*/*", "JPEG"),
        ("", "JPEG"),
        ("image/jpeg", "JPEG"),
        ("image/*", "JPEG"),
        (BROWSER, "JPEG"),
        ("image/png", "PNG"),
        ("image/gif", "GIF"),
        ("image/jpeg;q=0.5, image/png;q=0.9", "PNG"),
        ("application/dicom, image/png;q=0.1", "PNG"),
    ],
)
def test_the_media_type_is_the_one_that_is_liked_best(
    client: httpx.Client, accept: str, form: str
) -> None:
    response = client.get(path(GREY), headers={"Accept": accept})

    image = drawn(response)
    assert (image.format, image.size) == (form, (30, 40))
    assert response.headers["content-type"] == f"image/{form.lower()}"
    assert response.headers["content-location"].endswith(path(GREY))
    assert response.headers["vary"] == "Accept"


@pytest.mark.parametrize("accept", ["image/x-none", "application/dicom", "text/html", "nonsense"])
def test_what_is_not_offered_is_not_acceptable(client: httpx.Client, accept: str) -> None:
    response = client.get(path(GREY), headers={"Accept": accept})

    assert response.status_code == 406
    assert "image/jpeg" in response.text


def test_the_parameter_accept_comes_before_the_header(client: httpx.Client) -> None:
    named = client.get(path(GREY), params={"accept": "image/png"}, headers={"Accept": "image/gif"})
    unknown = client.get(path(GREY), params={"accept": "image/jhc"})

    assert drawn(named).format == "PNG"
    assert drawn(unknown).format == "JPEG"


def test_one_instance_may_be_a_part(client: httpx.Client) -> None:
    accept = 'multipart/related; type="image/png"'
    response = client.get(path(GREY), headers={"Accept": accept})

    ((head, body),) = parts(response)
    assert opened(body).format == "PNG"
    assert head["Content-Type"] == "image/png"
    assert head["Content-Location"].endswith(path(GREY))


def test_frames_are_parts_in_the_order_of_the_list(client: httpx.Client) -> None:
    accept = 'multipart/related; type="image/png"'
    response = client.get(path(MOVING, "frames/3,1,3/rendered"), headers={"Accept": accept})

    found = parts(response)
    assert [opened(body).getpixel((0, 0)) for _, body in found] == [100, 0, 100]
    assert [head["Content-Location"].rsplit("/", 3)[-2:] for head, _ in found] == [
        [number, "rendered"] for number in ("3", "1", "3")
    ]


def test_one_frame_is_a_picture_by_itself(client: httpx.Client) -> None:
    response = client.get(path(MOVING, "frames/2/rendered"), headers={"Accept": "image/png"})

    assert drawn(response).getpixel((0, 0)) == 50


def test_several_frames_in_a_single_part_are_not_acceptable(client: httpx.Client) -> None:
    url = path(MOVING, "frames/1,2/rendered")

    assert client.get(url, headers={"Accept": "image/png"}).status_code == 406
    assert len(parts(client.get(url))) == 2


def test_gif_shows_all_frames_and_other_types_the_first(client: httpx.Client) -> None:
    gif = drawn(client.get(path(MOVING), headers={"Accept": "image/gif"}))
    png = drawn(client.get(path(MOVING), headers={"Accept": "image/png"}))

    assert gif.n_frames == 3  # type: ignore[attr-defined]
    assert png.getpixel((0, 0)) == 0


def test_the_representative_frame_is_seen_where_there_is_one(server: ServedDicomWeb) -> None:
    dataset = moving(RepresentativeFrameNumber=2)
    study = f"{ROOT}.20"
    for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"):
        setattr(dataset, keyword, dataset[keyword].value.replace(f"{ROOT}.{MOVING}", study))
    server.keep(part10(dataset))

    with server.client(accept="image/png") as client:
        assert drawn(client.get(path(20))).getpixel((0, 0)) == 50


def test_palettes_are_read_from_the_file(client: httpx.Client) -> None:
    image = drawn(client.get(path(PALETTE), headers={"Accept": "image/png"}))

    pixels = [image.getpixel((x, y)) for y in range(2) for x in range(2)]
    assert pixels == [(255, 0, 0), (0, 255, 0), (0, 0, 255), (9, 9, 9)]


def test_parameters_say_how_it_is_drawn(client: httpx.Client) -> None:
    asked = {"window": "600,2,linear", "viewport": "15,15", "annotation": "patient,technique"}
    response = client.get(path(GREY), params=asked, headers={"Accept": "image/png"})

    image = drawn(response)
    assert max(image.size) == 15
    levels = np.asarray(image)
    assert {0, 255} <= set(levels.ravel().tolist())


def test_a_window_changes_what_is_seen(client: httpx.Client) -> None:
    for window, level in (("-2000,10,linear", 255), ("5000,10,linear", 0)):
        image = drawn(client.get(path(GREY), params={"window": window, "accept": "image/png"}))
        assert set(np.asarray(image).ravel().tolist()) == {level}


def test_quality_changes_the_size_of_jpeg(client: httpx.Client) -> None:
    sizes = [len(client.get(path(COLOUR), params={"quality": q}).content) for q in (1, 50, 100)]

    assert sizes == sorted(set(sizes))


def test_a_colour_space_comes_with_its_profile(client: httpx.Client) -> None:
    plain = drawn(client.get(path(COLOUR), params={"accept": "image/png"}))
    wide = drawn(client.get(path(COLOUR), params={"accept": "image/png", "iccprofile": "adobergb"}))

    assert "icc_profile" not in plain.info
    assert wide.info["icc_profile"]
    assert plain.tobytes() != wide.tobytes()


_HOSTILE = (
    "", "nan", "NaN,1", "inf,1", "1e309,1", "1,inf", "-1", "0", "101", "1.5", "1" * 10_000,
    ",", ",,,,,,,,", "1,2,3,4,5,6,7", "0,0", "5,1e-400", "5,5,-1", "5,5,,,0", "5,5,nan",
    "5,5,9e99999999", "%00", "\u0661", "../..", "5,0.5", "1,2,nonsense", "patient;", "x" * 10_000,
)  # fmt: skip


@pytest.mark.parametrize("name", ["window", "viewport", "quality", "annotation", "iccprofile"])
@pytest.mark.parametrize("value", _HOSTILE, ids=[f"{value[:12]!r}" for value in _HOSTILE])
def test_parameters_that_make_no_sense_are_refused_by_name(
    client: httpx.Client, name: str, value: str
) -> None:
    response = client.get(path(GREY), params={name: value})

    assert response.status_code == 400
    assert f"'{name}' is invalid" in response.text
    assert len(response.text) < 400


def test_a_parameter_that_comes_twice_is_refused(client: httpx.Client) -> None:
    assert client.get(f"{path(GREY)}?quality=5&quality=6").status_code == 400


def test_parameters_of_viewers_are_passed_over(client: httpx.Client) -> None:
    asked = {"rows": "x", "presentationUID": "1", "ts": "9", "WINDOWCENTER": "z"}

    assert client.get(path(GREY), params=asked).status_code == 200


@pytest.mark.parametrize(
    ("viewport", "size"),
    [
        ("1,1", (1, 1)),
        ("60,80", (60, 80)),
        ("65535,65535,0,0,1,1", None),
        ("65535,65535", None),
        ("65535,1", (1, 1)),
        ("10,10,,,-30,-40", (8, 10)),
        ("10,10,20,", (2, 10)),
        ("10,10,10,10,10,10", (10, 10)),
    ],
)
def test_viewports_of_any_size_are_drawn_or_refused(
    client: httpx.Client, viewport: str, size: tuple[int, int] | None
) -> None:
    response = client.get(path(GREY), params={"viewport": viewport})

    if size is None:
        assert response.status_code == 413
        assert "pixels.maximum_picture_pixels" in response.text
    else:
        assert drawn(response).size == size


def test_a_viewport_beside_the_image_is_a_bad_request(client: httpx.Client) -> None:
    response = client.get(path(GREY), params={"viewport": "10,10,500,500"})

    assert response.status_code == 400
    assert "viewport" in response.text


@pytest.mark.parametrize(
    ("number", "resource", "status"),
    [
        (BARE, "rendered", 404),
        (BARE, "frames/1/rendered", 404),
        (UNKNOWN, "rendered", 404),
        (GREY, "frames/2/rendered", 404),
        (GREY, "frames/0/rendered", 400),
        (GREY, "frames/-1/rendered", 400),
        (GREY, "frames/a/rendered", 400),
        (GREY, "frames/1,/rendered", 400),
        (FLOAT, "rendered", 406),
    ],
)
def test_what_is_not_there_or_cannot_be_drawn_says_so(
    client: httpx.Client, number: int, resource: str, status: int
) -> None:
    response = client.get(path(number, resource))

    assert response.status_code == status
    assert response.text.endswith(".")


def test_a_picture_that_is_known_is_not_sent_again(client: httpx.Client) -> None:
    url = path(GREY, "frames/1/rendered")
    first = client.get(url)
    tag = first.headers["etag"]
    again = client.get(url, headers={"If-None-Match": tag})

    assert not tag.startswith("W/")
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert client.get(url).content == first.content
    others = [
        client.get(url, params={"quality": 30}),
        client.get(url, params={"viewport": "9,9"}),
        client.get(url, params={"window": "5,5"}),
        client.get(url, headers={"Accept": "image/png"}),
        client.get(path(GREY)),
    ]
    assert len({tag, *(other.headers["etag"] for other in others)}) == 6


def test_head_has_the_headers_of_get(client: httpx.Client) -> None:
    for resource in ("rendered", "frames/1/rendered"):
        head, got = client.head(path(GREY, resource)), client.get(path(GREY, resource))
        assert (head.status_code, head.content) == (200, b"")
        for name in ("content-type", "etag", "cache-control", "vary", "content-location"):
            assert head.headers[name] == got.headers[name]


def test_dicomweb_client_renders(server: ServedDicomWeb) -> None:
    web = DICOMwebClient(f"{server.url}/dicom-web")
    of_grey, of_moving = uids(GREY).values(), uids(MOVING).values()

    assert opened(web.retrieve_instance_rendered(*of_grey)).format == "JPEG"
    png = web.retrieve_instance_rendered(*of_grey, media_types=("image/png",))
    assert opened(png).format == "PNG"
    small = web.retrieve_instance_rendered(
        *of_grey, media_types=("image/jpeg",), params={"viewport": "10,10", "quality": 95}
    )
    assert opened(small).size == (8, 10)
    frame = web.retrieve_instance_frames_rendered(*of_moving, [2], media_types=("image/png",))
    assert opened(frame).getpixel((0, 0)) == 50
    assert b"Content-Type: image/jpeg" in web.retrieve_instance_frames_rendered(*of_moving, [1, 2])
