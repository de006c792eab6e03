"""The names of settings: dotted in files and on the command line, `HILUM_A__B` in environments."""

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from hilum.settings.model import Settings
from hilum.settings.types import Section

PREFIX: Final = "HILUM_"
CONFIG_VARIABLE: Final = "HILUM_CONFIG"
"""Names the configuration file; it is no setting itself."""
ROLE_VARIABLE: Final = "HILUM_ROLE"
"""The role where no command line names one; no setting either."""
NO_SETTINGS: Final = frozenset({CONFIG_VARIABLE, ROLE_VARIABLE})


@dataclass(frozen=True, slots=True)
class SettingName:
    """One setting and where it stands in the model."""

    dotted: str
    """`dimse.port`: also the path of tables and key in the TOML file."""
    field: FieldInfo

    @property
    def variable(self) -> str:
        """`HILUM_DIMSE__PORT`."""
        return PREFIX + self.dotted.replace(".", "__").upper()


def section_type(field: FieldInfo) -> type[Section] | None:
    """The section a field holds, or None when it holds a value."""
    annotation = field.annotation
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return annotation
    return None


def _walk(model: type[BaseModel], prefix: str) -> Iterator[SettingName]:
    for name, field in model.model_fields.items():
        section = section_type(field)
        if section is None:
            yield SettingName(prefix + name, field)
        else:
            yield from _walk(section, f"{prefix}{name}.")


@cache
def setting_names() -> Mapping[str, SettingName]:
    """Every setting by its dotted name, in the order of the model."""
    return {name.dotted: name for name in _walk(Settings, "")}


@cache
def variables() -> Mapping[str, SettingName]:
    """Every setting by its environment variable."""
    return {name.variable: name for name in setting_names().values()}


def nearest(word: str, known: Iterator[str] | list[str]) -> str:
    """` (did you mean ...?)` with the known word most like this one, or an empty text."""
    by_lower = {name.lower(): name for name in known}
    found = difflib.get_close_matches(word.lower(), by_lower, n=1, cutoff=0.5)
    return f"; did you mean {by_lower[found[0]]}?" if found else ""
