"""What an image says about its frames, told again and again."""

from hilum.catalogue.shown_images import ShownImage
from hilum.domain.presentation import Window
from tests.unit.imaging.test_round_trips import described


def _shown() -> ShownImage:
    groups = [
        {"00289132": {"Value": [{"00281050": {"Value": [at]}, "00281051": {"Value": [10]}}]}}
        for at in (1.0, 2.0)
    ]
    return ShownImage(described(), {"52009230": {"Value": groups}}, {}, 0)


def test_each_frame_is_shown_as_it_says_whichever_was_asked_for_before() -> None:
    shown = _shown()

    windows = [shown.display(frame).windows for frame in (0, 0, 1, 0, 1)]

    first, second = (Window(1.0, 10.0),), (Window(2.0, 10.0),)
    assert windows == [first, first, second, first, second]


def test_the_frame_that_is_asked_for_again_is_looked_up_once() -> None:
    shown = _shown()

    assert shown.display(1) is shown.display(1)
