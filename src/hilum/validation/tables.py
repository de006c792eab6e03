"""Tables of attributes made ready to be held against one level after another."""

from collections.abc import Iterable
from functools import lru_cache
from typing import Final, NamedTuple

from hilum.validation.standard import IOD, Rule, Table, Use

_NEEDED: Final = frozenset({"1", "1C", "2", "2C"})


class Demand(NamedTuple):
    """An attribute that is required, always or on a condition."""

    tag: str
    rule: Rule


class Ready(NamedTuple):
    """Several tables over one level."""

    demands: tuple[Demand, ...]
    """Types 1, 2, and 1C and 2C whose conditions can be judged."""
    rules: dict[str, tuple[Rule, ...]]
    """What there is to say of an attribute that is present."""
    local: frozenset[str]
    """Every tag of the tables."""


@lru_cache(maxsize=4096)
def ready(
    tables: tuple[Table, ...], repeats: tuple[str, ...] = (), idle: tuple[Table, ...] = ()
) -> Ready:
    """Return `tables` as one. `repeats` are the groups that `60xx` stands for, such as `6002`.

    `idle` tables demand nothing: they only say how an attribute of theirs must be.
    """
    demands: list[Demand] = []
    rules: dict[str, list[Rule]] = {}
    for table in (*tables, *idle):
        for rule in table.rules:
            for tag in _spelt_out(rule.tag, repeats):
                rules.setdefault(tag, []).append(rule)
                if table in idle:
                    continue
                if rule.type in {"1", "2"} or (
                    rule.condition is not None and rule.condition.kind != "U"
                ):
                    demands.append(Demand(tag, rule))
    return Ready(
        tuple(demands), {tag: tuple(found) for tag, found in rules.items()}, frozenset(rules)
    )


def _spelt_out(tag: str, repeats: Iterable[str]) -> tuple[str, ...]:
    if "x" not in tag:
        return (tag,)
    return tuple(group + tag[4:] for group in repeats if group[:2] == tag[:2])


@lru_cache(maxsize=512)
def telling_tags(iod: IOD, use: Use) -> frozenset[str]:
    """Return the attributes that tell that a module which may be absent is there.

    They are those that it cannot do without, unless a mandatory module has them, too.
    """
    always = frozenset[str]().union(
        *(other.table.tags for other in iod.modules if other.usage == "M")
    )
    return frozenset(rule.tag for rule in use.table.rules if rule.type in _NEEDED) - always


@lru_cache(maxsize=512)
def all_tags(iod: IOD) -> frozenset[str]:
    """Return the attributes of all modules of an IOD."""
    return frozenset[str]().union(*(use.table.tags for use in iod.modules))
