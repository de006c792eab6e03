"""Structured reports as HTML and text: all that is said, nothing that acts."""

from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset

from hilum.dicom.header import read_header
from hilum.dicom.json_values import JsonDataset
from hilum.dicom.structured_reports.html import report_html
from hilum.dicom.structured_reports.plain import report_text
from hilum.dicom.structured_reports.wording import date_of, date_time_of, time_of
from tests.reports import (
    container,
    item,
    number_item,
    one_of_each,
    part10,
    random_report,
    report,
    text_item,
)

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</style><script>alert(1)</script>",
    "javascript:alert(1)",
    "&lt;script&gt;",
    "<!--",
    "]]>",
)
VOID = {"meta"}
KNOWN = {
    "html", "head", "meta", "title", "style", "body", "header", "h1", "h2", "h3", "h4", "h5", "h6",
    "dl", "dt", "dd", "main", "section", "div", "span", "a", "p",
}  # fmt: skip


class Page(HTMLParser):
    """What a browser makes of a page: elements in balance, texts, ids and links."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.texts: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in KNOWN
        for name, value in attrs:
            assert name in {
                "lang", "charset", "name", "content", "id", "class", "title", "href", "aria-level",
            }  # fmt: skip
            if name == "id":
                self.ids.append(value or "")
            if name == "href":
                self.links.append(value or "")
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join("".join(self.texts).split())


def json_of(dataset: Dataset) -> JsonDataset:
    made: JsonDataset = orjson.loads(read_header(part10(dataset)).json)
    return made


def test_a_value_of_every_type_is_shown_with_its_name() -> None:
    dataset = json_of(report(container("Findings", *one_of_each())))

    page = Page(report_html(dataset)).text

    for wanted in (
        "Imaging Report", "Patient Max Muster", "Patient ID PAT-7", "Born 1970-01-02",
        "Finding: Nothing was found.", "Diameter: 3.5 mm", "Side: Left (G-A101, SRT)",
        "Observer: Dr. Ida Müller, MD", "Day: 2024-02-29", "Hour: 13:45:01",
        "Moment: 2024-02-29 13:45:01", "Frame of reference: 1.2.3.4",
        "Source image: CT Image Storage",
    ):  # fmt: skip
        assert wanted in page
    text = " ".join(report_text(dataset).split())
    assert "Diameter (C1, 99TEST): 3.5 mm" in text
    assert "Side (C1, 99TEST): Left (G-A101, SRT)" in text


def test_graphics_and_times_are_told_in_words() -> None:
    graphic, times = item("CONTAINS", "SCOORD3D", "Place"), item("CONTAINS", "TCOORD", "When")
    graphic.GraphicType, graphic.GraphicData = "POLYLINE", [1.5, 2, 3, 4, 5, 6]
    times.TemporalRangeType, times.ReferencedSamplePositions = "SEGMENT", [10, 20]

    page = Page(report_html(json_of(report(graphic, times)))).text

    assert "Place: POLYLINE (1.5, 2, 3) (4, 5, 6)" in page
    assert "When: SEGMENT samples 10, 20" in page


def test_a_long_outline_is_cut_and_says_so() -> None:
    graphic = item("CONTAINS", "SCOORD", "Outline")
    graphic.GraphicType, graphic.GraphicData = "POLYLINE", list(range(1000))

    assert "(62, 63) and 936 numbers more" in Page(report_html(json_of(report(graphic)))).text


def test_what_an_item_says_beside_its_value_is_shown() -> None:
    finding = text_item("Mass")
    finding.ObservationDateTime = "20240229"
    finding.ContentSequence = [text_item("Sure", "Confidence", "HAS PROPERTIES")]

    page = Page(report_html(json_of(report(finding)))).text

    assert "Mass observed 2024-02-29" in page
    assert "has properties Confidence: Sure" in page


def test_a_number_without_a_value_tells_why() -> None:
    number = item("CONTAINS", "NUM", "Diameter")
    number.MeasuredValueSequence = []
    reason = Dataset()
    reason.CodeValue, reason.CodingSchemeDesignator, reason.CodeMeaning = "1", "DCM", "Not a number"
    number.NumericValueQualifierCodeSequence = [reason]

    assert "Diameter: Not a number (1, DCM)" in Page(report_html(json_of(report(number)))).text


def test_an_unknown_type_of_value_is_named_rather_than_passed_over() -> None:
    page = Page(report_html(json_of(report(item("CONTAINS", "HOLOGRAM", "Future"))))).text

    assert "Future: a value of type HOLOGRAM is not shown" in page


def test_a_reference_leads_to_the_item_it_names_and_loops_end() -> None:
    there, back = item("INFERRED FROM", ""), item("INFERRED FROM", "")
    del there.ValueType
    del back.ValueType
    there.ReferencedContentItemIdentifier = [1, 2]
    back.ReferencedContentItemIdentifier = [1, 1]
    first, second = text_item("one"), text_item("two")
    first.ContentSequence, second.ContentSequence = [there], [back]

    page = Page(report_html(json_of(report(first, second))))

    assert page.links == ["#i1.2", "#i1.1"]
    assert {"i1.1", "i1.2"} <= set(page.ids)


@pytest.mark.parametrize("hostile", HOSTILE)
def test_what_a_sender_writes_is_shown_and_never_acts(hostile: str) -> None:
    made = report(container(hostile, text_item(hostile, hostile), number_item("1", hostile[:16])))
    made.PatientName, made.StudyDescription = hostile, hostile
    made.ConceptNameCodeSequence[0].CodeMeaning = hostile
    made.ContentSequence[0].RelationshipType = "CONTAINS"
    dataset = json_of(made)

    page = report_html(dataset)

    assert "<script" not in page
    assert Page(page).text.count(hostile) >= 4
    assert hostile in report_text(dataset)


def nested(levels: int) -> dict[str, Any]:
    innermost: dict[str, Any] = {}
    for _ in range(levels):
        innermost = {
            "0040A040": {"vr": "CS", "Value": ["CONTAINER"]},
            "0040A730": {"vr": "SQ", "Value": [innermost]},
        }
    return innermost


def test_ten_thousand_containers_in_each_other_are_cut_and_it_is_said() -> None:
    page = Page(report_html(nested(10_000)))

    assert "1 items are nested too deeply to be shown." in page.text
    assert len(page.ids) == 128
    assert "nested too deeply" in report_text(nested(10_000))


def test_headings_below_the_sixth_say_their_level() -> None:
    innermost = container("Deep")
    for number in range(8):
        innermost = container(f"Level {number}", innermost)

    page = report_html(json_of(report(innermost)))

    assert '<h6 aria-level="10" title="Deep (C1, 99TEST)">Deep</h6>' in page


def test_a_terminal_gets_no_control_characters() -> None:
    assert "\x1b" not in report_text(json_of(report(text_item("red \x1b[31m text"))))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["Value", "vr", "Alphabetic"]), inner, max_size=3)
    ),
    max_leaves=6,
)
TAGS = st.sampled_from(
    "0040A040 0040A730 0040A043 0040A168 0040A160 0040A300 0040A30A 00081199 00700022 0040A123 "
    "0040DB73 0040A132 0040A073 0040A360 00100010 0040A120 004008EA 00080100".split()
)


@given(
    st.recursive(
        st.dictionaries(TAGS, st.fixed_dictionaries({"Value": st.lists(JSON, max_size=3)})),
        lambda inner: st.dictionaries(
            TAGS, st.fixed_dictionaries({"Value": st.lists(inner | JSON, max_size=3)})
        ),
        max_leaves=20,
    ),
    st.sampled_from("TEXT NUM CODE PNAME IMAGE SCOORD SCOORD3D TCOORD DATE WAVEFORM".split()),
)
@settings(max_examples=50, deadline=None)
def test_whatever_the_data_set_holds_there_is_a_page(dataset: dict[str, Any], kind: str) -> None:
    child = {**dataset, "0040A040": {"Value": [kind]}}
    whole = {**dataset, "0040A730": {"Value": [child, dataset, 7]}}

    Page(report_html(whole))
    report_text(whole)


@pytest.mark.parametrize("seed", range(5))
def test_pages_of_random_reports_are_in_balance(seed: int) -> None:
    Page(report_html(json_of(random_report(seed))))


@pytest.mark.parametrize("name", ["test-SR.dcm", "reportsi.dcm"])
def test_reports_of_others_have_a_page(name: str) -> None:
    path = get_testdata_file(name)
    assert isinstance(path, str)
    dataset = orjson.loads(read_header(Path(path).read_bytes()).json)

    assert Page(report_html(dataset)).text.startswith(("Diagnosis", "Document Title"))


@pytest.mark.parametrize(
    ("written", "read"),
    [("20010213", "2001-02-13"), ("2001", "2001"), ("2001.02.13", "2001.02.13"), ("", "")],
)
def test_dates(written: str, read: str) -> None:
    assert date_of(written) == read


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("184746", "18:47:46"),
        ("1847", "18:47"),
        ("18", "18"),
        ("184746.5", "18:47:46.5"),
        ("x", "x"),
    ],
)
def test_times(written: str, read: str) -> None:
    assert time_of(written) == read


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("20010213184746", "2001-02-13 18:47:46"),
        ("20010213184746.25+0100", "2001-02-13 18:47:46.25 +0100"),
        ("20010213", "2001-02-13"),
        ("2001", "2001"),
    ],
)
def test_dates_with_times(written: str, read: str) -> None:
    assert date_time_of(written) == read
