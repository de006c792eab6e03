"""Entity tags of pictures: the same for the same bytes, known before anything is drawn."""

import hashlib
from typing import Final

from hilum.catalogue.picture_recipes import rendering_text
from hilum.domain.implementation import IMPLEMENTATION_VERSION_NAME
from hilum.domain.presentation import Rendering
from hilum.wire.rendered_choices import RenderedForm

_DIGITS: Final = 40
"""160 bits, as hexadecimal digits."""


def rendered_tag(source: str, what: str, form: RenderedForm, rendering: Rendering) -> str:
    """Return an opaque, strong tag (RFC 9110 8.8.1) of pictures.

    `source` names the data sets that they are made of, `what` is seen of them. Encoders may change
    from release to release, so the release is in it.
    """
    drawn = f"{form.multipart:d}|{rendering_text(rendering)}"
    text = f"{IMPLEMENTATION_VERSION_NAME}|{source}|{what}|{drawn}"
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]
