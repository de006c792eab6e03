"""Every file with pixels that pydicom ships, beside decoders of other people."""

from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import FileDataset

from hilum.domain.errors import PixelsNotDecodable
from hilum.domain.images import EncodedFrame
from hilum.imaging.decoding import decode
from hilum.imaging.syntaxes import SYNTAXES, Codec
from tests.corpus import corpus_id
from tests.unit.imaging.oracle import ROOM, by_pydicom, frames_of, images

# Rounding of the cosine transform and of colours, and how chroma is made as large as luma again,
# are the decoder's own: libjpeg interpolates, others repeat.
_LOSSY_MOST = 5
_LOSSY_MEAN = 0.15
_DAMAGED = {
    "JPEG2000-embedded-sequence-delimiter.dcm": "too many tiles",
    "MR_truncated.dcm": "not of the length",
}
_ONLY_HERE = {"JPEG-lossy.dcm"}
"""Its SOS parameters are not those of a sequential JPEG: of the others only DCMTK takes it."""
_NO_FRAMES = {"badVR.dcm"}
"""Its NumberOfFrames is no number."""
_FILES = [each for each in images() if each[0].name not in _NO_FRAMES]


def _plugins(frame: EncodedFrame) -> tuple[str, ...]:
    codec = SYNTAXES[frame.pixels.transfer_syntax_uid].codec
    if codec in {Codec.NATIVE, Codec.RLE}:
        return ("",)
    return ("gdcm", "pylibjpeg")


@pytest.mark.parametrize(("path", "dataset"), _FILES, ids=[corpus_id(path) for path, _ in _FILES])
def test_a_frame_decodes_as_others_decode_it(path: Path, dataset: FileDataset) -> None:
    compared = 0
    for frame in frames_of(dataset):
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


def test_the_corpus_covers_the_codecs() -> None:
    found = {
        SYNTAXES[dataset.file_meta.TransferSyntaxUID].codec
        for _, dataset in _FILES
        if "TransferSyntaxUID" in (dataset.file_meta or {})
    }

    assert found == set(Codec) - {Codec.NONE, Codec.HTJ2K, Codec.DEFLATE}
