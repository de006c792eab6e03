"""Tables of the DIMSE services, from the tables that answer associations."""

from collections.abc import Mapping
from typing import Final

from pydicom.uid import UID

from hilum.dicom.charsets import DEFAULT_ENCODING, ENCODINGS
from hilum.domain.implementation import IMPLEMENTATION_CLASS_UID
from hilum.servers import dimse_admission
from hilum.servers.dimse_contexts import STORAGE_SOP_CLASSES, TRANSFER_SYNTAXES, VERIFICATION
from hilum.servers.dimse_options import DimseOptions
from hilum.wire import dimse_status
from statement.markdown import code, table

_STATUS_TEXTS: Final[Mapping[int, tuple[str, str]]] = {
    dimse_status.SUCCESS: ("Success", "on stable storage and in the index, or held already"),
    dimse_status.PROCESSING_FAILURE: ("Failure", "an error inside the application"),
    dimse_status.DUPLICATE_SOP_INSTANCE: ("Failure", "other content under this SOP Instance UID"),
    dimse_status.NO_SUCH_SOP_INSTANCE: ("Failure", "never sent for C-STORE"),
    dimse_status.INVALID_SOP_INSTANCE: ("Failure", "the SOP Instance UID is no UID"),
    dimse_status.SOP_CLASS_NOT_SUPPORTED: ("Failure", "not the SOP class of the context"),
    dimse_status.NOT_AUTHORISED: ("Failure", "the caller may not do this"),
    dimse_status.OUT_OF_RESOURCES: ("Failure", "cannot be kept now: send it again later"),
    dimse_status.DATASET_DOES_NOT_MATCH: ("Failure", "refused by validation, or other UIDs"),
    dimse_status.CANNOT_UNDERSTAND: ("Failure", "the data set cannot be read"),
    dimse_status.LIMIT_EXCEEDED: ("Failure", "a limit that is a setting was reached"),
}


def network_services() -> str:
    """Overview: SOP classes and roles."""
    count = f"{len(STORAGE_SOP_CLASSES)} classes (annex A)"
    rows = [
        ("Verification", code(VERIFICATION), "no", "yes"),
        ("Storage", count, "no", "yes"),
    ]
    return table(("Network service", "SOP class", "User (SCU)", "Provider (SCP)"), rows)


def identity() -> str:
    """How we name ourselves in associations and files."""
    options = DimseOptions()
    rows = [
        ("Application context", code("1.2.840.10008.3.1.1.1")),
        ("Implementation class UID", code(IMPLEMENTATION_CLASS_UID)),
        ("Implementation version name", "`HILUM_` and the version, dots as underscores"),
        ("AE title", code(options.ae_title) + " (`dimse.ae_title`)"),
        ("Port", f"{options.port} (`dimse.port`)"),
        ("Largest PDU received", f"{options.maximum_pdu_bytes:,} bytes"),
        ("Associations at once", f"{options.associations}, {options.associations_per_peer} a peer"),
        ("Outstanding asynchronous transactions", "1: not negotiated"),
        ("ARTIM timeout", f"{options.artim_seconds:g} s"),
        ("Idle timeout", f"{options.network_seconds:g} s"),
        ("Longest wait before a C-STORE response", f"{options.store_seconds:g} s"),
    ]
    return table(("Property", "Value"), rows)


def refusals() -> str:
    """Why an association is refused."""
    found = [
        each for each in vars(dimse_admission).values() if isinstance(each, dimse_admission.Refusal)
    ]
    rows = [
        (code(each.reason), str(each.result), str(each.source), str(each.diagnostic))
        for each in found
    ]
    return table(("Reason", "Result", "Source", "Reason/diagnostic (PS3.8 table 9-21)"), rows)


def store_statuses() -> str:
    """Statuses of C-STORE responses."""
    sent = sorted(
        value
        for name, value in vars(dimse_status).items()
        if name.isupper() and isinstance(value, int) and "MAXIMUM" not in name
    )
    rows = [(code(f"0x{each:04X}"), *_STATUS_TEXTS[each]) for each in sent]
    return table(("Status", "Class", "Meaning"), rows)


def storage_classes() -> str:
    """Every storage SOP class that is accepted by name."""
    named = sorted((UID(uid).name, uid) for uid in STORAGE_SOP_CLASSES)
    return table(("SOP class", "UID"), [(name, code(uid)) for name, uid in named])


def network_syntaxes() -> str:
    """Every transfer syntax that is accepted."""
    ordered = sorted(TRANSFER_SYNTAXES, key=lambda uid: [int(part) for part in uid.split(".")])
    return table(("Transfer syntax", "UID"), [(UID(uid).name, code(uid)) for uid in ordered])


def character_sets() -> str:
    """Every defined term that text is decoded from."""
    rows = [
        (code(term) if term else "(none)", code("ascii" if name == DEFAULT_ENCODING else name))
        if term in {"", "ISO_IR 6"}
        else (code(term), code(name))
        for term, name in ENCODINGS.items()
    ]
    return table(("Defined term of (0008,0005)", "Decoded as"), rows)
