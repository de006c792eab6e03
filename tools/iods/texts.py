"""Descriptions of attributes as HTML to plain text, lists of terms and numbers of items."""

import html
import re
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

_TOKENS: Final = re.compile(
    r"<strong>(?P<title>.*?)</strong>|<p>(?P<text>.*?)</p>|(?P<open><dl>)|(?P<close></dl>)"
    r"|<dt>(?P<term>.*?)</dt>",
    re.DOTALL,
)
_TAGS: Final = re.compile(r"<[^>]*>")
_SPACES: Final = re.compile(r"\s+")
_TITLE: Final = re.compile(
    r"(?:Value (?P<before>\d) )?(?P<kind>Enumerated Value|Defined Term)s?"
    r"(?: for Value (?P<after>\d))?(?: (?:if|when) (?P<condition>[^:]*))?:?",
    re.IGNORECASE,
)
_VALUE_OF_TEXT: Final = re.compile(r"Value (\d)\b")
_ONE_ITEM: Final = re.compile(r"Only a single Item (?:shall|is|may)", re.IGNORECASE)
_SOME_ITEMS: Final = re.compile(r"(?:Only a single Item|One or more Items) (?:shall|are)")
_REQUIRED: Final = re.compile(
    r"(?:Required (?:if|for images)|Shall (?:not )?be present (?:if|when)|May be present only if"
    r"|Required only if)[^.]*(?:\.(?=\S)[^.]*)*\.?",
)


class Terms(NamedTuple):
    """One list of terms: which value of the attribute it is for, and whether others may stand."""

    is_enumerated: bool
    value: int
    """From 1; 0 for all values."""
    condition: str
    """As the standard words it, or nothing."""
    terms: tuple[str, ...]


def plain(text: str) -> str:
    """Return HTML as one line of text."""
    unescaped = html.unescape(_TAGS.sub(" ", text)).replace("\xa0", " ")
    squeezed = _SPACES.sub(" ", unescaped).strip()
    return squeezed.replace(" .", ".").replace(" ,", ",").replace("( ", "(").replace(" )", ")")


def requirement(text: str) -> str:
    """Return the sentence of a plain description that says when an attribute is required."""
    found = _REQUIRED.search(text)
    return found[0].strip() if found else ""


def items(text: str) -> tuple[int, int]:
    """Return the fewest and most items a plain description allows; 0 for no bound."""
    return int(_SOME_ITEMS.search(text) is not None), int(_ONE_ITEM.search(text) is not None)


def term_lists(description: str) -> Iterator[Terms]:
    """Yield the lists of terms in a description, those that say what they are for."""
    title: re.Match[str] | None = None
    value = 0
    terms: list[str] = []
    for token in _TOKENS.finditer(description):
        if token["title"] is not None:
            title = _TITLE.fullmatch(plain(token["title"]))
        elif token["text"] is not None:
            strong = re.search(r"<strong>(.*?)</strong>", token["text"], re.DOTALL)
            text = plain(token["text"])
            if strong:
                title = _TITLE.fullmatch(plain(strong[1]))
            elif text and (found := _VALUE_OF_TEXT.match(text)):
                value = int(found[1])
        elif token["term"] is not None:
            terms.append(plain(token["term"]))
        elif token["open"]:
            terms = []
        elif token["close"] and title is not None and terms:
            number = title["before"] or title["after"]
            yield Terms(
                title["kind"].casefold().startswith("enum"),
                int(number) if number else value,
                title["condition"] or "",
                tuple(terms),
            )
            title = None


def as_numbers(terms: tuple[str, ...]) -> tuple[Any, ...]:
    """Return terms of a binary attribute as numbers: `0001H`, `8`. Raises `ValueError`."""
    return tuple(int(term[:-1], 16) if term.endswith("H") else int(term) for term in terms)
