"""Settings of the audit trail."""

from pathlib import Path

from hilum.settings.types import Count, CountOrZero, Section


class AuditSettings(Section):
    """The audit trail: who asked for what, one line a request. See docs/operations/audit.md."""

    enabled: bool = False
    """Write one event `audit` for each request that needs a scope, the refused ones too."""
    file: Path | None = None
    """Append the trail to this file, a JSON object a line, instead of writing it to the log. It
    may be rotated at any time."""
    headers: CountOrZero = 10
    """Most headers `X-MS-AZUREDICOM-AUDIT-*` in one request; with more the answer is 400."""
    header_bytes: Count = 2048
    """Longest value of such a header; a longer one is answered 400."""
