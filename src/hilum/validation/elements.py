"""What PS3.5 and PS3.6 say of every element: value, VR, VM, private blocks, retirement."""

import re
from functools import lru_cache
from typing import Final, NamedTuple

from hilum.dicom.dictionary import DICTIONARY, REPEATERS
from hilum.dicom.elements import ProblemKind
from hilum.dicom.header import Header
from hilum.validation.findings import Findings
from hilum.validation.levels import Element, Level
from hilum.validation.part10 import is_uid

_CODES: Final = {
    ProblemKind.LENGTH: ("value-length", "PS3.5 6.2"),
    ProblemKind.CHARACTERS: ("value-characters", "PS3.5 6.2"),
    ProblemKind.FORMAT: ("value-format", "PS3.5 6.2"),
    ProblemKind.CHARSET: ("charset", "PS3.3 C.12.1.1.2"),
    ProblemKind.SIZE: ("value-size", "PS3.5 6.2"),
    ProblemKind.ENCODING: ("encoding", "PS3.5 7"),
    ProblemKind.DUPLICATE: ("duplicate", "PS3.5 7.1"),
}
_TRANSFER_SYNTAX: Final = 0x00020010
_VM: Final = re.compile(r"(\d+)(?:-(\d*)(n?))?")
_ONE_VALUE_VRS: Final = frozenset({"LT", "ST", "UT", "UR", "SQ"})
_ASCII: Final = frozenset({"ISO_IR 6"})
_TEXT_VRS: Final = frozenset({"SH", "LO", "ST", "LT", "UT", "UC", "PN"})
CHARACTER_SET: Final = "00080005"


_ONE_BYTE: Final = {
    "ISO_IR 100": "iso8859_1", "ISO_IR 101": "iso8859_2", "ISO_IR 109": "iso8859_3",
    "ISO_IR 110": "iso8859_4", "ISO_IR 144": "iso8859_5", "ISO_IR 127": "iso8859_6",
    "ISO_IR 126": "iso8859_7", "ISO_IR 138": "iso8859_8", "ISO_IR 148": "iso8859_9",
}  # fmt: skip
"""Character sets of one byte for each character, by defined term (PS3.3 C.12.1.1.2)."""


class Charset(NamedTuple):
    """What is declared of the texts of a level."""

    is_ascii: bool
    codec: str
    """Of a character set of one byte each; empty for all others."""

    @property
    def is_doubted(self) -> bool:
        """Whether texts have to be looked at."""
        return self.is_ascii or self.codec != ""


class Known(NamedTuple):
    """What PS3.6 says of a tag."""

    vrs: frozenset[str]
    fewest: int
    most: int
    """Values; 0 for no bound."""
    step: int
    is_retired: bool


@lru_cache(maxsize=16384)
def known(tag: str) -> Known | None:
    """Return what the dictionary says of a standard tag."""
    entry = DICTIONARY.get(int(tag, 16)) or _repeater(tag)
    if entry is None:
        return None
    fewest, most, step = _multiplicity(entry[1])
    vrs = frozenset(re.split(r" or |_", entry[0]))
    return Known(vrs, fewest, most, step, bool(entry[3]))


def _repeater(tag: str) -> tuple[str, str, str, str, str] | None:
    if tag[:2] not in {"50", "60"} or tag[3] in "13579BDF":
        return None
    return REPEATERS.get(f"{tag[:2]}xx{tag[4:]}".lower()) or REPEATERS.get(f"{tag[:2]}xx{tag[4:]}")


def _multiplicity(text: str) -> tuple[int, int, int]:
    """Return fewest, most and step of a VM such as `1`, `1-3`, `2-2n`, `1-n or 1`."""
    fewest, most, step = 0, 1, 1
    for part in text.split(" or "):
        found = _VM.match(part)
        if found is None:
            return 1, 0, 1
        low = int(found[1])
        fewest = min(fewest or low, low)
        if "-" not in part:
            most = max(most, low) if most else 0
        elif found[3]:
            most, step = 0, int(found[2] or 1)
        else:
            most = max(most, int(found[2])) if most else 0
    return fewest, most, step


def check_problems(header: Header, findings: Findings) -> None:
    """Report what the reader of the header met."""
    for path, vr, kind, reason in header.problems:
        if path.tag == _TRANSFER_SYNTAX and kind is ProblemKind.ENCODING:
            findings.add(
                "transfer-syntax-mismatch", path, expected=header.transfer_syntax_uid,
                found=reason, section="PS3.10 7.1",
            )  # fmt: skip
            continue
        code, section = _CODES[kind]
        findings.add(code, path, expected=f"VR {vr}", found=reason, section=section)


def check_elements(level: Level, findings: Findings, charset: Charset | None = None) -> None:
    """Report elements of `level` and below that contradict the dictionary."""
    if CHARACTER_SET in level.elements or charset is None:
        charset = _charset_of(level)
    for tag, element in level.elements.items():
        if tag[3] in "13579BDF":
            _check_private(level, tag, findings)
        else:
            entry = known(tag)
            if entry is not None:
                _check_known(level, tag, element, entry, findings)
        if element["vr"] == "SQ":
            for item in level.below(tag):
                check_elements(item, findings, charset)
        elif element["vr"] == "UI":
            _check_uids(level, tag, element, findings)
        elif charset.is_doubted and element["vr"] in _TEXT_VRS:
            _check_text(level, tag, element, charset, findings)


def _check_known(
    level: Level, tag: str, element: Element, entry: Known, findings: Findings
) -> None:
    vr = element["vr"]
    if vr not in entry.vrs:
        code = "vr-unknown" if vr == "UN" else "vr-mismatch"
        findings.add(
            code, level.path(tag), expected=" or ".join(sorted(entry.vrs)), found=vr,
            section="PS3.6 6",
        )  # fmt: skip
    if entry.is_retired:
        findings.add("attribute-retired", level.path(tag), section="PS3.6 6")
    number = len(element.get("Value", ()))
    if number in {0, entry.fewest} or vr in _ONE_VALUE_VRS:
        return
    if (
        number < entry.fewest
        or (entry.most and number > entry.most)
        or (entry.step > 1 and number % entry.step)
    ):
        most = entry.most or "n"
        findings.add(
            "multiplicity", level.path(tag), expected=f"{entry.fewest} to {most} values",
            found=f"{number} values", section="PS3.6 6",
        )  # fmt: skip


def _check_private(level: Level, tag: str, findings: Findings) -> None:
    """PS3.5 7.8.1: blocks (gggg,xx00-xxFF) are reserved by creators (gggg,0010-00FF)."""
    if tag[4:6] != "00":
        creator = f"{tag[:4]}00{tag[4:6]}"
        if not level.has_value(creator):
            what = "an empty creator" if creator in level.elements else "no creator"
            _report_private(level, tag, f"a private creator in {creator}", what, findings)
    elif not level.has_value(tag):
        _report_private(level, tag, "the name of a creator", "no value", findings)
    elif tag[6] == "0":
        _report_private(level, tag, "private creators from element 0010 on", "below", findings)


def _report_private(level: Level, tag: str, expected: str, found: str, findings: Findings) -> None:
    findings.add(
        "private-block", level.path(tag), expected=expected, found=found, section="PS3.5 7.8.1"
    )


def _check_uids(level: Level, tag: str, element: Element, findings: Findings) -> None:
    for value in element.get("Value", ()):
        if value is not None and not is_uid(value):
            findings.add(
                "value-format", level.path(tag), expected="a UID below 0, 1 or 2",
                found=f"another text of {len(value)} characters", section="PS3.5 9.1",
            )  # fmt: skip
            return


def _charset_of(level: Level) -> Charset:
    terms = [str(value or "ISO_IR 6").strip() for value in level.values(CHARACTER_SET)]
    codec = _ONE_BYTE.get(terms[0], "") if len(terms) == 1 else ""
    return Charset(set(terms) <= _ASCII, codec)


def _check_text(
    level: Level, tag: str, element: Element, charset: Charset, findings: Findings
) -> None:
    for value in element.get("Value", ()):
        texts = value.values() if isinstance(value, dict) else (value,)
        odd = [text for text in texts if isinstance(text, str) and not text.isascii()]
        if odd and charset.is_ascii:
            findings.add(
                "charset-undeclared", level.path(tag),
                expected="ASCII, or a Specific Character Set (0008,0005)",
                found="other characters", section="PS3.3 C.12.1.1.2",
            )  # fmt: skip
            return
        if any(_reads_as_utf_8(text, charset.codec) for text in odd):
            findings.add(
                "charset-doubtful", level.path(tag),
                expected="text in the declared character set",
                found="bytes that read as UTF-8", section="PS3.3 C.12.1.1.2",
            )  # fmt: skip
            return


def _reads_as_utf_8(text: str, codec: str) -> bool:
    """Whether a text was written in UTF-8 and read in a character set of one byte each.

    Other text is hardly ever so by chance: each of its letters beyond ASCII would have to be
    followed by a second one of some 60.
    """
    try:
        text.encode(codec).decode("utf-8")
    except (UnicodeError, LookupError):
        return False
    return True
