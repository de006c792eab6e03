"""What is counted at the DIMSE door."""

from typing import Protocol


class DimseMeter(Protocol):
    """Called from the threads of the associations and from the event loop: must be thread-safe.

    `reason` and `how` are words of a fixed, small set (`docs/conformance/dicom.md`), fit to
    be metric labels; nothing a peer wrote gets into them.
    """

    def association_opened(self) -> None: ...

    def association_closed(self, how: str) -> None:
        """An opened association ended: `released`, `aborted`, or `lost`."""
        ...

    def association_refused(self, reason: str) -> None:
        """A connection or association request was turned away."""
        ...

    def protocol_violated(self, reason: str) -> None:
        """A peer broke a rule or a limit of the upper layer and was aborted."""
        ...

    def stored(self, status: int, size_bytes: int) -> None:
        """A C-STORE was answered with `status`; its data set had `size_bytes`."""
        ...


class SilentDimseMeter:
    """Counts nothing."""

    def association_opened(self) -> None:
        """Do nothing."""

    def association_closed(self, how: str) -> None:
        """Do nothing."""

    def association_refused(self, reason: str) -> None:
        """Do nothing."""

    def protocol_violated(self, reason: str) -> None:
        """Do nothing."""

    def stored(self, status: int, size_bytes: int) -> None:
        """Do nothing."""
