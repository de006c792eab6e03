import json
import xml.etree.ElementTree as ET
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.dicom.json_values import as_written
from hilum.dicom.native_model import native_model
from tests.native_model import Attribute, Model, read_model


def _xml(dataset: dict[str, Any]) -> str:
    return "".join(native_model(as_written(json.dumps(dataset).encode())))


def _model(dataset: dict[str, Any]) -> Model:
    return read_model(_xml(dataset).encode())


def test_values_are_numbered_and_an_empty_one_among_them_is_an_empty_element() -> None:
    dataset = {"00080008": {"vr": "CS", "Value": ["MPG", None, "XR3"]}}

    assert '<Value number="2"></Value>' in _xml(dataset)
    assert _model(dataset)["00080008"] == Attribute("CS", "ImageType", ["MPG", "", "XR3"])


def test_an_attribute_without_value_has_no_content() -> None:
    model = _model({"00080050": {"vr": "SH"}, "00081110": {"vr": "SQ"}})

    assert model == {
        "00080050": Attribute("SH", "AccessionNumber", []),
        "00081110": Attribute("SQ", "ReferencedStudySequence", []),
    }


@pytest.mark.parametrize("digits", ["0.10", "1E-7", "-0", "123456789012345678", "2.50"])
def test_numbers_keep_the_digits_they_were_written_with(digits: str) -> None:
    text = f'{{"00180050":{{"vr":"DS","Value":[{digits}]}}}}'.encode()

    model = read_model("".join(native_model(as_written(text))))

    assert model["00180050"].content == [digits]


def test_numbers_of_python_are_written_as_python_writes_them() -> None:
    dataset = {"00201208": {"vr": "IS", "Value": [3]}, "00180050": {"vr": "DS", "Value": [0.5]}}

    model = read_model("".join(native_model(dataset)))

    assert [attribute.content for attribute in model.values()] == [["3"], ["0.5"]]


def test_names_have_their_groups_and_components() -> None:
    name = {"Alphabetic": "Yamada^Tarou^^Dr", "Ideographic": "山田^太郎", "Phonetic": "やまだ"}

    model = _model({"00100010": {"vr": "PN", "Value": [name, None]}})

    assert model["00100010"].content == [
        [
            (
                "Alphabetic",
                [("FamilyName", "Yamada"), ("GivenName", "Tarou"), ("NamePrefix", "Dr")],
            ),
            ("Ideographic", [("FamilyName", "山田"), ("GivenName", "太郎")]),
            ("Phonetic", [("FamilyName", "やまだ")]),
        ],
        [],
    ]


def test_a_sixth_component_stays_with_the_suffix() -> None:
    model = _model({"00100010": {"vr": "PN", "Value": [{"Alphabetic": "a^b^c^d^e^f"}]}})

    ((_, components),) = model["00100010"].content[0]  # type: ignore[misc]
    assert components[-1] == ("NameSuffix", "e^f")


def test_private_elements_have_their_creator_and_no_block() -> None:
    model = _model(
        {
            "00090010": {"vr": "LO", "Value": ["ACME"]},
            "00090011": {"vr": "LO", "Value": ['B&W "x"']},
            "00091001": {"vr": "SH", "Value": ["one"]},
            "00091110": {"vr": "SH", "Value": ["two"]},
            "00091201": {"vr": "SH", "Value": ["nobody's"]},
        }
    )

    assert model == {
        "00090001 ACME": Attribute("SH", None, ["one"]),
        '00090010 B&W "x"': Attribute("SH", None, ["two"]),
        "00091201": Attribute("SH", None, ["nobody's"]),
    }


def test_the_creator_of_an_element_in_an_item_is_that_of_the_item() -> None:
    item = {
        "00090010": {"vr": "LO", "Value": ["INNER"]},
        "00091001": {"vr": "SH", "Value": ["x"]},
    }
    model = _model(
        {
            "00090010": {"vr": "LO", "Value": ["OUTER"]},
            "00091002": {"vr": "SQ", "Value": [item, {}, {"00091001": {"vr": "SH"}}]},
        }
    )

    assert list(model) == [
        "00090002 OUTER",
        "00090002 OUTER[1]/00090001 INNER",
        "00090002 OUTER[3]/00091001",
    ]


def test_repeating_groups_have_their_keyword() -> None:
    model = _model({"60120010": {"vr": "US", "Value": [4]}, "00999999": {"vr": "UN"}})

    assert model["60120010"].keyword == "OverlayRows"
    assert model["00999999"].keyword is None


def test_bulk_data_is_a_reference_or_inline() -> None:
    document = _xml(
        {
            "00281201": {"vr": "OW", "InlineBinary": "AAEC"},
            "00281202": {"vr": "OW", "InlineBinary": ""},
            "7FE00010": {"vr": "OW", "BulkDataURI": 'http://x/?a=1&b="<2>"'},
        }
    )

    model = read_model(document)
    (inline,), (bulk,) = model["00281201"].content, model["7FE00010"].content
    assert isinstance(inline, ET.Element)
    assert isinstance(bulk, ET.Element)
    assert (inline.text, bulk.attrib) == ("AAEC", {"uri": 'http://x/?a=1&b="<2>"'})
    assert model["00281202"].content == []


def _as_xml_holds_it(text: str) -> str:
    """What XML 1.0 has no form for (section 2.2) becomes U+FFFD."""
    return "".join(
        character
        if character in "\t\n\r"
        or "\x20" <= character <= "\ud7ff"
        or "\ue000" <= character <= "\ufffd"
        or character > "\uffff"
        else "\ufffd"
        for character in text
    )


_TEXT = st.text(st.characters(codec=None), min_size=1)


@given(_TEXT, _TEXT)
def test_any_text_survives_but_for_what_xml_cannot_hold(text: str, creator: str) -> None:
    dataset = {
        "00090010": {"vr": "LO", "Value": [creator]},
        "00091001": {"vr": "UT", "Value": [text]},
    }

    document = "".join(native_model(dataset)).encode()

    ((place, attribute),) = read_model(document).items()
    assert place == f"00090001 {_as_xml_holds_it(creator)}"
    assert attribute.content == [_as_xml_holds_it(text)]
