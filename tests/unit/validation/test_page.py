"""docs/validation.md tells every code and every profile."""

from pathlib import Path

import pytest

from hilum.validation.findings import CODES, Severity
from hilum.validation.instance import examine_source
from hilum.validation.profiles import DEEP_PROFILES, deep_profile
from tests.planted import FAULTS

PAGE = (Path(__file__).parents[3] / "docs" / "validation.md").read_text("utf-8")


def test_every_code_and_profile_is_explained() -> None:
    for name, code in CODES.items():
        assert f"| `{name}` | {code.severity.value} | {code.meaning} | {code.mend} |" in PAGE
    for profile in DEEP_PROFILES.values():
        assert f"| `{profile.name}` | {profile.purpose} |" in PAGE


def test_profiles_change_severities_and_nothing_else() -> None:
    findings = [f for fault in FAULTS for f in examine_source(fault.part10()).findings]
    strict = deep_profile("strict").apply(findings)
    practice = deep_profile("practice").apply(findings)
    assert deep_profile("standard").apply(findings) == tuple(findings)
    assert [f.code for f in strict] == [f.code for f in findings]
    assert Severity.WARNING not in {f.severity for f in strict}
    errors = {f.code for f in practice if f.severity is Severity.ERROR}
    assert {"pixel-length", "truncated-instance", "meta-mismatch"} <= errors
    assert "attribute-missing" not in errors


def test_a_profile_there_is_not_is_refused_by_name() -> None:
    with pytest.raises(
        KeyError, match="no profile 'lenient'; there are standard, practice, strict"
    ):
        deep_profile("lenient")
