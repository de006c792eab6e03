"""Which pixels can go out in which transfer syntax (PS3.5 8.2.1 to 8.2.16)."""

from hilum.domain.images import ImagePixels
from hilum.imaging.syntaxes import Codec, Syntax


def why_not(pixels: ImagePixels, syntax: Syntax) -> str | None:
    """Say why pixels described like this cannot be put into a transfer syntax; None: they can."""
    if not syntax.encodes:
        return f"Frames cannot be put into {syntax.name} here."
    if syntax.codec in {Codec.NATIVE, Codec.DEFLATE}:
        return None
    if pixels.bits_allocated == 1:
        return f"Pixels of one bit cannot be put into {syntax.name}."
    if syntax.codec is Codec.RLE:
        segments = pixels.samples_per_pixel * pixels.bits_allocated // 8
        return None if segments <= 15 else f"RLE has 15 segments; {segments} would be needed."
    if pixels.bits_allocated > 16:
        return f"Samples of {pixels.bits_allocated} bits cannot be put into {syntax.name}."
    if pixels.samples_per_pixel not in {1, 3}:
        return f"{pixels.samples_per_pixel} samples per pixel cannot be put into {syntax.name}."
    return _why_not_lossy(pixels, syntax) if syntax.may_be_lossy else None


def _why_not_lossy(pixels: ImagePixels, syntax: Syntax) -> str | None:
    photometric = pixels.photometric_interpretation
    if photometric == "PALETTE COLOR":
        return "A palette's indices mean nothing after lossy compression."
    if syntax.codec is Codec.JPEG_LS and pixels.is_signed:
        return "Signed samples may change their sign in near-lossless compression."
    if syntax.codec is not Codec.JPEG:
        return None
    most = 8 if syntax.uid.endswith(".50") else 12
    if pixels.is_signed or pixels.bits_stored > most:
        return f"{syntax.name} takes unsigned samples of at most {most} bits."
    if pixels.samples_per_pixel == 3 and not photometric.startswith(("RGB", "YBR")):
        return f"Colours that are {photometric} cannot be put into {syntax.name}."
    return None
