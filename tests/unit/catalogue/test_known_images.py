"""What is remembered of images is bounded, and the longest unused goes first."""

from array import array

from hilum.catalogue.known_images import KnownImages
from hilum.dicom.frame_places import FramePlaces
from hilum.dicom.frames import FrameTable
from hilum.domain.identifiers import Version


def places(frames: int) -> FramePlaces:
    return FramePlaces(FrameTable(frames, encapsulated=True, lengths=array("I", [8]) * frames))


def test_the_longest_unused_places_are_forgotten_when_memory_is_full() -> None:
    each = places(100)
    known = KnownImages(2 * each.memory_bytes)
    first, second, third = map(Version, (1, 2, 3))
    known.keep_places(first, each)
    known.keep_places(second, places(100))
    assert known.places(first) is each

    known.keep_places(third, places(100))

    assert known.places(first) is each
    assert known.places(second) is None
    assert known.places(third) is not None


def test_places_that_take_more_than_all_memory_are_not_kept() -> None:
    small = places(1)
    known = KnownImages(small.memory_bytes)
    known.keep_places(Version(1), small)

    known.keep_places(Version(2), places(10_000))

    assert known.places(Version(1)) is small
    assert known.places(Version(2)) is None


def test_the_same_version_twice_counts_once() -> None:
    each = places(100)
    known = KnownImages(2 * each.memory_bytes)
    for _ in range(5):
        known.keep_places(Version(1), each)
    known.keep_places(Version(2), places(100))

    assert known.places(Version(1)) is each
    assert known.places(Version(2)) is not None
