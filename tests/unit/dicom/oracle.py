"""pydicom's DICOM JSON, with the differences that are meant applied to it.

Each rule here is a heading of docs/dicom-json-differences.md.
"""

import io
import json
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pydicom

Attributes = dict[str, Any]

_BULK = {"OB", "OD", "OF", "OL", "OV", "OW", "UN", "OB or OW", "US or OW", "US or SS or OW"}


def by_pydicom(part10: bytes) -> Attributes:
    """Return pydicom's JSON of an instance with the rules applied; `error` where it has none."""
    with _quiet_pydicom(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset = pydicom.dcmread(io.BytesIO(part10), force=True)
        found: Attributes = {}
        for tag in dataset.keys():  # noqa: SIM118 - a Dataset iterates over elements
            try:
                found[f"{tag:08X}"] = dataset[tag].to_json_dict(None, 0)
            except (ValueError, NotImplementedError, AttributeError, TypeError) as error:
                found[f"{tag:08X}"] = {"vr": "error", "Value": [type(error).__name__]}
        return with_rules(json.loads(json.dumps(found)))


@contextmanager
def _quiet_pydicom() -> Iterator[None]:
    """The corpus is full of what pydicom warns of."""
    logger = logging.getLogger("pydicom")
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(before)


def with_rules(attributes: Attributes) -> Attributes:
    """Apply the differences that hold everywhere."""
    return {
        tag: _attribute(attribute)
        for tag, attribute in attributes.items()
        if attribute["vr"] not in _BULK  # bulk data is left out
        and not tag.endswith("0000")  # so are group lengths
        and not tag.startswith(("0000", "0002"))  # and other groups than those of a data set
    }


def _attribute(attribute: Attributes) -> Attributes:
    values = attribute.get("Value", [])
    if attribute["vr"] == "SQ":
        values = [with_rules(item) for item in values]
    elif attribute["vr"] == "PN":  # empty groups of a name are left out
        values = [{key: group for key, group in name.items() if group} or None for name in values]
    else:  # empty values among others are null
        values = [None if value == "" else value for value in values]
    if values in ([], [None]):  # no values, no Value
        return {"vr": attribute["vr"]}
    return {"vr": attribute["vr"], "Value": values}


def differences(ours: Attributes, theirs: Attributes, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield (path, (ours, theirs)) of every attribute that differs, `None` where absent."""
    for tag in sorted(ours.keys() | theirs.keys()):
        mine, other = ours.get(tag), theirs.get(tag)
        if mine == other:
            continue
        items, others = (mine or {}).get("Value", []), (other or {}).get("Value", [])
        if mine and other and mine["vr"] == other["vr"] == "SQ" and len(items) == len(others):
            for number, (item, its) in enumerate(zip(items, others, strict=True)):
                yield from differences(item, its, f"{path}{tag}[{number}].")
        else:
            yield path + tag, (mine, other)
