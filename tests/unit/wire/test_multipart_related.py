import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain, pairwise, repeat
from time import perf_counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.domain.errors import LimitExceeded, MalformedBody, UnsupportedMediaType
from hilum.wire.multipart_related import (
    MultipartLimits,
    MultipartReader,
    PartEnd,
    PartHead,
    boundary_of,
    parse_content_type,
)
from hilum.wire.multipart_writer import MultipartWriter

LIMITS = MultipartLimits()
HEAD = b"Content-Type: application/dicom\r\n\r\n"


@dataclass
class Part:
    headers: dict[str, str]
    body: bytes
    complete: bool = False


def read(
    chunks: Iterable[bytes], boundary: str = "B", limits: MultipartLimits = LIMITS
) -> list[Part]:
    reader = MultipartReader(boundary, limits)
    parts: list[Part] = []
    for chunk in chunks:
        for event in reader.feed(chunk):
            if isinstance(event, PartHead):
                assert event.number == len(parts) + 1
                parts.append(Part(dict(event.headers), b""))
            elif isinstance(event, PartEnd):
                assert not parts[-1].complete
                parts[-1].complete = True
            else:
                assert not parts[-1].complete
                parts[-1].body += event
    reader.finish()
    assert all(part.complete for part in parts)
    return parts


def bodies(*chunks: bytes) -> list[bytes]:
    return [part.body for part in read(chunks)]


def cut(data: bytes, places: Sequence[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[start:end] for start, end in pairwise(edges)]


def naive_split(data: bytes) -> list[bytes]:
    """The bodies between the delimiters, for data with `HEAD` at the start of every part."""
    found: list[bytes] = []
    start = None
    for match in DELIMITER.finditer(b"\r\n" + data):
        if start is not None:
            found.append((b"\r\n" + data)[start + len(HEAD) : match.start()])
        if match[1] == b"--":
            return found
        start = match.end()
    raise AssertionError("no closing delimiter")


fragments = st.sampled_from(
    [
        b"\r",
        b"\n",
        b"-",
        b"--",
        b"\r\n",
        b"\r\n-",
        b"\r\n--",
        b"\r\n--B",
        b"\r\n--Bx",
        b"--B",
        b"\r\n--B-",
        b"\r\n--B \t",
        b"\r\n--B" + b" " * 65 + b"\r\n",
        b"B",
        b" ",
    ]
)
DELIMITER = re.compile(rb"\r\n--B(--|[ \t]{0,64}\r?\n)")
hostile_bodies = (
    st.lists(fragments | st.binary(max_size=20), max_size=12)
    .map(b"".join)
    .filter(lambda body: DELIMITER.search(b"\r\n" + body + b"\r\n") is None)
)


@settings(max_examples=600, deadline=None)
@given(
    contents=st.lists(hostile_bodies, max_size=5),
    places=st.lists(st.integers(0, 2**20), max_size=30),
    preamble=st.sampled_from([b"", b"\r\n", b"This is a preamble\r\nof two lines\r\n"]),
    ending=st.sampled_from([b"", b"\r\n", b"\r\nepilogue --B\r\n--B\r\n"]),
    line_end=st.sampled_from([b"\r\n", b" \t \r\n", b"\n"]),
)
def test_any_bodies_in_any_chunks_are_split_as_a_naive_split_would(
    contents: list[bytes], places: list[int], preamble: bytes, ending: bytes, line_end: bytes
) -> None:
    text = b"".join(b"--B" + line_end + HEAD + content + b"\r\n" for content in contents)
    body = preamble + text + b"--B--" + ending

    assert [part.body for part in read(cut(body, places))] == naive_split(body)


@settings(max_examples=200, deadline=None)
@given(
    contents=st.lists(st.binary(max_size=200) | hostile_bodies, max_size=6),
    places=st.lists(st.integers(0, 2**20), max_size=30),
)
def test_the_reader_returns_what_the_writer_wrote(contents: list[bytes], places: list[int]) -> None:
    writer = MultipartWriter()
    body = b"".join(
        writer.part_head("application/dicom", [("Content-Location", f"/{i}")], len(content))
        + content
        for i, content in enumerate(contents)
    )
    body += writer.end()

    parts = read(cut(body, places), writer.boundary)

    assert [part.body for part in parts] == contents
    assert [part.headers["content-location"] for part in parts] == [
        f"/{i}" for i in range(len(contents))
    ]


@settings(max_examples=300, deadline=None)
@given(data=st.lists(fragments | st.binary(max_size=9), max_size=30).map(b"".join))
def test_arbitrary_bytes_are_read_alike_whole_and_byte_by_byte(data: bytes) -> None:
    results: list[list[Part] | str] = []
    for chunks in ([data], [data[i : i + 1] for i in range(len(data))]):
        try:
            results.append(read(chunks))
        except MalformedBody as error:
            results.append(str(error))

    assert results[0] == results[1]


def test_every_split_into_two_chunks_gives_the_same_parts() -> None:
    body = b"\r\n--B\r\n" + HEAD + b"one\r\n--Bodge\r\n--B  \r\n\r\n\r\n--B\n" + HEAD + b"\r\n--B--"
    whole = read([body])

    assert [part.body for part in whole] == [b"one\r\n--Bodge", b"", b""]
    for place in range(len(body) + 1):
        assert read([body[:place], body[place:]]) == whole


def test_ohif_sends_a_line_break_before_the_first_boundary_and_none_after_the_last() -> None:
    assert bodies(b"\r\n--B\r\n" + HEAD + b"DICM\r\n--B--") == [b"DICM"]


def test_a_part_without_headers_is_read() -> None:
    assert read([b"--B\r\n\r\ndata\r\n--B--\r\n"]) == [Part({}, b"data", complete=True)]


def test_an_empty_part_may_share_its_line_break_with_the_next_boundary() -> None:
    assert bodies(b"--B\r\n" + HEAD + b"--B\r\n" + HEAD + b"x\r\n--B--") == [b"", b"x"]


def test_header_names_are_folded_continued_lines_joined_and_the_first_of_equals_stays() -> None:
    head = b"CONTENT-Type: application/dicom;\r\n  transfer-syntax=*\r\nX: 1\r\nx: 2\r\n\r\n"

    [part] = read([b"--B\r\n" + head + b"\r\n--B--"])

    assert part.headers == {"content-type": "application/dicom; transfer-syntax=*", "x": "1"}


def test_headers_may_end_their_lines_with_a_line_feed_alone() -> None:
    assert read([b"--B\nX: 1\n\ndata\r\n--B--"]) == [Part({"x": "1"}, b"data", complete=True)]


def test_a_body_that_is_only_the_closing_boundary_has_no_parts() -> None:
    assert read([b"--B--\r\n"]) == []


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "The body is empty"),
        (b"no boundary at all", "no line with the boundary"),
        (b"--B", "no line with the boundary"),
        (b"--B\r\n", "inside the headers of part 1"),
        (b"--B\r\nContent-Type: x\r\n", "inside the headers of part 1"),
        (b"--B\r\n" + HEAD, "inside the content of part 1"),
        (b"--B\r\n" + HEAD + b"data", "inside the content of part 1"),
        (b"--B\r\n" + HEAD + b"data\r\n--B", "inside the content of part 1"),
        (b"--B\r\n" + HEAD + b"data\r\n--B-", "inside the content of part 1"),
        (b"--B\r\n" + HEAD + b"data\r\n--B\r\n", "inside the headers of part 2"),
        (b"--B\r\nno colon here\r\n\r\n\r\n--B--", "header line of part 1"),
        (b"--B\r\n: nameless\r\n\r\n\r\n--B--", "header line of part 1"),
    ],
)
def test_a_body_that_is_cut_short_or_broken_says_where(body: bytes, said: str) -> None:
    with pytest.raises(MalformedBody, match=said):
        read([body])


def test_a_wrong_boundary_is_noticed_without_reading_the_whole_body() -> None:
    reader = MultipartReader("other", LIMITS)

    with pytest.raises(MalformedBody, match="in the first 16384 bytes"):
        list(reader.feed(b"--B\r\n" + HEAD + bytes(LIMITS.part_header_bytes)))


@pytest.mark.parametrize(
    ("limits", "limit"),
    [
        (replace(LIMITS, parts=2), "parts"),
        (replace(LIMITS, part_header_bytes=20), "part_header_bytes"),
        (replace(LIMITS, part_bytes=3), "part_bytes"),
        (replace(LIMITS, request_bytes=100), "request_bytes"),
    ],
)
def test_each_limit_is_refused_by_its_name(limits: MultipartLimits, limit: str) -> None:
    body = (b"--B\r\n" + HEAD + b"data\r\n") * 3 + b"--B--"

    for chunks in ([body], [body[i : i + 1] for i in range(len(body))]):
        with pytest.raises(LimitExceeded) as caught:
            read(chunks, limits=limits)
        assert caught.value.limit == f"stow.{limit}"


def test_exactly_the_limit_is_let_through() -> None:
    body = (b"--B\r\n" + HEAD + b"data\r\n") * 3 + b"--B--"
    limits = MultipartLimits(parts=3, part_header_bytes=40, part_bytes=4, request_bytes=len(body))

    assert len(read([body], limits=limits)) == 3


def test_headers_without_end_are_refused_at_the_limit() -> None:
    chunks = chain([b"--B\r\n"], repeat(b"X: y\r\n"))

    with pytest.raises(LimitExceeded, match="headers of part 1 are too large"):
        read(chunks)


@pytest.mark.parametrize(
    "pattern",
    [b"\r", b"\r\n", b"--B", b"\r\n--Bx", b"\r\n--B\rx", b"\r\n--B -", b"\r\n--B" + b" " * 65],
)
def test_time_is_linear_in_the_body_whatever_it_holds(pattern: bytes) -> None:
    boundary = "B" * 60
    pattern = pattern.replace(b"B", boundary.encode())

    def seconds(size: int) -> float:
        filler = b"x" + pattern * (size // len(pattern)) + b"x"
        body = f"--{boundary}\r\n\r\n".encode() + filler + f"\r\n--{boundary}--".encode()
        chunks = [body[i : i + 65_536] for i in range(0, len(body), 65_536)]
        reader = MultipartReader(boundary, LIMITS)
        start = perf_counter()
        events = [event for chunk in chunks for event in reader.feed(chunk)]
        elapsed = perf_counter() - start
        assert b"".join(event for event in events if isinstance(event, memoryview)) == filler
        return elapsed

    small = min(seconds(250_000) for _ in range(3))
    large = min(seconds(2_000_000) for _ in range(3))

    assert large < 8 * small * 4 + 0.05, "a quadratic reader would take 64 times as long"


@pytest.mark.parametrize(
    ("header", "media_type", "parameters"),
    [
        ("application/dicom", "application/dicom", {}),
        ("Application/DICOM ; ", "application/dicom", {}),
        (
            'multipart/related; type="application/dicom"; boundary="a b"',
            "multipart/related",
            {"type": "application/dicom", "boundary": "a b"},
        ),
        (
            "multipart/related;type=application/dicom;BOUNDARY=a=b?c:d",
            "multipart/related",
            {"type": "application/dicom", "boundary": "a=b?c:d"},
        ),
        (
            r'multipart/related; boundary="q\"x\\y";',
            "multipart/related",
            {"boundary": r"q\"x\\y".replace("\\\\", "\0").replace("\\", "").replace("\0", "\\")},
        ),
    ],
)
def test_content_type_headers_are_read(
    header: str, media_type: str, parameters: dict[str, str]
) -> None:
    content_type = parse_content_type(header)

    assert content_type.media_type == media_type
    assert content_type.parameters == parameters


@pytest.mark.parametrize(
    "header",
    [
        "multipart/related",
        "multipart/related; boundary=",
        'multipart/related; boundary=""',
        'multipart/related; boundary="unclosed',
        "multipart/related; boundary=a; boundary=b",
        f"multipart/related; boundary={'x' * 71}",
        "multipart/related; boundary=sch\u00f6n",
        'multipart/related; boundary="ends in a space "',
        "multipart/related; boundary",
        "multipart/related; boundary=a b",
    ],
)
def test_a_missing_or_unusable_boundary_is_an_unsupported_media_type(header: str) -> None:
    with pytest.raises(UnsupportedMediaType):
        boundary_of(parse_content_type(header))


def test_a_boundary_of_70_characters_is_taken() -> None:
    assert boundary_of(parse_content_type(f"multipart/related; boundary={'x' * 70}")) == "x" * 70
