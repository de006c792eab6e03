"""Each planted fault is found, by its code and at its attribute; the instance without it is not."""

import pytest

from hilum.validation.findings import Finding, Severity
from hilum.validation.instance import examine_source
from tests.planted import CONFUSING, CT, ENHANCED_CT, FAULTS, Fault, base


def _findings(part10: bytes) -> tuple[Finding, ...]:
    return examine_source(part10).findings


def test_nothing_is_wrong_with_an_instance_that_the_standard_would_take() -> None:
    assert _findings(base(CT)) == ()


@pytest.mark.parametrize("fault", [*FAULTS, *CONFUSING], ids=lambda fault: fault.name)
def test_a_planted_fault_is_found(fault: Fault) -> None:
    before = set(_findings(base(fault.base)))
    found = [finding for finding in _findings(fault.part10()) if finding not in before]
    places = {(each.code, None if each.path is None else each.path.tag) for each in found}
    assert (fault.code, fault.tag) in places, found
    assert all(each.section for each in found)


def test_faults_that_matter_are_no_remarks() -> None:
    for fault in FAULTS:
        severities = {f.severity for f in _findings(fault.part10()) if f.code == fault.code}
        assert severities & {Severity.ERROR, Severity.WARNING}, fault.name


def test_an_enhanced_image_lacks_no_functional_group() -> None:
    codes = {finding.code for finding in _findings(base(ENHANCED_CT))}
    assert not codes & {"functional-group-missing", "functional-group-twice", "frames-number"}
