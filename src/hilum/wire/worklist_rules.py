"""What the worklist does on each surface, as data (PS3.18 chapter 11; Azure DICOM service)."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from hilum.dicom.attributes import tag_of
from hilum.domain import workitems as facts
from hilum.domain.errors import HilumError
from hilum.wire.media_types import DICOM_JSON, JSON
from hilum.worklist.matching import MATCHED, MatchedAttribute
from hilum.worklist.worklist import Manners


@dataclass(frozen=True, slots=True)
class WorklistRules:
    """A route asks its rules, never for the name of its surface."""

    manners: Manners
    strict: bool
    """Accept is required; of queries unknown parameters and a limit above the maximum are
    refused."""
    literal: bool
    """Values are matched as they stand, but for `wild`; no lists, no empty values."""
    wild: frozenset[str]
    """Paths that can be matched on with `*` and `?`; where values are not literal, any text."""
    searchable: Mapping[str, MatchedAttribute]
    default_limit: int
    maximum_limit: int
    body_types: tuple[str, ...]
    """Media types that are taken."""
    error_is_json: bool
    """Errors are a JSON string, else plain text."""
    one_is_object: bool
    """A retrieved work item is an object; else an array of one, as of any DICOMweb resource."""
    offers_xml: bool
    subscriptions: bool
    statuses: Mapping[type[HilumError], int]
    """What differs from `hilum.wire.http_status`."""

    def within(self, maximum_results: int) -> "WorklistRules":
        """With an operator's limit; strict surfaces keep that of the service."""
        if self.strict:
            return self
        return replace(
            self,
            maximum_limit=maximum_results,
            default_limit=min(self.default_limit, maximum_results),
        )


def _paths(names: str) -> frozenset[str]:
    return frozenset(MatchedAttribute(name).path for name in names.split())


_AZURE_WILD: Final = _paths(
    "PatientID ReferencedRequestSequence.AccessionNumber "
    "ReferencedRequestSequence.RequestedProcedureID ProcedureStepState "
    "ScheduledStationNameCodeSequence.CodeValue ScheduledStationClassCodeSequence.CodeValue "
    "ScheduledStationGeographicLocationCodeSequence.CodeValue"
)
_AZURE_SEARCHABLE: Final = _AZURE_WILD | _paths(
    "PatientName ScheduledProcedureStepStartDateTime StudyInstanceUID"
)
RETURNED: Final = tuple(
    sorted(
        f"{tag_of(keyword):08X}"
        for keyword in (
            "SOPClassUID SOPInstanceUID ScheduledProcedureStepPriority "
            "ScheduledProcedureStepModificationDateTime ProcedureStepLabel WorklistLabel "
            "ScheduledProcessingParametersSequence ScheduledStationNameCodeSequence "
            "ScheduledStationClassCodeSequence ScheduledStationGeographicLocationCodeSequence "
            "ScheduledHumanPerformersSequence ScheduledProcedureStepStartDateTime "
            "ExpectedCompletionDateTime ScheduledWorkitemCodeSequence "
            "CommentsOnTheScheduledProcedureStep InputReadinessState InputInformationSequence "
            "StudyInstanceUID PatientName PatientID IssuerOfPatientID "
            "IssuerOfPatientIDQualifiersSequence OtherPatientIDsSequence PatientBirthDate "
            "PatientSex AdmissionID IssuerOfAdmissionIDSequence AdmittingDiagnosesDescription "
            "AdmittingDiagnosesCodeSequence ReferencedRequestSequence ProcedureStepState "
            "MedicalAlerts PregnancyStatus SpecialNeeds ProcedureStepProgressInformationSequence"
        ).split()
    )
)
"""What a search answers with where nothing else is asked for."""

AZURE_WORKLIST: Final = WorklistRules(
    manners=Manners(complete=True, names_uid=True, label="worklist"),
    strict=True,
    literal=True,
    wild=_AZURE_WILD,
    searchable={path: MATCHED[path] for path in _AZURE_SEARCHABLE},
    default_limit=100,
    maximum_limit=200,
    body_types=(DICOM_JSON,),
    error_is_json=True,
    one_is_object=True,
    offers_xml=False,
    subscriptions=False,
    statuses={
        facts.WorkitemFinal: 400,
        facts.WrongTransaction: 400,
        facts.TransactionUnexpected: 400,
        facts.AlreadyInProgress: 400,
        facts.NotSchedulable: 400,
        facts.FinalStateUnmet: 400,
        facts.NotYetInProgress: 400,
    },
)
STANDARD_WORKLIST: Final = WorklistRules(
    manners=Manners(complete=False, names_uid=False),
    strict=False,
    literal=False,
    wild=frozenset(),
    searchable=MATCHED,
    default_limit=100,
    maximum_limit=200,
    body_types=(DICOM_JSON, JSON),
    error_is_json=False,
    one_is_object=False,
    offers_xml=True,
    subscriptions=True,
    statuses={},
)
