"""Header fields of a store request that give its studies attributes (Azure: external metadata)."""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from hilum.dicom.grammar import first_problem
from hilum.dicom.person_names import name_problem
from hilum.domain.errors import InvalidRequest
from hilum.domain.extended_tags import EXTENDED_VRS
from hilum.domain.external_metadata import ExternalAttribute

PREFIX: Final = "msdicom-meta-"
_RAW_PREFIX: Final = PREFIX.encode()
_NAME: Final = re.compile(r"msdicom-meta-([a-z]{2})-([0-9a-f]{8})", re.ASCII)
_FORM: Final = f"{PREFIX}VR-TAG, such as {PREFIX}LO-00111001"
_FIRST_GROUP: Final = 0x0009
_LAST_GROUP: Final = 0xFFFD
_FIRST_ELEMENT: Final = 0x1000
_INTEGER: Final = re.compile(r"[+-]?[0-9]{1,12}", re.ASCII)
_REAL: Final = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?", re.ASCII)
_RANGES: Final = {
    "SS": range(-(2**15), 2**15),
    "US": range(2**16),
    "SL": range(-(2**31), 2**31),
    "UL": range(2**32),
}
_LARGEST: Final = {"FL": 3.4028234663852886e38, "FD": math.inf, "DS": math.inf}
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")


@dataclass(frozen=True, slots=True)
class ExternalLimits:
    """Settings of the section `external_metadata` have the same names."""

    headers: int = 32
    value_bytes: int = 256
    tags: int = 128


def external_of(
    raw: Iterable[tuple[bytes, bytes]], limits: ExternalLimits
) -> tuple[ExternalAttribute, ...]:
    """What a request says of its studies; `raw` are its header fields, names in lower case.

    Raises `InvalidRequest`, which repeats no value.
    """
    named = [(name, value) for name, value in raw if name.startswith(_RAW_PREFIX)]
    if not named:
        return ()
    if len(named) > limits.headers:
        raise InvalidRequest(
            f"There are {len(named)} headers {PREFIX}*; external_metadata.headers allows "
            f"{limits.headers} in one request."
        )
    found: dict[str, ExternalAttribute] = {}
    for name, value in named:
        attribute = _attribute(name.decode("latin-1"), value, limits.value_bytes)
        if attribute.tag in found:
            raise InvalidRequest(f"The headers {PREFIX}* name {attribute.tag} more than once.")
        found[attribute.tag] = attribute
    return tuple(found.values())


def demand_known(
    attributes: Iterable[ExternalAttribute], vrs: Mapping[str, str], limits: ExternalLimits
) -> None:
    """Raise `InvalidRequest` unless tags have the VR they are known by, and there are not too many.

    `vrs`: of all tags of the partition.
    """
    new = 0
    for each in attributes:
        known = vrs.get(each.tag)
        if known is None:
            new += 1
        elif known != each.vr:
            raise InvalidRequest(
                f"{each.tag} has VR {known} since it was first used: send it as "
                f"{PREFIX}{known}-{each.tag}."
            )
    if new and len(vrs) + new > limits.tags:
        raise InvalidRequest(
            f"There are {len(vrs)} different tags of external metadata here, and {new} would be "
            f"new; external_metadata.tags allows {limits.tags}."
        )


def _attribute(name: str, raw: bytes, most: int) -> ExternalAttribute:
    matched = _NAME.fullmatch(name)
    if matched is None:
        raise InvalidRequest(
            f"A header begins with {PREFIX} and is not of the form {_FORM}: a VR, and 8 "
            "hexadecimal digits."
        )
    vr, tag = matched[1].upper(), matched[2].upper()
    name = f"{PREFIX}{vr}-{tag}"
    if vr not in EXTENDED_VRS:
        raise InvalidRequest(f"{name}: the VR must be one of {', '.join(sorted(EXTENDED_VRS))}.")
    group, element = int(tag[:4], 16), int(tag[4:], 16)
    if not (group % 2 and _FIRST_GROUP <= group <= _LAST_GROUP and element >= _FIRST_ELEMENT):
        raise InvalidRequest(
            f"{name}: the tag must be private: an odd group from 0009 to FFFD, and an element "
            "from 1000."
        )
    if len(raw) > most:
        raise InvalidRequest(
            f"{name}: the value has {len(raw)} bytes; external_metadata.value_bytes allows {most}."
        )
    try:
        value = raw.decode().strip(" ")
    except UnicodeDecodeError:
        raise InvalidRequest(f"{name}: the value is not UTF-8.") from None
    problem = _problem(vr, value)
    if problem is not None:
        raise InvalidRequest(f"{name}: the value cannot be one of this VR: {problem}.")
    return ExternalAttribute(tag, vr, value)


def _problem(vr: str, value: str) -> str | None:
    """Why one value breaks its VR; None when it does not."""
    if not value.strip("= "):
        return "it is empty"
    if "\\" in value:
        return "it has a backslash, which would make it several"
    if _CONTROL.search(value):
        return "it has a control character"
    found = name_problem(value.split("=")) if vr == "PN" else first_problem(vr, [value])
    if found is not None:
        return found[1]
    if vr in _RANGES:
        fits = _INTEGER.fullmatch(value) is not None and int(value) in _RANGES[vr]
        return None if fits else f"it is no whole number that {vr} can hold"
    if vr in _LARGEST:
        fits = _REAL.fullmatch(value) is not None and abs(float(value)) <= _LARGEST[vr]
        return None if fits and math.isfinite(float(value)) else "it is no number that it can hold"
    return None
