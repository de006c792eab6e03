"""Write docs/operations/configuration.md from the settings themselves.

python tools/configuration_reference.py            writes the page
python tools/configuration_reference.py --check    fails when the page is not current
"""

import inspect
import sys
import types
import typing
from collections.abc import Iterator, Mapping
from pathlib import Path

from annotated_types import Ge, Gt, Le, MinLen
from pages import write_or_check
from pydantic.fields import FieldInfo

from hilum.settings.model import Settings
from hilum.settings.names import section_type, setting_names
from hilum.settings.types import Section

PAGE = Path(__file__).parents[1] / "docs" / "operations" / "configuration.md"
INTRODUCTION = """# Configuration

<!-- Made by tools/configuration_reference.py from src/hilum/settings; do not edit. -->

Every setting has a default that suits a single machine; nothing needs to be set to start. Settings
come from, the first that has a value counting:

1. the command line (`hilum serve --port 9000`),
2. the environment: `HILUM_` and the name in capitals, with `__` for each dot
   (`HILUM_HTTP__PORT=9000`),
3. a TOML file: `--config FILE`, or the file that `HILUM_CONFIG` names, or `./hilum.toml`,
4. the default.

A name that is no setting is refused at start with the nearest right one, so that a misspelt
variable cannot be ignored in silence. `hilum config show` prints every value and where it came
from. Sizes may carry a unit (`"512 MiB"`, `"4 GiB"`), lists are `a,b` or JSON in the environment.
Settings are read once: a change needs a restart.

```toml
data_dir = "/srv/hilum"

[http]
host = "0.0.0.0"
port = 8080

[security]
authentication = "required"
```

Bound to an address that others can reach, Hilum refuses to start without
`security.authentication = "required"` (HTTP) or `dimse.allowed_calling_ae_titles` (DIMSE), unless
`security.insecure` says that this is meant.
"""


def page() -> str:
    """The whole page."""
    sections = [INTRODUCTION, *_general(), *_sections(Settings, "")]
    return "\n".join(sections).rstrip() + "\n"


def _general() -> Iterator[str]:
    yield "## General\n"
    for name, field in Settings.model_fields.items():
        if section_type(field) is None:
            yield _entry(name, field)


def _sections(model: type[Section], prefix: str) -> Iterator[str]:
    for name, field in model.model_fields.items():
        section = section_type(field)
        if section is None:
            continue
        yield f"## `[{prefix}{name}]`\n\n{inspect.getdoc(section)}\n"
        for key, each in section.model_fields.items():
            if section_type(each) is None:
                yield _entry(f"{prefix}{name}.{key}", each)
        yield from _sections(section, f"{prefix}{name}.")


def _entry(dotted: str, field: FieldInfo) -> str:
    if not field.description:
        message = f"{dotted} has no docstring"
        raise SystemExit(message)
    text = " ".join(field.description.split())
    facts = f"{_kind(field)}{_bounds(field)}, default {_default(field)}"
    fields = "".join(_nested_fields(field))
    return f"### `{dotted}`\n\n{facts}. `{setting_names()[dotted].variable}`\n\n{text}\n{fields}"


def _nested_fields(field: FieldInfo) -> Iterator[str]:
    """The keys of the tables in a list of tables, or of the kinds of tables in a table of them."""
    tables = list(_tables(field.annotation))
    shared = [
        key
        for key in (tables[0].model_fields if tables else ())
        if all(key in table.model_fields for table in tables)
    ]
    if tables:
        yield "\nEach is a table with:\n\n"
        yield from (_key(tables[0], key, with_default=len(tables) > 1) for key in shared)
    for table in tables if len(tables) > 1 else ():
        yield f"\n**{inspect.getdoc(table)}**\n\n"
        yield from (
            _key(table, key, with_default=True) for key in table.model_fields if key not in shared
        )


def _key(table: type[Section], key: str, *, with_default: bool) -> str:
    field = table.model_fields[key]
    fact = f" ({_default(field)})" if with_default and not field.is_required() else ""
    return f"- `{key}`{fact}: {' '.join((field.description or '').split())}\n"


def _tables(annotation: object) -> Iterator[type[Section]]:
    for item in typing.get_args(annotation):
        if isinstance(item, type) and issubclass(item, Section):
            yield item
        else:
            yield from _tables(item)


_KINDS = {"int": "whole number", "float": "number", "str": "text", "bool": "true or false"}


def _kind(field: FieldInfo) -> str:
    return _kind_of(field.annotation)


def _kind_of(annotation: object) -> str:
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Literal:
        return "one of " + ", ".join(f"`{value}`" for value in arguments)
    if origin in {typing.Union, types.UnionType}:
        return next(_kind_of(each) for each in arguments if each is not type(None))
    if origin is typing.Annotated:
        return _kind_of(arguments[0])
    if origin is tuple:
        if isinstance(arguments[0], type) and issubclass(arguments[0], Section):
            return "tables by name"
        inner = _kind_of(arguments[0])
        return f"list; each is {inner}" if inner.startswith("one of") else f"list of {inner}s"
    name = getattr(annotation, "__name__", str(annotation))
    return {
        "Path": "path",
        "SecretStr": "secret text",
        "RoleSettings": "table",
        "Mapping": "tables by name",
    }.get(name, _KINDS.get(name, name))


def _bounds(field: FieldInfo) -> str:
    words = []
    for bound in field.metadata:
        if isinstance(bound, Ge):
            words.append(f"at least {bound.ge:,}")
        elif isinstance(bound, Gt):
            words.append(f"more than {bound.gt:,}")
        elif isinstance(bound, Le):
            words.append(f"at most {bound.le:,}")
        elif isinstance(bound, MinLen):
            words.append(f"at least {bound.min_length}")
    return "".join(f", {word}" for word in words)


def _default(field: FieldInfo) -> str:
    value = field.default
    if value is None or value in ("", ()) or (isinstance(value, Mapping) and not value):
        return "none"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, tuple):
        return "`" + ", ".join(value) + "`"
    if isinstance(value, int) and value >= 1 << 12 and value % 1024 == 0:
        return f"`{_readable(value)}`"
    return f"`{value:g}`" if isinstance(value, float) else f"`{value}`"


def _readable(value: int) -> str:
    for unit, size in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if value % size == 0:
            return f"{value // size} {unit}"
    return str(value)


if __name__ == "__main__":
    sys.exit(write_or_check(PAGE, page()))
