"""What is told of the failures of a visit: counts, and one dead letter for a study."""

from dataclasses import dataclass
from typing import Final

import structlog

from hilum.domain.arrivals import Claimed
from hilum.domain.identifiers import StudyInstanceUID
from hilum.inbound.orthanc.tally import Failure, Tally
from hilum.ports.announcing import Announcements, IngestionFailure
from hilum.ports.ingestion_telemetry import IngestionMeter

_log = structlog.get_logger(__name__)

_FINDINGS_TOLD: Final = 100


@dataclass(frozen=True, slots=True)
class Failures:
    """Tells of the failures of studies of one source."""

    source: str
    announcements: Announcements
    meter: IngestionMeter

    def count(self, tally: Tally) -> None:
        """Count an attempt that failed, once by each of its reasons."""
        for reason in {one.reason for one in tally.failures}:
            self.meter.failed(reason)

    async def tell(self, claimed: Claimed, study: StudyInstanceUID | None, tally: Tally) -> None:
        """Write one dead letter for the study, unless these very failures were told before."""
        if not tally.failures or tally.digest == claimed.reported:
            return
        first = tally.failures[0]
        findings = [_finding(one) for one in tally.failures[:_FINDINGS_TOLD]]
        if tally.failed > len(findings):
            findings.append(f"and {tally.failed - len(findings)} more instances")
        message = first.message
        if tally.failed > 1:
            message = f"{tally.failed} instances could not be kept; the first: {first.message}"
        await self.announcements.ingestion_failed(
            IngestionFailure(
                source=self.source,
                source_id=claimed.source_id,
                reason=first.reason,
                stage=first.stage,
                error_class=first.error_class,
                message=message,
                attempt=claimed.attempts,
                correlation_id=claimed.correlation_id,
                study=study,
                findings=findings,
            )
        )
        self.meter.dead_lettered(first.reason)
        _log.warning(
            "orthanc_study_dead_lettered",
            source=self.source,
            source_id=claimed.source_id,
            reason=first.reason,
            stage=first.stage,
            failed=tally.failed,
        )


def summary(tally: Tally) -> str:
    """How many failed and why the first did; empty when none failed."""
    if not tally.failures:
        return ""
    return f"{tally.failed} instances failed; the first: {_finding(tally.failures[0])}"


def _finding(failure: Failure) -> str:
    told = "; ".join(failure.findings) or failure.message
    return f"{failure.source_id} {failure.error_class}: {told}"
