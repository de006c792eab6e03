"""Errors on the DICOMweb surfaces: plain text (Azure DICOM service, section 1.4)."""

from hilum.wire.faults import Fault
from hilum.wire.surfaces import Surface


def error_text(fault: Fault, *, correlation_id: str, surface: Surface | None) -> str:
    """Return the body of an error answer.

    The refusal of an Accept header has no body on the strict surfaces, nor where the surface is
    not known: what the client could read is just what is not known.
    """
    if fault.status == 406 and (surface is None or surface.strict_accept):
        return ""
    if fault.status >= 500 and correlation_id:
        return f"{fault.detail} Correlation id: {correlation_id}"
    return fault.detail
