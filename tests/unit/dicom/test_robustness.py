"""Damaged, lying and hostile bytes: a typed error or a result, in bounded time and memory.

Time is bounded by design: the reader moves forward by at least eight bytes per step, and limits
bound steps and depth. What would break that shows as the suite's timeout.
"""

import json
import random
import tracemalloc
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.dicom.errors import DamagedDeflate, MalformedElement, NotDicom, TruncatedInstance
from hilum.dicom.frames import frame_table
from hilum.dicom.header import Header, HeaderLimits, Memo, read_header
from hilum.domain.errors import LimitExceeded, UnreadableInstance
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
    open_item,
    open_sequence,
    part10,
    read,
)


def _small(order: str = "<") -> bytes:
    """Return a data set with a bit of everything: nesting, private elements, bulk data."""
    code = explicit(0x00080100, b"SH", b"T-A0100 ", order=order)
    return b"".join(
        [
            explicit(0x00080005, b"CS", b"ISO_IR 192", order=order),
            explicit(0x00080018, b"UI", b"1.2.3.4\0", order=order),
            explicit(0x00100010, b"PN", "Düä^A=王 ".encode(), order=order),
            explicit(0x00110010, b"LO", b"SOMEBODY", order=order),
            explicit(0x00111001, b"UN", b"\1\2\3\4", order=order),
            explicit(0x00280010, b"US", b"\2\0", order=order),
            explicit(0x00280103, b"US", b"\0\0", order=order),
            explicit(0x00283010, b"UT", code, order=order),
        ]
    )


def _nested() -> bytes:
    code = explicit(0x00080100, b"SH", b"T-A0100 ")
    inner = explicit(0x0040A043, b"SQ", item(code) + item())
    return (
        explicit(0x00080005, b"CS", b"ISO_IR 100")
        + explicit(0x00081140, b"SQ", item(code))
        + open_sequence(0x00081199, open_item(inner + code), open_item(), item(code))
        + open_sequence(0x00400275, item(implicit(0x00080100, b"ABCD")), vr=b"UN")
        + explicit(0x7FE00010, b"OB", item() + item(b"\1\2\3\4"), length=UNDEFINED)
        + SEQUENCE_END
        + explicit(0xFFFCFFFC, b"OB", bytes(6))
    )


_FILES: dict[str, bytes] = {
    "explicit": part10(_small() + explicit(0x7FE00010, b"OW", bytes(8))),
    "big endian": part10(_small(">"), BIG_ENDIAN),
    "implicit": part10(
        implicit(0x00080005, b"ISO_IR 100")
        + implicit(0x00081140, item(implicit(0x00081155, b"1.2.3\0")))
        + implicit(0x00280106, b"\1\2")
        + implicit(0x7FE00010, bytes(8)),
        IMPLICIT,
    ),
    "nested": part10(_nested()),
    "encapsulated": part10(_nested(), JPEG_BASELINE),
    "deflated": part10(zlib.compress(_small(), wbits=-15), DEFLATED),
    "bare": _small(),
}


def _read(data: bytes) -> Header | None:
    """Read what may be damaged: None when it was refused with a typed error."""
    try:
        header = read_header(data, memo=Memo())
    except (UnreadableInstance, LimitExceeded):
        return None
    json.loads(header.json)
    for element in header.bulk:
        if element.length is not None and not header.inflated:
            assert 0 <= element.offset <= element.offset + element.length <= len(data)
    table = frame_table(data, header)
    if table is not None and table.reason is None and table.number_of_frames < 1000:
        assert all(table.spans(frame) for frame in range(table.number_of_frames))
    return header


@pytest.mark.parametrize("name", _FILES)
def test_whole_files_are_read(name: str) -> None:
    assert _read(_FILES[name]) is not None


@pytest.mark.parametrize("name", _FILES)
def test_a_file_cut_at_any_byte_is_refused_or_ends_between_elements(name: str) -> None:
    data = _FILES[name]
    whole = json.loads(read_header(data, memo=Memo()).json)

    readable = 0
    for size in range(len(data)):
        header = _read(data[:size])

        if header is not None:
            readable += 1
            assert json.loads(header.json).items() <= whole.items()
    # No more than there are places between elements of the file meta information and the top
    # level, and of big endian, where a tag starts with a zero that may be padding, twice that.
    assert readable <= 20


@pytest.mark.parametrize("name", _FILES)
def test_flipped_bits_give_a_typed_error_or_a_result(name: str) -> None:
    chance = random.Random(name)
    data = _FILES[name]

    for _ in range(1500):
        damaged = bytearray(data)
        for _ in range(chance.randrange(1, 4)):
            damaged[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        _read(bytes(damaged))


@given(st.binary(max_size=400), st.sampled_from([EXPLICIT, IMPLICIT, BIG_ENDIAN, DEFLATED, "1.2"]))
@settings(max_examples=300, deadline=None)
def test_random_bytes_behind_a_valid_preamble(noise: bytes, syntax: str) -> None:
    _read(part10(noise, syntax))


@given(st.binary(max_size=300))
@settings(max_examples=300, deadline=None)
def test_random_bytes_alone(noise: bytes) -> None:
    _read(noise)


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_shuffled_pieces_of_elements(data: st.DataObject) -> None:
    pieces = [
        explicit(0x00080005, b"CS", b"\\ISO 2022 IR 87"),
        explicit(0x00100010, b"PN", b"\x1b$B;3ED\x1b(B^A"),
        explicit(0x00081140, b"SQ", length=UNDEFINED),
        explicit(0x00081140, b"SQ", item(explicit(0x00081150, b"UI", b"1.2\0"))),
        explicit(0x7FE00010, b"OB", length=UNDEFINED),
        explicit(0x00091010, b"ZZ", b"abcd"),
        implicit(0x00280106, b"ab"),
        item(),
        item(length=UNDEFINED),
        item(b"abcdefgh"),
        ITEM_END,
        SEQUENCE_END,
        b"\0" * 8,
        b"\xff\xff\xff\xff\xff\xff\xff\xff",
    ]
    chosen = data.draw(st.lists(st.sampled_from(pieces), max_size=12))
    _read(part10(b"".join(chosen)))


def _lie(tag: int, vr: bytes, length: int) -> bytes:
    return part10(_small() + explicit(tag, vr, b"abcd", length=length))


@pytest.mark.parametrize("vr", [b"OB", b"SQ", b"UN", b"UT"])
@pytest.mark.parametrize("length", [6, 1000, 0x7FFFFFFF, 0xFFFFFFFE])
def test_a_length_beyond_the_file_is_truncation_and_reserves_no_memory(
    vr: bytes, length: int
) -> None:
    data = _lie(0x00420011, vr, length)
    tracemalloc.start()
    with pytest.raises(TruncatedInstance, match=r"\(0042,0011\) at byte \d+"):
        read_header(data, memo=Memo())
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 1_000_000


def test_native_pixel_data_shorter_than_declared_is_truncation() -> None:
    with pytest.raises(TruncatedInstance, match=r"\(7fe0,0010\)"):
        read(explicit(0x7FE00010, b"OW", bytes(100), length=200))


def test_fragments_without_an_end_are_truncation() -> None:
    data = explicit(0x7FE00010, b"OB", item() + item(b"abcd"), length=UNDEFINED)

    with pytest.raises(TruncatedInstance, match="no sequence delimiter"):
        read(data, JPEG_BASELINE)


def test_an_item_that_overruns_its_sequence_is_malformed() -> None:
    sequence = explicit(0x00081140, b"SQ", item(b"abcdefgh", length=100)) + bytes(200)

    with pytest.raises(MalformedElement, match=r"\(0008,1140\)"):
        read(sequence)


def test_an_element_that_overruns_its_item_is_malformed() -> None:
    inner = explicit(0x00081150, b"UI", b"1.2\0", length=60)

    with pytest.raises(MalformedElement, match=r"\(0008,1150\).*in the item"):
        read(explicit(0x00081140, b"SQ", item(inner)) + explicit(0x00100010, b"PN", b"x" * 80))


def test_what_is_no_item_inside_a_sequence_is_malformed() -> None:
    with pytest.raises(MalformedElement, match="an item is expected"):
        read(explicit(0x00081140, b"SQ", explicit(0x00081150, b"UI", b"1.2\0")))


def _bomb(depth: int, build: Callable[[bytes], bytes]) -> bytes:
    data = b""
    for _ in range(depth):
        data = build(data)
    return part10(data)


@pytest.mark.parametrize(
    "build",
    [
        lambda inner: explicit(0x00081140, b"SQ", item(inner)),
        lambda inner: open_sequence(0x00081140, open_item(inner)),
    ],
)
def test_a_nesting_bomb_is_refused_at_the_limit(build: Callable[[bytes], bytes]) -> None:
    assert _read(_bomb(64, build)) is not None

    with pytest.raises(LimitExceeded, match=r"nested deeper \(setting dicom.nesting_levels"):
        read_header(_bomb(65, build), memo=Memo())
    with pytest.raises(LimitExceeded):
        read_header(_bomb(5000, build), memo=Memo())


def test_nesting_beyond_pythons_stack_cannot_be_allowed() -> None:
    with pytest.raises(ValueError, match="at most 100"):
        HeaderLimits(nesting_levels=101)

    build = lambda inner: open_sequence(0x00081140, open_item(inner))  # noqa: E731
    header = read_header(_bomb(100, build), memo=Memo(), limits=HeaderLimits(nesting_levels=100))
    assert header.json.count(b"00081140") == 100


@pytest.mark.parametrize(
    ("limits", "dataset"),
    [
        (HeaderLimits(elements=7), _small()),
        (HeaderLimits(elements=3), explicit(0x00081140, b"SQ", item() * 4)),
        (HeaderLimits(header_bytes=60), _small()),
        (HeaderLimits(header_bytes=60), explicit(0x00420010, b"UT", b"x" * 100)),
        (HeaderLimits(header_bytes=9000), explicit(0x00420010, b"UT", b"x" * 9000)),
        (HeaderLimits(nesting_levels=1), _nested()),
        (HeaderLimits(fragments=1), _nested()),
    ],
)
def test_limits_are_kept(limits: HeaderLimits, dataset: bytes) -> None:
    for memo in (Memo(), Memo(0)):
        for _ in range(3):
            with pytest.raises(LimitExceeded, match="setting dicom"):
                read_header(part10(dataset), limits=limits, memo=memo)


def test_limits_hold_for_what_the_memo_knows_too() -> None:
    memo = Memo()
    for _ in range(4):
        read_header(part10(_small()), memo=memo)

    for limits in (HeaderLimits(elements=7), HeaderLimits(header_bytes=60)):
        with pytest.raises(LimitExceeded):
            read_header(part10(_small()), limits=limits, memo=memo)
    assert read_header(part10(_small()), limits=HeaderLimits(elements=8), memo=memo)


def test_bulk_values_do_not_count_as_header() -> None:
    dataset = explicit(0x00420011, b"OB", bytes(100_000)) + explicit(0x00880200, b"SQ")

    assert read(dataset, limits=HeaderLimits(header_bytes=100)).bulk[0].length == 100_000


def _deflated(data: bytes) -> bytes:
    return part10(zlib.compress(data, 9, wbits=-15), DEFLATED)


def test_a_deflate_bomb_is_refused_by_ratio_and_by_size() -> None:
    bomb = _deflated(explicit(0x7FE00010, b"OW", bytes(20_000_000)))

    with pytest.raises(LimitExceeded, match="inflation_ratio"):
        read_header(bomb, memo=Memo(), limits=HeaderLimits(inflation_ratio=100))
    with pytest.raises(LimitExceeded, match="inflated_bytes"):
        read_header(bomb, memo=Memo(), limits=HeaderLimits(inflated_bytes=1_000_000))


def test_a_deflated_instance_is_inflated_in_bounded_memory() -> None:
    noise = random.Random(1).randbytes(1_000_000) * 30
    data = _deflated(_small() + explicit(0x7FE00010, b"OW", noise))
    tracemalloc.start()
    header = read_header(data, memo=Memo())
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert header.pixel_data is not None
    assert header.pixel_data.length == 30_000_000
    assert peak < 12_000_000


def test_a_damaged_and_a_cut_deflate_stream() -> None:
    with pytest.raises(DamagedDeflate):
        read_header(part10(b"\xff" * 40, DEFLATED), memo=Memo())
    with pytest.raises(TruncatedInstance, match="not finished"):
        read_header(_deflated(_small())[:-8], memo=Memo())


@pytest.mark.parametrize("data", [b"", b"DIC", b"MZ" * 300, bytes(200), b"<html>" * 50])
def test_other_files_are_no_dicom(data: bytes) -> None:
    with pytest.raises(NotDicom):
        read_header(data, memo=Memo())


def test_errors_hold_no_values() -> None:
    secret = b"GEHEIM^PETRA"
    data = _small() + explicit(0x00100020, b"LO", secret) + explicit(0x00081140, b"SQ", secret)

    with pytest.raises(UnreadableInstance) as caught:
        read(data)

    assert "GEHEIM" not in str(caught.value)


def test_disorder_at_every_level_costs_no_more_than_reading_twice() -> None:
    later, earlier = explicit(0x00400254, b"LO", b"late"), explicit(0x00080060, b"CS", b"CT")
    data = later + earlier
    for _ in range(60):
        data = explicit(0x00400275, b"SQ", item(data)) + earlier + later

    header = read(data)

    assert header.json.count(b'"00080060"') == 61


@pytest.mark.parametrize(
    "value",
    [b" " * 60_000 + b"\x01", b"1" * 60_000 + b"x", b"\\" * 60_000, b"0." * 30_000, b"=^" * 30_000],
)
@pytest.mark.parametrize("vr", [b"CS", b"DA", b"DS", b"IS", b"LO", b"PN", b"TM", b"UI", b"AE"])
def test_no_value_makes_a_pattern_backtrack(vr: bytes, value: bytes) -> None:
    read(explicit(0x00091001, vr, value[:65534]))


def test_long_texts_are_read_in_linear_time() -> None:
    for vr in (b"UC", b"UT", b"UR"):
        read(explicit(0x00091001, vr, b" " * 2_000_000 + b"\x01\x01"))


def test_many_private_creators_stay_within_the_memo() -> None:
    creators = b"".join(
        explicit(group << 16 | block, b"LO", b"%08x" % (group << 16 | block))
        for group in range(0x0009, 0x00FF, 2)
        for block in range(0x10, 0x100)
    )
    memo = Memo(2_000_000)

    read_header(part10(creators), memo=memo)

    assert memo.room_bytes >= 0


@pytest.mark.parametrize("build", [explicit, lambda tag, _, value: implicit(tag, value)])
def test_a_private_creator_that_changes_all_the_time_takes_no_memory(
    build: Callable[[int, bytes, bytes], bytes],
) -> None:
    data = part10(b"".join(build(0x00090010, b"LO", b"%08d" % number) for number in range(20_000)))
    tracemalloc.start()
    header = read_header(data, memo=Memo(2_000_000))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert json.loads(header.json)["00090010"]["Value"] == ["00019999"]
    assert peak < 20_000_000


def test_many_bad_values_are_reported_up_to_a_bound() -> None:
    bad = explicit(0x00080060, b"CS", b"lower!")
    items = item(bad) * 3000

    header = read(explicit(0x00400275, b"SQ", items) + explicit(0x00400300, b"US", b"x"))

    assert [problem.tag for problem in header.problems] == [0x00400275] * 100 + [0x00400300]
