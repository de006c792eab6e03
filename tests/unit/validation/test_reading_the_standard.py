"""How the prose of PS3.3 becomes tables (tools/iod_tables.py)."""

import pytest

from tools.iods import by_hand
from tools.iods.texts import Terms, as_numbers, items, plain, requirement, term_lists

_DESCRIPTION = """<td><p>Data representation of the
 samples&#160;(see <span href="">PS3.5</span> ).</p>
<div><p><strong>Enumerated Values:</strong></p><dl><dt><span>0000H</span></dt><dd><p>u</p></dd>
<dt><span>0001H</span></dt><dd><p>signed</p></dd></dl></div></td>"""
_BY_VALUE = """<ol><li><p>Value 1 shall identify the characteristics</p>
<div><p><strong>Enumerated Values:</strong></p><dl><dt>ORIGINAL</dt><dt>DERIVED</dt></dl></div></li>
<li><p>Value 3 is specific</p>
<div><p><strong>Defined Terms for Value 3:</strong></p><dl><dt>AXIAL</dt></dl></div></li></ol>"""


def test_html_becomes_one_line() -> None:
    assert plain(_DESCRIPTION).startswith("Data representation of the samples (see PS3.5). Enum")


def test_lists_of_terms_are_told_with_what_they_are_for() -> None:
    (numbers,) = term_lists(_DESCRIPTION)
    assert numbers == Terms(is_enumerated=True, value=0, condition="", terms=("0000H", "0001H"))
    assert as_numbers(numbers.terms) == (0, 1)
    assert list(term_lists(_BY_VALUE)) == [
        Terms(is_enumerated=True, value=1, condition="", terms=("ORIGINAL", "DERIVED")),
        Terms(is_enumerated=False, value=3, condition="", terms=("AXIAL",)),
    ]


def test_a_list_that_holds_under_a_condition_keeps_it() -> None:
    text = "<strong>Enumerated Values if Segmentation Type (0062,0001) is BINARY:</strong>"
    (terms,) = term_lists(f"<p>{text}</p><dl><dt>1</dt></dl>")
    assert terms.condition == "Segmentation Type (0062,0001) is BINARY"


def test_terms_that_are_no_numbers_are_refused_where_numbers_must_be() -> None:
    with pytest.raises(ValueError, match="invalid literal"):
        as_numbers(("1", "others"))


def test_the_sentence_that_requires_is_found_with_the_dots_inside_of_it() -> None:
    text = 'A code. Required if SOP Class UID is "1.2.840.10008.5". May be present otherwise.'
    assert requirement(text) == 'Required if SOP Class UID is "1.2.840.10008.5".'
    assert requirement("Optional.") == ""


def test_numbers_of_items_are_read() -> None:
    assert items("Only a single Item shall be included in this Sequence.") == (1, 1)
    assert items("One or more Items are permitted in this Sequence.") == (1, 0)
    assert items("A code.") == (0, 0)


def test_what_a_person_has_read_counts_only_for_the_sentence_that_was_read() -> None:
    assert by_hand.read("00200060", "Required if the body part is a paired structure") is not None
    assert by_hand.read("00200060", "Required if the sun shines") is None
    assert by_hand.read("00100010", "Required if the body part is a paired structure") is None
