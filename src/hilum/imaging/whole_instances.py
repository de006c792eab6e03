"""Which instances can be put into which transfer syntax as a whole."""

from hilum.dicom.transcoding_facts import TranscodingFacts
from hilum.domain.errors import NotTranscodable
from hilum.imaging.layout import demand_possible
from hilum.imaging.syntaxes import SYNTAXES, WORDY
from hilum.imaging.targets import why_not


def demand_transcodable(facts: TranscodingFacts, target: str, maximum_bytes: int) -> None:
    """Check all that can be told of an instance without its pixel data.

    `maximum_bytes` bounds a decoded frame. Raises `NotTranscodable`, `PixelsNotDecodable`,
    `PixelLimitExceeded`.
    """
    demand_possible(facts.pixels, maximum_bytes)
    source, wanted = SYNTAXES.get(facts.pixels.transfer_syntax_uid), SYNTAXES.get(target)
    if source is None or wanted is None or not source.decodes:
        message = "The pixel data is stored in a transfer syntax that cannot be decoded here."
        raise NotTranscodable(message)
    reason = why_not(facts.pixels, wanted)
    if reason is not None:
        raise NotTranscodable(reason)
    if facts.has_embedded_overlays and not {source.codec, wanted.codec} <= WORDY:
        message = f"Overlays inside the pixel data would be lost in {wanted.name}."
        raise NotTranscodable(message)
