"""Callers and what they may do."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class AccessScope(StrEnum):
    """What can be granted: the data actions of the Azure DICOM service, word for word."""

    READ = "read"
    WRITE = "write"
    DELETE = "delete"
    MANAGE_EXTENDED_QUERY_TAGS = "manageExtendedQueryTags"
    EXPORT = "export"
    EVERYTHING = "*"


EVERY_SCOPE: Final = frozenset(AccessScope)


class Credential(StrEnum):
    """How a caller proved who it is. The value is a metric label."""

    NONE = "none"
    API_KEY = "api-key"
    TOKEN = "token"  # noqa: S105 - the word, not a secret


@dataclass(frozen=True, slots=True)
class Principal:
    """A caller that was let in."""

    name: str
    """A key's name or a token's subject, for rows and logs; empty when everybody may come in."""
    credential: Credential
    scopes: frozenset[AccessScope]

    def may(self, scope: AccessScope) -> bool:
        """True when the scope was granted, by itself or by `*`."""
        return scope in self.scopes or AccessScope.EVERYTHING in self.scopes


EVERYBODY: Final = Principal("", Credential.NONE, EVERY_SCOPE)
"""The caller of an archive that asks nobody who they are (open loopback)."""

NOBODY: Final = Principal("", Credential.NONE, frozenset())
"""A caller that was not asked, on a route that is open to everybody."""
