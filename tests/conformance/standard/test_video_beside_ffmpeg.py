"""Video that FFmpeg made is read by FFmpeg from our server as from its own file."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydicom.dataset import Dataset

from tests.documents import H264, HEVC, MPEG2, part10, rendered_path, video
from tests.served_dicomweb import ServedDicomWeb

pytestmark = [
    pytest.mark.peer("FFmpeg"),
    pytest.mark.skipif(
        shutil.which("ffmpeg") is None or shutil.which("ffprobe") is None,
        reason="ffmpeg not found: run scripts/services install",
    ),
]
FRAMES = 25


@dataclass(frozen=True)
class Clip:
    """How FFmpeg makes a file, and what it is."""

    arguments: tuple[str, ...]
    syntax: Any
    media_type: str
    fragments: int = 1


CLIPS = {
    "clip.mp4": Clip(("-c:v", "libx264", "-pix_fmt", "yuv420p"), H264, "video/mp4", 3),
    "stream.ts": Clip(("-c:v", "libx264", "-pix_fmt", "yuv420p"), H264, "video/mp2t"),
    "bare.h264": Clip(("-c:v", "libx264", "-pix_fmt", "yuv420p"), H264, "video/H264"),
    "program.mpg": Clip(("-c:v", "mpeg2video", "-f", "mpeg"), MPEG2, "video/mpeg"),
    "bare.m2v": Clip(("-c:v", "mpeg2video"), MPEG2, "video/mpeg"),
    "bare.hevc": Clip(
        ("-c:v", "libx265", "-pix_fmt", "yuv420p", "-x265-params", "log-level=error"),
        HEVC,
        "video/H265",
    ),
}


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@dataclass(frozen=True)
class Served:
    url: str
    files: dict[str, Path]
    instances: dict[str, Dataset]

    def address(self, name: str) -> str:
        return self.url + rendered_path(self.instances[name])


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("clips")
    instances = {}
    for name, clip in CLIPS.items():
        source = ("-f", "lavfi", "-i", f"testsrc=size=64x48:rate={FRAMES}", "-t", "1")
        _run("ffmpeg", "-v", "error", "-y", *source, *clip.arguments, str(folder / name))
        stream = (folder / name).read_bytes()
        instances[name] = video(stream, clip.syntax, fragments=clip.fragments, frames=FRAMES)
    with ServedDicomWeb(tmp_path_factory.mktemp("video")) as server:
        server.keep(*map(part10, instances.values()))
        yield Served(server.url, {name: folder / name for name in CLIPS}, instances)


@pytest.mark.parametrize("name", CLIPS)
def test_the_stream_is_that_of_the_file_and_named_as_what_it_is(served: Served, name: str) -> None:
    response = httpx.get(served.address(name))

    stream = served.files[name].read_bytes()
    assert response.content == stream + b"\0" * (len(stream) % 2)
    assert response.headers["content-type"] == CLIPS[name].media_type


@pytest.mark.parametrize("name", CLIPS)
def test_every_frame_is_that_of_the_file(served: Served, name: str) -> None:
    digests = ("-f", "framemd5", "-")
    ours = _run("ffmpeg", "-v", "error", "-i", served.address(name), *digests)
    theirs = _run("ffmpeg", "-v", "error", "-i", str(served.files[name]), *digests)

    assert ours == theirs
    assert len([line for line in ours.splitlines() if not line.startswith("#")]) == FRAMES


def test_a_player_can_jump_to_an_index_at_the_end(served: Served) -> None:
    name = "clip.mp4"
    stream = served.files[name].read_bytes()
    assert stream.index(b"moov") > stream.index(b"mdat")  # it has to be asked for by a range

    shown = json.loads(
        _run("ffprobe", "-v", "error", "-show_streams", "-of", "json", served.address(name))
    )

    assert int(shown["streams"][0]["nb_frames"]) == FRAMES
