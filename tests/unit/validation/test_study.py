"""What is wrong across the instances of a study."""

from dataclasses import replace

from hilum.domain.findings import Severity
from hilum.validation.facts import Facts
from hilum.validation.study import check_study

_SLICE = Facts(
    patient=1,
    patient_name=1,
    study="1.2.1",
    series="1.2.2",
    sop_instance="1.2.3",
    modality="CT",
    number="1",
    frame_of_reference="1.2.4",
    size=(64, 64),
    orientation=(1.0, 0.0, 0.0, 0.0, 1.0, 0.0),
    position=(0.0, 0.0, 0.0),
    series_key=0,
    acquisition=0,
)


def _stack(*places_mm: float) -> list[Facts]:
    return [
        replace(_SLICE, sop_instance=f"1.2.3.{n}", number=str(n), position=(0.0, 0.0, place))
        for n, place in enumerate(places_mm)
    ]


def _codes(members: list[Facts]) -> list[str]:
    return [finding.code for finding in check_study(members)]


def test_an_even_stack_of_one_patient_is_right() -> None:
    assert _codes(_stack(0, 5, 10, 15, 20)) == []


def test_a_slice_that_is_missing_leaves_a_gap_that_is_told_in_mm() -> None:
    (finding,) = check_study(_stack(0, 5, 10, 20, 25))
    assert finding.code == "slices-missing"
    assert finding.expected == "5 mm from slice to slice"
    assert finding.found == "up to 10 mm"


def test_a_tilted_stack_is_measured_along_its_normal() -> None:
    tilted = (1.0, 0.0, 0.0, 0.0, 0.8, 0.6)
    members = [
        replace(facts, orientation=tilted, position=(0.0, -0.6 * n * 2, 0.8 * n * 2))
        for n, facts in enumerate(_stack(0, 0, 0, 0, 0))
    ]
    assert _codes(members) == []


def test_few_slices_and_localizers_have_no_gaps() -> None:
    assert _codes(_stack(0, 5, 100)) == []


def test_two_patients_in_one_study_are_told_without_their_names() -> None:
    members = _stack(0, 5)
    members[1] = replace(members[1], patient=2)
    (finding,) = check_study(members)
    assert (finding.code, finding.found) == ("study-patient-differs", "2 patients")


def test_an_instance_without_patient_id_is_no_other_patient() -> None:
    members = _stack(0, 5, 10)
    members[1] = replace(members[1], patient=None, patient_name=0)
    (finding,) = check_study(members)
    assert (finding.code, finding.found) == ("study-patient-unclear", "none in 1 of 3")
    assert finding.severity is Severity.WARNING


def test_a_name_that_is_spelled_another_way_is_doubtful() -> None:
    members = _stack(0, 5)
    members[1] = replace(members[1], patient_name=2)
    (finding,) = check_study(members)
    assert (finding.code, finding.found) == ("study-patient-unclear", "2 spellings")


def test_one_name_for_two_instances_is_an_error() -> None:
    members = _stack(0, 5)
    assert "sop-instance-twice" in _codes([members[0], replace(members[1], sop_instance="1.2.3.0")])


def test_images_in_one_place_are_told_unless_something_sets_them_apart() -> None:
    first, second = _stack(0, 0)
    assert _codes([first, second]) == ["positions-equal"]
    assert _codes([first, replace(second, series_key=7)]) == []


def test_an_instance_without_modality_is_told_as_such() -> None:
    first, second = _stack(0, 5)
    (finding,) = check_study([first, replace(second, modality="")])
    assert (finding.code, finding.found) == ("series-differs", "CT, none")


def test_series_have_one_modality_frame_of_reference_and_number_for_each() -> None:
    first, second = _stack(0, 5)
    mixed = replace(second, modality="MR", frame_of_reference="1.2.9", number=first.number)
    assert _codes([first, mixed]) == [
        "series-differs",
        "frame-of-reference-differs",
        "instance-numbers-equal",
    ]
    assert _codes([first, replace(mixed, series="1.2.99")]) == []
