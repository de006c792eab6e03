"""Kinds of values that settings are made of: bounds and the forms a text may take."""

import json
import re
from decimal import Decimal
from typing import Annotated, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

_UNITS: Final = {
    "": 1,
    "b": 1,
    "kib": 1 << 10,
    "mib": 1 << 20,
    "gib": 1 << 30,
    "tib": 1 << 40,
    "kb": 10**3,
    "mb": 10**6,
    "gb": 10**9,
    "tb": 10**12,
}
_SIZE: Final = re.compile(r"(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>[A-Za-z]*)", re.ASCII)


class Section(BaseModel):
    """A group of settings: frozen, closed, documented by the text below each field."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, validate_default=True
    )


def _bytes_of(value: object) -> object:
    """Read `4 GiB`, `512MiB` or `1000000`; whatever is no text is left to pydantic."""
    if not isinstance(value, str):
        return value
    match = _SIZE.fullmatch(value.strip())
    unit = _UNITS.get(match["unit"].lower()) if match else None
    if match is None or unit is None:
        message = "should be a number of bytes, or a number with a unit such as `512 MiB`"
        raise ValueError(message)
    return int(Decimal(match["number"]) * unit)


def _list_of(value: object) -> object:
    """Read `a, b` or a JSON array; whatever is no text is left to pydantic."""
    if not isinstance(value, str):
        return value
    text = value.strip()
    if text.startswith("["):
        return _json_of(text)
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _json_of(value: object) -> object:
    """Read JSON text (the form of tables in an environment variable)."""
    if not isinstance(value, str):
        return value
    try:
        read: object = json.loads(value)
    except json.JSONDecodeError as error:
        message = f"should be JSON: {error.msg} at character {error.pos}"
        raise ValueError(message) from None
    return read


Port = Annotated[int, Field(ge=0, le=65_535)]
Count = Annotated[int, Field(ge=1)]
CountOrZero = Annotated[int, Field(ge=0)]
Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
SecondsOrZero = Annotated[float, Field(ge=0, allow_inf_nan=False)]
ByteCount = Annotated[int, BeforeValidator(_bytes_of), Field(ge=1)]
ByteCountOrZero = Annotated[int, BeforeValidator(_bytes_of), Field(ge=0)]
AETitle = Annotated[
    str,
    # PS3.5 table 6.2-1: at most 16 characters of the default repertoire, no backslash, not blank.
    StringConstraints(strip_whitespace=True, pattern=r"^[ -\[\]-~]{1,16}$"),
]
LIST_TEXT: Final = BeforeValidator(_list_of)
JSON_TEXT: Final = BeforeValidator(_json_of)
Texts = Annotated[tuple[str, ...], LIST_TEXT]
AETitles = Annotated[tuple[AETitle, ...], LIST_TEXT]
