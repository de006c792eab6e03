"""The Native DICOM Model: a data set as XML (PS3.19 annex A.1), made from its DICOM JSON.

Both models say the same, so nothing of the instance is read again. Written without white space
between elements, in the namespace of the schema (PS3.19 A.1.6).
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

from hilum.dicom.dictionary import DICTIONARY, REPEATERS
from hilum.dicom.json_values import JsonDataset

_START: Final = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<NativeDicomModel xmlns="http://dicom.nema.org/PS3.19/models/NativeDICOM">'
)
_END: Final = "</NativeDicomModel>"
_ATTRIBUTE_END: Final = "</DicomAttribute>"
_ODD: Final = frozenset("13579BDF")
"""Last digits of private groups."""
_GROUPS: Final = ("Alphabetic", "Ideographic", "Phonetic")
_COMPONENTS: Final = ("FamilyName", "GivenName", "MiddleName", "NamePrefix", "NameSuffix")
"""In the order of PS3.5 6.2.1.1."""

# XML 1.0 has no form at all for most control characters: U+FFFD says that one was there.
_NO_XML: Final = "\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff"
_SPECIAL: Final = re.compile(f"[&<>\r{_NO_XML}]")
_SPECIAL_IN_QUOTES: Final = re.compile(f'[&<>"\t\n\r{_NO_XML}]')
# What a parser would turn into a line feed or a blank (XML 1.0 2.11 and 3.3.3) is spelled out.
_SPELLED: Final = {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    '"': "&quot;",
    "\t": "&#9;",
    "\n": "&#10;",
    "\r": "&#13;",
}


def native_model(dataset: JsonDataset) -> Iterator[str]:
    """Yield the XML document of a data set, some elements at a time.

    Numbers may be given as the digits they were written with.
    """
    yield _START
    yield from _attributes(dataset)
    yield _END


def _attributes(dataset: JsonDataset) -> Iterator[str]:
    for tag, element in dataset.items():
        if tag[3] not in _ODD:
            start = _standard_start(tag, element["vr"])
        elif _is_private_creator(tag):
            continue
        else:
            start = _private_start(dataset, tag, element["vr"])
        if element["vr"] == "SQ":
            yield start
            yield from _items(element.get("Value", ()))
            yield _ATTRIBUTE_END
        else:
            yield f"{start}{_content(element)}{_ATTRIBUTE_END}"


def _items(items: Sequence[JsonDataset | None]) -> Iterator[str]:
    for number, item in enumerate(items, 1):
        yield f'<Item number="{number}">'
        yield from _attributes(item or {})
        yield "</Item>"


def _content(element: Mapping[str, Any]) -> str:
    """What an attribute that is no sequence holds."""
    values = element.get("Value")
    if values:
        write = _name if element["vr"] == "PN" else _value
        return "".join([write(number, value) for number, value in enumerate(values, 1)])
    if "BulkDataURI" in element:
        return f'<BulkData uri="{_in_quotes(element["BulkDataURI"])}"/>'
    inline = element.get("InlineBinary")
    return f"<InlineBinary>{inline}</InlineBinary>" if inline else ""


def _value(number: int, value: str | float | None) -> str:
    return f'<Value number="{number}">{_text(value)}</Value>'


def _name(number: int, name: Mapping[str, str] | None) -> str:
    groups = [_group(group, name[group]) for group in _GROUPS if group in name] if name else []
    return f'<PersonName number="{number}">{"".join(groups)}</PersonName>'


def _group(group: str, text: str) -> str:
    # A sixth component is against PS3.5 6.2.1; it stays with the suffix, so that none is lost.
    components = text.split("^", len(_COMPONENTS) - 1)
    written = [
        f"<{name}>{_text(component)}</{name}>"
        for name, component in zip(_COMPONENTS, components, strict=False)
        if component
    ]
    return f"<{group}>{''.join(written)}</{group}>"


def _text(value: str | float | None) -> str:
    """A value as character data; an empty one among others is an empty element."""
    if value is None:
        return ""
    text = value if isinstance(value, str) else repr(value)
    return _SPECIAL.sub(_spelled, text) if _SPECIAL.search(text) else text


def _in_quotes(value: str) -> str:
    return _SPECIAL_IN_QUOTES.sub(_spelled, value)


def _spelled(found: re.Match[str]) -> str:
    return _SPELLED.get(found[0], "\ufffd")


def _is_private_creator(tag: str) -> bool:
    """True for (gggg,0010-00FF), of which the group is odd (PS3.5 section 7.8.1)."""
    return tag.startswith("00", 4) and tag[6] != "0"


def _private_start(dataset: JsonDataset, tag: str, vr: str) -> str:
    creator = _creator(dataset, tag)
    if creator is None:
        return _standard_start(tag, vr)
    # The block is not sent, since the creator is (PS3.19 table A.1.5-2).
    told = f'vr="{vr}" privateCreator="{_in_quotes(creator)}"'
    return f'<DicomAttribute tag="{tag[:4]}00{tag[6:]}" {told}>'


def _creator(dataset: JsonDataset, tag: str) -> str | None:
    """Who reserved the block of a private element; None when nobody did."""
    values = dataset.get(f"{tag[:4]}00{tag[4:6]}", {}).get("Value")
    return values[0] if values and isinstance(values[0], str) else None


@lru_cache(maxsize=8192)
def _standard_start(tag: str, vr: str) -> str:
    keyword = _keyword(tag)
    told = f' keyword="{keyword}"' if keyword else ""
    return f'<DicomAttribute tag="{tag}" vr="{vr}"{told}>'


def _keyword(tag: str) -> str:
    """The keyword of PS3.6; empty for what the dictionary does not know."""
    entry = DICTIONARY.get(int(tag, 16))
    if entry is None:
        entry = next((each for mask, each in _REPEATERS if mask.fullmatch(tag)), None)
    return entry[4] if entry else ""


_REPEATERS: Final = [
    (re.compile(mask.upper().replace("X", "[0-9A-F]")), entry) for mask, entry in REPEATERS.items()
]
