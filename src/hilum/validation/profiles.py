"""Which findings matter: profiles as data."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from hilum.validation.findings import CODES, Finding, Severity


@dataclass(frozen=True, slots=True)
class DeepProfile:
    """What becomes of the severity of findings."""

    name: str
    purpose: str
    severities: Mapping[str, Severity] = field(default_factory=dict)
    """By code, where it is not the usual one."""
    silent: frozenset[str] = frozenset()
    """Codes that are not told at all."""
    required: tuple[int, ...] = ()
    """Tags of the data set that must be present with a value, whatever the standard says."""

    def apply(self, findings: Iterable[Finding]) -> tuple[Finding, ...]:
        """Return the findings that are told, as severe as they count."""
        return tuple(
            finding._replace(severity=self.severities.get(finding.code, finding.severity))
            for finding in findings
            if finding.code not in self.silent
        )


_READABLE: Final = frozenset(
    {"not-dicom", "truncated-instance", "malformed-element", "damaged-deflate", "limit-exceeded",
     "file-unreadable", "transfer-syntax-mismatch", "pixel-length", "encapsulation",
     "frames-number", "meta-mismatch", "uid-reused", "sop-instance-twice",
     "study-patient-differs", "frame-undecodable", "frame-size-differs", "required-attribute"}
)  # fmt: skip
"""What makes an instance wrong, not merely irregular."""

DEEP_PROFILES: Final[Mapping[str, DeepProfile]] = MappingProxyType(
    {
        profile.name: profile
        for profile in (
            DeepProfile("standard", "everything, as severe as the standard has it"),
            DeepProfile(
                "practice",
                "errors only where an image is lost, mistaken or unreadable; the rest warns",
                {
                    code: Severity.WARNING
                    for code, what in CODES.items()
                    if what.severity is Severity.ERROR and code not in _READABLE
                },
                frozenset({"attribute-retired", "vr-unknown"}),
            ),
            DeepProfile(
                "strict",
                "everything, and what the standard profile warns of is an error",
                {
                    code: Severity.ERROR
                    for code, what in CODES.items()
                    if what.severity is Severity.WARNING
                },
            ),
        )
    }
)


def deep_profile(name: str, profiles: Mapping[str, DeepProfile] = DEEP_PROFILES) -> DeepProfile:
    """Return the profile of this name. Raises `KeyError` with the names there are."""
    try:
        return profiles[name]
    except KeyError:
        message = f"no profile {name!r}; there are {', '.join(profiles)}"
        raise KeyError(message) from None
