"""Settings of the work on pixels."""

from typing import Annotated

from pydantic import Field

from hilum.settings.types import ByteCount, ByteCountOrZero, Count, CountOrZero, Section


class PixelSettings(Section):
    """Decoding and encoding of frames, which happens in processes of their own."""

    workers: Annotated[int, Field(ge=1, le=256)] = 2
    """Processes that work on frames, one at a time each. They are started when they are first
    needed, and take about 40 MiB of memory each beside what a frame needs."""
    memory_bytes: ByteCount = 2 << 30
    """Memory that work on one frame may take, beyond what a worker needs to be there. Codecs of the
    JPEG 2000 family need about ten times the decoded frame. More answers 413."""
    task_seconds: Annotated[int, Field(ge=1, le=3600)] = 30
    """Work on a frame that takes longer is ended with its process, and answered with 413."""
    queue: CountOrZero = 64
    """Frames that may wait for a worker; further ones are refused with 503."""
    maximum_frame_bytes: ByteCount = 256 << 20
    """Largest decoded frame that is worked on, whatever its codestream or data set announces.
    Larger frames can still be had as they are stored."""
    maximum_picture_pixels: Count = 1 << 26
    """Pixels of the largest picture that is drawn; of all frames together in a moving one. Larger
    ones are refused with 413. The default is 8192 x 8192."""
    nearby_bytes: ByteCountOrZero = 4 << 20
    """Frames without compression of up to so many bytes are drawn as JPEG in threads of the serving
    process, as many as there are `pixels.workers`, unless they have palettes, overlays, annotations
    or colour profiles: what reads data that may be hostile stays with the workers. Their pictures
    have as many bytes at most before they are encoded. 0 draws everything in workers."""
    lossy: bool = False
    """Put frames into lossy transfer syntaxes for clients that ask for one by its name. Frames that
    are stored in a lossy syntax go out in it in any case."""
