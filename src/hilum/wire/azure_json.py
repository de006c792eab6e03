"""Reading JSON as the Azure DICOM service does (section 1.4): names without case, some freedoms.

Comments and trailing commas are passed over. Only the envelope is read without case: a DICOM JSON
data set inside of it is taken as it is (PS3.18 F.2).
"""

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

import orjson
from starlette.requests import Request

from hilum.domain.errors import BodyTooLarge, LimitExceeded, MalformedBody, UnsupportedMediaType
from hilum.wire.multipart_related import parse_content_type

# Strings first, so that what looks like a comment in one stays. What has no end is taken to the
# end of the text at once, so that a text of many beginnings is not walked once for each.
_STRING: Final = rb'"(?:[^"\\]++|\\.)*+"?'
_COMMENTS: Final = re.compile(rb"(%b)|//[^\n\r]*+|/\*(?:.*?\*/|.*)" % _STRING, re.DOTALL)
_COMMAS: Final = re.compile(rb"(%b|[\[{]\s*+,)|,(?=\s*+[\]}])" % _STRING, re.DOTALL)
_BOM: Final = b"\xef\xbb\xbf"
_OF_TYPE: Final[Mapping[type, str]] = {
    str: "a text",
    bool: "true or false",
    dict: "an object",
    list: "a list",
}


class Fields:
    """The members of a JSON object, by name without case; of several with one name the last.

    `where` says which object it is, for errors. A member that is null is as good as missing.
    """

    __slots__ = ("_members", "_where")

    def __init__(self, members: Mapping[str, Any], where: str = "") -> None:
        self._members = {name.lower(): value for name, value in members.items()}
        self._where = where

    def __contains__(self, name: str) -> bool:
        return self.raw(name) is not None

    def others(self, known: Collection[str]) -> Sequence[str]:
        """Names of members that are not among these, in lower case."""
        lowered = {name.lower() for name in known}
        return [name for name in self._members if name not in lowered]

    def raw(self, name: str) -> Any:  # noqa: ANN401 - JSON
        """Whatever the member holds; None without it."""
        return self._members.get(name.lower())

    def text(self, name: str) -> str | None:
        """A text. Raises `MalformedBody` for anything else."""
        value: str | None = self._of_type(name, str)
        return value

    def flag(self, name: str) -> bool | None:
        """True or false. Raises `MalformedBody` for anything else."""
        value: bool | None = self._of_type(name, bool)
        return value

    def object(self, name: str) -> "Fields | None":
        """An object. Raises `MalformedBody` for anything else."""
        value: dict[str, Any] | None = self._of_type(name, dict)
        return None if value is None else Fields(value, self._path(name))

    def mapping(self, name: str) -> Mapping[str, Any] | None:
        """An object with its names as they came. Raises `MalformedBody` for anything else."""
        value: dict[str, Any] | None = self._of_type(name, dict)
        return value

    def texts(self, name: str) -> Sequence[str] | None:
        """A list of texts. Raises `MalformedBody` for anything else."""
        value: list[Any] | None = self._of_type(name, list)
        if value is None:
            return None
        if not all(isinstance(each, str) for each in value):
            message = f"{self._path(name)} should be a list of texts."
            raise MalformedBody(message)
        return value

    def _of_type(self, name: str, kind: type) -> Any:  # noqa: ANN401 - of `kind`
        value = self.raw(name)
        if value is not None and not isinstance(value, kind):
            message = f"{self._path(name)} should be {_OF_TYPE[kind]}."
            raise MalformedBody(message)
        return value

    def _path(self, name: str) -> str:
        return f"{self._where}.{name}" if self._where else name


def read_json(text: bytes) -> Any:  # noqa: ANN401 - JSON
    """Read JSON with comments and trailing commas. Raises `MalformedBody`, which says where."""
    text = text.removeprefix(_BOM)
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        plain = _COMMAS.sub(_kept, _COMMENTS.sub(_kept_or_space, text))
    try:
        return orjson.loads(plain)
    except orjson.JSONDecodeError as error:
        line, column = error.lineno, error.colno
        message = f"The body is not JSON: see line {line}, column {column}."
        raise MalformedBody(message) from None


def read_fields(text: bytes) -> Fields:
    """Read a JSON object. Raises `MalformedBody`."""
    told = read_json(text)
    if not isinstance(told, dict):
        message = "The body should be a JSON object."
        raise MalformedBody(message)
    return Fields(told)


async def json_body(request: Request, *, setting: str, allowed: int) -> bytes:
    """The body of a request with JSON, of at most `allowed` bytes, the value of `setting`.

    Raises `UnsupportedMediaType` for another Content-Type and `LimitExceeded`.
    """
    declared = request.headers.get("content-type", "")
    media_type = parse_content_type(declared).media_type if declared else ""
    if media_type not in {"application/json", "text/json"} and not media_type.endswith("+json"):
        message = "Send the body as application/json."
        raise UnsupportedMediaType(message)
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > allowed:
        raise BodyTooLarge(setting, allowed, "The request body is too large")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > allowed:
            raise LimitExceeded(setting, allowed, "The request body is too large")
    return bytes(body)


def _kept(match: re.Match[bytes]) -> bytes:
    return match[1] or b""


def _kept_or_space(match: re.Match[bytes]) -> bytes:
    """A comment parts what is around it; its lines still count."""
    return match[1] or re.sub(rb"[^\n]", b" ", match[0])
