"""What an instance says in the attributes that an operator has indexed (extended query tags).

Made from the JSON of its data set, so that an instance that comes in, one whose tags changed before
it was committed and one that is indexed years later are all read by the same rules. Most data sets
do not have most tags: the text is searched for their keys, and parsed only when one is in it.
"""

import base64
import binascii
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from hilum.dicom.attributes import folding_of
from hilum.dicom.charsets import charset_for
from hilum.dicom.private_blocks import private_keys
from hilum.domain.extended_tags import (
    ExtendedTag,
    ExtendedTags,
    ExtendedValue,
    ExtendedValues,
    ValueKind,
)
from hilum.ingest.folding import fold_real, folded
from hilum.ingest.short_rules import SHORT_RULES

_CHARACTER_SET: Final = "00080005"
_UNKNOWN: Final = "UN"
DataSet = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ExtendedElement:
    """An element that a tag means."""

    tag: ExtendedTag
    vr: str
    values: list[Any]
    """Of DICOM JSON."""

    @property
    def first(self) -> Any:  # noqa: ANN401 - any JSON value
        """The one that is indexed; None when there is none."""
        return self.values[0] if self.values else None

    @property
    def problem(self) -> str | None:
        """Why it cannot be indexed; None when it can, or is empty. Holds no value."""
        if self.first is None or self.first == "":
            return None
        if self.vr != self.tag.vr:
            return f"The element has VR {self.vr}, the extended query tag {self.tag.vr}."
        rule = SHORT_RULES.get(self.vr)
        return rule(self.first) if rule is not None else None


def extended_elements(json: bytes, tags: ExtendedTags) -> list[ExtendedElement]:
    """The elements of a data set that `tags` mean, with their values."""
    wanted = [tag for tag in tags.tags if _may_be_in(tag, json)]
    if not wanted:
        return []
    dataset: DataSet = orjson.loads(json)
    return [found for tag in wanted if (found := _element(dataset, tag)) is not None]


def extended_values(
    json: bytes, tags: ExtendedTags, dropped: Collection[int] = ()
) -> ExtendedValues:
    """What a data set says in `tags`; those in `dropped` count as if they were not there."""
    return values_of(extended_elements(json, tags), tags.generation, dropped)


def values_of(
    elements: list[ExtendedElement], generation: int, dropped: Collection[int] = ()
) -> ExtendedValues:
    values: list[ExtendedValue] = []
    problems: dict[int, str] = {}
    for element in elements:
        tag = element.tag
        if tag.tag in dropped:
            continue
        problem = element.problem
        if problem is not None:
            problems[tag.key] = problem
            continue
        key = _folded(tag, element.first)
        if key is not None and key != "":
            values.append(ExtendedValue(tag.key, key))
    return ExtendedValues(generation, tuple(values), problems)


def _folded(tag: ExtendedTag, value: Any) -> str | int | float | None:  # noqa: ANN401 - JSON
    return fold_real(value) if tag.kind is ValueKind.REAL else folded(folding_of(tag.vr), value)


def _may_be_in(tag: ExtendedTag, json: bytes) -> bool:
    if not tag.private_creator:
        return b'"%b":{' % tag.path.encode() in json
    return b'"%b00' % tag.path[:4].encode() in json


def _element(dataset: DataSet, tag: ExtendedTag) -> ExtendedElement | None:
    keys = [tag.path]
    if tag.private_creator:
        keys = list(private_keys(dataset, tag.path, tag.private_creator))
    for key in keys:
        found = dataset.get(key)
        if isinstance(found, dict):
            return _read(dataset, found, tag)
    return None


def _read(dataset: DataSet, element: Mapping[str, Any], tag: ExtendedTag) -> ExtendedElement:
    vr = str(element.get("vr", ""))
    if vr == _UNKNOWN and "InlineBinary" in element:
        # An implicit VR data set does not say what its private elements are: the tag does.
        return ExtendedElement(tag, tag.vr, _decoded(dataset, element["InlineBinary"], tag))
    return ExtendedElement(tag, vr, list(element.get("Value") or ()))


def _decoded(dataset: DataSet, encoded: str, tag: ExtendedTag) -> list[Any]:
    # pydicom's dictionaries, which commands that look at the index alone need not load.
    from hilum.dicom.values import CONVERTERS, surroundings_of  # noqa: PLC0415

    terms = dataset.get(_CHARACTER_SET, {}).get("Value") or [""]
    charset = charset_for("\\".join(str(term or "") for term in terms).encode("latin-1", "replace"))
    try:
        value = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        return []
    text, _ = CONVERTERS[tag.vr](value, surroundings_of(charset, True), tag.tag)
    found: list[Any] = orjson.loads(b"[" + text + b"]")
    return found
