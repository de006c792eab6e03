"""Reading Native DICOM Models (PS3.19 A.1) as strictly as their schema is (A.1.6)."""

import re
import xml.etree.ElementTree as ET
from typing import Final, NamedTuple

NAMESPACE: Final = "{http://dicom.nema.org/PS3.19/models/NativeDICOM}"
_VRS: Final = frozenset(
    "AE AS AT CS DA DS DT FL FD IS LO LT OB OD OF OL OV OW PN SH SL SQ SS ST SV TM UC UI UL UN UR "
    "US UT UV".split()
)
_GROUPS: Final = ["Alphabetic", "Ideographic", "Phonetic"]
_COMPONENTS: Final = ["FamilyName", "GivenName", "MiddleName", "NamePrefix", "NameSuffix"]


class Attribute(NamedTuple):
    vr: str
    keyword: str | None
    content: list[object]
    """Texts of values, names as nested lists, kinds of binary content; items have paths."""


Model = dict[str, Attribute]
"""By path: `tag`, or `tag creator`; `[n]/` behind it leads into the n-th item."""


def read_model(document: bytes | str) -> Model:
    """Parse a document; raises `AssertionError` where it breaks the schema."""
    root = ET.fromstring(document)
    assert root.tag == f"{NAMESPACE}NativeDicomModel", root.tag
    assert not root.attrib
    return dict(_attributes(root, ""))


def _attributes(parent: ET.Element, path: str) -> list[tuple[str, Attribute]]:
    assert not (parent.text or "").strip()
    found: list[tuple[str, Attribute]] = []
    for element in parent:
        assert element.tag == f"{NAMESPACE}DicomAttribute", element.tag
        attributes = dict(element.attrib)
        tag, vr = attributes.pop("tag"), attributes.pop("vr")
        keyword, creator = attributes.pop("keyword", None), attributes.pop("privateCreator", None)
        assert not attributes, attributes
        assert re.fullmatch("[0-9A-F]{8}", tag), tag
        assert vr in _VRS, vr
        place = f"{path}{tag}" if creator is None else f"{path}{tag} {creator}"
        kinds = {_name(child) for child in element}
        assert len(kinds) <= 1, f"{place} has {kinds}"
        found.append((place, Attribute(vr, keyword, _content(element, vr))))
        for number, child in enumerate(element, 1):
            if _name(child) in {"Item", "Value", "PersonName"}:
                assert child.attrib == {"number": str(number)}
            if _name(child) == "Item":
                found += _attributes(child, f"{place}[{number}]/")
    return found


def _content(element: ET.Element, vr: str) -> list[object]:
    content: list[object] = []
    for child in element:
        match _name(child):
            case "Item":
                assert vr == "SQ"
            case "Value":
                assert vr not in {"SQ", "PN"}
                content.append(child.text or "")
            case "PersonName":
                assert vr == "PN"
                content.append([(_name(group), _components(group)) for group in child])
                names = [_name(group) for group in child]
                assert names == [name for name in _GROUPS if name in names]
            case "BulkData":
                assert set(child.attrib) in ({"uri"}, {"uuid"})
                content.append(child)
            case "InlineBinary":
                content.append(child)
            case other:
                raise AssertionError(other)
    return content


def _components(group: ET.Element) -> list[tuple[str, str]]:
    names = [_name(component) for component in group]
    assert names == [name for name in _COMPONENTS if name in names]
    return [(_name(component), component.text or "") for component in group]


def _name(element: ET.Element) -> str:
    assert element.tag.startswith(NAMESPACE)
    return element.tag.removeprefix(NAMESPACE)
