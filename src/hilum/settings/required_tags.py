"""`required_tags` of a validator's `config.json`: attributes under the names others give them."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from hilum.dicom.dictionary import TAGS

_TAG: Final = re.compile(r"\(?\s*([0-9A-Fa-f]{4}),?\s*([0-9A-Fa-f]{4})\s*\)?")


def required(given: object) -> tuple[Sequence[str], Sequence[str]]:
    """Keywords or tags of attributes, and what is wrong with those that name none.

    `given` is a list of names, or a table: name to tag, keyword, true or false, or to a table with
    `tag` and `required`.
    """
    if isinstance(given, list):
        given = dict.fromkeys(str(each) for each in given)
    if not isinstance(given, Mapping):
        return (), ["should be a table of names and tags, or a list of names."]
    found, wrong = [], []
    for name, value in given.items():
        if value is False or (isinstance(value, Mapping) and value.get("required") is False):
            continue
        attribute = next(filter(None, map(_attribute, _named(str(name), value))), None)
        if attribute is None:
            wrong.append(
                f"{name}: names no attribute; give its keyword or tag, such as PatientID or "
                "(0010,0020)."
            )
        elif attribute not in found:
            found.append(attribute)
    return found, wrong


def _named(name: str, value: object) -> Iterator[str]:
    """What may be meant, the more exact first."""
    if isinstance(value, Mapping):
        yield str(value.get("tag", ""))
        yield str(value.get("keyword", ""))
    if isinstance(value, str):
        yield value
    yield name


def _attribute(text: str) -> str | None:
    text = text.strip()
    if tag := _TAG.fullmatch(text):
        return f"({tag[1]},{tag[2]})".upper()
    # Names of variables are keywords with underscores and another case.
    folded = text.replace("_", "").lower()
    return next((keyword for keyword in TAGS if keyword.lower() == folded), None)
