"""Settings of validation: who is checked how deeply, and profiles of one's own."""

import difflib
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import Field, StringConstraints, field_validator, model_validator

from hilum.settings.types import JSON_TEXT, Section, Texts

ProfileName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
_BUILT_IN: Final = ("standard", "practice", "strict")
"""As `hilum.validation.profiles`, whose tables need not be read for a look at settings."""
NO_PROFILES: Final[Mapping[str, Any]] = {}


class ValidationProfileSettings(Section):
    """A profile of deep validation."""

    base: str = "standard"
    """The profile it starts from: `standard`, `practice`, `strict`, or another of these."""
    purpose: Annotated[str, Field(max_length=200)] = ""
    """What it is for, in words; shown in reports."""
    refuse: Texts = ()
    """Codes of findings that count as errors, such as `attribute-missing`. docs/validation.md
    lists all."""
    warn: Texts = ()
    """Codes that count as warnings."""
    ignore: Texts = ()
    """Codes that are not told at all."""
    require: Texts = ()
    """Keywords or tags of attributes that must be there with a value, such as `PatientID` or
    `(0008,0050)`. One without is told as `required-attribute`, an error."""


class ValidationRuleSettings(Section):
    """Whom a rule is about, and how what they send is treated."""

    door: Literal["stow", "c-store", "import", "orthanc", "upload"] | None = None
    """The door it comes through; none: any."""
    sender: Annotated[str, Field(min_length=1, max_length=256)] = "*"
    """Pattern with `*` and `?` for the sender: `AE_TITLE@address` of a C-STORE, the address of an
    HTTP client, the name of an API key or the subject of a token, the name of an Orthanc."""
    partition: Annotated[int, Field(ge=1)] | None = None
    """Number of the partition it goes to; none: any."""
    profile: Literal["standard", "strict", "minimal", "azure-v1", "azure-v2"] | None = None
    """The short rules it must pass (docs/findings.md)."""
    depth: str | None = None
    """The deep profile it must pass, too: `standard`, `practice`, `strict`, one of
    `validation.profiles`; empty: none."""
    decode: bool | None = None
    """Decode every compressed frame."""
    quarantine: bool | None = None
    """Keep apart what is refused."""


class ValidationSettings(Section):
    """How deeply what arrives is checked, by door and by sender."""

    rules: Annotated[tuple[ValidationRuleSettings, ...], JSON_TEXT] = ()
    """Rules for some senders, each a table: `[[validation.rules]]` in the file, a JSON list in the
    environment. The first that matches counts, and only it; what it leaves out is as the door's
    own settings have it."""
    profiles: Annotated[Mapping[ProfileName, ValidationProfileSettings], JSON_TEXT] = NO_PROFILES
    """Deep profiles of your own by name, each a table: `[validation.profiles.NAME]` in the file,
    JSON in the environment. They can be named wherever a depth can."""

    @field_validator("profiles")
    @classmethod
    def _can_be_made(
        cls, value: Mapping[str, ValidationProfileSettings]
    ) -> Mapping[str, ValidationProfileSettings]:
        if value:
            from hilum.validation.recipes import make_profiles  # noqa: PLC0415 - for who has some

            make_profiles(recipes(value))
        return value

    @model_validator(mode="after")
    def _rules_name_profiles(self) -> "ValidationSettings":
        for place, rule in enumerate(self.rules):
            self.demand_depth(rule.depth or "", f"rules.{place}.depth")
        return self

    def demand_depth(self, depth: str, where: str) -> None:
        """Raise `ValueError` for a depth that no profile has; empty is none."""
        if depth and depth not in self.profiles and depth not in _BUILT_IN:
            known = [*_BUILT_IN, *self.profiles]
            near = difflib.get_close_matches(depth, known, n=1, cutoff=0.5)
            hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(known)}"
            message = f"{where}: there is no deep profile {depth!r}; {hint}"
            raise ValueError(message)


def recipes(profiles: Mapping[str, ValidationProfileSettings]) -> "Mapping[str, Any]":
    """The profiles as `hilum.validation.recipes` takes them."""
    from hilum.validation.recipes import ProfileRecipe  # noqa: PLC0415 - as above

    return {
        name: ProfileRecipe(
            each.base, each.purpose, each.refuse, each.warn, each.ignore, each.require
        )
        for name, each in profiles.items()
    }
