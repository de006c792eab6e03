"""Which presentation contexts are accepted (PS3.8 9.3.3, PS3.7 D.3.2)."""

from collections.abc import Iterable
from typing import Final

from pydicom._uid_dict import UID_dictionary
from pydicom.uid import UID
from pynetdicom.presentation import PresentationContext
from pynetdicom.sop_class import _NON_PATIENT_OBJECT_CLASSES, _STORAGE_CLASSES

ACCEPTANCE: Final = 0x00
ABSTRACT_SYNTAX_NOT_SUPPORTED: Final = 0x03
TRANSFER_SYNTAXES_NOT_SUPPORTED: Final = 0x04

VERIFICATION: Final = "1.2.840.10008.1.1"
_STORAGE_ROOT: Final = "1.2.840.10008.5.1.4."
_DICOM_ROOT: Final = "1.2.840.10008."

_DEFAULT_SYNTAX: Final = UID("1.2.840.10008.1.2")

_NOT_A_DATASET: Final = {
    "1.2.840.10008.1.2.6.1",  # RFC 2557 MIME encapsulation
    "1.2.840.10008.1.2.6.2",  # XML encoding
    "1.2.840.10008.1.20",  # Papyrus 3
    "1.2.840.10008.1.2.7.1",  # SMPTE ST 2110: real-time video (PS3.22), never a C-STORE
    "1.2.840.10008.1.2.7.2",
    "1.2.840.10008.1.2.7.3",
}

TRANSFER_SYNTAXES: Final = frozenset(
    uid
    for uid, (_name, kind, *_) in UID_dictionary.items()
    if kind == "Transfer Syntax" and uid not in _NOT_A_DATASET
)
"""Every syntax of a data set that DICOM has defined, the retired ones included: the archive keeps
bytes and decodes no pixels, so there is nothing to convert and no reason to turn one away."""

STORAGE_SOP_CLASSES: Final = frozenset(
    {str(uid) for uid in _STORAGE_CLASSES.values()}
    | {
        uid
        for uid, (name, kind, *_) in UID_dictionary.items()
        if kind == "SOP Class" and "Storage" in name and uid.startswith(_STORAGE_ROOT)
    }
) - {str(uid) for uid in _NON_PATIENT_OBJECT_CLASSES.values()}
"""The composite storage classes, retired and trial ones included. Objects without a patient
(PS3.4 annex GG) belong to no study and are not among them."""


def negotiate(
    proposed: Iterable[PresentationContext], *, accept_unknown_sop_classes: bool
) -> list[PresentationContext]:
    """Answer every proposed context, in the order of the proposal.

    Of the transfer syntaxes of a context the first that we know is chosen: the sender lists first
    what it would like best, usually the syntax its files are in, and we have no preference.
    """
    return [_answer(each, accept_unknown_sop_classes) for each in proposed]


def _answer(proposed: PresentationContext, accept_unknown: bool) -> PresentationContext:
    answer = PresentationContext()
    answer.context_id = proposed.context_id
    answer.abstract_syntax = proposed.abstract_syntax
    answer._as_scu, answer._as_scp = False, True
    known = [uid for uid in proposed.transfer_syntax if uid in TRANSFER_SYNTAXES]
    if not _is_supported(str(proposed.abstract_syntax), accept_unknown):
        answer.result = ABSTRACT_SYNTAX_NOT_SUPPORTED
    elif not known:
        answer.result = TRANSFER_SYNTAXES_NOT_SUPPORTED
    else:
        answer.result = ACCEPTANCE
    # With a refusal the syntax is not significant, but the item must be there (PS3.8 9.3.3.2).
    answer.transfer_syntax = [(known or proposed.transfer_syntax or [_DEFAULT_SYNTAX])[0]]
    return answer


def _is_supported(abstract_syntax: str, accept_unknown: bool) -> bool:
    if abstract_syntax == VERIFICATION or abstract_syntax in STORAGE_SOP_CLASSES:
        return True
    return accept_unknown and _may_be_storage(abstract_syntax)


def _may_be_storage(abstract_syntax: str) -> bool:
    """Tell a class we have never heard of: private, or a storage class newer than this release."""
    if abstract_syntax in UID_dictionary:
        return False
    return not abstract_syntax.startswith(_DICOM_ROOT) or abstract_syntax.startswith(
        "1.2.840.10008.5.1.4.1.1."
    )
