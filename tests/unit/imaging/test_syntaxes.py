"""The table of transfer syntaxes beside the registry and beside itself."""

import subprocess
import sys

from pydicom._uid_dict import UID_dictionary

from hilum.imaging.syntaxes import SYNTAXES, Codec

# No frames of an image: MIME, XML and streams.
_NO_IMAGES = (
    "1.2.840.10008.1.2.6.",
    "1.2.840.10008.1.2.7.",
    "1.2.840.10008.1.20",
)


def test_every_registered_transfer_syntax_of_images_is_listed() -> None:
    registered = {
        uid
        for uid, (_, kind, *_) in UID_dictionary.items()
        if kind == "Transfer Syntax" and not uid.startswith(_NO_IMAGES)
    }

    assert registered <= set(SYNTAXES)


def test_what_is_encoded_is_decoded_too() -> None:
    for syntax in SYNTAXES.values():
        assert syntax.decodes or not syntax.encodes
        assert syntax.media_type or syntax.codec is Codec.NONE


def test_the_serving_process_needs_no_codecs_to_choose_a_syntax() -> None:
    code = (
        "import sys, hilum.imaging.syntaxes, hilum.imaging.targets, hilum.imaging.layout,"
        " hilum.imaging.describing, hilum.adapters.pixels.pool;"
        "print([name for name in ('numpy', 'imagecodecs', 'jpeg_ls') if name in sys.modules])"
    )

    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert told.stdout.strip() == "[]"
