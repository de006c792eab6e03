"""Every file with pixels that pydicom ships, beside decoders of other people."""

from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import FileDataset

from hilum.domain.errors import PixelsNotDecodable
from hilum.domain.images import EncodedFrame
from hilum.imaging.decoding import decode
from hilum.imaging.syntaxes import SYNTAXES, Codec
from tests.corpus import corpus, corpus_id
from tests.unit.imaging.oracle import ROOM, by_pydicom, frames_of, images

# Rounding of the cosine transform and of colours, and how chroma is made as large as luma again,
# are the decoder's own: libjpeg interpolates, others repeat.
_LOSSY_MOST = 5
_LOSSY_MEAN = 0.15
_MOST_FRAMES = 30
"""All frames of every file but one, `color3d_jpeg_baseline.dcm`, which has 120."""
_DAMAGED = {
    "JPEG2000-embedded-sequence-delimiter.dcm": "too many tiles",
    "MR_truncated.dcm": "not of the length",
}
"""Refused here, with these words."""
_ONLY_HERE = {
    "JPEG-lossy.dcm": "the SOS parameters are not those of a sequential JPEG: compared with"
    " DCMTK's decoder (tests/integration/pixels/test_dcmtk.py), the others refuse it",
}
_NO_FRAMES = {
    "badVR.dcm": "NumberOfFrames is no number",
    "emri_small_jpeg_2k_lossless_too_short.dcm": "cut off in its header",
    "meta_missing_tsyntax.dcm": "no image: Pixel Data of 2 bytes, and nothing that describes it",
    "nested_priv_SQ.dcm": "no image: Pixel Data of 2 bytes, and nothing that describes it",
    "no_meta.dcm": "nothing says which transfer syntax it is in, and it is not the default one",
}
"""Files with Pixel Data that nobody can find frames in."""
_PIXEL_DATA = (b"\xe0\x7f\x10\x00", b"\xe0\x7f\x08\x00", b"\xe0\x7f\x09\x00")
"""Tags of Pixel Data, Float and Double Float Pixel Data, in little endian order."""
_FILES = [each for each in images() if each[0].name not in _NO_FRAMES]


def _plugins(frame: EncodedFrame) -> tuple[str, ...]:
    codec = SYNTAXES[frame.pixels.transfer_syntax_uid].codec
    if codec in {Codec.NATIVE, Codec.RLE}:
        return ("",)
    return ("gdcm", "pylibjpeg")


@pytest.mark.parametrize(("path", "dataset"), _FILES, ids=[corpus_id(path) for path, _ in _FILES])
def test_a_frame_decodes_as_others_decode_it(path: Path, dataset: FileDataset) -> None:
    compared = 0
    for frame in frames_of(dataset, _MOST_FRAMES):
        if path.name in _DAMAGED:
            with pytest.raises(PixelsNotDecodable, match=_DAMAGED[path.name]):
                decode(frame, ROOM)
            return
        decoded = decode(frame, ROOM)
        for plugin in _plugins(frame):
            try:
                expected = by_pydicom(frame, plugin)
            except (RuntimeError, NotImplementedError):
                continue  # one of them has to take it, see below
            assert decoded.values.shape == expected.shape
            if SYNTAXES[frame.pixels.transfer_syntax_uid].codec is Codec.JPEG:
                difference = np.abs(decoded.values.astype(np.int64) - expected)
                assert difference.max() <= _LOSSY_MOST
                assert difference.mean() <= _LOSSY_MEAN
            else:
                assert np.array_equal(decoded.values, expected)
            compared += 1

    assert compared or path.name in _ONLY_HERE


def test_every_file_with_pixel_data_is_compared_or_said_why_not() -> None:
    compared = {path for path, _ in _FILES}
    with_pixels = {
        path
        for path in corpus()
        if path in compared or any(tag in path.read_bytes() for tag in _PIXEL_DATA)
    }

    assert {path.name for path in with_pixels - compared} == set(_NO_FRAMES)
    assert {path.name for path in compared} >= {*_DAMAGED, *_ONLY_HERE}
    assert len(compared) >= 170


def test_the_corpus_covers_the_codecs() -> None:
    found = {
        SYNTAXES[dataset.file_meta.TransferSyntaxUID].codec
        for _, dataset in _FILES
        if "TransferSyntaxUID" in (dataset.file_meta or {})
    }

    assert found == set(Codec) - {Codec.NONE, Codec.HTJ2K, Codec.DEFLATE}
