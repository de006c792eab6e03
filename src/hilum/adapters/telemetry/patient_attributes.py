"""Which keys of a log event name patient data: derived from the dictionary of PS3.6."""

from functools import cache
from typing import Final

from hilum.dicom.dictionary import DICTIONARY, REPEATERS

# Beside group 0010 and every person name: texts and numbers that lead to one patient.
_IDENTIFYING: Final = (
    "AccessionNumber StudyID StudyDescription SeriesDescription RequestedProcedureID "
    "RequestedProcedureDescription ScheduledProcedureStepID InstitutionAddress AdmissionID "
    "ServiceEpisodeID ImageComments TextValue UnformattedTextValue AdmittingDiagnosesDescription "
    "PersonAddress PersonTelephoneNumbers ReferringPhysicianAddress CurrentPatientLocation"
).split()


@cache
def patient_keywords() -> frozenset[str]:
    """Keywords of all attributes of group 0010 and of all with VR PN, and a few more.

    Not among them: the UIDs, which logs need and which name nobody.
    """
    known = [(tag, entry[0], entry[4]) for tag, entry in DICTIONARY.items()]
    keywords = {
        keyword for tag, vr, keyword in known if keyword and (tag >> 16 == 0x0010 or vr == "PN")
    }
    repeated = {entry[4] for entry in REPEATERS.values() if entry[0] == "PN"}
    return frozenset(keywords | repeated | set(_IDENTIFYING)) - {""}
