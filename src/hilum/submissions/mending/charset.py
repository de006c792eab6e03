"""`declare-charset`: text whose character set is not declared, or another one than it says."""

from collections.abc import Iterator, Sequence
from typing import Final

from hilum.dicom.charsets import ENCODINGS, Charset, charset_for
from hilum.dicom.elements import ElementPath
from hilum.dicom.mending.tree import TEXT_VRS, Element, found
from hilum.dicom.vr import SPECIFIC_CHARACTER_SET
from hilum.domain.errors import InvalidRequest
from hilum.submissions.mending.draft import Change, Draft

_UTF_8: Final = "ISO_IR 192"
_LATIN_1: Final = "ISO_IR 100"
_C1: Final = frozenset(range(0x80, 0xA0))
"""Controls in every part of ISO 8859: text that has these bytes is in no such set."""
_ESCAPE: Final = b"\x1b"


def declare_charset(draft: Draft, named: str) -> Sequence[Change]:
    elements = draft.file.elements
    declared = found(elements, SPECIFIC_CHARACTER_SET)
    value = declared.value if declared is not None and isinstance(declared.value, bytes) else b""
    texts = [text for text in _texts(elements) if not text.isascii() or _ESCAPE in text]
    if named:
        terms = _known(named)
        if charset_for(value).terms == tuple(terms.split("\\")):
            return []
    elif (found_terms := _terms(charset_for(value), texts)) is None:
        return []
    else:
        terms = found_terms
    draft.file.put(Element(SPECIFIC_CHARACTER_SET, "CS", terms.encode()))
    former = None if declared is None else value
    return [
        Change(
            ElementPath((), SPECIFIC_CHARACTER_SET),
            f"declared as {terms}",
            "CS",
            former,
            is_nonconforming=charset_for(value).problem is not None,
        )
    ]


def _terms(charset: Charset, texts: list[bytes]) -> str | None:
    """The defined terms that `texts` are in; None when they fit, or when it cannot be told."""
    if charset.problem is None and all(charset.decode(text)[1] for text in texts):
        return None
    if any(_ESCAPE in text for text in texts):
        return None  # parts of several sets, and nothing tells which comes first
    candidates = [_UTF_8]
    if not any(_C1.intersection(text) for text in texts):
        candidates.append(_LATIN_1)
    if charset.problem is not None:
        candidates = [*_spelt_right(charset), *candidates]
    fitting = (
        each for each in candidates if all(Charset((each,)).decode(text)[1] for text in texts)
    )
    return next(fitting, None)


def _spelt_right(charset: Charset) -> list[str]:
    """The term that a single misspelt one, such as `ISO-IR_100`, stands for."""
    if len(charset.terms) != 1:
        return []
    digits = "".join(letter for letter in charset.terms[0] if letter.isdigit())
    return [each for each in (f"ISO_IR {digits}", f"ISO_IR {digits[4:]}") if each in ENCODINGS]


def _known(named: str) -> str:
    terms = named.split("\\")
    if unknown := [term for term in terms if term not in ENCODINGS or not term]:
        message = (
            f"declare-charset={unknown[0]} is no character set of DICOM: give a defined term of "
            "PS3.3 C.12.1.1.2 such as ISO_IR 100 or ISO_IR 192."
        )
        raise InvalidRequest(message)
    return named


def _texts(elements: list[Element]) -> Iterator[bytes]:
    """The texts that the character set of the data set is for."""
    for element in elements:
        if element.items is not None:
            for item in element.items:
                if found(item.elements, SPECIFIC_CHARACTER_SET) is None:
                    yield from _texts(item.elements)
        elif element.vr in TEXT_VRS and isinstance(element.value, bytes):
            yield element.value
