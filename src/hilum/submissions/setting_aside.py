"""Files of a submission that may not be kept: put into quarantine, where they lie already."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from hilum.domain.findings import Finding, Severity
from hilum.domain.quarantine import NewQuarantined
from hilum.domain.submissions import FileNote, FileState, SubmissionRecord
from hilum.foundation.clock import Clock
from hilum.ports.quarantine import QuarantineList
from hilum.submissions.options import StageOptions


@dataclass(frozen=True, slots=True)
class SettingAside:
    """Adds files to the quarantine; their bytes stay in the holding."""

    quarantine: QuarantineList
    clock: Clock
    options: StageOptions

    async def __call__(
        self, record: SubmissionRecord, note: FileNote, findings: Sequence[Finding], code: str = ""
    ) -> FileNote:
        """Return what is to be noted of the file; the same file again is the same entry again.

        A file whose bytes could not be had, such as an encrypted member of a zip file, is only
        noted. `code` is by default that of the first error.
        """
        aside = refused(note, findings, code)
        if aside.place:
            await self.quarantine.add(self._entry(record, aside))
        return aside

    def _entry(self, record: SubmissionRecord, note: FileNote) -> NewQuarantined:
        return NewQuarantined(
            place=note.place,
            size_bytes=note.size_bytes,
            origin=record.origin,
            policy=record.policy,
            code=note.code,
            findings=note.findings,
            expires=self.clock.now() + self.options.quarantine,
            uids=note.uids,
            sop_class_uid=note.sop_class_uid,
            study_id=record.study_id,
            number=note.number,
            name=note.name,
        )


def refused(note: FileNote, findings: Sequence[Finding], code: str = "") -> FileNote:
    """The note of a file that may not be kept."""
    errors = (finding.code for finding in findings if finding.severity is Severity.ERROR)
    return replace(
        note,
        state=FileState.QUARANTINED,
        code=code or next(errors, ""),
        findings=tuple(findings),
    )
