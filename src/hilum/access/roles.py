"""Roles of tokens: names that an identity provider hands out, turned into scopes.

As in the Azure DICOM service: a role grants its data actions less its own `notDataActions`; a
caller has what any of its roles grants.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from hilum.access.principals import EVERY_SCOPE, AccessScope


@dataclass(frozen=True, slots=True)
class Role:
    name: str
    data_actions: frozenset[AccessScope]
    not_data_actions: frozenset[AccessScope] = frozenset()

    @property
    def scopes(self) -> frozenset[AccessScope]:
        """What is left of the grants; `*` stays only when nothing was taken away."""
        granted = _expanded(self.data_actions) - _expanded(self.not_data_actions)
        if granted == EVERY_SCOPE:
            return granted
        return granted - {AccessScope.EVERYTHING}


def _expanded(actions: frozenset[AccessScope]) -> frozenset[AccessScope]:
    return EVERY_SCOPE if AccessScope.EVERYTHING in actions else actions


GLOBAL_READER: Final = Role("globalReader", frozenset({AccessScope.READ}))
GLOBAL_ADMIN: Final = Role("globalAdmin", frozenset({AccessScope.EVERYTHING}))


class Roles:
    """The roles known here: the two built in, and those of the settings, which may replace them."""

    __slots__ = ("_scopes",)

    def __init__(self, custom: Iterable[Role] = ()) -> None:
        roles = {role.name: role for role in (GLOBAL_READER, GLOBAL_ADMIN, *custom)}
        self._scopes: Mapping[str, frozenset[AccessScope]] = {
            name: role.scopes for name, role in roles.items()
        }

    @property
    def names(self) -> Collection[str]:
        """All that are known."""
        return self._scopes.keys()

    def scopes(self, names: Iterable[str]) -> frozenset[AccessScope]:
        """What these roles grant together; an unknown role grants nothing."""
        return frozenset().union(*(self._scopes.get(name, frozenset()) for name in names))
