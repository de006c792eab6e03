"""Writing plain data as YAML 1.2, in block style."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import orjson

_PLAIN: Final = re.compile(r"[A-Za-z/][A-Za-z0-9 /_.{}$+-]*[A-Za-z0-9/_}]", re.ASCII)
"""Texts that stand without quotation marks, unless they mean something else."""
_WORDS: Final = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})


def yaml_text(value: Any) -> str:  # noqa: ANN401 - JSON
    """Write what JSON can hold."""
    return "\n".join(_block(value, 0)) + "\n"


def _block(value: Any, depth: int) -> Iterator[str]:  # noqa: ANN401
    if isinstance(value, Mapping) and value:
        yield from _mapping(value, depth)
    elif isinstance(value, Sequence) and not isinstance(value, str) and value:
        yield from _sequence(value, depth)
    else:
        yield " " * depth + _scalar(value)


def _mapping(value: Mapping[str, Any], depth: int) -> Iterator[str]:
    for name, inner in value.items():
        key = f"{' ' * depth}{_scalar(str(name))}:"
        if _is_block(inner):
            yield key
            yield from _block(inner, depth + 2)
        else:
            yield f"{key} {_scalar(inner)}"


def _sequence(value: Sequence[Any], depth: int) -> Iterator[str]:
    for inner in value:
        first, *rest = _block(inner, depth + 2)
        yield f"{' ' * depth}- {first.lstrip()}"
        yield from rest


def _is_block(value: Any) -> bool:  # noqa: ANN401
    return bool(value) and isinstance(value, Mapping | list | tuple)


def _scalar(value: Any) -> str:  # noqa: ANN401
    if isinstance(value, str) and _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
        return value
    return orjson.dumps(value).decode()  # a JSON text is YAML, too
