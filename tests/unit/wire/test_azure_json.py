"""JSON of the Azure DICOM service: section 1.4 of its description."""

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

from hilum.domain.errors import BodyTooLarge, LimitExceeded, MalformedBody, UnsupportedMediaType
from hilum.wire.azure_json import json_body, read_fields, read_json


@pytest.mark.azure("1.4-tolerant")
def test_comments_and_trailing_commas_are_passed_over() -> None:
    text = b"""// what is wanted
    {"a": [1, 2, /* no 3 */], /* // */
     "b": {"c": "x", // the end
     },}"""

    assert read_json(text) == {"a": [1, 2], "b": {"c": "x"}}


def test_a_byte_order_mark_is_passed_over() -> None:
    assert read_json(b"\xef\xbb\xbf{}") == {}


def test_what_looks_like_a_comment_or_a_comma_in_a_text_stays() -> None:
    text = rb'{"url": "https://x/*y*/", "quote": "\",]\\", "list": "[1,]", }'

    assert read_json(text) == {"url": "https://x/*y*/", "quote": '",]\\', "list": "[1,]"}


@pytest.mark.parametrize(
    "text",
    [b"", b"{", b"[,]", b"{,}", b"[1,,]", b'{"a": 1 "b": 2}', b'"', b"/* {}", b"\xff", b"{} {}"],
)
def test_what_is_no_json_is_refused(text: bytes) -> None:
    with pytest.raises(MalformedBody, match=r"not JSON: see line \d+, column \d+"):
        read_json(text)


def test_an_error_is_told_by_its_line_in_the_text_as_it_came() -> None:
    with pytest.raises(MalformedBody, match="line 3"):
        read_json(b"/* one\ntwo */\n{]")


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text('",/*\\[]{} a\n'),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=12,
)


def loosely(value: Any) -> str:
    """The value as JSON with a comment and a comma behind every member."""
    behind = "/* , */ , // ]\n"
    if isinstance(value, dict):
        members = (f"{json.dumps(name)}: {loosely(each)}" for name, each in value.items())
        return f"{{{''.join(member + behind for member in members)}}}"
    if isinstance(value, list):
        return f"[{''.join(loosely(each) + behind for each in value)}]"
    return json.dumps(value)


@given(_VALUES)
def test_json_with_trailing_commas_and_comments_means_what_it_means_without(value: Any) -> None:
    assert read_json(loosely(value).encode()) == value


@pytest.mark.parametrize("piece", [b"/*", b"[,", b'"\\', b",  ", b"//"])
def test_a_text_made_to_be_slow_is_refused_at_once(piece: bytes) -> None:
    began = time.process_time()
    with pytest.raises(MalformedBody):
        read_json(b"[" + piece * 30_000)

    assert time.process_time() - began < 1


def test_members_are_found_whatever_their_case_and_the_last_one_counts() -> None:
    fields = read_fields(b'{"StudyInstanceUids": ["1.2"], "name": "a", "NAME": "b", "gone": null}')

    assert fields.texts("studyInstanceUids") == ["1.2"]
    assert fields.text("Name") == "b"
    assert "gone" not in fields
    assert fields.text("missing") is None


def test_names_inside_a_data_set_keep_their_case() -> None:
    fields = read_fields(b'{"ChangeDataset": {"00100010": {"vr": "PN"}}}')

    assert fields.mapping("changeDataset") == {"00100010": {"vr": "PN"}}


def test_an_error_names_the_member_with_the_objects_around_it() -> None:
    source = read_fields(b'{"source": {"settings": {"values": "1.2"}}}').object("source")
    assert source is not None
    settings = source.object("Settings")
    assert settings is not None

    with pytest.raises(MalformedBody, match=r"^source.Settings.values should be a list\.$"):
        settings.texts("values")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (b'{"a": 1}', "a should be a text"),
        (b'{"a": [1]}', "a should be a text"),
        (b"[]", "The body should be a JSON object"),
    ],
)
def test_a_member_of_another_type_is_refused(text: bytes, problem: str) -> None:
    with pytest.raises(MalformedBody, match=problem):
        read_fields(text).text("a")


def request(headers: dict[str, str], *chunks: bytes) -> Request:
    messages = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]
    messages.append({"type": "http.request", "body": b"", "more_body": False})
    waiting = iter(messages)

    async def receive() -> dict[str, Any]:
        return next(waiting)

    pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "headers": pairs}, receive)


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "text/json"])
async def test_a_json_body_is_read_whole(content_type: str) -> None:
    asked = request({"content-type": content_type}, b"{", b"}")

    assert await json_body(asked, setting="x", allowed=2) == b"{}"


@pytest.mark.parametrize("headers", [{}, {"content-type": "text/plain"}])
async def test_a_body_of_another_type_is_refused(headers: dict[str, str]) -> None:
    with pytest.raises(UnsupportedMediaType):
        await json_body(request(headers, b"{}"), setting="x", allowed=9)


async def test_a_body_over_its_limit_is_refused_announced_or_not() -> None:
    headers = {"content-type": "application/json"}

    with pytest.raises(BodyTooLarge):
        await json_body(request({**headers, "content-length": "9"}), setting="x", allowed=8)
    with pytest.raises(LimitExceeded, match="setting x allows 8"):
        await json_body(request(headers, b"12345", b"6789"), setting="x", allowed=8)
