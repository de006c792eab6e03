"""Every file of pydicom and pydicom-data becomes the JSON pydicom makes of it."""

import json
from pathlib import Path

import pytest

from hilum.dicom.errors import NotDicom, TruncatedInstance
from hilum.dicom.header import FileSource, Memo, read_header
from hilum.domain.errors import UnreadableInstance
from tests.corpus import corpus, corpus_id
from tests.unit.dicom.oracle import by_pydicom, differences

_INNER_PADDING = "padding of a value that is not the last is removed"
_NO_NUMBER = "a text that is no number is kept, where pydicom reads nothing"

# What differs besides the rules of the oracle: file name -> {path of the attribute: reason}.
EXCEPTIONS: dict[str, dict[str, str]] = {
    "693_J2KI.dcm": {"00080008": _INNER_PADDING},
    "693_UNCI.dcm": {"00080008": _INNER_PADDING},
    "SC_rgb_gdcm2k_uncompressed.dcm": {"00080008": _INNER_PADDING},
    "SC_rgb_gdcm_KY.dcm": {"00080008": _INNER_PADDING},
    "SC_rgb_jpeg_lossy_gdcm.dcm": {"00080008": _INNER_PADDING},
    "badVR.dcm": {"00280008": _NO_NUMBER},
}
REFUSED: dict[str, type[UnreadableInstance]] = {
    "DICOMDIR-nooffset": TruncatedInstance,
    "MR_truncated.dcm": TruncatedInstance,
    "README": NotDicom,
    "crayons.icc": NotDicom,
    "rtplan.dump": NotDicom,
    "rtstruct.dump": NotDicom,
    "emri_small_jpeg_2k_lossless_too_short.dcm": TruncatedInstance,
    "no_meta.dcm": NotDicom,  # one byte too many at its start
    "rtplan_truncated.dcm": TruncatedInstance,
}
_READABLE = [path for path in corpus() if path.name not in REFUSED]


def test_the_corpus_is_there() -> None:
    assert len(corpus()) > 240


@pytest.mark.parametrize("path", _READABLE, ids=corpus_id)
def test_json_equals_pydicoms_but_for_the_listed_differences(path: Path) -> None:
    part10 = path.read_bytes()

    ours = json.loads(read_header(part10, memo=Memo()).json)

    found = {where for where, _ in differences(ours, by_pydicom(part10))}
    assert found == set(EXCEPTIONS.get(path.name, {}))


@pytest.mark.parametrize("path", _READABLE, ids=corpus_id)
def test_a_file_a_warm_memo_and_no_memo_give_the_same_header(path: Path) -> None:
    part10 = path.read_bytes()
    memo = Memo()

    cold = read_header(part10, memo=Memo(0))
    with FileSource(path) as source:
        warmer = [read_header(source, memo=memo) for _ in range(4)]
    warmest = read_header(part10, memo=memo)

    assert warmer == [cold] * 4
    assert warmest == cold


@pytest.mark.parametrize("path", _READABLE, ids=corpus_id)
def test_tags_ascend_and_are_unique(path: Path) -> None:
    header = read_header(path.read_bytes(), memo=Memo())

    tags = [tag for tag, _ in json.loads(header.json, object_pairs_hook=list)]
    assert tags == sorted(set(tags))


@pytest.mark.parametrize("name", REFUSED)
def test_damaged_files_are_refused_for_the_right_reason(name: str) -> None:
    paths = [path for path in corpus() if path.name == name]
    if name == "README":
        paths = [path for path in paths if b"DICM" not in path.read_bytes()[:132]]

    assert paths
    for path in paths:
        with pytest.raises(REFUSED[name]):
            read_header(path.read_bytes(), memo=Memo())


def test_one_memo_for_the_whole_corpus_changes_nothing() -> None:
    memo = Memo()
    for _ in range(2):
        for path in _READABLE:
            part10 = path.read_bytes()

            assert read_header(part10, memo=memo) == read_header(part10, memo=Memo(0)), path


def test_the_document_names_every_file_that_differs() -> None:
    document = Path("docs/dicom-json-differences.md")
    text = (Path(__file__).parents[3] / document).read_text()

    assert [name for name in (*EXCEPTIONS, *REFUSED) if f"`{name}`" not in text] == []
