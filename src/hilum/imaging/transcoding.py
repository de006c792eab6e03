"""One frame from one transfer syntax to another."""

from dataclasses import replace

from hilum.domain.errors import NotTranscodable
from hilum.domain.identifiers import TransferSyntaxUID
from hilum.domain.images import EncodedFrame, TranscodedFrame
from hilum.imaging.decoding import decode, decode_words, syntax_of
from hilum.imaging.encoding import encode
from hilum.imaging.syntaxes import SYNTAXES, WORDY, Codec


def transcode(
    frame: EncodedFrame, target: TransferSyntaxUID, maximum_bytes: int
) -> TranscodedFrame:
    """Return the frame in the transfer syntax `target`.

    Between syntaxes that keep whole words all bits stay as they are; on the way into any other the
    bits that no sample uses are lost. `maximum_bytes` bounds the decoded frame. Raises
    `PixelsNotDecodable`, `NotTranscodable` and `PixelLimitExceeded`.
    """
    if frame.pixels.transfer_syntax_uid == target:
        return TranscodedFrame(frame.pixels, frame.data)
    syntax = SYNTAXES.get(target)
    if syntax is None or not syntax.encodes:
        message = "Frames cannot be put into this transfer syntax here."
        raise NotTranscodable(message)
    source = syntax_of(frame)
    if source.codec not in WORDY or syntax.codec not in WORDY:
        return encode(decode(frame, maximum_bytes), syntax)
    if source.codec is syntax.codec is Codec.NATIVE and source.is_little_endian:
        return TranscodedFrame(replace(frame.pixels, transfer_syntax_uid=target), frame.data)
    return encode(decode_words(frame, maximum_bytes), syntax)
