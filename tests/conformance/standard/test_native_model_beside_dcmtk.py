"""Our Native DICOM Models beside those of DCMTK's `dcm2xml`, for every file of the corpus.

Each rule and each name here is a line of docs/dicom-xml-differences.md.
"""

import math
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from hilum.dicom.header import Memo, read_header
from hilum.dicom.json_values import as_written
from hilum.dicom.native_model import native_model
from hilum.domain.errors import UnreadableInstance
from tests.corpus import corpus, corpus_id
from tests.native_model import Attribute, Model, read_model

pytestmark = [
    pytest.mark.slow,
    pytest.mark.peer("DCMTK"),
    pytest.mark.skipif(
        shutil.which("dcm2xml") is None,
        reason="DCMTK is not here: run scripts/services install",
    ),
]
DOCUMENT = Path(__file__).parents[3] / "docs/dicom-xml-differences.md"
_BULK = {"OB", "OD", "OF", "OL", "OV", "OW", "UN"}
_NUMBERS = {"DS", "FD", "FL", "IS"}
_FLOAT_DIGITS = 1e-8
"""DCMTK writes 9 digits of an FL, of which one has no more than 8."""
_NOT_CONVERTED = {
    "chrH31.dcm",  # character sets that its conversion does not know, or takes to be wrong
    "chrH32.dcm",
    "chrJapMulti.dcm",
    "chrJapMultiExplicitIR6.dcm",
    "chrSQEncoding.dcm",
    "chrSQEncoding1.dcm",
    "J2K_pixelrep_mismatch.dcm",
    "explicit_VR-UN.dcm",  # its Specific Character Set has the VR UN
    "SC_rgb_jpeg.dcm",  # not read
    "DICOMDIR",  # directory records are not converted
    "DICOMDIR-bigEnd",
    "DICOMDIR-implicit",
    "DICOMDIR-nopatient",
    "DICOMDIR-reordered",
}
_NOT_READ_AS_SEQUENCES = {"bad_sequence.dcm", "rtdose_rle.dcm", "rtdose_rle_1frame.dcm"}
_NAMES_REPEATED = {"chrX1.dcm", "chrX2.dcm"}
_CHARACTER_SET = "00080005"
_BLOCK = re.compile(r"(?<![^/])([0-9A-F]{3}[13579BDF])[0-9A-F]{2}([0-9A-F]{2})(?=\[|$)")
"""Where a private element without creator has its block."""


def _readable() -> list[Path]:
    found = []
    for path in corpus():
        try:
            read_header(path.read_bytes(), memo=Memo(0))
        except UnreadableInstance:
            continue
        found.append(path)
    return found


@pytest.mark.parametrize("path", _readable(), ids=corpus_id)
def test_models_say_the_same(path: Path) -> None:
    header = read_header(path.read_bytes(), memo=Memo(0))
    model = read_model("".join(native_model(as_written(header.json))))
    ours = {_BLOCK.sub(r"\g<1>00\2", place): attribute for place, attribute in model.items()}
    assert len(ours) == len(model)
    theirs = _by_dcmtk(path)
    assert (theirs is None) == (path.name in _NOT_CONVERTED)
    if theirs is None:
        return

    different = {
        place: (ours.get(place), theirs.get(place))
        for place in ours.keys() | theirs.keys()
        if not _same(place, ours.get(place), theirs.get(place))
    }

    inside = {place for place in different if "/" in place and place not in theirs}
    if path.name in _NOT_READ_AS_SEQUENCES:
        assert inside
        different = {place: pair for place, pair in different.items() if place not in inside}
    if path.name in _NAMES_REPEATED:
        assert different.pop("00100010")
    assert different == {}


def test_the_document_names_every_file_that_differs() -> None:
    text = DOCUMENT.read_text()

    names = _NOT_CONVERTED | _NOT_READ_AS_SEQUENCES | _NAMES_REPEATED
    assert [name for name in names if f"`{name}`" not in text] == []


def _by_dcmtk(path: Path) -> Model | None:
    command = ["dcm2xml", "--native-format", "--use-xml-namespace", "--convert-to-utf8", str(path)]
    done = subprocess.run(command, capture_output=True, timeout=60, check=False)
    if done.returncode:
        return None
    return read_model(done.stdout.replace(b' xml:space="preserve"', b"", 1))


def _same(place: str, ours: Attribute | None, theirs: Attribute | None) -> bool:
    if theirs is None:
        return False
    if ours is None:
        # Bulk data may be left out of metadata; creators are told with their elements.
        return theirs.vr in _BULK or _is_creator(place) or place == _CHARACTER_SET
    if theirs.keyword not in {ours.keyword, None}:
        return False
    if theirs.vr == "UN":
        return True
    return ours.vr == theirs.vr and (
        place == _CHARACTER_SET or ours.vr in _BULK or _same_content(ours, theirs)
    )


def _same_content(ours: Attribute, theirs: Attribute) -> bool:
    if ours.vr in _NUMBERS and len(ours.content) == len(theirs.content):
        pairs = zip(ours.content, theirs.content, strict=True)
        return all(_same_number(str(mine), str(other)) for mine, other in pairs)
    if ours.vr == "PN" and not theirs.content:
        return all(not components for name in ours.content for _, components in name)  # type: ignore[attr-defined]
    return ours.content == theirs.content


def _same_number(mine: str, other: str) -> bool:
    if mine == other:
        return True
    try:
        return math.isclose(float(mine), float(other), rel_tol=_FLOAT_DIGITS)
    except ValueError:
        return False


def _is_creator(place: str) -> bool:
    """True for (gggg,0010-00FF) of an odd group, at the end of a path."""
    tag = place.rpartition("/")[2]
    return len(tag) == 8 and int(tag[3], 16) % 2 == 1 and tag[4:6] == "00" and tag[6] != "0"
