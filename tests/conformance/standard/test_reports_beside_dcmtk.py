"""Structured reports: every text that DCMTK's dsr2html shows is in our page, too."""

import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import orjson
import pytest
from pydicom.data import get_testdata_file

from hilum.dicom.header import read_header
from hilum.dicom.structured_reports.html import report_html
from tests.reports import container, one_of_each, part10, random_report, report

pytestmark = [
    pytest.mark.peer("DCMTK"),
    pytest.mark.skipif(
        shutil.which("dsr2html") is None,
        reason="DCMTK is not here: run scripts/services install",
    ),
]

_OF_DCMTK = re.compile(
    r"Footnote \d+|Annex( \d+)?|[\[\]]|by-reference|Observation Context|Acquisition Context"
    r"|Concept Modifier|Inferred from|Selected from|Properties|Content Item|Code|=|\d+"
)
"""Its own words and numbers for how items hang together."""
_PARTS = re.compile(r"[\[\](),#*]+|observed:|: | = |\bCode =|:$|=$| - |, (?=[A-Z])")
_ELSEWHERE = {
    "male": "M",
    "BasicTextSRStorage": "Basic Text SR Storage",
    "ComprehensiveSRStorage": "Comprehensive SR Storage",
    "HemodynamicWaveformStorage": "Hemodynamic Waveform Storage",
    "CT image with presentation state": "Grayscale Softcopy Presentation State Storage",
    "CT image": "CT Image Storage",
    "MR image": "MR Image Storage",
    "Circle": "CIRCLE",
    "Segment": "SEGMENT",
    "Separate": "",
}
"""What it calls otherwise."""


class _Texts(HTMLParser):
    """The texts of a page; labels of DCMTK's head, which are bold in a table, are left out."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self._open: list[str] = []
        self.found: list[str] = []
        self.feed(page.partition("</head>")[2].partition("This page was generated")[0])
        self.close()

    def handle_starttag(self, tag: str, attrs: object) -> None:  # noqa: ARG002
        if tag not in {"br", "hr", "p", "meta"}:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in self._open:
            del self._open[len(self._open) - 1 - self._open[::-1].index(tag) :]

    def handle_data(self, data: str) -> None:
        if data.strip() and self._open[-2:] != ["td", "b"]:
            self.found.append(" ".join(data.split()))


def _ours(part10_bytes: bytes) -> str:
    return " ".join(_Texts(report_html(orjson.loads(read_header(part10_bytes).json))).found)


def _theirs(path: Path) -> set[str]:
    done = subprocess.run(
        ["dsr2html", "+U8", str(path)], capture_output=True, check=True, timeout=60
    )
    parts = {
        part.strip() for text in _Texts(done.stdout.decode()).found for part in _PARTS.split(text)
    }
    return {part for part in parts if part and not _OF_DCMTK.fullmatch(part)}


def _missing(theirs: set[str], ours: str) -> list[str]:
    return sorted(text for text in theirs if _ELSEWHERE.get(text, text) not in ours)


@pytest.mark.parametrize("seed", range(8))
def test_all_that_dcmtk_shows_of_a_random_report_is_shown(seed: int, tmp_path: Path) -> None:
    made = part10(random_report(seed))
    path = tmp_path / "report.dcm"
    path.write_bytes(made)

    theirs = _theirs(path)

    assert len(theirs) > 8
    assert _missing(theirs, _ours(made)) == []


def test_all_that_dcmtk_shows_of_every_type_is_shown(tmp_path: Path) -> None:
    made = part10(report(container("Findings", *one_of_each())))
    path = tmp_path / "report.dcm"
    path.write_bytes(made)

    theirs = _theirs(path)

    assert {"3.5 mm", "Left", "Dr. Ida Müller", "2024-02-29 13:45:01"} <= theirs
    assert _missing(theirs, _ours(made)) == []


def test_all_that_dcmtk_shows_of_its_own_test_document_is_shown() -> None:
    name = get_testdata_file("test-SR.dcm")
    assert isinstance(name, str)
    path = Path(name)

    assert _missing(_theirs(path), _ours(path.read_bytes())) == []
