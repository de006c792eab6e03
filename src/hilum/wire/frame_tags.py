"""Entity tags and boundaries of frames: the same for the same bytes, on every server and always."""

import hashlib
from collections.abc import Sequence
from typing import Final

from hilum.domain.implementation import IMPLEMENTATION_VERSION_NAME
from hilum.wire.frame_choices import FrameForm

_DIGITS: Final = 40
"""160 bits, as hexadecimal digits."""


def frame_tag(
    dataset_sha256: bytes, stored: str, frames: Sequence[int], forms: Sequence[FrameForm]
) -> str:
    """Return an opaque tag of the answer to who takes `forms` of `frames` of a data set.

    It is strong (RFC 9110 8.8.1): which of the forms goes out, and its bytes, follow from what the
    tag is made of. Encoders may change from release to release, so the release is in it.
    """
    listed = ",".join(map(str, frames))
    taken = " ".join(f"{form.multipart:d}{form.media_type};{form.syntax}" for form in forms)
    text = f"{IMPLEMENTATION_VERSION_NAME}|{stored}|{listed}|{taken}".encode()
    return hashlib.sha256(dataset_sha256 + text).hexdigest()[:_DIGITS]


def boundary_of(tag: str) -> str:
    """Return the boundary of the multipart body with this tag.

    It is made from a digest of the pixels that it parts, so pixels that hold it cannot be made
    without inverting SHA-256.
    """
    return hashlib.sha256(f"boundary {tag}".encode()).hexdigest()[:_DIGITS]
