"""Whatever the bytes are, validation ends with findings, never with an error."""

import random

import pytest

from hilum.dicom.dictionary import TAGS
from hilum.dicom.header import HeaderLimits
from hilum.validation.findings import CODES, MOST_PLACES, Finding
from hilum.validation.instance import examine_source
from hilum.validation.levels import Level
from hilum.validation.standard import standard
from tests.corpus import corpus, corpus_id
from tests.planted import CT, ENHANCED_CT, FAULTS, base


def _told(part10: bytes) -> tuple[Finding, ...]:
    findings = examine_source(part10).findings
    for finding in findings:
        assert finding.code in CODES
        assert finding.section
    return findings


def test_every_file_of_others_is_judged() -> None:
    for path in corpus():
        if path.stat().st_size < 2_000_000:
            assert len(_told(path.read_bytes())) < 5_000, corpus_id(path)


@pytest.mark.parametrize("name", [CT, ENHANCED_CT])
def test_bytes_that_are_flipped_anywhere_in_the_header_end_in_findings(name: str) -> None:
    seed = random.Random(20261122)
    part10 = base(name)
    for _ in range(150):
        broken = bytearray(part10)
        for _ in range(seed.randrange(1, 12)):
            broken[seed.randrange(len(part10) // 2)] = seed.randrange(256)
        _told(bytes(broken))


def test_attributes_with_vrs_they_cannot_have_end_in_findings() -> None:
    part10 = base(CT)
    for vr in (b"PN", b"SQ", b"LO", b"UT", b"AT", b"FD", b"UI"):
        for keyword in ("ImageType", "Modality", "PhotometricInterpretation", "Rows", "PatientSex"):
            tag = TAGS[keyword]
            head = (tag >> 16).to_bytes(2, "little") + (tag & 0xFFFF).to_bytes(2, "little")
            place = part10.index(head, 132)
            _told(part10[: place + 4] + vr + part10[place + 6 :])


def test_a_header_beyond_the_limits_is_a_finding() -> None:
    examination = examine_source(base(CT), limits=HeaderLimits(elements=10))
    (finding,) = examination.findings
    assert finding.code == "limit-exceeded"
    assert "dicom.elements" in finding.found
    assert examination.facts is None


def test_what_a_thousand_items_lack_is_told_a_hundred_times() -> None:
    from hilum.validation.findings import Findings

    findings = Findings()
    root = Level({"00081032": {"vr": "SQ", "Value": [{} for _ in range(1000)]}})
    for item in root.below("00081032"):
        findings.add("attribute-missing", item.path("00080100"))
    assert len(findings.rows) == MOST_PLACES


def test_every_table_of_the_standard_can_be_asked() -> None:
    tables = standard()
    for uid in tables.raw["sop_classes"]:
        iod = tables.iod_of(uid)
        assert iod is not None
        assert iod.modules
        for use in (*iod.modules, *iod.groups):
            assert all(len(rule.tag) == 8 for rule in use.table.rules)
    assert tables.iod_of("1.2.3") is None


@pytest.mark.slow
def test_no_finding_about_a_planted_fault_holds_the_name_of_the_patient() -> None:
    for fault in FAULTS:
        for finding in _told(fault.part10()):
            assert "CompressedSamples" not in f"{finding.expected}{finding.found}"
