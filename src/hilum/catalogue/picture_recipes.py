"""What the bytes of a picture depend on beside the instance, as text."""

from hilum.domain.implementation import IMPLEMENTATION_VERSION_NAME
from hilum.domain.presentation import PictureType, Rendering, Viewport, Window


def rendering_text(rendering: Rendering) -> str:
    """Say how a frame is wanted; what does not change the picture is left out."""
    parts = [rendering.picture.value, f"icc={rendering.colour_space}"]
    if rendering.picture is PictureType.JPEG:
        parts.append(f"quality={rendering.quality}")
    if rendering.window is not None:
        parts.append(f"window={_window(rendering.window)}")
    if rendering.viewport is not None:
        parts.append(f"viewport={_viewport(rendering.viewport)}")
    if rendering.annotations:
        parts.append(f"annotation={','.join(sorted(rendering.annotations))}")
    return ";".join(parts)


def picture_recipe(dataset_sha256: bytes, frame: str, rendering: Rendering) -> str:
    """Name a picture in the cache. Encoders may change from release to release."""
    text = rendering_text(rendering)
    return f"{dataset_sha256.hex()}|{IMPLEMENTATION_VERSION_NAME}|picture|{frame}|{text}"


def _window(window: Window) -> str:
    return f"{window.center!r},{window.width!r},{window.function}"


def _viewport(viewport: Viewport) -> str:
    size = f"{viewport.width},{viewport.height},{viewport.x!r},{viewport.y!r}"
    return f"{size},{viewport.region_width!r},{viewport.region_height!r}"
