"""The deep profile of a policy, applied in the pipeline beside the short one."""

import io
from dataclasses import replace

import pydicom
import pytest

from hilum.dicom.limits import HeaderLimits
from hilum.domain.errors import ArchiveUnavailable
from hilum.domain.findings import Finding, Severity
from hilum.domain.instances import Arrival, Disposition, InMemory, StorePolicy
from hilum.domain.origins import Door, Origin
from hilum.ingest.deep import findings_of, with_findings
from hilum.ingest.examine import Examined, examine
from hilum.ingest.judging import Criteria
from hilum.ingest.policies import PolicyRule, PolicyRules
from hilum.ingest.validate import Verdict
from hilum.ports.telemetry import NoIngestMeter
from hilum.validation.recipes import ProfileRecipe, make_profiles
from tests.planted import CT, FAULTS, base
from tests.unit.ingest.houses import a_house, an_arrival, codes

_BY_NAME = {fault.name: fault for fault in FAULTS}
_NO_FRAME = _BY_NAME["no FrameOfReferenceUID"].part10()
_SHORT_PIXELS = _BY_NAME["pixel data cut"].part10()
_DATE = _BY_NAME["StudyDate of month 13"].part10()
_POLICY = StorePolicy("standard")


def _examined(data: bytes, depth: str, profile: str = "standard") -> Examined:
    policy = StorePolicy(profile, depth=depth)
    return examine(InMemory(data), policy, HeaderLimits(), NoIngestMeter())


def test_without_a_depth_nothing_is_looked_at_deeply() -> None:
    assert _examined(_NO_FRAME, "").verdict.findings == ()


def test_an_error_of_the_deep_profile_refuses_and_says_where_what_and_why() -> None:
    examined = _examined(_NO_FRAME, "standard")

    assert examined.verdict.is_refused
    assert examined.description is None
    (finding,) = examined.verdict.findings
    assert (finding.code, finding.tag, finding.path) == (
        "attribute-missing", 0x00200052, "(0020,0052)",
    )  # fmt: skip
    assert finding.section == "PS3.3 C.7.4"
    assert finding.text.startswith("FrameOfReferenceUID: A required attribute is absent (expected")


def test_the_depth_decides_whether_a_finding_refuses() -> None:
    assert _examined(_NO_FRAME, "practice").description is not None
    assert _examined(_SHORT_PIXELS, "practice").description is None


def test_what_both_profiles_mind_is_told_once_by_the_deep_one() -> None:
    findings = _examined(_DATE, "practice").verdict.findings

    assert [(each.code, each.severity) for each in findings] == [("value-format", Severity.WARNING)]


def test_the_worse_of_two_findings_that_say_the_same_is_told() -> None:
    short = Finding("value-invalid", Severity.ERROR, 0x00080020, "StudyDate is no date.")
    deep = Finding("value-format", Severity.WARNING, 0x00080020, "a", path="(0008,0020)")
    verdict = Verdict((short,), frozenset(), None, None, None)

    assert with_findings(verdict, [deep]).findings == (short, deep)
    worse = replace(deep, severity=Severity.ERROR)
    assert with_findings(verdict, [worse]).findings == (worse,)


def test_errors_are_told_before_warnings_before_remarks() -> None:
    data = _BY_NAME["BodyPartExamined in small letters"].part10()
    dataset = pydicom.dcmread(io.BytesIO(data))
    del dataset.FrameOfReferenceUID
    dataset.add_new(0x00280005, "US", 2)  # Image Dimensions, retired
    file = io.BytesIO()
    dataset.save_as(file)

    findings = _examined(file.getvalue(), "standard").verdict.findings

    severities = [each.severity for each in findings]
    assert severities == sorted(severities, key=list(Severity).index)
    assert {Severity.ERROR, Severity.INFO} <= set(severities)


def test_a_depth_that_is_not_known_any_more_is_an_outage_not_a_refusal() -> None:
    with pytest.raises(ArchiveUnavailable, match=r"validation\.profiles"):
        _examined(base(CT), "gone")


async def test_a_rule_for_a_sender_deepens_what_its_door_looks_at() -> None:
    criteria = Criteria(PolicyRules((PolicyRule(Door.C_STORE, "CT1@*", depth="standard"),)))
    async with a_house(criteria=criteria) as house:
        careful = Origin(Door.C_STORE, "c", peer="CT1@10.0.0.7")
        refused = await house.ingest(Arrival(InMemory(_NO_FRAME), careful, _POLICY))
        kept = await house.ingest(an_arrival(_NO_FRAME, door=Door.C_STORE))

    assert refused.disposition is Disposition.REFUSED
    assert codes(refused) == ["attribute-missing"]
    assert kept.disposition is Disposition.CREATED


async def test_uploads_are_judged_by_their_stages_and_not_again_when_they_are_archived() -> None:
    criteria = Criteria(PolicyRules((PolicyRule(depth="standard"),)))
    async with a_house(criteria=criteria) as house:
        outcome = await house.ingest(an_arrival(_NO_FRAME, door=Door.UPLOAD))

    assert outcome.disposition is Disposition.CREATED


async def test_a_profile_of_ones_own_can_be_named_as_depth() -> None:
    recipe = ProfileRecipe("practice", require=("AccessionNumber",))
    criteria = Criteria(profiles=make_profiles({"mine": recipe}))
    async with a_house(criteria=criteria) as house:
        arrival = an_arrival(base(CT))
        arrival = replace(arrival, policy=replace(arrival.policy, depth="mine"))
        outcome = await house.ingest(arrival)

    assert outcome.disposition is Disposition.REFUSED
    assert codes(outcome) == ["required-attribute"]


async def test_judging_says_the_same_and_keeps_nothing() -> None:
    async with a_house() as house:
        examined = await house.ingest.judge(
            InMemory(_SHORT_PIXELS), StorePolicy("standard", depth="practice")
        )

        assert [each.code for each in examined.verdict.findings] == ["pixel-length"]
        assert house.index.rows == {}


async def test_what_cannot_be_read_has_a_finding_too() -> None:
    async with a_house() as house:
        outcome = await house.ingest(an_arrival(b"no DICOM at all"))

    assert outcome.error is not None
    (finding,) = findings_of(outcome.error)
    assert (finding.code, finding.severity, finding.section) == (
        "not-dicom", Severity.ERROR, "PS3.10 7",
    )  # fmt: skip
    assert findings_of(ArchiveUnavailable("away")) == ()
