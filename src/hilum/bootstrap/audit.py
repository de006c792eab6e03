"""The audit trail that the settings ask for."""

from collections.abc import Iterator
from contextlib import closing, contextmanager

from hilum.adapters.telemetry.audit import AuditFile, LoggedAudit
from hilum.adapters.telemetry.patient_attributes import patient_keywords
from hilum.ports.audit import AuditTrail
from hilum.servers.http_audit import Auditor
from hilum.settings import Settings


@contextmanager
def open_auditor(settings: Settings) -> Iterator[Auditor]:
    """Raises `OSError` when the file cannot be opened."""
    audit = settings.audit
    with _trail(settings) as trail:
        yield Auditor(trail, headers=audit.headers, header_bytes=audit.header_bytes)


@contextmanager
def _trail(settings: Settings) -> Iterator[AuditTrail | None]:
    audit = settings.audit
    if not audit.enabled:
        yield None
    elif audit.file is None:
        yield LoggedAudit()
    else:
        with closing(AuditFile(audit.file, patient_keywords())) as trail:
            yield trail
