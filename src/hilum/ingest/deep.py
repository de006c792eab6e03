"""The deep profile of a policy, applied beside the short one."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from hilum.dicom.header import Header, Source
from hilum.domain.errors import ArchiveUnavailable, LimitExceeded, UnreadableInstance
from hilum.domain.findings import Finding, Severity
from hilum.ingest.validate import VALUE_INVALID, Verdict
from hilum.validation.instance import examine_header, unreadable
from hilum.validation.profiles import DEEP_PROFILES, DeepProfile
from hilum.validation.telling import told

DeepProfiles = Mapping[str, DeepProfile]

_ORDER: Final = {severity: place for place, severity in enumerate(Severity)}
_VALUES: Final = frozenset(
    {"value-length", "value-characters", "value-format", "value-size", "charset", "encoding",
     "duplicate"}
)  # fmt: skip
"""Codes that say in more words what `value-invalid` does."""


def profile_of(depth: str, profiles: DeepProfiles = DEEP_PROFILES) -> DeepProfile:
    """Return the profile of a policy's depth.

    Raises `ArchiveUnavailable` for one that the settings do not know any more: what waits under
    its name must wait on.
    """
    profile = profiles.get(depth)
    if profile is None:
        message = (
            f"The validation profile {depth!r} is not known any more: put it back into"
            " validation.profiles and start again."
        )
        raise ArchiveUnavailable(message)
    return profile


def deepened(verdict: Verdict, source: Source, header: Header, profile: DeepProfile) -> Verdict:
    """Add what `profile` tells of the instance. Raises nothing that `read_header` did not."""
    examination = examine_header(source, header, profile.required)
    found = with_findings(verdict, told(profile.apply(examination.findings)))
    return replace(found, facts=examination.facts)


def with_findings(verdict: Verdict, deep: Sequence[Finding]) -> Verdict:
    """Return the verdict with deep findings, none twice: of two that say the same the worse."""
    if not deep:
        return verdict
    places = {_place(finding): finding for finding in reversed(deep)}
    values = {finding.tag: finding for finding in reversed(deep) if finding.code in _VALUES}
    short = []
    for finding in verdict.findings:
        same = places.get(_place(finding))
        if finding.code == VALUE_INVALID:
            same = values.get(finding.tag)
        if same is None or _is_worse(finding, same):
            short.append(finding)
    kept = {_place(finding) for finding in short}
    rest = [finding for finding in deep if _place(finding) not in kept]
    ordered = sorted([*short, *rest], key=lambda finding: _ORDER[finding.severity])
    return replace(verdict, findings=tuple(ordered))


def findings_of(error: Exception) -> tuple[Finding, ...]:
    """What there is to say of an instance that could not be read; nothing of other errors."""
    if isinstance(error, UnreadableInstance | LimitExceeded):
        return told(unreadable(error).findings)
    return ()


def _place(finding: Finding) -> tuple[str, str]:
    return finding.code, finding.path or finding.tag_text


def _is_worse(one: Finding, other: Finding) -> bool:
    return _ORDER[one.severity] < _ORDER[other.severity]
