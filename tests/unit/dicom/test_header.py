"""Headers as a whole: openings, encodings, sequences, bulk data, values, problems."""

import json
import mmap
import struct
import threading
import zlib
from pathlib import Path

import pytest

from hilum.dicom.elements import ProblemKind
from hilum.dicom.header import (
    FileSource,
    HeaderLimits,
    InflatedSource,
    Memo,
    Source,
    read_header,
)
from tests.unit.dicom.builders import (
    BIG_ENDIAN,
    DEFLATED,
    EXPLICIT,
    IMPLICIT,
    ITEM_END,
    JPEG_BASELINE,
    SEQUENCE_END,
    UNDEFINED,
    explicit,
    implicit,
    item,
    json_of,
    open_item,
    open_sequence,
    part10,
    read,
)

CODE = explicit(0x00080100, b"SH", b"CODE")
CODE_JSON = {"00080100": {"vr": "SH", "Value": ["CODE"]}}
UIDS = explicit(0x00080016, b"UI", b"1.2\0") + explicit(0x00080018, b"UI", b"1.2.3\0")


def test_a_part10_file() -> None:
    header = read_header(part10(UIDS), memo=Memo())

    assert (header.has_preamble, header.has_file_meta, header.guessed) == (True, True, False)
    assert header.transfer_syntax_uid == EXPLICIT
    assert header.file_meta == {0x00020010: EXPLICIT}
    assert header.dataset_offset == len(part10(b""))
    assert header.text(0x00080018) == "1.2.3"
    assert header.text(0x0020000D) is None


@pytest.mark.parametrize(
    ("data", "has_preamble", "has_meta", "syntax", "guessed"),
    [
        (part10(UIDS)[128:], False, True, EXPLICIT, False),
        (part10(UIDS)[132:], False, True, EXPLICIT, False),
        (UIDS, False, False, EXPLICIT, True),
        (bytes(128) + b"DICM" + UIDS, True, False, EXPLICIT, True),
        (implicit(0x00080018, b"1.2.3\0"), False, False, IMPLICIT, True),
        (
            explicit(0x00080018, b"UI", b"1.2.3\0", order=">"),
            False,
            False,
            BIG_ENDIAN,
            True,
        ),
        (
            bytes(128) + b"DICM" + implicit(0x00020010, EXPLICIT.encode() + b"\0") + UIDS,
            True,
            True,
            EXPLICIT,
            False,
        ),
    ],
)
def test_what_is_missing_before_the_data_set_is_guessed(
    data: bytes, has_preamble: bool, has_meta: bool, syntax: str, guessed: bool
) -> None:
    header = read_header(data, memo=Memo())

    assert (header.has_preamble, header.has_file_meta) == (has_preamble, has_meta)
    assert (header.transfer_syntax_uid, header.guessed) == (syntax, guessed)
    assert header.text(0x00080018) == "1.2.3"


def test_a_group_length_of_the_file_meta_information_that_lies_is_not_believed() -> None:
    data = bytearray(part10(UIDS))
    data[140:144] = struct.pack("<I", 1000)

    assert read_header(bytes(data), memo=Memo()).text(0x00080018) == "1.2.3"


def test_a_command_set_before_the_data_set_is_skipped() -> None:
    command = implicit(0x00000100, b"\1\0")
    length = implicit(0x00000000, struct.pack("<I", len(command)))

    header = read(length + command + UIDS)

    assert header.text(0x00080018) == "1.2.3"
    assert json.loads(header.json).keys() == {"00080016", "00080018"}


@pytest.mark.parametrize(
    ("dataset", "syntax"), [(UIDS, IMPLICIT), (implicit(0x00080018, b"1.2.3\0"), EXPLICIT)]
)
def test_a_data_set_that_is_not_encoded_as_declared_is_read_and_reported(
    dataset: bytes, syntax: str
) -> None:
    header = read(dataset, syntax)

    assert header.text(0x00080018) == "1.2.3"
    assert [(problem.tag, problem.kind) for problem in header.problems] == [
        (0x00020010, ProblemKind.ENCODING)
    ]


def test_an_empty_data_set() -> None:
    header = read(b"")

    assert header.json == b"{}"
    assert header.pixel_data is None


@pytest.mark.parametrize(
    "sequence",
    [
        explicit(0x00081032, b"SQ", item(CODE) + item()),
        explicit(0x00081032, b"SQ", open_item(CODE) + open_item()),
        open_sequence(0x00081032, item(CODE), item()),
        open_sequence(0x00081032, open_item(CODE), open_item()),
        open_sequence(0x00081032, item(CODE), item(b""), vr=b"UN"),
        open_sequence(0x00081032, item(implicit(0x00080100, b"CODE")), item(), vr=b"UN"),
        explicit(0x00081032, b"UN", item(implicit(0x00080100, b"CODE")) + item()),
        explicit(0x00081032, b"SQ", item(implicit(0x00080100, b"CODE")) + item()),
        # The delimiter of the last item is missing: the sequence's closes both.
        explicit(0x00081032, b"SQ", item(CODE) + item(length=UNDEFINED), length=UNDEFINED)
        + SEQUENCE_END,
        # Delimiters inside defined lengths.
        explicit(0x00081032, b"SQ", item(CODE) + item(ITEM_END) + SEQUENCE_END),
    ],
)
def test_sequences_in_every_form(sequence: bytes) -> None:
    data = sequence + explicit(0x00100020, b"LO", b"AFTER ")

    assert json_of(data) == {
        "00081032": {"vr": "SQ", "Value": [CODE_JSON, {}]},
        "00100020": {"vr": "LO", "Value": ["AFTER"]},
    }


def test_implicit_and_private_sequences_of_undefined_length() -> None:
    content = item(implicit(0x00080100, b"CODE"))
    data = (
        implicit(0x00081032, content, length=UNDEFINED)
        + SEQUENCE_END
        + implicit(0x00091001, content, length=UNDEFINED)
        + SEQUENCE_END
    )

    expected = {"vr": "SQ", "Value": [CODE_JSON]}
    assert json_of(data, IMPLICIT) == {"00081032": expected, "00091001": expected}


def test_an_empty_sequence_has_no_value() -> None:
    assert json_of(explicit(0x00081032, b"SQ")) == {"00081032": {"vr": "SQ"}}
    assert json_of(open_sequence(0x00081032)) == {"00081032": {"vr": "SQ"}}


def test_group_lengths_are_left_out() -> None:
    data = explicit(0x00080000, b"UL", bytes(4)) + UIDS + explicit(0x00100000, b"UL", bytes(4))

    assert json_of(data).keys() == {"00080016", "00080018"}


def test_tags_out_of_order_are_sorted() -> None:
    late = explicit(0x00100020, b"LO", b"ID")
    data = late + UIDS + explicit(0x00081032, b"SQ", item(late + CODE))

    header = read(data)

    assert [tag for tag, _ in json.loads(header.json, object_pairs_hook=list)] == [
        "00080016",
        "00080018",
        "00081032",
        "00100020",
    ]
    assert json.loads(header.json)["00081032"]["Value"] == [
        {**CODE_JSON, "00100020": {"vr": "LO", "Value": ["ID"]}}
    ]
    assert header.text(0x00080018) == "1.2.3"


def test_wrong_lengths_of_heads_are_understood() -> None:
    short_form = struct.pack("<HH2sH", 0x0042, 0x0010, b"UT", 4) + b"text"
    new_vr = struct.pack("<HH2sHI", 0x0043, 0x1012, b"ZZ", 0, 4) + b"abcd"
    old_vr = struct.pack("<HH2sH", 0x0043, 0x1013, b"ZY", 4) + b"abcd"
    data = short_form + new_vr + old_vr + explicit(0x00880140, b"UI", b"1.2\0")

    header = read(data)

    assert json.loads(header.json) == {
        "00420010": {"vr": "UT", "Value": ["text"]},
        "00880140": {"vr": "UI", "Value": ["1.2"]},
    }
    assert [(element.path.tag, element.length) for element in header.bulk] == [
        (0x00431012, 4),
        (0x00431013, 4),
    ]


def test_what_should_be_a_sequence_but_is_none_is_left_out() -> None:
    unknown = explicit(0x00081032, b"UN", b"no items")

    header = read(unknown + explicit(0x00100020, b"LO", b"ID"))

    assert json.loads(header.json).keys() == {"00100020"}
    assert [(element.path.tag, element.vr) for element in header.bulk] == [(0x00081032, "UN")]


def test_odd_lengths_are_read() -> None:
    data = explicit(0x00080060, b"CS", b"CTX") + explicit(0x00100020, b"LO", b"ODD")

    assert json_of(data)["00100020"]["Value"] == ["ODD"]


def test_zeros_that_fill_up_the_file_are_no_elements() -> None:
    for zeros in (1, 7, 8, 500):
        assert json_of(UIDS + bytes(zeros)).keys() == {"00080016", "00080018"}


def test_bulk_elements_are_listed_with_their_places() -> None:
    icon = explicit(0x7FE00010, b"OB", b"icon")
    data = (
        UIDS
        + explicit(0x00280010, b"US", b"\2\0")
        + explicit(0x00880200, b"SQ", item() + item(icon))
        + explicit(0x54001010, b"OW", bytes(10))
        + explicit(0x7FE00010, b"OW", b"pixels")
        + explicit(0xFFFCFFFC, b"OB", bytes(4))
    )

    whole = part10(data)
    header = read_header(whole, memo=Memo())

    assert [(str(e.path), e.vr, e.length) for e in header.bulk] == [
        ("(0088,0200)[1](7fe0,0010)", "OB", 4),
        ("(5400,1010)", "OW", 10),
        ("(7fe0,0010)", "OW", 6),
        ("(fffc,fffc)", "OB", 4),
    ]
    first, _, third, _ = header.bulk
    assert whole[first.offset : first.offset + 4] == b"icon"
    assert whole[third.offset : third.offset + 6] == b"pixels"
    assert header.pixel_data is not None
    assert (header.pixel_data.offset, header.pixel_data.length) == (third.offset, 6)


def test_elements_behind_encapsulated_pixel_data_are_read() -> None:
    pixels = explicit(0x7FE00010, b"OB", item() + item(b"abcd") + item(b"ef"), length=UNDEFINED)
    data = pixels + SEQUENCE_END + explicit(0xFFFAFFFA, b"SQ", item(CODE))

    header = read(data, JPEG_BASELINE)

    assert json.loads(header.json).keys() == {"FFFAFFFA"}
    assert header.pixel_data is not None
    assert header.pixel_data.length is None
    assert list(header.pixel_data.fragment_lengths) == [0, 4, 2]


def test_wanted_values() -> None:
    data = (
        explicit(0x00080005, b"CS", b"ISO_IR 192")
        + explicit(0x00080008, b"CS", b"A\\B ")
        + explicit(0x00080050, b"SH")
        + explicit(0x00081032, b"SQ", item(CODE))
        + explicit(0x00100010, b"PN", "Dü^A=王".encode())
        + explicit(0x00280010, b"US", b"\2\0")
    )
    wanted = frozenset({0x00080008, 0x00080050, 0x00081032, 0x00100010, 0x00100020})
    memo = Memo()

    for _ in range(4):
        header = read_header(part10(data), wanted=wanted, memo=memo)

        assert header.values == {
            0x00080008: ("CS", ["A", "B"]),
            0x00080050: ("SH", []),
            0x00081032: ("SQ", [CODE_JSON]),
            0x00100010: ("PN", [{"Alphabetic": "Dü^A", "Ideographic": "王"}]),
            0x00280010: ("US", [2]),  # always wanted
        }
        assert header.text(0x00100010) == "Dü^A=王"
        assert header.text(0x00280010) == "2"
        assert header.text(0x00080050) is None


class CountingSource:
    """A source that counts the bytes it was asked for."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.read = 0

    def __len__(self) -> int:
        return len(self._data)

    def __getitem__(self, span: slice) -> bytes:
        found = self._data[span]
        self.read += len(found)
        return found


def _large() -> bytes:
    """Return an instance with large bulk values before, between and behind its elements."""
    document = explicit(0x00420011, b"OB", bytes(3_000_000))
    waveform = explicit(0x54000100, b"SQ", item(explicit(0x54001010, b"OW", bytes(2_000_000))))
    text = explicit(0x0040A160, b"UT", b"long text " * 20_000)
    frames = b"".join(item(bytes(50_000)) for _ in range(20))
    pixels = explicit(0x7FE00010, b"OB", item() + frames, length=UNDEFINED) + SEQUENCE_END
    return part10(
        UIDS + text + document + waveform + pixels + explicit(0xFFFAFFFA, b"SQ", item(CODE)),
        JPEG_BASELINE,
    )


def test_bulk_values_are_not_read() -> None:
    source = CountingSource(_large())

    header = read_header(source, memo=Memo())

    assert header == read_header(_large(), memo=Memo())
    assert source.read < 900_000


def test_every_kind_of_source_gives_the_same_header(tmp_path: Path) -> None:
    path = tmp_path / "large.dcm"
    path.write_bytes(_large())
    expected = read_header(_large(), memo=Memo())

    with FileSource(path) as source:
        assert read_header(source, memo=Memo()) == expected
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        assert read_header(mapped, memo=Memo()) == expected


def test_windows_may_end_anywhere() -> None:
    """A header longer than a window, so that every kind of element meets a window's end."""
    parts = [
        explicit(0x00110000 | number, b"LO", b"%04x" % number + b"x" * (number % 11 * 4))
        if number % 3
        else explicit(0x00110000 | number, b"SQ", item(CODE * (number % 2)) + open_item(CODE))
        for number in range(0x0010, 0x0FF0)
    ]
    data = part10(UIDS + b"".join(parts))

    assert len(data) > 140_000
    expected = read_header(data, memo=Memo())
    memo = Memo()
    for _ in range(3):
        assert read_header(CountingSource(data), memo=memo) == expected


def test_a_closed_file_source_says_so(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"abc")
    source = FileSource(path)

    source.close()
    source.close()

    with pytest.raises(OSError, match="Bad file descriptor"):
        source[0:1]


def test_a_deflated_data_set_is_read_through_what_it_inflates_to() -> None:
    dataset = UIDS + explicit(0x7FE00010, b"OW", b"pixels" * 2_000_000)
    data = part10(zlib.compress(dataset, wbits=-15), DEFLATED)

    header = read_header(data, memo=Memo())
    source: Source = InflatedSource(data, header.dataset_offset, HeaderLimits())

    assert header.inflated
    assert header.pixel_data is not None
    offset = header.pixel_data.offset
    assert len(source) == len(dataset)
    for start in (offset, offset + 11_000_000, offset + 6, offset + 9_000_000):
        assert source[start : start + 12] == dataset[start : start + 12]
    assert source[len(dataset) - 3 : len(dataset) + 9] == b"els"


def test_threads_share_a_memo() -> None:
    files = [part10(UIDS + explicit(0x00100020, b"LO", b"%04d" % number)) for number in range(50)]
    expected = [read_header(file, memo=Memo(0)) for file in files]
    memo = Memo(20_000)
    wrong: list[int] = []

    def work() -> None:
        for _ in range(20):
            for number, file in enumerate(files):
                if read_header(file, memo=memo) != expected[number]:
                    wrong.append(number)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert wrong == []


def test_a_memo_stays_within_its_capacity() -> None:
    memo = Memo(50_000)

    for number in range(500):
        read_header(part10(UIDS + explicit(0x00100020, b"LO", b"%06d" % number)), memo=memo)
        assert memo.room_bytes >= 0
