"""What the fragments of a video are, told from their first bytes (PS3.5 A.4.6 to A.4.9, 8.2.6 ff).

A transfer syntax names the coding of the pictures. It leaves open what they lie in: an elementary
stream, a program or transport stream, an MP4 file.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from hilum.imaging.syntaxes import SYNTAXES

LOOKED_AT_BYTES: Final = 1024
"""As many bytes are enough to tell."""
MP4: Final = "video/mp4"
MPEG: Final = "video/mpeg"
TRANSPORT_STREAM: Final = "video/mp2t"
_H264: Final = "video/H264"
_H265: Final = "video/H265"
_OF_SYNTAX: Final[Mapping[str, str]] = MappingProxyType({MPEG: MPEG, MP4: _H264, _H265: _H265})
"""Media type of a syntax (PS3.18 table 8.7.3-5) to that of an elementary stream in it."""
_PACKET_BYTES: Final = (188, 192)
"""Of a transport stream (ISO/IEC 13818-1), without and with a time stamp before each packet."""
_PICTURE_STARTS: Final = (b"\0\0\x01\xba", b"\0\0\x01\xb3")
"""Pack header of a program stream, sequence header of an elementary one."""


def is_video(transfer_syntax_uid: str) -> bool:
    """Whether the pixel data is one stream of pictures that are not coded each by itself."""
    syntax = SYNTAXES.get(transfer_syntax_uid)
    return syntax is not None and syntax.media_type.startswith("video/")


def video_type(transfer_syntax_uid: str, beginning: bytes) -> str:
    """Return the media type of a stream that begins with `beginning`.

    What is not recognised is taken for the elementary stream that the transfer syntax names.
    """
    if beginning[4:8] == b"ftyp":
        return MP4
    if _is_transport_stream(beginning):
        return TRANSPORT_STREAM
    if beginning.startswith(_PICTURE_STARTS):
        return MPEG
    return _OF_SYNTAX[SYNTAXES[transfer_syntax_uid].media_type]


def _is_transport_stream(beginning: bytes) -> bool:
    for size in _PACKET_BYTES:
        syncs = beginning[size - _PACKET_BYTES[0] :: size]
        if len(syncs) > 2 and set(syncs) == {0x47}:
            return True
    return False
