"""What changes in a data set with its transfer syntax."""

from dataclasses import replace

from hilum.domain.images import EncodedFrame
from hilum.imaging import describing
from hilum.imaging.describing import Attribute, Lossy, changed_attributes
from hilum.imaging.transcoding import transcode
from tests.unit.imaging.oracle import JPEG_2000, JPEG_BASELINE, JPEG_LS, ROOM
from tests.unit.imaging.test_round_trips import described, native

_COLOURS = described(
    samples_per_pixel=3,
    photometric_interpretation="RGB",
    bits_allocated=8,
    bits_stored=8,
    high_bit=7,
    planar_configuration=1,
)


def test_a_lossless_syntax_of_grey_pixels_changes_nothing() -> None:
    frame, _ = native(described(), seed=1)

    assert changed_attributes(frame.pixels, transcode(frame, JPEG_LS, ROOM).pixels) == {}


def test_colours_and_planes_are_told() -> None:
    frame, _ = native(_COLOURS, seed=1)

    assert changed_attributes(frame.pixels, transcode(frame, JPEG_2000, ROOM).pixels) == {
        describing.PHOTOMETRIC_INTERPRETATION: Attribute("CS", ("YBR_RCT",)),
        describing.PLANAR_CONFIGURATION: Attribute("US", (0,)),
    }


def test_samples_that_moved_in_their_words_are_told() -> None:
    pixels = described(bits_stored=12, high_bit=15)
    frame = EncodedFrame(pixels, bytes(2 * 16 * 24))

    assert changed_attributes(pixels, transcode(frame, JPEG_LS, ROOM).pixels) == {
        describing.HIGH_BIT: Attribute("US", (11,))
    }


def test_lossy_compression_is_added_to_what_was_lost_before() -> None:
    after = replace(
        _COLOURS,
        transfer_syntax_uid=JPEG_BASELINE,
        photometric_interpretation="YBR_FULL_422",
        planar_configuration=0,
    )
    before = [Lossy("7.5", "ISO_15444_1")]

    told = changed_attributes(_COLOURS, after, encoded_bytes=96, compressions=before)

    assert told[describing.LOSSY_IMAGE_COMPRESSION].values == ("01",)
    assert told[describing.LOSSY_IMAGE_COMPRESSION_RATIO].values == ["7.5", "12.00"]
    assert told[describing.LOSSY_IMAGE_COMPRESSION_METHOD].values == ["ISO_15444_1", "ISO_10918_1"]
