"""What the quarantine tells of its work. No method gets patient data."""

from typing import Protocol

from hilum.domain.origins import Door
from hilum.domain.quarantine import QuarantineState


class QuarantineMeter(Protocol):
    """Counts; implementations never block and never raise."""

    def kept(self, door: Door, code: str) -> None:
        """Something that a door refused for `code` is kept apart."""
        ...

    def not_kept(self, door: Door, cause: str) -> None:
        """Something refused could not be kept: `full`, or the code of an error."""
        ...

    def decided(self, state: QuarantineState) -> None:
        """Something left quarantine, in this way."""
        ...

    def held(self, files: int, size_bytes: int) -> None:
        """How much is held now."""
        ...


class NoQuarantineMeter:
    """Counts nothing."""

    __slots__ = ()

    def kept(self, door: Door, code: str) -> None:
        pass

    def not_kept(self, door: Door, cause: str) -> None:
        pass

    def decided(self, state: QuarantineState) -> None:
        pass

    def held(self, files: int, size_bytes: int) -> None:
        pass
