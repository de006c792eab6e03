"""Asking for a bulk update: what the request must be, and the job it becomes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from hilum.dicom.mending.restating import Statement
from hilum.domain.errors import InvalidRequest
from hilum.domain.identifiers import PartitionKey, StudyInstanceUID, parse_uid
from hilum.domain.jobs import JobKind, JobRecord, NewJob, new_job_id
from hilum.domain.origins import Origin
from hilum.operations.updating.attributes import parse_changes
from hilum.ports.jobs import Jobs

EXCLUSIVE: Final = "update"
"""Only one update is active at a time."""
_STUDIES: Final = "studyInstanceUids"
_CHANGES: Final = "changes"


@dataclass(frozen=True, slots=True)
class RequestUpdate:
    """The use case behind `$bulkUpdate`: checks what is asked for and notes it as a job."""

    jobs: Jobs
    studies: int = 50
    """The most of one request, which is the setting `update.studies`."""

    async def __call__(
        self,
        studies: Sequence[str] | None,
        dataset: Mapping[str, Any] | None,
        partition: PartitionKey,
        origin: Origin,
    ) -> JobRecord:
        """Raises `InvalidRequest` (`InvalidUID`, `ChangesRefused`) and `JobActive`."""
        uids = self._uids(studies or ())
        if not dataset:
            raise InvalidRequest("changeDataset is required: a data set with what is to change.")
        statements = parse_changes(dataset)
        return await self.jobs.add(
            NewJob(
                new_job_id(),
                JobKind.UPDATE,
                {_STUDIES: uids},
                partition,
                EXCLUSIVE,
                origin.principal,
                origin.correlation_id,
                # Names of patients: forgotten when the job ends, and told to nobody.
                secrets={_CHANGES: orjson.dumps([list(each) for each in statements]).decode()},
            )
        )

    def _uids(self, studies: Sequence[str]) -> Sequence[StudyInstanceUID]:
        if not 1 <= len(studies) <= self.studies:
            message = f"studyInstanceUids needs 1 to {self.studies} UIDs (setting update.studies)."
            raise InvalidRequest(message)
        uids = (StudyInstanceUID(parse_uid(each, "StudyInstanceUID")) for each in studies)
        return list(dict.fromkeys(uids))


def studies_of(record: JobRecord) -> Sequence[StudyInstanceUID]:
    """The studies that a job is about."""
    return [StudyInstanceUID(each) for each in record.request[_STUDIES]]


def statements_of(secrets: Mapping[str, str]) -> Sequence[Statement]:
    """What a job is to change."""
    return [Statement(*each) for each in orjson.loads(secrets[_CHANGES])]
