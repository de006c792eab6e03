"""Person names (PS3.5 6.2.1) as DICOM JSON (PS3.18 F.2.2)."""

import re
from typing import Final

from hilum.dicom.charsets import NAME_RESETS, Charset
from hilum.dicom.elements import ProblemKind
from hilum.dicom.json_text import quote

PLAIN_NAME: Final = rb"(?!(?:[^^]*\^){5})[\x20\x21\x23-\x3c\x3e-\x5b\x5d-\x7e]{0,64}+"
"""One alphabetic group of ASCII of at most 5 components: no `=`, `"`, backslash or control."""
_PLAIN: Final = re.compile(PLAIN_NAME)
_GROUPS: Final = (b'"Alphabetic":', b'"Ideographic":', b'"Phonetic":')
_CONTROLS: Final = re.compile(r"[\x00-\x1a\x1c-\x1f\x7f]")

Problem = tuple[ProblemKind, str]


def convert_person_names(value: bytes, charset: Charset) -> tuple[bytes, Problem | None]:
    """Return the elements of the JSON array for a value of VR PN, and its first problem."""
    value = value.rstrip(b" \0")
    if _PLAIN.fullmatch(value):
        return (b'{"Alphabetic":"%b"}' % value if value else b""), None
    names = value.split(b"\\")
    if len(names) > 1 and all(name.strip() and _PLAIN.fullmatch(name) for name in names):
        return b",".join([b'{"Alphabetic":"%b"}' % name.rstrip() for name in names]), None
    text, valid = charset.decode(value, NAME_RESETS)
    problem = None if valid else (ProblemKind.CHARSET, "the character set cannot decode it")
    return _decoded_names(text, problem)


def _decoded_names(text: str, problem: Problem | None) -> tuple[bytes, Problem | None]:
    names = []
    for name in text.split("\\"):
        groups = name.rstrip(" \0").split("=")
        problem = problem or name_problem(groups)
        named = [key + quote(group) for key, group in zip(_GROUPS, groups, strict=False) if group]
        names.append(b"{%b}" % b",".join(named) if named else b"null")
    return (b"" if names == [b"null"] else b",".join(names)), problem


def name_problem(groups: list[str]) -> Problem | None:
    """What is wrong with the first bad group of a name, or None."""
    if len(groups) > 3:
        return ProblemKind.FORMAT, "it has more than 3 component groups"
    return next(filter(None, map(_group_problem, groups)), None)


def _group_problem(group: str) -> Problem | None:
    if len(group) > 64:
        return ProblemKind.LENGTH, "a component group is longer than 64 characters"
    if group.count("^") > 4:
        return ProblemKind.FORMAT, "a component group has more than 5 components"
    if _CONTROLS.search(group):
        return ProblemKind.CHARACTERS, "it has a control character"
    return None
