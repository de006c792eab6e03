"""Profiles that somebody writes down: a base, and what is different."""

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from hilum.dicom.attributes import tag_of
from hilum.validation.findings import CODES, Severity
from hilum.validation.profiles import DEEP_PROFILES, DeepProfile

_TAG: Final = re.compile(r"\(?([0-9A-Fa-f]{4}),?([0-9A-Fa-f]{4})\)?")


@dataclass(frozen=True, slots=True)
class ProfileRecipe:
    """What is to be told otherwise than the profile `base` does. Codes are those of `CODES`."""

    base: str
    purpose: str = ""
    refuse: tuple[str, ...] = ()
    """Codes that count as errors."""
    warn: tuple[str, ...] = ()
    """Codes that count as warnings."""
    ignore: tuple[str, ...] = ()
    """Codes that are not told."""
    require: tuple[str, ...] = ()
    """Keywords or tags (`PatientID`, `(0010,0020)`) of attributes that must have a value."""


class ProfileRejected(ValueError):
    """A recipe cannot be followed; the text says which, and what is wrong with it."""


def make_profiles(recipes: Mapping[str, ProfileRecipe]) -> Mapping[str, DeepProfile]:
    """Return the profiles there are: the built-in ones and those of `recipes`.

    Raises `ProfileRejected`.
    """
    made = dict(DEEP_PROFILES)
    for name in recipes:
        if name in DEEP_PROFILES:
            message = f"profile {name!r} is built in: give yours another name"
            raise ProfileRejected(message)
    for name in recipes:
        _make(name, recipes, made, ())
    return made


def _make(
    name: str,
    recipes: Mapping[str, ProfileRecipe],
    made: dict[str, DeepProfile],
    waiting: tuple[str, ...],
) -> DeepProfile:
    if name in made:
        return made[name]
    if name in waiting:
        message = f"profile {name!r} is based on itself: {' -> '.join([*waiting, name])}"
        raise ProfileRejected(message)
    recipe = recipes[name]
    if recipe.base not in recipes and recipe.base not in DEEP_PROFILES:
        known = [*DEEP_PROFILES, *recipes]
        message = f"profile {name!r}: there is no base {recipe.base!r}{_hint(recipe.base, known)}"
        raise ProfileRejected(message)
    made[name] = _changed(name, recipe, _make(recipe.base, recipes, made, (*waiting, name)))
    return made[name]


def _changed(name: str, recipe: ProfileRecipe, base: DeepProfile) -> DeepProfile:
    _check_codes(name, recipe)
    refuse, warn = (dict.fromkeys(codes, severity) for codes, severity in (
        (recipe.refuse, Severity.ERROR), (recipe.warn, Severity.WARNING),
    ))  # fmt: skip
    return DeepProfile(
        name,
        recipe.purpose or f"as {base.name}, changed by the settings",
        {**base.severities, **refuse, **warn},
        (base.silent - refuse.keys() - warn.keys()) | frozenset(recipe.ignore),
        tuple(dict.fromkeys([*base.required, *(_tag(name, text) for text in recipe.require)])),
    )


def _check_codes(name: str, recipe: ProfileRecipe) -> None:
    seen: dict[str, str] = {}
    for field in ("refuse", "warn", "ignore"):
        for code in getattr(recipe, field):
            if code not in CODES:
                message = f"profile {name!r}, {field}: there is no code {code!r}"
                raise ProfileRejected(message + _hint(code, CODES))
            if seen.setdefault(code, field) != field:
                message = f"profile {name!r}: {code!r} stands in both {seen[code]} and {field}"
                raise ProfileRejected(message)


def _tag(name: str, text: str) -> int:
    found = _TAG.fullmatch(text.strip())
    if found is not None:
        return int(found[1] + found[2], 16)
    try:
        return tag_of(text.strip())
    except KeyError:
        message = f"profile {name!r}, require: {text!r} is no keyword of PS3.6 and no tag"
        raise ProfileRejected(message) from None


def _hint(word: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f"; did you mean {near[0]!r}?" if near else ""
