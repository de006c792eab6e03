"""Which attribute stands under which name in `metadata.json`."""

import pytest

from hilum.submissions.view_fields import STANDARD, chosen_fields, described


def test_a_field_takes_another_attribute_or_joins_a_group() -> None:
    fields = chosen_fields(
        {"patient_id": "AccessionNumber", "patient_info.issuer": "(0010,0021)", "dose": "0018115e"}
    )
    assert fields["patient_info"]["patient_id"] == "00080050"
    assert fields["patient_info"]["issuer"] == "00100021"
    assert fields["additional_info"] == {"dose": "0018115E"}
    assert STANDARD["patient_info"]["patient_id"] == "00100020"


def test_an_attribute_may_come_first_as_others_write_it() -> None:
    fields = chosen_fields({"PatientID": "patient_id", "0008,0050": "study_info.order"})
    assert fields["patient_info"]["patient_id"] == "00100020"
    assert fields["study_info"]["order"] == "00080050"


def test_an_empty_attribute_leaves_a_field_out() -> None:
    assert "patient_name" not in chosen_fields({"patient_name": ""})["patient_info"]


@pytest.mark.parametrize(
    ("mapping", "told"),
    [
        ({"patient_id": "PatientIdd"}, "no keyword of PS3.6"),
        ({".x": "PatientID"}, "name a field"),
        ({"instances.x": "PatientID"}, "another meaning"),
        ({"": "PatientID"}, "name a field"),
    ],
)
def test_what_makes_no_sense_is_named(mapping: dict[str, str], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        chosen_fields(mapping)


def test_values_are_plain_and_missing_ones_null() -> None:
    dataset = {
        "00100010": {"vr": "PN", "Value": [{"Alphabetic": "Doe^Jane^^Dr^MD", "Phonetic": "x"}]},
        "00180060": {"vr": "DS", "Value": [80, 120]},
        "00080060": {"vr": "CS"},
        "00080080": {"vr": "LO", "Value": [" General "]},
        "00081060": {"vr": "PN", "Value": [{"Alphabetic": "A^B"}, {"Alphabetic": "C"}]},
    }
    told = described(dataset, STANDARD)
    assert told["patient_info"]["patient_name"] == "Doe^Jane^^Dr^MD==x"
    assert told["patient_info"]["patient_name_readable"] == "Dr Jane Doe, MD"
    assert told["exposure_info"]["kvp"] == [80, 120]
    assert told["modality_info"]["modality"] is None
    assert told["location_info"]["institution_name"] == "General"
    assert told["location_info"]["reading_physician_name"] == ["A^B", "C"]


def test_a_sequence_has_no_plain_value() -> None:
    fields = chosen_fields({"codes": "ProcedureCodeSequence"})
    dataset = {"00081032": {"vr": "SQ", "Value": [{"00080100": {"vr": "SH", "Value": ["X"]}}]}}
    assert described(dataset, fields)["additional_info"] == {"codes": None}
