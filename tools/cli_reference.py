"""Write docs/operations/cli.md from the commands themselves.

python tools/cli_reference.py            writes the page
python tools/cli_reference.py --check    fails when the page is not current
"""

import inspect
import sys
import typing
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any

import typer

# Commands are objects of typer's own copy of click, which has no public types.
# ruff: noqa: ANN401
from hilum.catalogue.fsck_report import Damage
from hilum.cli.app import app

PAGE = Path(__file__).parents[1] / "docs" / "operations" / "cli.md"
INTRODUCTION = """# The command line

<!-- Made by tools/cli_reference.py from src/hilum/cli; do not edit. -->

`hilum COMMAND --help` says the same as this page. Results go to standard output, progress and
complaints to standard error; a progress bar shows on a terminal only. An error is one line that
says how to mend it.

| exit code | meaning |
|---|---|
| 0 | everything that was asked for was done |
| 1 | done, but something was refused, failed, or found wrong |
| 2 | the command line is not valid: nothing was done |
| 3 | settings, data folder, ports or database do not let the command begin or go on |
| 130 | stopped by Ctrl-C |

## Who may use a data folder at the same time

| | beside a server | beside an import, export, demo, fsck | beside one of the last row |
|---|---|---|---|
| `serve` | no | yes | no |
| `import`, `export`, `demo`, `fsck`, `keys` | yes | yes | no |
| `rebuild`, `migrate`, `fsck --repair` | no | no | no |

`config`, `doctor` and `version` always work.

## What `fsck` finds and what a repair does

| damage | meaning | `--repair` |
|---|---|---|
"""


def page() -> str:
    """The whole page."""
    lines = [INTRODUCTION.rstrip()]
    for damage, text in _documented(Damage):
        meaning, _, repair = text.partition("Repair")
        lines.append(f"| `{damage}` | {meaning.strip()} | {_sentence(repair) or 'no'} |")
    lines.append("")
    for path in command_paths():
        lines.extend(_command(path))
    return "\n".join(lines).rstrip() + "\n"


def command_paths() -> list[tuple[str, ...]]:
    """Every command by the words that call it."""
    return list(_below(typer.main.get_command(app), ()))


def _below(command: Any, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    commands = getattr(command, "commands", None)
    if commands is None:
        yield path
        return
    for name, inner in commands.items():
        yield from _below(inner, (*path, name))


def _find(path: tuple[str, ...]) -> Any:
    command: Any = typer.main.get_command(app)
    for name in path:
        command = command.commands[name]
    return command


def _command(path: tuple[str, ...]) -> Iterator[str]:
    command = _find(path)
    arguments = [param for param in command.params if param.param_type_name == "argument"]
    options = [param for param in command.params if param.param_type_name == "option"]
    usage = " ".join(_placeholder(param) for param in arguments)
    description, _, examples = inspect.cleandoc(command.help or "").partition("Examples:")
    yield f"## hilum {' '.join(path)}"
    yield ""
    yield f"    hilum {' '.join(path)}{' ' + usage if usage else ''} [OPTIONS]"
    yield ""
    yield description.strip()
    yield ""
    if arguments or options:
        yield "| | |"
        yield "|---|---|"
        for param in arguments:
            yield f"| `{_placeholder(param)}` | {_help(param)} |"
        for param in options:
            yield f"| {_names(command, param)} | {_help(param)} |"
        yield ""
    if examples.strip():
        yield "Examples:"
        yield ""
        for line in inspect.cleandoc(examples).splitlines():
            if line.strip():
                yield f"    {line.strip()}"
        yield ""


def _placeholder(param: Any) -> str:
    return str(param.metavar or param.name.upper())


def _names(command: Any, param: Any) -> str:
    value = "" if param.is_flag else f" {_value(command, param)}"
    return ", ".join(f"`{name}{value}`" for name in sorted(param.opts, key=len, reverse=True))


def _value(command: Any, param: Any) -> str:
    if param.metavar:
        return str(param.metavar).replace("|", "\\|")
    kind = typing.get_type_hints(inspect.unwrap(command.callback))[param.name]
    for choice in (kind, *typing.get_args(kind)):
        if isinstance(choice, type) and issubclass(choice, Enum):
            return "\\|".join(str(member.value) for member in choice)
    return str(param.name).upper()


def _help(param: Any) -> str:
    text = str(param.help or "").replace("|", "\\|")
    if param.required and param.param_type_name == "option":
        text += " Required."
    default = param.default
    if param.show_default and default not in (None, False, ()) and "[default" not in text:
        text += f"  [default: {getattr(default, 'value', default)}]"
    return text.strip()


def _documented(enumeration: Any) -> Iterator[tuple[str, str]]:
    """Members of an enumeration with the text that stands below each in the source."""
    source = inspect.getsource(enumeration).split('"""')
    texts = [" ".join(text.split()) for text in source[3::2]]
    for member, text in zip(enumeration, texts, strict=True):
        yield member.value, text


def _sentence(text: str) -> str:
    """What follows `Repair: ` or `Repair, `, with a capital."""
    text = text.lstrip(":, ").strip()
    return text[:1].upper() + text[1:]


def main() -> int:
    if "--check" in sys.argv:
        if PAGE.read_text(encoding="utf-8") == page():
            return 0
        print(f"{PAGE} is not current: run python tools/cli_reference.py")
        return 1
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    PAGE.write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
