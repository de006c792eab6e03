"""What a work item must, may and must not have: PS3.4 table CC.2.5-3, as data.

The table in the standard has a row for every attribute with two columns for each service; here
attributes with the same columns stand together. Attributes that it does not name may be there.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Final

from hilum.dicom.attributes import tag_of


class Need(Enum):
    """What a new work item must have."""

    VALUE = "1"
    PRESENT = "2"
    OPTIONAL = "3"
    """Where it is there, it has a value."""
    FREE = "-"
    """Conditions that only its sender can know, or what may be empty."""
    EMPTY = "0"
    """There, and without a value or items: it is filled in later."""


class AtEnd(Enum):
    """What a work item must have a value of before it ends (PS3.4 CC.2.5.1.1)."""

    NO = "O"
    ENDED = "R"
    COMPLETED = "P"
    CANCELED = "X"


@dataclass(frozen=True, slots=True)
class Requirement:
    """What holds for one attribute."""

    keyword: str
    within: str
    """Keyword of the sequence in whose items it is; empty: in the work item itself."""
    create: Need
    change: bool
    """Whether an update may name it."""
    final: AtEnd
    change_need: Need = Need.FREE
    """In the items of a sequence that an update brings."""

    @property
    def tag(self) -> str:
        """As DICOM JSON has it."""
        return f"{tag_of(self.keyword):08X}"

    @property
    def path(self) -> str:
        """For people: `Sequence.Attribute`."""
        return f"{self.within}.{self.keyword}" if self.within else self.keyword


def _each(
    keywords: str,
    create: Need,
    *,
    within: str = "",
    change: bool = True,
    final: AtEnd = AtEnd.NO,
    change_need: Need = Need.FREE,
) -> Iterator[Requirement]:
    for keyword in keywords.split():
        yield Requirement(keyword, within, create, change, final, change_need)


_REQUEST: Final = "ReferencedRequestSequence"
PERFORMED: Final = "UnifiedProcedureStepPerformedProcedureSequence"
PROGRESS: Final = "ProcedureStepProgressInformationSequence"
OUTPUT: Final = "OutputInformationSequence"

REQUIREMENTS: Final = (
    *_each("TransactionUID", Need.EMPTY, change=False),
    *_each(
        "SOPClassUID SOPInstanceUID ProcedureStepState",
        Need.VALUE,
        change=False,
        final=AtEnd.ENDED,
    ),
    *_each(
        "ScheduledProcedureStepPriority ScheduledProcedureStepModificationDateTime "
        "ScheduledProcedureStepStartDateTime InputReadinessState",
        Need.VALUE,
        final=AtEnd.ENDED,
    ),
    *_each("ProcedureStepLabel", Need.VALUE),
    *_each(
        "WorklistLabel ScheduledProcessingParametersSequence ScheduledStationNameCodeSequence "
        "ScheduledStationClassCodeSequence ScheduledStationGeographicLocationCodeSequence "
        "ScheduledWorkitemCodeSequence CommentsOnTheScheduledProcedureStep "
        "InputInformationSequence",
        Need.PRESENT,
    ),
    *_each(
        "PatientName PatientBirthDate PatientSex AdmissionID IssuerOfAdmissionIDSequence "
        "AdmittingDiagnosesDescription AdmittingDiagnosesCodeSequence OtherPatientIDsSequence "
        f"IssuerOfPatientID IssuerOfPatientIDQualifiersSequence {_REQUEST}",
        Need.PRESENT,
        change=False,
    ),
    *_each("PatientID ReplacedProcedureStepSequence", Need.FREE, change=False),
    *_each("StudyInstanceUID ScheduledHumanPerformersSequence", Need.FREE),
    *_each(f"{PROGRESS} {PERFORMED}", Need.EMPTY),
    *_each(
        "ExpectedCompletionDateTime MedicalAlerts PregnancyStatus SpecialNeeds PatientState "
        "ConfidentialityConstraintOnPatientDataDescription AdditionalPatientHistory "
        "PatientAge PatientSize PatientWeight EthnicGroup Occupation "
        "Allergies SmokingStatus LastMenstrualDate PatientSexNeutered",
        Need.OPTIONAL,
    ),
    *_each("StudyInstanceUID", Need.VALUE, within=_REQUEST),
    *_each(
        "AccessionNumber IssuerOfAccessionNumberSequence RequestedProcedureID "
        "RequestedProcedureDescription RequestedProcedureCodeSequence",
        Need.PRESENT,
        within=_REQUEST,
    ),
    *_each(
        "ProcedureStepCancellationDateTime ProcedureStepDiscontinuationReasonCodeSequence",
        Need.FREE,
        within=PROGRESS,
        final=AtEnd.CANCELED,
    ),
    *_each(
        "PerformedStationNameCodeSequence PerformedProcedureStepStartDateTime "
        "PerformedProcedureStepEndDateTime PerformedWorkitemCodeSequence",
        Need.FREE,
        within=PERFORMED,
        final=AtEnd.COMPLETED,
    ),
    *_each(
        OUTPUT,
        Need.FREE,
        within=PERFORMED,
        final=AtEnd.COMPLETED,
        change_need=Need.PRESENT,
    ),
    *_each(
        "TypeOfInstances ReferencedSOPSequence",
        Need.FREE,
        within=OUTPUT,
        change_need=Need.VALUE,
    ),
)
