"""Transcoded frames that are kept, so that they are made once."""

from collections.abc import Awaitable, Callable

from hilum.catalogue.derivations import Derivations
from hilum.catalogue.frame_pieces import FoundFrames
from hilum.domain.implementation import IMPLEMENTATION_VERSION_NAME
from hilum.imaging.syntaxes import SYNTAXES, WORDY


class KeptFrames:
    """Frames of one instance in one transfer syntax, from the cache where they are there."""

    def __init__(self, derivations: Derivations, found: FoundFrames, target: str) -> None:
        self._derivations = derivations
        self._version = found.record.version
        digest = found.dataset_sha256.hex()
        # Encoders may change from release to release.
        self._recipe = f"{digest}|{IMPLEMENTATION_VERSION_NAME}|frame|{target}"

    async def __call__(self, frame: int, make: Callable[[], Awaitable[bytes]]) -> bytes:
        """Return a frame, which counts from 0. Raises what `make` raises."""
        return await self._derivations(self._version, f"{self._recipe}|{frame}", make)


def is_worth_keeping(stored: str, target: str) -> bool:
    """Whether making a frame takes much longer than reading it would.

    Between words as they are, deflated and in RLE it does not.
    """
    return not {SYNTAXES[stored].codec, SYNTAXES[target].codec} <= WORDY
